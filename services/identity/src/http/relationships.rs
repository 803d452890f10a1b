//! `/api/v1/relationships`: friends, requests, blocks.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use voxlink_protocol::{
    ErrorCode, FieldErrors, Problem, Relationship, RelationshipKind, UserId, text::Username,
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Person};

use crate::{Identity, relationship::RelateError};

#[derive(Deserialize)]
pub(super) struct NameBody {
    username: String,
}

#[derive(Deserialize)]
pub(super) struct KindBody {
    #[serde(default, rename = "type")]
    kind: Option<RelationshipKind>,
}

pub(super) async fn list(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<Json<Vec<Relationship>>, ApiError> {
    Ok(Json(identity.relationships(owner.user.id).await?))
}

/// By name: a name that nobody has, or could have, is one answer.
pub(super) async fn ask(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<NameBody>,
) -> Result<Json<Relationship>, ApiError> {
    let nobody = || {
        let words = "Nobody here has this username. Check how it is spelled.";
        ApiError::new(StatusCode::NOT_FOUND, Problem::new(ErrorCode::NoSuchPerson, words))
    };
    let name = Username::parse(&body.username).map_err(|_| nobody())?;
    match identity.befriend_by_name(owner.user.id, name).await {
        Err(RelateError::UnknownUser) => Err(nobody()),
        answer => Ok(Json(answer?)),
    }
}

pub(super) async fn put(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(other): ApiPath<UserId>,
    ApiJson(body): ApiJson<KindBody>,
) -> Result<Json<Relationship>, ApiError> {
    let me = owner.user.id;
    match body.kind.unwrap_or(RelationshipKind::Friend) {
        RelationshipKind::Friend => Ok(Json(identity.befriend(me, other).await?)),
        RelationshipKind::Blocked => Ok(Json(identity.block(me, other).await?)),
        RelationshipKind::Incoming | RelationshipKind::Outgoing => Err(ApiError::form(FieldErrors::one(
            "type",
            "BASE_TYPE_CHOICES",
            "Must be 1 (ask, or say yes) or 2 (block).",
        ))),
    }
}

pub(super) async fn remove(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(other): ApiPath<UserId>,
) -> Result<StatusCode, ApiError> {
    identity.remove_relationship(owner.user.id, other).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<RelateError> for ApiError {
    fn from(error: RelateError) -> Self {
        let refused = |code, words: &str| Self::new(StatusCode::BAD_REQUEST, Problem::new(code, words));
        match error {
            RelateError::UnknownUser => Self::unknown(ErrorCode::UnknownUser),
            RelateError::Oneself => refused(ErrorCode::CannotFriendSelf, "This is you."),
            RelateError::Full => refused(
                ErrorCode::MaximumFriends,
                "You have 1,000 of these, which is as many as one may have.",
            ),
            RelateError::OtherFull => {
                refused(ErrorCode::FriendRequestBlocked, "This person takes no more requests or friends now.")
            }
            RelateError::Store(error) => error.into(),
        }
    }
}
