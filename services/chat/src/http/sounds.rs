//! Routes of a guild's own sounds.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{
    EmojiId, GuildId, SoundId, SoundboardSound,
    soundboard::Volume,
    text::{SoundName, UnicodeEmoji},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::{acting::Acting, nullable};
use crate::{
    Chat,
    sound::{SoundEmoji, create::NewSound, update::SoundEdit},
};

/// v10 wraps the list.
#[derive(Serialize)]
pub(super) struct List {
    items: Vec<SoundboardSound>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<List>, ApiError> {
    Ok(Json(List { items: chat.sounds(me.user.id, guild).await? }))
}

/// There are none: every sound here is somebody's own.
pub(super) async fn defaults(Authenticated(_me): Authenticated) -> Json<[SoundboardSound; 0]> {
    Json([])
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, sound)): ApiPath<(GuildId, SoundId)>,
) -> Result<Json<SoundboardSound>, ApiError> {
    Ok(Json(chat.sound(me.user.id, guild, sound).await?))
}

/// A custom emoji goes before a Unicode one.
fn emoji(id: Option<EmojiId>, name: Option<UnicodeEmoji>) -> Option<SoundEmoji> {
    id.map(SoundEmoji::Custom).or(name.map(SoundEmoji::Unicode))
}

#[derive(Deserialize)]
pub(super) struct CreateForm {
    name: SoundName,
    sound: String,
    volume: Option<Volume>,
    emoji_id: Option<EmojiId>,
    emoji_name: Option<UnicodeEmoji>,
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(form): ApiJson<CreateForm>,
) -> Result<(StatusCode, Json<SoundboardSound>), ApiError> {
    let new = NewSound {
        name: form.name,
        volume: form.volume.unwrap_or(Volume::FULL),
        emoji: emoji(form.emoji_id, form.emoji_name),
        sound: form.sound,
    };
    Ok((StatusCode::CREATED, Json(chat.create_sound(me.actor, &me.user, guild, new).await?)))
}

#[derive(Deserialize)]
pub(super) struct UpdateForm {
    name: Option<SoundName>,
    /// Null: as loud as it was made.
    #[serde(default, deserialize_with = "nullable")]
    volume: Option<Option<Volume>>,
    #[serde(default, deserialize_with = "nullable")]
    emoji_id: Option<Option<EmojiId>>,
    #[serde(default, deserialize_with = "nullable")]
    emoji_name: Option<Option<UnicodeEmoji>>,
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, sound)): ApiPath<(GuildId, SoundId)>,
    ApiJson(form): ApiJson<UpdateForm>,
) -> Result<Json<SoundboardSound>, ApiError> {
    let names_one = form.emoji_id.is_some() || form.emoji_name.is_some();
    let edit = SoundEdit {
        name: form.name,
        volume: form.volume.map(|volume| volume.unwrap_or(Volume::FULL)),
        emoji: names_one.then(|| emoji(form.emoji_id.flatten(), form.emoji_name.flatten())),
    };
    Ok(Json(chat.update_sound(me.actor, guild, sound, edit).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, sound)): ApiPath<(GuildId, SoundId)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_sound(me.actor, guild, sound).await?;
    Ok(StatusCode::NO_CONTENT)
}
