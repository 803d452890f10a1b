//! Routes of roles.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{GuildId, Permissions, Role, RoleId, UserId, text::RoleName};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated};

use super::acting::Acting;
use crate::{
    Chat,
    role::{RoleFields, reorder::RoleMove},
};

/// What v10 calls `colors`; gradients are a feature that no guild here has.
#[derive(Deserialize)]
struct Colors {
    primary_color: Option<u32>,
}

/// A null is as good as an absent field.
#[derive(Deserialize)]
pub(super) struct Fields {
    name: Option<RoleName>,
    color: Option<u32>,
    colors: Option<Colors>,
    hoist: Option<bool>,
    mentionable: Option<bool>,
    permissions: Option<Permissions>,
}

impl Fields {
    fn parse(self) -> RoleFields {
        RoleFields {
            name: self.name,
            color: self.colors.and_then(|colors| colors.primary_color).or(self.color),
            hoist: self.hoist,
            mentionable: self.mentionable,
            permissions: self.permissions,
        }
    }
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
) -> Result<Json<Vec<Role>>, ApiError> {
    Ok(Json(chat.roles(me.user.id, guild)?))
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, role)): ApiPath<(GuildId, RoleId)>,
) -> Result<Json<Role>, ApiError> {
    Ok(Json(chat.role(me.user.id, guild, role)?))
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(fields): ApiJson<Fields>,
) -> Result<Json<Role>, ApiError> {
    Ok(Json(chat.create_role(me.actor, guild, fields.parse()).await?))
}

pub(super) async fn update(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, role)): ApiPath<(GuildId, RoleId)>,
    ApiJson(fields): ApiJson<Fields>,
) -> Result<Json<Role>, ApiError> {
    Ok(Json(chat.update_role(me.actor, guild, role, fields.parse()).await?))
}

#[derive(Deserialize)]
pub(super) struct MoveForm {
    id: RoleId,
    position: Option<u32>,
}

pub(super) async fn reorder(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(forms): ApiJson<Vec<MoveForm>>,
) -> Result<Json<Vec<Role>>, ApiError> {
    let to = |form: MoveForm| RoleMove { id: form.id, position: form.position };
    Ok(Json(chat.reorder_roles(me.actor, guild, forms.into_iter().map(to).collect()).await?))
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, role)): ApiPath<(GuildId, RoleId)>,
) -> Result<StatusCode, ApiError> {
    chat.delete_role(me.actor, guild, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn give(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user, role)): ApiPath<(GuildId, UserId, RoleId)>,
) -> Result<StatusCode, ApiError> {
    chat.give_role(me.actor, guild, user, role, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn take(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user, role)): ApiPath<(GuildId, UserId, RoleId)>,
) -> Result<StatusCode, ApiError> {
    chat.give_role(me.actor, guild, user, role, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
