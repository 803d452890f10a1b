//! Routes of invites.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use serde::Deserialize;
use voxlink_protocol::{ChannelId, GuildId, Invite};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::acting::Acting;
use crate::{
    Chat,
    invite::{create::NewInvite, uses::InviteUse},
};

/// v10: an invite lives a day unless its maker says otherwise.
const DEFAULT_MAX_AGE: u32 = 86_400;

#[derive(Deserialize)]
pub(super) struct CreateForm {
    max_age: Option<u32>,
    max_uses: Option<u32>,
    unique: Option<bool>,
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(channel): ApiPath<ChannelId>,
    ApiJson(form): ApiJson<CreateForm>,
) -> Result<Json<Invite>, ApiError> {
    let new = NewInvite {
        max_age: form.max_age.unwrap_or(DEFAULT_MAX_AGE),
        max_uses: form.max_uses.unwrap_or(0),
        unique: form.unique.unwrap_or(false),
    };
    Ok(Json(chat.create_invite_as(me.actor, &me.user, channel, new).await?))
}

/// The one route that strangers may ask: a token is optional, but a wrong one is refused as everywhere.
pub(super) async fn show(
    State(chat): State<Chat>,
    headers: HeaderMap,
    ApiPath(code): ApiPath<String>,
) -> Result<Json<Invite>, ApiError> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = token {
        chat.inner.auth.resolve(token).await?.ok_or_else(ApiError::unauthorized)?;
    }
    Ok(Json(chat.invite(&code, token.is_some()).await?))
}

pub(super) async fn of_guild(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<Vec<Invite>>, ApiError> {
    Ok(Json(chat.guild_invites(me.user.id, guild).await?))
}

pub(super) async fn of_channel(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<Vec<Invite>>, ApiError> {
    Ok(Json(chat.channel_invites(me.user.id, channel).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(code): ApiPath<String>,
) -> Result<Json<Invite>, ApiError> {
    Ok(Json(chat.delete_invite(me.actor, &code).await?))
}

pub(super) async fn join(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(code): ApiPath<String>,
) -> Result<Json<Invite>, ApiError> {
    Ok(Json(chat.join(&me.user, &code).await?))
}

pub(super) async fn uses(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(code): ApiPath<String>,
) -> Result<Json<Vec<InviteUse>>, ApiError> {
    Ok(Json(chat.invite_uses(me.user.id, &code).await?))
}
