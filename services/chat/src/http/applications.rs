//! The route by which an application's bot comes into a guild.

use axum::{Json, extract::State};
use serde::Deserialize;
use voxlink_protocol::{ApplicationId, GuildId, Member, Permissions};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath};

use super::acting::Acting;
use crate::Chat;

#[derive(Deserialize)]
pub(super) struct AddForm {
    permissions: Option<Permissions>,
}

pub(super) async fn add(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, application)): ApiPath<(GuildId, ApplicationId)>,
    ApiJson(form): ApiJson<AddForm>,
) -> Result<Json<Member>, ApiError> {
    let grants = form.permissions.unwrap_or(Permissions::empty());
    Ok(Json(chat.add_application(me.actor, guild, application, grants).await?))
}
