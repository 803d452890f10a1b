//! Routes of what one has read and wants to hear of.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Deserializer, de};
use voxlink_protocol::{
    ChannelId, GuildId, MessageId, Timestamp,
    read_state::{ChannelOverride, NotificationLevel, UserGuildSettings},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::nullable;
use crate::{Chat, notify::update::NotifyFields};

/// `mention_count`, which v10 clients send with `manual`, is not needed: it is counted here.
#[derive(Deserialize)]
pub(super) struct AckForm {
    #[serde(default)]
    manual: bool,
}

pub(super) async fn ack(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((channel, message)): ApiPath<(ChannelId, MessageId)>,
    ApiJson(form): ApiJson<AckForm>,
) -> Result<StatusCode, ApiError> {
    chat.ack(&me.user, channel, message, form.manual).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct BulkMark {
    channel_id: ChannelId,
    message_id: Option<MessageId>,
}

#[derive(Deserialize)]
pub(super) struct BulkForm {
    read_states: Vec<BulkMark>,
}

pub(super) async fn ack_bulk(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiJson(form): ApiJson<BulkForm>,
) -> Result<StatusCode, ApiError> {
    let marks = form.read_states.into_iter().map(|mark| (mark.channel_id, mark.message_id));
    chat.ack_bulk(&me.user, marks.collect()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn ack_guild(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<StatusCode, ApiError> {
    chat.ack_guild(&me.user, guild).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A guild, or `@me` for direct conversations.
#[derive(Clone, Copy)]
pub(super) struct GuildOrMe(Option<GuildId>);

impl<'de> Deserialize<'de> for GuildOrMe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "@me" {
            return Ok(Self(None));
        }
        text.parse().map(|id| Self(Some(GuildId::new(id)))).map_err(de::Error::custom)
    }
}

pub(super) async fn settings(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildOrMe>,
) -> Result<Json<UserGuildSettings>, ApiError> {
    Ok(Json(chat.notify_settings(me.user.id, guild.0).await?))
}

#[derive(Deserialize)]
struct OverrideForm {
    channel_id: ChannelId,
    #[serde(default)]
    muted: bool,
    mute_until: Option<Timestamp>,
    message_notifications: Option<NotificationLevel>,
}

#[derive(Deserialize)]
pub(super) struct SettingsForm {
    muted: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    mute_until: Option<Option<Timestamp>>,
    message_notifications: Option<NotificationLevel>,
    suppress_everyone: Option<bool>,
    suppress_roles: Option<bool>,
    channel_overrides: Option<Vec<OverrideForm>>,
}

pub(super) async fn set(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildOrMe>,
    ApiJson(form): ApiJson<SettingsForm>,
) -> Result<Json<UserGuildSettings>, ApiError> {
    let overrides = form.channel_overrides.unwrap_or_default().into_iter().map(|set| ChannelOverride {
        channel_id: set.channel_id,
        muted: set.muted,
        mute_until: set.mute_until,
        message_notifications: set.message_notifications.unwrap_or(NotificationLevel::Inherit),
    });
    let fields = NotifyFields {
        muted: form.muted,
        mute_until: form.mute_until,
        message_notifications: form.message_notifications,
        suppress_everyone: form.suppress_everyone,
        suppress_roles: form.suppress_roles,
        channel_overrides: overrides.collect(),
    };
    Ok(Json(chat.set_notify(&me.user, guild.0, fields).await?))
}
