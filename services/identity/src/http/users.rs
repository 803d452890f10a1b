//! People and bots: oneself, by id, by the beginning of a name; profiles and notes.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{
    ErrorCode, FieldErrors, RelationshipKind, Secret, Timestamp, User, UserId,
    text::{Bio, DisplayName, Note, Pronouns},
};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, ApiQuery, Authenticated, Person};

use super::form::{clearable, nullable};
use crate::{
    Identity,
    images::ImageError,
    search_users::MOST_FOUND,
    store::{Me, NoteError, Profile, ProfileChange},
    update_profile::{ProfileForm, UpdateProfileError},
};

/// The largest RGB colour.
const WHITE: u32 = 0xFF_FFFF;
/// What v10 says of who chose none.
const DEFAULT_LOCALE: &str = "en-US";

#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    query: String,
    #[serde(default)]
    limit: Option<u16>,
}

#[derive(Deserialize)]
pub(super) struct ProfileBody {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<Secret>,
    #[serde(default, deserialize_with = "clearable")]
    global_name: Option<Option<DisplayName>>,
    #[serde(default, deserialize_with = "clearable")]
    bio: Option<Option<Bio>>,
    #[serde(default, deserialize_with = "clearable")]
    pronouns: Option<Option<Pronouns>>,
    /// Data URIs.
    #[serde(default, deserialize_with = "nullable")]
    avatar: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    banner: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    accent_color: Option<Option<u32>>,
}

#[derive(Deserialize)]
pub(super) struct NoteBody {
    #[serde(default, deserialize_with = "clearable")]
    note: Option<Option<Note>>,
}

/// v10's `UserPIIResponse`, with what one says of oneself beside it.
#[derive(Serialize)]
pub(super) struct MeView {
    #[serde(flatten)]
    user: User,
    bio: Option<String>,
    pronouns: Option<String>,
    mfa_enabled: bool,
    locale: String,
    /// Nobody pays here.
    premium_type: u8,
    /// No addresses are kept here.
    email: Option<String>,
    verified: bool,
}

impl From<Me> for MeView {
    fn from(Me { profile, locale, mfa_enabled }: Me) -> Self {
        let Profile { user, bio, pronouns, created_at: _ } = profile;
        let locale = locale.unwrap_or_else(|| DEFAULT_LOCALE.to_owned());
        Self { user, bio, pronouns, mfa_enabled, locale, premium_type: 0, email: None, verified: true }
    }
}

#[derive(Serialize)]
pub(super) struct ProfileView {
    bio: Option<String>,
    pronouns: Option<String>,
    accent_color: Option<u32>,
    created_at: Timestamp,
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationship: Option<RelationshipKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(super) async fn me(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
) -> Result<Json<MeView>, ApiError> {
    let me = identity.me(&owner.user).await?.ok_or_else(ApiError::unauthorized)?;
    Ok(Json(me.into()))
}

pub(super) async fn update_me(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
    ApiJson(body): ApiJson<ProfileBody>,
) -> Result<Json<MeView>, ApiError> {
    if body.accent_color.flatten().is_some_and(|color| color > WHITE) {
        let words = "Must be between 0 and 16777215.";
        return Err(ApiError::form(FieldErrors::one("accent_color", "NUMBER_TYPE_MAX", words)));
    }
    let change = ProfileChange {
        global_name: body.global_name,
        bio: body.bio,
        pronouns: body.pronouns,
        accent_color: body.accent_color,
        ..ProfileChange::default()
    };
    let form = ProfileForm {
        username: body.username,
        password: body.password,
        avatar: body.avatar,
        banner: body.banner,
        change,
    };
    Ok(Json(identity.update_profile(&owner.user, form).await?.into()))
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
    Person(_): Person,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<Json<Vec<User>>, ApiError> {
    let limit = query.limit.map_or(MOST_FOUND, usize::from);
    Ok(Json(identity.search_users(&query.query, limit).await?))
}

pub(super) async fn profile(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(id): ApiPath<UserId>,
) -> Result<Json<ProfileView>, ApiError> {
    let profile = identity.profile(id).await?.ok_or_else(|| ApiError::unknown(ErrorCode::UnknownUser))?;
    let Profile { user, bio, pronouns, created_at } = profile;
    let store = &identity.inner.store;
    Ok(Json(ProfileView {
        bio,
        pronouns,
        accent_color: user.accent_color,
        created_at,
        user,
        relationship: store.relationship(owner.user.id, id).await?,
        note: store.note(owner.user.id, id).await?,
    }))
}

pub(super) async fn set_note(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(about): ApiPath<UserId>,
    ApiJson(body): ApiJson<NoteBody>,
) -> Result<StatusCode, ApiError> {
    identity.inner.store.set_note(owner.user.id, about, body.note.flatten()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<UpdateProfileError> for ApiError {
    fn from(error: UpdateProfileError) -> Self {
        match error {
            UpdateProfileError::Unknown => Self::unauthorized(),
            UpdateProfileError::UsernameTaken => super::auth::username_taken(),
            UpdateProfileError::Username(error) => {
                Self::form(FieldErrors::one("username", error.code(), error.to_string()))
            }
            UpdateProfileError::Image(error) => error.into(),
            UpdateProfileError::Confirm(error) => error.into(),
            UpdateProfileError::Store(error) => error.into(),
        }
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Refused { field, refused } => {
                Self::form(FieldErrors::one(field, refused.code(), refused.words()))
            }
            ImageError::Bus(error) => error.into(),
        }
    }
}

impl From<NoteError> for ApiError {
    fn from(error: NoteError) -> Self {
        match error {
            NoteError::UnknownUser => Self::unknown(ErrorCode::UnknownUser),
            NoteError::TooMany => Self::form(FieldErrors::one(
                "note",
                "NOTES_MAXIMUM",
                "You have notes about 5,000 people, which is as many as one may have.",
            )),
            NoteError::Store(error) => error.into(),
        }
    }
}
