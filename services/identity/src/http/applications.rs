//! Applications: ours under `/api/v1/applications` for their makers, v10's for bot libraries.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use voxlink_protocol::{ApplicationId, ErrorCode, FieldErrors, Problem, Secret, User, text::DisplayName};
use voxlink_service_kit::{ApiError, ApiJson, ApiPath, Authenticated, Person, Robot};

use super::form::nullable;
use crate::{
    Identity,
    application::{
        ApplicationError, ApplicationForm, CreateApplicationError, Made, UpdateApplicationError, View,
    },
};

/// v10: an application's description in characters.
const LONGEST_DESCRIPTION: usize = 400;
/// v10: tags of an application, and characters of each.
const MOST_TAGS: usize = 5;
const LONGEST_TAG: usize = 20;

#[derive(Deserialize)]
pub(super) struct NewBody {
    name: DisplayName,
}

#[derive(Deserialize)]
pub(super) struct ChangeBody {
    #[serde(default)]
    name: Option<DisplayName>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<Description>>,
    #[serde(default, deserialize_with = "nullable")]
    tags: Option<Option<Vec<String>>>,
    #[serde(default)]
    flags: Option<u32>,
    /// Data URIs: the application's icon, and (ours) its bot's picture.
    #[serde(default, deserialize_with = "nullable")]
    icon: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    avatar: Option<Option<String>>,
    /// Interactions come over the gateway only.
    #[serde(default, deserialize_with = "nullable")]
    interactions_endpoint_url: Option<Option<String>>,
}

/// v10's schema has an object, its documentation and libraries have a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Description {
    Text(String),
    Localized { default: String },
}

/// v10's `PrivateApplicationResponse`.
#[derive(Serialize)]
pub(super) struct ApplicationView {
    id: ApplicationId,
    name: String,
    icon: Option<String>,
    description: String,
    r#type: Option<u8>,
    bot: User,
    /// Only its maker adds it to guilds so far.
    bot_public: bool,
    bot_require_code_grant: bool,
    verify_key: String,
    flags: u32,
    /// As `flags`, in a text: v10 ran out of bits.
    flags_new: String,
    tags: Vec<String>,
    redirect_uris: Vec<String>,
    interactions_endpoint_url: Option<String>,
    role_connections_verification_url: Option<String>,
    owner: User,
    approximate_guild_count: usize,
    approximate_user_install_count: usize,
    approximate_user_authorization_count: usize,
    explicit_content_filter: u8,
    team: Option<()>,
    eligible_oauth2_scopes: &'static [&'static str],
}

/// An application with its token: only once.
#[derive(Serialize)]
pub(super) struct MadeView {
    #[serde(flatten)]
    application: ApplicationView,
    token: Secret,
}

#[derive(Serialize)]
pub(super) struct TokenBody {
    token: Secret,
}

impl From<View> for ApplicationView {
    fn from(View { application, owner, verify_key, guilds }: View) -> Self {
        Self {
            id: application.id(),
            name: application.name().to_owned(),
            icon: application.icon.clone(),
            description: application.description,
            r#type: None,
            bot: application.bot,
            bot_public: false,
            bot_require_code_grant: false,
            verify_key,
            flags: application.flags,
            flags_new: application.flags.to_string(),
            tags: application.tags,
            redirect_uris: Vec::new(),
            interactions_endpoint_url: None,
            role_connections_verification_url: None,
            owner,
            approximate_guild_count: guilds,
            approximate_user_install_count: 0,
            approximate_user_authorization_count: 0,
            explicit_content_filter: 0,
            team: None,
            eligible_oauth2_scopes: &["bot", "applications.commands"],
        }
    }
}

pub(super) async fn create(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<NewBody>,
) -> Result<(StatusCode, Json<MadeView>), ApiError> {
    let Made { application, token } = identity.create_application(owner.user.id, body.name).await?;
    let application = identity.view(application).await?.into();
    Ok((StatusCode::CREATED, Json(MadeView { application, token })))
}

pub(super) async fn list(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<Json<Vec<ApplicationView>>, ApiError> {
    let views = identity.applications_of(owner.user.id).await?;
    Ok(Json(views.into_iter().map(Into::into).collect()))
}

pub(super) async fn reset_token(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(id): ApiPath<ApplicationId>,
) -> Result<Json<TokenBody>, ApiError> {
    let token = identity.reset_token(id, owner.user.id).await?;
    Ok(Json(TokenBody { token }))
}

pub(super) async fn delete(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiPath(id): ApiPath<ApplicationId>,
) -> Result<StatusCode, ApiError> {
    identity.delete_application(id, owner.user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// For its maker and its bot.
pub(super) async fn one(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
    ApiPath(id): ApiPath<ApplicationId>,
) -> Result<Json<ApplicationView>, ApiError> {
    Ok(Json(identity.application(id, owner.user.id).await?.into()))
}

pub(super) async fn update(
    State(identity): State<Identity>,
    Authenticated(owner): Authenticated,
    ApiPath(id): ApiPath<ApplicationId>,
    ApiJson(body): ApiJson<ChangeBody>,
) -> Result<Json<ApplicationView>, ApiError> {
    let form = parse(body)?;
    Ok(Json(identity.update_application(id, owner.user.id, form).await?.into()))
}

pub(super) async fn mine(
    State(identity): State<Identity>,
    Robot(owner): Robot,
) -> Result<Json<ApplicationView>, ApiError> {
    Ok(Json(identity.application(ApplicationId(owner.user.id.0), owner.user.id).await?.into()))
}

pub(super) async fn update_mine(
    State(identity): State<Identity>,
    Robot(owner): Robot,
    ApiJson(body): ApiJson<ChangeBody>,
) -> Result<Json<ApplicationView>, ApiError> {
    let form = parse(body)?;
    let id = ApplicationId(owner.user.id.0);
    Ok(Json(identity.update_application(id, owner.user.id, form).await?.into()))
}

fn parse(body: ChangeBody) -> Result<ApplicationForm, ApiError> {
    let mut errors = FieldErrors::default();
    let description = body.description.map(|description| match description {
        Some(Description::Text(text) | Description::Localized { default: text }) => text.trim().to_owned(),
        None => String::new(),
    });
    if description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        errors.add("description", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 400 in length.");
    }
    let tags = body.tags.map(|tags| parse_tags(tags.unwrap_or_default(), &mut errors));
    if body.interactions_endpoint_url.flatten().is_some_and(|url| !url.is_empty()) {
        let words = "Interactions come over the gateway here: leave this empty.";
        errors.add("interactions_endpoint_url", "APPLICATION_INTERACTIONS_ENDPOINT_URL_INVALID", words);
    }
    if !errors.is_empty() {
        return Err(ApiError::form(errors));
    }
    let ChangeBody { name, icon, avatar, flags, .. } = body;
    Ok(ApplicationForm { name, description, tags, icon, avatar, flags })
}

/// Trimmed, each once, one line each.
fn parse_tags(raw: Vec<String>, errors: &mut FieldErrors) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (index, tag) in raw.iter().enumerate() {
        let tag = tag.trim();
        let length = tag.chars().count();
        if length == 0 || length > LONGEST_TAG || tag.chars().any(char::is_control) {
            let words = "Must be between 1 and 20 in length.";
            errors.add(format!("tags.{index}"), "BASE_TYPE_BAD_LENGTH", words);
        } else if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
        if index > MOST_TAGS {
            break;
        }
    }
    if tags.len() > MOST_TAGS {
        errors.add("tags", "BASE_TYPE_MAX_LENGTH", "Must be 5 or fewer in length.");
    }
    tags
}

impl From<ApplicationError> for ApiError {
    fn from(error: ApplicationError) -> Self {
        match error {
            ApplicationError::Unknown => Self::unknown(ErrorCode::UnknownApplication),
            ApplicationError::Store(error) => error.into(),
        }
    }
}

impl From<UpdateApplicationError> for ApiError {
    fn from(error: UpdateApplicationError) -> Self {
        match error {
            UpdateApplicationError::Application(error) => error.into(),
            UpdateApplicationError::Image(error) => error.into(),
            UpdateApplicationError::Store(error) => error.into(),
        }
    }
}

impl From<CreateApplicationError> for ApiError {
    fn from(error: CreateApplicationError) -> Self {
        match error {
            CreateApplicationError::TooMany => Self::new(
                StatusCode::BAD_REQUEST,
                Problem::new(
                    ErrorCode::MaximumApplications,
                    "You have 50 applications, which is as many as one may have.",
                ),
            ),
            CreateApplicationError::Vault => Self::internal(),
            CreateApplicationError::Store(error) => error.into(),
        }
    }
}
