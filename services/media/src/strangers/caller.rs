//! Who publishes or watches: a login, or a stream key.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use voxlink_protocol::{ChannelId, ErrorCode, Problem, UserId};
use voxlink_service_kit::{ApiError, Authenticated};

use super::Credential;
use crate::{
    MediaState, keys,
    store::stream_keys::{self, StreamKey},
};

/// The one who asks; 401 when the token or key is missing, wrong or revoked.
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) credential: Credential,
    key: Option<StreamKey>,
}

impl Caller {
    /// A key opens its own channel only; another one does not exist for it.
    pub(crate) fn check(&self, channel: ChannelId, publishes: bool) -> Result<(), ApiError> {
        match &self.key {
            Some(key) if key.channel != channel => Err(ApiError::unknown(ErrorCode::UnknownChannel)),
            Some(key) if !publishes && !key.may_view => {
                let words = "This stream key is for publishing only.";
                let problem = Problem::new(ErrorCode::MissingPermissions, words);
                Err(ApiError::new(StatusCode::FORBIDDEN, problem))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl FromRequestParts<MediaState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &MediaState) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        // RFC 9110 §11.1: the scheme's case does not matter.
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        let Some(token) = token.filter(|token| token.starts_with(keys::PREFIX)) else {
            let Authenticated(owner) = Authenticated::from_request_parts(parts, state).await?;
            let credential = Credential::Login(owner.login);
            return Ok(Self { user: owner.user.id, credential, key: None });
        };
        let hash = keys::hash(&token);
        let key = state.db.read(move |sql| stream_keys::find(sql, &hash)).await?;
        let key = key.ok_or_else(ApiError::unauthorized)?;
        Ok(Self { user: key.user, credential: Credential::Key(key.id), key: Some(key) })
    }
}
