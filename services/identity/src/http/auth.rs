//! `/api/v1/auth`.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ErrorCode, FieldErrors, LoginId, Problem, Secret, Timestamp, User, text::Username};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Person};

use super::{
    account::{totp_required, wrong_totp},
    caller::Caller,
};
use crate::{
    Entry, Identity,
    log_in::{Credentials, LogInError},
    password::Password,
    register::{Application, RegisterError},
    revoke_login::RevokeLoginError,
    totp::SecondFactorError,
};

/// The password queue empties in less.
pub(super) const BUSY_FOR: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
pub(super) struct RegisterBody {
    username: Username,
    password: Password,
    #[serde(default)]
    invite: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LoginBody {
    username: String,
    password: Secret,
    #[serde(default)]
    totp: Option<Secret>,
}

#[derive(Serialize)]
pub(super) struct EntryBody {
    token: Secret,
    user: User,
}

impl From<Entry> for EntryBody {
    fn from(Entry { token, user }: Entry) -> Self {
        Self { token, user }
    }
}

#[derive(Serialize)]
pub(super) struct LoginView {
    id: LoginId,
    created_at: Timestamp,
    last_used_at: Timestamp,
    user_agent: String,
    /// The one that asks.
    current: bool,
}

pub(super) async fn register(
    State(identity): State<Identity>,
    caller: Caller,
    ApiJson(body): ApiJson<RegisterBody>,
) -> Result<(StatusCode, Json<EntryBody>), ApiError> {
    let now = identity.inner.env.clock.monotonic();
    identity.inner.limits.register(caller.origin, now).map_err(ApiError::rate_limited)?;
    let application = Application {
        username: body.username,
        password: body.password,
        invite: body.invite,
        user_agent: caller.user_agent,
    };
    let entry = identity.register(application).await?;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

pub(super) async fn log_in(
    State(identity): State<Identity>,
    caller: Caller,
    ApiJson(body): ApiJson<LoginBody>,
) -> Result<Json<EntryBody>, ApiError> {
    let username = Username::parse(&body.username).ok();
    let limits = &identity.inner.limits;
    let now = identity.inner.env.clock.monotonic();
    limits.log_in(username.as_ref(), caller.origin, now).map_err(ApiError::rate_limited)?;
    let credentials = Credentials {
        username: username.clone(),
        password: body.password,
        totp: body.totp,
        user_agent: caller.user_agent,
    };
    let entry = identity.log_in(credentials).await?;
    if let Some(username) = &username {
        limits.logged_in(username, caller.origin);
    }
    Ok(Json(entry.into()))
}

pub(super) async fn log_out(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<StatusCode, ApiError> {
    identity.log_out(&owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_logins(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<Json<Vec<LoginView>>, ApiError> {
    let logins = identity.list_logins(owner.user.id).await?;
    let views = logins.into_iter().map(|login| LoginView {
        id: login.id,
        created_at: login.created_at,
        last_used_at: login.last_used_at,
        user_agent: login.user_agent,
        current: login.id == owner.login,
    });
    Ok(Json(views.collect()))
}

pub(super) async fn revoke_login(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(login): ApiPath<LoginId>,
) -> Result<StatusCode, ApiError> {
    identity.revoke_login(owner.user.id, login).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn username_taken() -> ApiError {
    let words = "Someone has this username. Choose another one.";
    ApiError::form(FieldErrors::one("username", "USERNAME_ALREADY_TAKEN", words))
}

pub(super) fn obvious_password(field: &str) -> ApiError {
    let words = "Everybody tries this password first. Choose another one.";
    ApiError::form(FieldErrors::one(field, "PASSWORD_TOO_COMMON", words))
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        let refused = |field, code, words: &str| Self::form(FieldErrors::one(field, code, words));
        match error {
            RegisterError::Closed => Self::new(
                StatusCode::FORBIDDEN,
                Problem::new(ErrorCode::RegistrationClosed, "Nobody may register on this server."),
            ),
            RegisterError::InviteNeeded => refused(
                "invite",
                "BASE_TYPE_REQUIRED",
                "One registers here with an invite. Ask the operator for one.",
            ),
            RegisterError::InviteUnknown => {
                refused("invite", "INVITE_UNKNOWN", "This registration invite is unknown or was used.")
            }
            RegisterError::UsernameTaken => username_taken(),
            RegisterError::PasswordObvious => obvious_password("password"),
            RegisterError::Busy(_) => Self::rate_limited(BUSY_FOR),
            RegisterError::Store(error) => error.into(),
        }
    }
}

impl From<LogInError> for ApiError {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::WrongCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                Problem::new(ErrorCode::WrongCredentials, "This name and password do not fit together."),
            ),
            LogInError::SecondFactor(error) => match error {
                SecondFactorError::Required => totp_required(StatusCode::UNAUTHORIZED),
                SecondFactorError::Wrong => wrong_totp(),
                SecondFactorError::Wait(time) => Self::rate_limited(time),
                SecondFactorError::Store(error) => error.into(),
            },
            LogInError::Busy(_) => Self::rate_limited(BUSY_FOR),
            LogInError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeLoginError> for ApiError {
    fn from(error: RevokeLoginError) -> Self {
        match error {
            RevokeLoginError::Unknown => Self::unknown(ErrorCode::General),
            RevokeLoginError::Store(error) => error.into(),
        }
    }
}
