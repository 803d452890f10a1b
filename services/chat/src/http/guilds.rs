//! Routes of guilds and members.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{
    Channel, ChannelId, Guild, GuildId, UserId,
    text::{ChannelName, GuildDescription, GuildName, TextError},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use super::{acting::Acting, flag, nullable, page_size};
use crate::{
    Chat, Refusal,
    guild::{
        MAX_GUILDS,
        create::NewGuild,
        read::{MyGuild, MyGuildsPage},
        update::GuildFields,
    },
};

/// The names that the first channels get unless the client says better ones in its language.
const TEXT_CHANNEL: &str = "General";
const VOICE_CHANNEL: &str = "Lounge";

#[derive(Deserialize)]
pub(super) struct CreateForm {
    name: GuildName,
    text_channel_name: Option<ChannelName>,
    voice_channel_name: Option<ChannelName>,
}

#[derive(Serialize)]
pub(super) struct CreatedGuild {
    #[serde(flatten)]
    guild: Guild,
    channels: Vec<Channel>,
}

pub(super) async fn create(
    State(chat): State<Chat>,
    Authenticated(owner): Authenticated,
    ApiJson(form): ApiJson<CreateForm>,
) -> Result<(StatusCode, Json<CreatedGuild>), ApiError> {
    let name = |given: Option<ChannelName>, default| given.map_or_else(|| ChannelName::parse(default), Ok);
    let wrong = |error: TextError| Refusal::field("text_channel_name", error.code(), error.to_string());
    let new = NewGuild {
        name: form.name,
        text_channel: name(form.text_channel_name, TEXT_CHANNEL).map_err(wrong)?,
        voice_channel: name(form.voice_channel_name, VOICE_CHANNEL).map_err(wrong)?,
    };
    let made = chat.create_guild(&owner.user, new).await?;
    Ok((StatusCode::CREATED, Json(CreatedGuild { guild: made.guild, channels: made.channels })))
}

#[derive(Deserialize)]
pub(super) struct MineQuery {
    before: Option<GuildId>,
    after: Option<GuildId>,
    limit: Option<u32>,
    #[serde(default, deserialize_with = "flag")]
    with_counts: bool,
}

pub(super) async fn mine(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiQuery(query): ApiQuery<MineQuery>,
) -> Result<Json<Vec<MyGuild>>, ApiError> {
    let most = u32::try_from(MAX_GUILDS).unwrap_or(u32::MAX);
    let page = MyGuildsPage {
        before: query.before,
        after: query.after,
        limit: page_size(query.limit, most, most)? as usize,
        with_counts: query.with_counts,
    };
    Ok(Json(chat.my_guilds(me.user.id, page)))
}

pub(super) async fn leave(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<StatusCode, ApiError> {
    chat.leave_guild(me.user.id, guild).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct ShowQuery {
    #[serde(default, deserialize_with = "flag")]
    with_counts: bool,
}

#[derive(Serialize)]
pub(super) struct ShownGuild {
    #[serde(flatten)]
    guild: Guild,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_member_count: Option<usize>,
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(query): ApiQuery<ShowQuery>,
) -> Result<Json<ShownGuild>, ApiError> {
    let (guild, members) = chat.guild(me.user.id, guild)?;
    Ok(Json(ShownGuild { guild, approximate_member_count: query.with_counts.then_some(members) }))
}

#[derive(Deserialize)]
pub(super) struct UpdateForm {
    name: Option<GuildName>,
    #[serde(default, deserialize_with = "nullable")]
    icon: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
    owner_id: Option<UserId>,
    #[serde(default, deserialize_with = "nullable")]
    system_channel_id: Option<Option<ChannelId>>,
    preferred_locale: Option<String>,
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(form): ApiJson<UpdateForm>,
) -> Result<Json<Guild>, ApiError> {
    // An empty description is none.
    let description = form.description.map(|given| given.filter(|text| !text.trim().is_empty()));
    let description = description.map(|given| given.as_deref().map(GuildDescription::parse).transpose());
    let wrong = |error: TextError| Refusal::field("description", error.code(), error.to_string());
    let fields = GuildFields {
        name: form.name,
        icon: form.icon,
        description: description.transpose().map_err(wrong)?,
        owner_id: form.owner_id,
        system_channel_id: form.system_channel_id,
        preferred_locale: form.preferred_locale,
    };
    Ok(Json(chat.update_guild(me.actor, guild, fields).await?))
}

#[derive(Deserialize)]
pub(super) struct OwnerForm {
    user_id: UserId,
}

pub(super) async fn give_away(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(form): ApiJson<OwnerForm>,
) -> Result<Json<Guild>, ApiError> {
    let fields = GuildFields { owner_id: Some(form.user_id), ..GuildFields::default() };
    Ok(Json(chat.update_guild(me.actor, guild, fields).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<StatusCode, ApiError> {
    chat.delete_guild(me.user.id, guild).await?;
    Ok(StatusCode::NO_CONTENT)
}
