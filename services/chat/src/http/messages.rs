//! Routes of messages.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, Message, MessageId};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use super::{
    acting::Acting,
    message_forms::{EditForm, SendForm},
    page_size,
};
use crate::{Chat, store::messages::Position};

#[derive(Deserialize)]
pub(super) struct ListQuery {
    around: Option<MessageId>,
    before: Option<MessageId>,
    after: Option<MessageId>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Vec<Message>>, ApiError> {
    let position = match (query.around, query.before, query.after) {
        (Some(id), _, _) => Position::Around(id),
        (None, Some(id), _) => Position::Before(id),
        (None, None, Some(id)) => Position::After(id),
        (None, None, None) => Position::Latest,
    };
    let limit = page_size(query.limit, 50, 100)?;
    Ok(Json(chat.messages(me.user.id, channel, position, limit).await?))
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<Json<Message>, ApiError> {
    Ok(Json(chat.message(me.user.id, channel, message).await?))
}

pub(super) async fn send(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<SendForm>,
) -> Result<Json<Message>, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    Ok(Json(chat.send(&me.user, channel, form.parse(channel)?).await?))
}

pub(super) async fn edit(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
    ApiJson(form): ApiJson<EditForm>,
) -> Result<Json<Message>, ApiError> {
    chat.sees_channel(me.user.id, channel)?;
    Ok(Json(chat.edit_message(&me.user, channel, message, form.parse()?).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    Acting { actor, .. }: Acting,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_message(actor, channel, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct BulkDeleteForm {
    messages: Vec<MessageId>,
}

pub(super) async fn bulk_delete(
    State(chat): State<Chat>,
    Acting { actor, .. }: Acting,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<BulkDeleteForm>,
) -> Result<StatusCode, ApiError> {
    chat.bulk_delete(actor, channel, form.messages).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn typing(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<StatusCode, ApiError> {
    chat.typing(&me.user, channel)?;
    Ok(StatusCode::NO_CONTENT)
}
