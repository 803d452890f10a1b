//! The route of the audit log.

use axum::{Json, extract::State};
use serde::Deserialize;
use voxlink_protocol::{AuditLogEntryId, GuildId, UserId};
use voxlink_service_kit::{ApiError, ApiPath, ApiQuery, Authenticated};

use super::page_size;
use crate::{Chat, audit::read::AuditLog, store::audit::Page};

#[derive(Deserialize)]
pub(super) struct ListQuery {
    user_id: Option<UserId>,
    action_type: Option<u32>,
    before: Option<AuditLogEntryId>,
    after: Option<AuditLogEntryId>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<AuditLog>, ApiError> {
    let page = Page {
        user: query.user_id,
        action: query.action_type,
        before: query.before,
        after: query.after,
        limit: page_size(query.limit, 50, 100)?,
    };
    Ok(Json(chat.audit_log(me.user.id, guild, page).await?))
}
