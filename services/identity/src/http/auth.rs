//! `/api/v1/auth`.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ErrorCode, FieldErrors, LoginId, Problem, Secret, Timestamp, User, text::Username};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::caller::Caller;
use crate::{
    Entry, Identity,
    log_in::{Credentials, LogInError},
    password::Password,
    register::{Application, RegisterError},
    revoke_login::RevokeLoginError,
};

/// The password queue empties in less.
const BUSY_FOR: Duration = Duration::from_secs(2);

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
    let credentials =
        Credentials { username: username.clone(), password: body.password, user_agent: caller.user_agent };
    let entry = identity.log_in(credentials).await?;
    if let Some(username) = &username {
        limits.logged_in(username, caller.origin);
    }
    Ok(Json(entry.into()))
}

pub(super) async fn log_out(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
) -> Result<StatusCode, ApiError> {
    identity.log_out(&owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_logins(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
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
    Authenticated(owner): Authenticated,
    ApiPath(login): ApiPath<LoginId>,
) -> Result<StatusCode, ApiError> {
    identity.revoke_login(owner.user.id, login).await?;
    Ok(StatusCode::NO_CONTENT)
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
            RegisterError::UsernameTaken => refused(
                "username",
                "USERNAME_ALREADY_TAKEN",
                "Someone has this username. Choose another one.",
            ),
            RegisterError::PasswordObvious => refused(
                "password",
                "PASSWORD_TOO_COMMON",
                "Everybody tries this password first. Choose another one.",
            ),
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
