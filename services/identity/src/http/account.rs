//! What a person does with their own account: password, two-factor, the end.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ErrorCode, FieldErrors, Problem, Secret};
use voxlink_service_kit::{ApiError, ApiJson, Person};

use super::auth::{BUSY_FOR, obvious_password};
use crate::{
    Identity,
    change_password::ChangePasswordError,
    confirm::ConfirmError,
    delete_account::DeleteAccountError,
    password::Password,
    totp::{EnableTotpError, Prepared, RenewCodesError, SetUpTotpError},
};

#[derive(Deserialize)]
pub(super) struct PasswordBody {
    password: Secret,
    new_password: Password,
    #[serde(default)]
    totp: Option<Secret>,
}

/// What proves that the account is one's own.
#[derive(Deserialize)]
pub(super) struct ProofBody {
    password: Secret,
    #[serde(default)]
    totp: Option<Secret>,
}

#[derive(Deserialize)]
pub(super) struct CodeBody {
    code: String,
}

#[derive(Serialize)]
pub(super) struct SecretBody {
    secret: Secret,
    uri: Secret,
}

#[derive(Serialize)]
pub(super) struct RecoveryCodes {
    recovery_codes: Vec<Secret>,
}

pub(super) async fn change_password(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<PasswordBody>,
) -> Result<StatusCode, ApiError> {
    identity.change_password(&owner, body.password, body.new_password, body.totp).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<ProofBody>,
) -> Result<StatusCode, ApiError> {
    identity.delete_account(owner.user.id, body.password, body.totp).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn set_up_totp(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<ProofBody>,
) -> Result<Json<SecretBody>, ApiError> {
    let Prepared { secret, uri } = identity.set_up_totp(&owner.user, body.password).await?;
    Ok(Json(SecretBody { secret, uri }))
}

pub(super) async fn enable_totp(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<CodeBody>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let recovery_codes = identity.enable_totp(owner.user.id, &body.code).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

pub(super) async fn disable_totp(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<ProofBody>,
) -> Result<StatusCode, ApiError> {
    identity.disable_totp(owner.user.id, body.password, body.totp).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn renew_recovery_codes(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<ProofBody>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let recovery_codes = identity.renew_recovery_codes(owner.user.id, body.password, body.totp).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// 401 asks for a login; a login is not in doubt here, so that these are 400.
fn refused(code: ErrorCode, words: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, Problem::new(code, words))
}

pub(super) fn totp_required(status: StatusCode) -> ApiError {
    let words = "Two-factor is on: type the code of your authenticator, or a recovery code.";
    ApiError::new(status, Problem::new(ErrorCode::TotpRequired, words))
}

pub(super) fn wrong_totp() -> ApiError {
    refused(ErrorCode::WrongTotp, "This code is wrong, too old, or was used.")
}

fn totp_enabled() -> ApiError {
    refused(ErrorCode::TotpEnabled, "Two-factor is on already.")
}

fn totp_off() -> ApiError {
    refused(ErrorCode::TotpOff, "Two-factor is off: set it up first.")
}

impl From<ConfirmError> for ApiError {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::WrongPassword => Self::form(FieldErrors::one(
                "password",
                "PASSWORD_DOES_NOT_MATCH",
                "This is not your password.",
            )),
            ConfirmError::TotpRequired => totp_required(StatusCode::BAD_REQUEST),
            ConfirmError::WrongTotp => wrong_totp(),
            ConfirmError::Wait(time) => Self::rate_limited(time),
            ConfirmError::Busy(_) => Self::rate_limited(BUSY_FOR),
            ConfirmError::Store(error) => error.into(),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Obvious => obvious_password("new_password"),
            ChangePasswordError::Confirm(error) => error.into(),
            ChangePasswordError::Busy(_) => Self::rate_limited(BUSY_FOR),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteAccountError> for ApiError {
    fn from(error: DeleteAccountError) -> Self {
        match error {
            DeleteAccountError::OwnsGuilds => refused(
                ErrorCode::OwnsGuilds,
                "You own communities with other people in them. Give them to someone or delete them first.",
            ),
            DeleteAccountError::Confirm(error) => error.into(),
            DeleteAccountError::Bus(error) => error.into(),
            DeleteAccountError::Store(error) => error.into(),
        }
    }
}

impl From<SetUpTotpError> for ApiError {
    fn from(error: SetUpTotpError) -> Self {
        match error {
            SetUpTotpError::Enabled => totp_enabled(),
            SetUpTotpError::Confirm(error) => error.into(),
            SetUpTotpError::Vault => Self::internal(),
            SetUpTotpError::Store(error) => error.into(),
        }
    }
}

impl From<EnableTotpError> for ApiError {
    fn from(error: EnableTotpError) -> Self {
        match error {
            EnableTotpError::NotSetUp => totp_off(),
            EnableTotpError::Enabled => totp_enabled(),
            EnableTotpError::Confirm(error) => error.into(),
            EnableTotpError::Store(error) => error.into(),
        }
    }
}

impl From<RenewCodesError> for ApiError {
    fn from(error: RenewCodesError) -> Self {
        match error {
            RenewCodesError::Off => totp_off(),
            RenewCodesError::Confirm(error) => error.into(),
            RenewCodesError::Store(error) => error.into(),
        }
    }
}
