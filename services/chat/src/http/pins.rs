//! Routes of pins.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, FieldErrors, Message, MessageId, Timestamp};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery, Authenticated};

use super::{acting::Acting, page_size};
use crate::{
    Chat,
    pin::{MOST_PINS, list::Pins},
};

pub(super) async fn add(
    State(chat): State<Chat>,
    Acting { user, actor }: Acting,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<StatusCode, ApiError> {
    chat.pin(&user, actor.reason, channel, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(chat): State<Chat>,
    Acting { actor, .. }: Acting,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<StatusCode, ApiError> {
    chat.unpin(actor, channel, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    before: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Pins>, ApiError> {
    let limit = page_size(query.limit, 50, 50)?;
    // A plus that was not escaped arrives as a space.
    let before = query.before.map(|text| Timestamp::parse(&text.replace(' ', "+"))).transpose();
    let before = before
        .map_err(|words| ApiError::form(FieldErrors::one("before", "TIMESTAMP_PARSE_FAILED", words)))?;
    Ok(Json(chat.pins(me.user.id, channel, before, limit).await?))
}

/// v10's older route: all of them, without the times.
pub(super) async fn list_all(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<Vec<Message>>, ApiError> {
    let all = u32::try_from(MOST_PINS).unwrap_or(u32::MAX);
    let pins = chat.pins(me.user.id, channel, None, all).await?;
    Ok(Json(pins.items.into_iter().map(|pin| pin.message).collect()))
}
