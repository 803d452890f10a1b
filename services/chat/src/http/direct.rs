//! Routes of direct conversations.

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, DirectChannel, User, UserId, text::ChannelName};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::nullable;
use crate::{
    Chat, Refusal,
    direct::{AnyChannel, update::GroupFields},
};

#[derive(Deserialize)]
pub(super) struct OpenForm {
    recipient_id: Option<UserId>,
    recipients: Option<Vec<UserId>>,
}

pub(super) async fn open(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiJson(form): ApiJson<OpenForm>,
) -> Result<Json<DirectChannel>, ApiError> {
    let missing = || Refusal::field("recipient_id", "BASE_TYPE_REQUIRED", "This field is required");
    let recipients = match (form.recipients, form.recipient_id) {
        (Some(recipients), _) => recipients,
        (None, Some(one)) => vec![one],
        (None, None) => return Err(missing().into()),
    };
    Ok(Json(chat.open_direct(&me.user, recipients).await?))
}

pub(super) async fn mine(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
) -> Result<Json<Vec<DirectChannel>>, ApiError> {
    Ok(Json(chat.direct_channels(me.user.id).await?))
}

#[derive(Deserialize)]
struct Fields {
    /// Empty, as some clients send it, is as good as null.
    #[serde(default, deserialize_with = "nullable")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    icon: Option<Option<String>>,
}

/// What PATCH /channels/{channel} does to a conversation.
pub(super) async fn update(
    chat: &Chat,
    me: &User,
    channel: ChannelId,
    request: Request,
) -> Result<Json<AnyChannel>, ApiError> {
    let ApiJson(fields) = ApiJson::<Fields>::from_request(request, &()).await?;
    let name = fields.name.map(|given| given.filter(|name| !name.trim().is_empty()));
    let name = name.map(|given| given.as_deref().map(ChannelName::parse).transpose()).transpose();
    let name = name.map_err(|error| Refusal::field("name", error.code(), error.to_string()))?;
    let group = chat.update_group(me, channel, GroupFields { name, icon: fields.icon }).await?;
    Ok(Json(AnyChannel::Direct(Box::new(group))))
}

pub(super) async fn add(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, user)): ApiPath<(ChannelId, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.add_to_group(&me.user, channel, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, user)): ApiPath<(ChannelId, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.remove_from_group(me.user.id, user, channel).await?;
    Ok(StatusCode::NO_CONTENT)
}
