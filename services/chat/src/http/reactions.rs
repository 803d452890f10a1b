//! Routes of reactions.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, MessageId, User, UserId};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery, Authenticated};

use super::page_size;
use crate::{Chat, reaction::parse_emoji};

pub(super) async fn add(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message, emoji)): ApiPath<(ChannelId, MessageId, String)>,
) -> Result<StatusCode, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    chat.add_reaction(&me.user, channel, message, parse_emoji(&emoji)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_own(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message, emoji)): ApiPath<(ChannelId, MessageId, String)>,
) -> Result<StatusCode, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    let emoji = parse_emoji(&emoji)?;
    chat.remove_reaction(me.user.id, channel, message, emoji, me.user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message, emoji, user)): ApiPath<(ChannelId, MessageId, String, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    chat.remove_reaction(me.user.id, channel, message, parse_emoji(&emoji)?, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<StatusCode, ApiError> {
    chat.clear_reactions(me.user.id, channel, message, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_emoji(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message, emoji)): ApiPath<(ChannelId, MessageId, String)>,
) -> Result<StatusCode, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    chat.clear_reactions(me.user.id, channel, message, Some(parse_emoji(&emoji)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    after: Option<UserId>,
    limit: Option<u32>,
    /// v10: 1 asks for bursts, which nobody has here.
    #[serde(rename = "type")]
    kind: Option<u8>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message, emoji)): ApiPath<(ChannelId, MessageId, String)>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Vec<User>>, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    let limit = page_size(query.limit, 25, 100)?;
    let emoji = parse_emoji(&emoji)?;
    let after = query.after.unwrap_or(UserId::new(0));
    let people = chat.reactions(me.user.id, channel, message, &emoji, after, limit).await?;
    let burst = query.kind == Some(1);
    Ok(Json(if burst { Vec::new() } else { people }))
}
