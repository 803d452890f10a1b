//! Routes of members.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ChannelId, GuildId, Member, Permissions, RoleId, Timestamp, UserId, text::Nick};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use super::{acting::Acting, nullable, page_size};
use crate::{Chat, Refusal, member::update::MemberFields};

/// v10: members of one page.
const LARGEST_PAGE: u32 = 1000;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    limit: Option<u32>,
    after: Option<UserId>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Vec<Member>>, ApiError> {
    // v10: one at a time unless more are asked for.
    let limit = page_size(query.limit, 1, LARGEST_PAGE)? as usize;
    let after = query.after.unwrap_or(UserId::new(0));
    Ok(Json(chat.members(me.user.id, guild, after, limit).await?))
}

#[derive(Deserialize)]
pub(super) struct SearchQuery {
    query: String,
    limit: Option<u32>,
}

pub(super) async fn search(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<Json<Vec<Member>>, ApiError> {
    let limit = page_size(query.limit, 1, LARGEST_PAGE)? as usize;
    // v10: 1 to 100 characters.
    if !(1..=100).contains(&query.query.chars().count()) {
        let message = "Must be between 1 and 100 in length.";
        return Err(Refusal::field("query", "BASE_TYPE_BAD_LENGTH", message).into());
    }
    Ok(Json(chat.search_members(me.user.id, guild, &query.query, limit).await?))
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
) -> Result<Json<Member>, ApiError> {
    Ok(Json(chat.member(me.user.id, guild, user).await?))
}

#[derive(Serialize)]
pub(super) struct OwnMember {
    #[serde(flatten)]
    member: Member,
    permissions: Permissions,
}

pub(super) async fn own(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<OwnMember>, ApiError> {
    let (member, permissions) = chat.own_member(me.user.id, guild).await?;
    Ok(Json(OwnMember { member, permissions }))
}

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default, deserialize_with = "nullable")]
    nick: Option<Option<String>>,
    /// Null is as good as absent: v10 knows members without roles as an empty list.
    roles: Option<Vec<RoleId>>,
    #[serde(default, deserialize_with = "nullable")]
    communication_disabled_until: Option<Option<Timestamp>>,
    mute: Option<bool>,
    deaf: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    channel_id: Option<Option<ChannelId>>,
}

/// An empty nickname is none.
fn nick(given: Option<Option<String>>) -> Result<Option<Option<Nick>>, Refusal> {
    let given = given.map(|nick| nick.filter(|text| !text.trim().is_empty()));
    let parsed = given.map(|nick| nick.as_deref().map(Nick::parse).transpose()).transpose();
    parsed.map_err(|error| Refusal::field("nick", error.code(), error.to_string()))
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
    ApiJson(fields): ApiJson<Fields>,
) -> Result<Json<Member>, ApiError> {
    let changes = MemberFields {
        nick: nick(fields.nick)?,
        roles: fields.roles,
        timed_out_until: fields.communication_disabled_until,
        mute: fields.mute,
        deaf: fields.deaf,
    };
    if let Some(channel) = fields.channel_id {
        chat.move_member(me.actor.clone(), guild, user, channel).await?;
    }
    Ok(Json(chat.update_member(me.actor, guild, user, changes).await?))
}

#[derive(Deserialize)]
pub(super) struct OwnFields {
    #[serde(default, deserialize_with = "nullable")]
    nick: Option<Option<String>>,
}

pub(super) async fn update_own(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(fields): ApiJson<OwnFields>,
) -> Result<Json<Member>, ApiError> {
    let changes = MemberFields { nick: nick(fields.nick)?, ..MemberFields::default() };
    let user = me.user.id;
    Ok(Json(chat.update_member(me.actor, guild, user, changes).await?))
}

pub(super) async fn kick(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.kick(me.actor, guild, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// v10 lets an application add someone who granted it `guilds.join`. Nobody can grant that here, so nobody may.
pub(super) async fn add(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, _user)): ApiPath<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.guild(me.user.id, guild)?;
    Err(Refusal::Forbidden.into())
}
