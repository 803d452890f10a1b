//! Routes of a guild's own emojis.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{Emoji, EmojiId, GuildId, RoleId, text::EmojiName};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::{acting::Acting, nullable};
use crate::{Chat, emoji::create::NewEmoji};

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<Vec<Emoji>>, ApiError> {
    Ok(Json(chat.emojis(me.user.id, guild).await?))
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, emoji)): ApiPath<(GuildId, EmojiId)>,
) -> Result<Json<Emoji>, ApiError> {
    Ok(Json(chat.emoji(me.user.id, guild, emoji).await?))
}

#[derive(Deserialize)]
pub(super) struct CreateForm {
    name: EmojiName,
    image: String,
    roles: Option<Vec<RoleId>>,
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(form): ApiJson<CreateForm>,
) -> Result<(StatusCode, Json<Emoji>), ApiError> {
    let new = NewEmoji { name: form.name, image: form.image, roles: form.roles.unwrap_or_default() };
    Ok((StatusCode::CREATED, Json(chat.create_emoji(me.actor, &me.user, guild, new).await?)))
}

#[derive(Deserialize)]
pub(super) struct UpdateForm {
    name: Option<EmojiName>,
    /// Null: for everyone.
    #[serde(default, deserialize_with = "nullable")]
    roles: Option<Option<Vec<RoleId>>>,
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, emoji)): ApiPath<(GuildId, EmojiId)>,
    ApiJson(form): ApiJson<UpdateForm>,
) -> Result<Json<Emoji>, ApiError> {
    let roles = form.roles.map(Option::unwrap_or_default);
    Ok(Json(chat.update_emoji(me.actor, guild, emoji, form.name, roles).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, emoji)): ApiPath<(GuildId, EmojiId)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_emoji(me.actor, guild, emoji).await?;
    Ok(StatusCode::NO_CONTENT)
}
