//! Routes of channels.

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use serde::Deserialize;
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, GuildId, Overwrite, OverwriteKind, Permissions, Snowflake,
    text::{ChannelName, Topic},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::{acting::Acting, direct, nullable};
use crate::{
    Chat, Refusal,
    channel::{ChannelFields, reorder::Move},
    direct::AnyChannel,
};

#[derive(Deserialize)]
struct OverwriteForm {
    id: Snowflake,
    #[serde(rename = "type")]
    kind: OverwriteKind,
    allow: Option<Permissions>,
    deny: Option<Permissions>,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    /// When it is made; never changed after.
    #[serde(rename = "type")]
    kind: Option<ChannelKind>,
    name: Option<ChannelName>,
    #[serde(default, deserialize_with = "nullable")]
    topic: Option<Option<String>>,
    position: Option<u32>,
    #[serde(default, deserialize_with = "nullable")]
    parent_id: Option<Option<ChannelId>>,
    nsfw: Option<bool>,
    rate_limit_per_user: Option<u32>,
    bitrate: Option<u32>,
    user_limit: Option<u32>,
    permission_overwrites: Option<Vec<OverwriteForm>>,
}

impl Fields {
    fn parse(self) -> Result<ChannelFields, Refusal> {
        // An empty topic is no topic.
        let topic = self.topic.map(|given| given.filter(|text| !text.trim().is_empty()));
        let topic = topic.map(|given| given.as_deref().map(Topic::parse).transpose()).transpose();
        let overwrites = self.permission_overwrites.map(|forms| {
            forms.into_iter().map(|form| {
                let none = Permissions::empty();
                let (allow, deny) = (form.allow.unwrap_or(none), form.deny.unwrap_or(none));
                Overwrite { id: form.id, kind: form.kind, allow, deny }
            })
        });
        Ok(ChannelFields {
            name: self.name,
            topic: topic.map_err(|error| Refusal::field("topic", error.code(), error.to_string()))?,
            position: self.position,
            parent_id: self.parent_id,
            nsfw: self.nsfw,
            rate_limit_per_user: self.rate_limit_per_user,
            bitrate: self.bitrate,
            user_limit: self.user_limit,
            permission_overwrites: overwrites.map(Iterator::collect),
        })
    }
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(mut fields): ApiJson<Fields>,
) -> Result<(StatusCode, Json<Channel>), ApiError> {
    let missing = || Refusal::field("name", "BASE_TYPE_REQUIRED", "This field is required");
    let name = fields.name.take().ok_or_else(missing)?;
    let kind = fields.kind.unwrap_or(ChannelKind::Text);
    let channel = chat.create_channel(me.actor, guild, kind, name, fields.parse()?).await?;
    Ok((StatusCode::CREATED, Json(channel)))
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<Vec<Channel>>, ApiError> {
    Ok(Json(chat.channels(me.user.id, guild)?))
}

#[derive(Deserialize)]
pub(super) struct MoveForm {
    id: ChannelId,
    position: Option<u32>,
    #[serde(default, deserialize_with = "nullable")]
    parent_id: Option<Option<ChannelId>>,
    lock_permissions: Option<bool>,
}

pub(super) async fn reorder(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(forms): ApiJson<Vec<MoveForm>>,
) -> Result<StatusCode, ApiError> {
    let to = |form: MoveForm| Move {
        id: form.id,
        position: form.position,
        parent_id: form.parent_id,
        lock_permissions: form.lock_permissions.unwrap_or(false),
    };
    chat.reorder_channels(me.actor, guild, forms.into_iter().map(to).collect()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<AnyChannel>, ApiError> {
    Ok(Json(chat.any_channel(me.user.id, channel).await?))
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(channel): ApiPath<ChannelId>,
    request: Request,
) -> Result<Json<AnyChannel>, ApiError> {
    if chat.is_direct(me.user.id, channel) {
        return direct::update(&chat, &me.user, channel, request).await;
    }
    let ApiJson(fields) = ApiJson::<Fields>::from_request(request, &()).await?;
    let updated = chat.update_channel(me.actor, channel, fields.parse()?).await?;
    Ok(Json(AnyChannel::Guild(Box::new(updated))))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(channel): ApiPath<ChannelId>,
) -> Result<Json<AnyChannel>, ApiError> {
    if chat.is_direct(me.user.id, channel) {
        let closed = chat.close_direct(&me.user, channel).await?;
        return Ok(Json(AnyChannel::Direct(Box::new(closed))));
    }
    let deleted = chat.delete_channel(me.actor, channel).await?;
    Ok(Json(AnyChannel::Guild(Box::new(deleted))))
}

#[derive(Deserialize)]
pub(super) struct OverwriteFields {
    #[serde(rename = "type")]
    kind: OverwriteKind,
    allow: Option<Permissions>,
    deny: Option<Permissions>,
}

pub(super) async fn put_overwrite(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((channel, target)): ApiPath<(ChannelId, Snowflake)>,
    ApiJson(fields): ApiJson<OverwriteFields>,
) -> Result<StatusCode, ApiError> {
    let none = Permissions::empty();
    let (allow, deny) = (fields.allow.unwrap_or(none), fields.deny.unwrap_or(none));
    let overwrite = Overwrite { id: target, kind: fields.kind, allow, deny };
    chat.put_overwrite(me.actor, channel, overwrite).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete_overwrite(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((channel, target)): ApiPath<(ChannelId, Snowflake)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_overwrite(me.actor, channel, target).await?;
    Ok(StatusCode::NO_CONTENT)
}
