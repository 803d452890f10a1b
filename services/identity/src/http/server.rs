//! What the server says about itself, and codes to register with.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use voxlink_protocol::Secret;
use voxlink_service_kit::{ApiError, Person};

use crate::{Identity, Registration, registration_invite::MakeInviteError};

#[derive(Serialize)]
pub(super) struct About {
    name: String,
    version: String,
    registration: Registration,
}

#[derive(Serialize)]
pub(super) struct NewInvite {
    code: Secret,
}

pub(super) async fn about(State(identity): State<Identity>) -> Json<About> {
    let config = &identity.inner.config;
    Json(About {
        name: config.server_name.clone(),
        version: config.version.clone(),
        registration: config.registration,
    })
}

pub(super) async fn make_registration_invite(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<(StatusCode, Json<NewInvite>), ApiError> {
    let code = identity.make_registration_invite(owner.user.id).await?;
    Ok((StatusCode::CREATED, Json(NewInvite { code })))
}

impl From<MakeInviteError> for ApiError {
    fn from(error: MakeInviteError) -> Self {
        match error {
            MakeInviteError::Forbidden => Self::forbidden(),
            MakeInviteError::Store(error) => error.into(),
        }
    }
}
