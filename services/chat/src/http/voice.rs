//! Routes of calls: regions, and who is in one.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ChannelId, GuildId, Timestamp, UserId, VoiceState};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use crate::{Chat, Refusal, call::REGION};

/// A voice region in its v10 shape.
#[derive(Serialize)]
pub(super) struct Region {
    id: &'static str,
    name: &'static str,
    custom: bool,
    deprecated: bool,
    optimal: bool,
}

/// There is one: this server.
const HERE: Region =
    Region { id: REGION, name: "This server", custom: false, deprecated: false, optimal: true };

pub(super) async fn regions(Authenticated(_me): Authenticated) -> Json<[Region; 1]> {
    Json([HERE])
}

pub(super) async fn regions_of_guild(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<[Region; 1]>, ApiError> {
    chat.guild(me.user.id, guild)?;
    Ok(Json([HERE]))
}

pub(super) async fn own_state(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<VoiceState>, ApiError> {
    Ok(Json(chat.voice_state(me.user.id, guild, me.user.id).await?))
}

pub(super) async fn state(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
) -> Result<Json<VoiceState>, ApiError> {
    Ok(Json(chat.voice_state(me.user.id, guild, user).await?))
}

/// v10: who speaks on a stage. There are no stages here, so nothing about it can be changed.
#[derive(Deserialize)]
#[allow(dead_code)]
pub(super) struct StageForm {
    channel_id: Option<ChannelId>,
    suppress: Option<bool>,
    request_to_speak_timestamp: Option<Timestamp>,
}

pub(super) async fn change_own_state(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(form): ApiJson<StageForm>,
) -> Result<StatusCode, ApiError> {
    change(&chat, me.user.id, guild, me.user.id, form).await
}

pub(super) async fn change_state(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
    ApiJson(form): ApiJson<StageForm>,
) -> Result<StatusCode, ApiError> {
    change(&chat, me.user.id, guild, user, form).await
}

async fn change(
    chat: &Chat,
    me: UserId,
    guild: GuildId,
    user: UserId,
    form: StageForm,
) -> Result<StatusCode, ApiError> {
    chat.voice_state(me, guild, user).await?;
    if form.suppress.is_some() || form.request_to_speak_timestamp.is_some() {
        return Err(Refusal::NoMessagesHere.into());
    }
    Ok(StatusCode::NO_CONTENT)
}
