//! Bodies of WHIP and WHEP: what they are called and how they are read.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use voxlink_protocol::{ErrorCode, Problem};
use voxlink_service_kit::ApiError;

/// An offer or an answer (RFC 8866 §8.1).
pub(crate) const OFFER: &str = "application/sdp";
/// Candidates and restarts (RFC 8840 §9.2).
pub(crate) const TRICKLE: &str = "application/trickle-ice-sdpfrag";

/// A request with its body, before anything is asked of it.
pub(crate) struct Received {
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
}

impl<S: Send + Sync> FromRequest<S> for Received {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        Ok(Self { headers, body: Bytes::from_request(request, state).await })
    }
}

impl Received {
    /// The text, when it is of this type; 415, 413 or 400 otherwise.
    pub(crate) fn text(&self, media_type: &'static str) -> Result<&str, ApiError> {
        let named = self.header(header::CONTENT_TYPE).unwrap_or_default();
        if !essence(named).eq_ignore_ascii_case(media_type) {
            return Err(problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("The Content-Type must be {media_type}."),
            ));
        }
        let body = self.body.as_ref().map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Problem::new(ErrorCode::RequestTooLarge, "Request entity too large"),
            ),
            _ => problem(StatusCode::BAD_REQUEST, "The request body could not be read."),
        })?;
        std::str::from_utf8(body).map_err(|_| problem(StatusCode::BAD_REQUEST, "The body is not UTF-8."))
    }

    /// 406 when the client takes no SDP back (RFC 9110 §12.5.1). Without `Accept` it takes anything.
    pub(crate) fn takes_sdp(&self) -> Result<(), ApiError> {
        let Some(accept) = self.header(header::ACCEPT) else { return Ok(()) };
        let takes = accept.split(',').map(essence).any(|range| {
            ["*/*", "application/*", OFFER].iter().any(|taken| range.eq_ignore_ascii_case(taken))
        });
        match takes {
            true => Ok(()),
            false => Err(problem(StatusCode::NOT_ACCEPTABLE, format!("The answer is {OFFER}."))),
        }
    }

    /// A header's text, if it is text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A media type without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// An error in the v10 shape.
pub(crate) fn problem(status: StatusCode, words: impl Into<String>) -> ApiError {
    ApiError::new(status, Problem::new(ErrorCode::General, words.into()))
}
