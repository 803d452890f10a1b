//! Routes of bans.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{ErrorCode, GuildId, Problem, UserId};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use super::{acting::Acting, page_size};
use crate::{
    Chat,
    ban::{
        create::BulkBan,
        read::{Ban, BansPage},
    },
};

/// v10: bans of one page.
const LARGEST_PAGE: u32 = 1000;
const DAY: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    limit: Option<u32>,
    before: Option<UserId>,
    after: Option<UserId>,
}

pub(super) async fn list(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath(guild): ApiPath<GuildId>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Vec<Ban>>, ApiError> {
    let limit = page_size(query.limit, LARGEST_PAGE, LARGEST_PAGE)?;
    // v10: `before` counts when both are given.
    let page = match (query.before, query.after) {
        (Some(before), _) => BansPage::Before(before),
        (None, after) => BansPage::After(after.unwrap_or(UserId::new(0))),
    };
    Ok(Json(chat.bans(me.user.id, guild, page, limit).await?))
}

pub(super) async fn show(
    State(chat): State<Chat>,
    Authenticated(me): Authenticated,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
) -> Result<Json<Ban>, ApiError> {
    Ok(Json(chat.ban_of(me.user.id, guild, user).await?))
}

#[derive(Deserialize)]
pub(super) struct BanForm {
    delete_message_seconds: Option<u64>,
    /// How older libraries say it.
    delete_message_days: Option<u64>,
}

impl BanForm {
    fn purge(&self) -> Duration {
        let days = self.delete_message_days.map(|days| days.saturating_mul(DAY));
        Duration::from_secs(self.delete_message_seconds.or(days).unwrap_or(0))
    }
}

pub(super) async fn create(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
    ApiJson(form): ApiJson<BanForm>,
) -> Result<StatusCode, ApiError> {
    chat.ban(me.actor, guild, user, form.purge()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath((guild, user)): ApiPath<(GuildId, UserId)>,
) -> Result<StatusCode, ApiError> {
    chat.unban(me.actor, guild, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct BulkForm {
    user_ids: Vec<UserId>,
    #[serde(flatten)]
    form: BanForm,
}

pub(super) async fn bulk(
    State(chat): State<Chat>,
    me: Acting,
    ApiPath(guild): ApiPath<GuildId>,
    ApiJson(BulkForm { user_ids, form }): ApiJson<BulkForm>,
) -> Result<Json<BulkBan>, ApiError> {
    let outcome = chat.bulk_ban(me.actor, guild, user_ids, form.purge()).await?;
    if outcome.banned_users.is_empty() {
        let problem = Problem::new(ErrorCode::NobodyBanned, "Failed to ban users");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, problem));
    }
    Ok(Json(outcome))
}
