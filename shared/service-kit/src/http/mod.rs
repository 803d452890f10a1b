//! HTTP in the v10 shape: errors, and extractors that answer with them.

mod names;
mod origin;
mod patience;
pub mod range;
mod routes;

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use voxlink_protocol::{ErrorCode, FieldErrors, Problem};

use crate::{CallError, DbError};

pub use names::name_covers;
pub use origin::{Origin, OverTls, address_of};
pub use patience::Patience;
pub use routes::{Route, Routes};

/// An error answer.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Problem(Problem),
    RateLimited { retry_after: Duration, global: bool, code: ErrorCode, message: &'static str },
}

impl ApiError {
    /// Any status and body.
    #[must_use]
    pub const fn new(status: StatusCode, problem: Problem) -> Self {
        Self { status, body: Body::Problem(problem) }
    }

    /// 401, code 0.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Problem::new(ErrorCode::General, "401: Unauthorized"))
    }

    /// 404 with the code of what is unknown: also for what the asker may not see.
    #[must_use]
    pub fn unknown(code: ErrorCode) -> Self {
        let message = match code {
            ErrorCode::UnknownChannel => "Unknown Channel",
            ErrorCode::UnknownGuild => "Unknown Guild",
            ErrorCode::UnknownInvite => "Unknown Invite",
            ErrorCode::UnknownMember => "Unknown Member",
            ErrorCode::UnknownMessage => "Unknown Message",
            ErrorCode::UnknownUser => "Unknown User",
            ErrorCode::UnknownApplication => "Unknown Application",
            ErrorCode::UnknownOverwrite => "Unknown Overwrite",
            ErrorCode::UnknownRole => "Unknown Role",
            ErrorCode::UnknownEmoji => "Unknown Emoji",
            ErrorCode::UnknownBan => "Unknown Ban",
            ErrorCode::UnknownSound => "Unknown Sound",
            ErrorCode::UnknownVoiceState => "Unknown Voice State",
            _ => "404: Not Found",
        };
        Self::new(StatusCode::NOT_FOUND, Problem::new(code, message))
    }

    /// 403, code 50013.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, Problem::new(ErrorCode::MissingPermissions, "Missing Permissions"))
    }

    /// 400, code 50035, with complaints by field.
    #[must_use]
    pub fn form(errors: FieldErrors) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Problem::form(errors))
    }

    /// 500: what cannot happen did; the log says what.
    #[must_use]
    pub fn internal() -> Self {
        let words = "The server made a mistake. Nothing was changed; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Problem::new(ErrorCode::General, words))
    }

    /// 429.
    #[must_use]
    pub const fn rate_limited(retry_after: Duration) -> Self {
        let (code, message) = (ErrorCode::General, "You are being rate limited.");
        let body = Body::RateLimited { retry_after, global: false, code, message };
        Self { status: StatusCode::TOO_MANY_REQUESTS, body }
    }

    /// 429, code 20016: the channel's slow mode holds this person.
    #[must_use]
    pub const fn slow_mode(retry_after: Duration) -> Self {
        let message = "This action cannot be performed due to slowmode rate limit.";
        let body = Body::RateLimited { retry_after, global: false, code: ErrorCode::SlowMode, message };
        Self { status: StatusCode::TOO_MANY_REQUESTS, body }
    }

    /// 429 for whatever one asks.
    #[must_use]
    pub const fn globally_rate_limited(retry_after: Duration) -> Self {
        let (code, message) = (ErrorCode::General, "You are being rate limited.");
        let body = Body::RateLimited { retry_after, global: true, code, message };
        Self { status: StatusCode::TOO_MANY_REQUESTS, body }
    }

    /// The status it answers with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<DbError> for ApiError {
    /// 507 when the disk is full, 503 when it fails: nothing was stored, trying again later may help.
    fn from(error: DbError) -> Self {
        tracing::error!(%error, "a request failed in the database");
        match error {
            DbError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                Problem::new(
                    ErrorCode::StorageFull,
                    "The server's disk is full. Nothing was stored; ask its operator to make room, then try again.",
                ),
            ),
            DbError::Unique(_) | DbError::Io(_) | DbError::Closed | DbError::Other(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Problem::new(
                    ErrorCode::StorageFailed,
                    "The server could not store or read this. Nothing was changed; try again in a moment.",
                ),
            ),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        tracing::error!(%error, "a request failed on the bus");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Problem::new(ErrorCode::General, "A part of the server does not answer. Try again in a moment."),
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self.body {
            Body::Problem(problem) => (self.status, Json(problem)).into_response(),
            Body::RateLimited { retry_after, global, code, message } => {
                let seconds = (retry_after.as_secs_f64() * 1000.0).ceil() / 1000.0;
                let body = serde_json::json!({"message": message, "retry_after": seconds, "global": global, "code": code as u32});
                let mut response = (self.status, Json(body)).into_response();
                let whole =
                    HeaderValue::from(retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0));
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, whole);
                headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
                headers.insert(
                    "x-ratelimit-scope",
                    HeaderValue::from_static(if global { "global" } else { "user" }),
                );
                if global {
                    headers.insert("x-ratelimit-global", HeaderValue::from_static("true"));
                }
                if let Ok(precise) = HeaderValue::from_str(&seconds.to_string()) {
                    headers.insert("x-ratelimit-reset-after", precise);
                }
                response
            }
        }
    }
}

/// A JSON body. Refuses with 400 and the path of the field that is wrong, or 413 beyond the server's limit.
/// The `Content-Type` is not asked for; an empty body counts as `{}`.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(inner) if inner.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    Problem::new(ErrorCode::RequestTooLarge, "Request entity too large"),
                )
            }
            _ => ApiError::new(
                StatusCode::BAD_REQUEST,
                Problem::new(ErrorCode::InvalidJson, "The request body could not be read."),
            ),
        })?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        parse_json(bytes).map(Self)
    }
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return not_json(&inner);
        }
        let message = inner.to_string();
        // serde_json puts the place in the bytes behind the sentence; the path already says where.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let field = match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(missing) if path == "." => missing.to_owned(),
            Some(missing) => format!("{path}.{missing}"),
            None if path == "." => "_body".to_owned(),
            None => path,
        };
        let code = if message.starts_with("missing field") || message == "This field is required" {
            "BASE_TYPE_REQUIRED"
        } else if message.starts_with("Must be between") {
            "BASE_TYPE_BAD_LENGTH"
        } else {
            "FIELD_INVALID"
        };
        ApiError::form(FieldErrors::one(field.replace(['[', ']'], ""), code, message))
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    let message =
        format!("The request body contains invalid JSON (line {}, column {}).", error.line(), error.column());
    ApiError::new(StatusCode::BAD_REQUEST, Problem::new(ErrorCode::InvalidJson, message))
}

/// Path parameters; a wrong one answers 400 with code 50035.
#[derive(Debug)]
pub struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::from_request_parts(parts, state).await.map(|Path(value)| Self(value)).map_err(|rejection| {
            ApiError::form(FieldErrors::one("path", "NUMBER_TYPE_COERCE", rejection.body_text()))
        })
    }
}

/// Query parameters; a wrong one answers 400 with code 50035.
#[derive(Debug)]
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Query::from_request_parts(parts, state).await.map(|Query(value)| Self(value)).map_err(|rejection| {
            ApiError::form(FieldErrors::one("query", "FIELD_INVALID", rejection.body_text()))
        })
    }
}

/// What an unknown route answers: 404, code 0.
pub async fn no_such_route() -> ApiError {
    ApiError::unknown(ErrorCode::General)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Form {
        name: voxlink_protocol::text::GuildName,
        count: u32,
    }

    fn complaint(body: &str) -> String {
        match parse_json::<Form>(body.as_bytes()) {
            Ok(form) => format!("{form:?}"),
            Err(ApiError { body: Body::Problem(problem), .. }) => {
                serde_json::to_string(&problem).unwrap_or_default()
            }
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert!(
            complaint(r#"{"name":"a","count":1}"#)
                .contains(r#""name":{"_errors":[{"code":"BASE_TYPE_BAD_LENGTH""#)
        );
        assert!(
            complaint(r#"{"name":"abc"}"#).contains(r#""count":{"_errors":[{"code":"BASE_TYPE_REQUIRED""#)
        );
        assert!(complaint(r#"{"name":"abc","count":"x"}"#).contains(r#""count":{"_errors""#));
        assert!(complaint("[]").contains("50035"));
        assert!(complaint("{").contains("50109"));
        assert!(complaint(r#"{"name":"abc","count":1}x"#).contains("50109"));
    }
}
