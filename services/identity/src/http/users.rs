//! People: oneself, by id, by the beginning of a name.

use axum::{Json, extract::State};
use serde::{Deserialize, Deserializer};
use voxlink_protocol::{ErrorCode, User, UserId, text::DisplayName};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated};

use crate::{Identity, search_users::MOST_FOUND};

#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    query: String,
    #[serde(default)]
    limit: Option<u16>,
}

#[derive(Deserialize)]
pub(super) struct ProfileBody {
    /// Absent: unchanged. Null: taken away.
    #[serde(default, deserialize_with = "present")]
    global_name: Option<Option<DisplayName>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<DisplayName>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(super) async fn me(Authenticated(owner): Authenticated) -> Json<User> {
    Json(owner.user)
}

pub(super) async fn update_me(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
    ApiJson(body): ApiJson<ProfileBody>,
) -> Result<Json<User>, ApiError> {
    let Some(name) = body.global_name else { return Ok(Json(owner.user)) };
    let updated = identity.update_profile(owner.user.id, name).await?;
    updated.map(Json).ok_or_else(ApiError::unauthorized)
}

pub(super) async fn one(
    State(identity): State<Identity>,
    Authenticated(_): Authenticated,
    ApiPath(id): ApiPath<UserId>,
) -> Result<Json<User>, ApiError> {
    let found = identity.get_users(vec![id]).await?.pop();
    found.map(Json).ok_or_else(|| ApiError::unknown(ErrorCode::UnknownUser))
}

pub(super) async fn search(
    State(identity): State<Identity>,
    Authenticated(_): Authenticated,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<Json<Vec<User>>, ApiError> {
    let limit = query.limit.map_or(MOST_FOUND, usize::from);
    Ok(Json(identity.search_users(&query.query, limit).await?))
}
