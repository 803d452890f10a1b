//! Routes of calls in direct conversations.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ChannelId, UserId, direct::DirectCall};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use crate::{Chat, call::ring::Standing};

/// v10, with the call itself beside it.
#[derive(Serialize)]
pub(super) struct Answer {
    ringable: bool,
    call: Option<DirectCall>,
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<Answer>, ApiError> {
    let Standing { ringable, call } = chat.call_standing(me.user.id, channel).await?;
    Ok(Json(Answer { ringable, call }))
}

#[derive(Deserialize)]
pub(super) struct Whom {
    /// Null or absent: everyone, or to stop ringing oneself.
    #[serde(default)]
    recipients: Option<Vec<UserId>>,
}

pub(super) async fn ring(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(whom): ApiJson<Whom>,
) -> Result<StatusCode, ApiError> {
    chat.ring(me.user.id, channel, whom.recipients).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn stop_ringing(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(whom): ApiJson<Whom>,
) -> Result<StatusCode, ApiError> {
    chat.stop_ringing(me.user.id, channel, whom.recipients).await?;
    Ok(StatusCode::NO_CONTENT)
}
