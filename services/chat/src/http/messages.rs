//! Routes of messages.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{
    ChannelId, Message, MessageId, Nonce,
    text::{MessageText, TextError},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use super::page_size;
use crate::{Chat, Draft, Refusal, store::messages::Position};

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

/// `enforce_nonce` need not be asked for: a nonce always makes a retry safe. Other fields are features to come.
#[derive(Deserialize)]
pub(super) struct SendForm {
    content: Option<String>,
    nonce: Option<Nonce>,
}

fn text(content: Option<String>) -> Result<MessageText, Refusal> {
    MessageText::parse(content.as_deref().unwrap_or_default()).map_err(|error| match error {
        TextError::Empty => Refusal::EmptyMessage,
        TextError::Length { .. } | TextError::Characters(_) => {
            Refusal::field("content", error.code(), error.to_string())
        }
    })
}

pub(super) async fn send(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<SendForm>,
) -> Result<Json<Message>, ApiError> {
    let draft = Draft { text: text(form.content)?, nonce: form.nonce };
    Ok(Json(chat.send(&me.user, channel, draft).await?))
}

#[derive(Deserialize)]
pub(super) struct EditForm {
    content: Option<String>,
}

pub(super) async fn edit(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
    ApiJson(form): ApiJson<EditForm>,
) -> Result<Json<Message>, ApiError> {
    let text = text(form.content)?;
    Ok(Json(chat.edit_message(&me.user, channel, message, text).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_message(me.user.id, channel, message).await?;
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
