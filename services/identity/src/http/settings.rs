//! `/api/v1/users/@me/settings`.

use axum::{Json, extract::State};
use serde::Deserialize;
use voxlink_protocol::{
    EmojiId, FieldErrors, Timestamp, UserSettings, gateway::Status, settings::CustomStatus, text::StatusText,
};
use voxlink_service_kit::{ApiError, ApiJson, Person};

use super::form::{clearable, nullable};
use crate::{Identity, store::SettingsChange};

/// The longest name of an emoji: v10's for a guild's own, and more than any sequence of Unicode has.
const LONGEST_EMOJI: usize = 32;

/// v10's languages (`AvailableLocalesEnum`).
pub(super) const LOCALES: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk",
    "vi", "zh-CN", "zh-TW",
];

#[derive(Deserialize)]
pub(super) struct SettingsBody {
    #[serde(default)]
    status: Option<Status>,
    #[serde(default, deserialize_with = "nullable")]
    custom_status: Option<Option<CustomStatusBody>>,
    #[serde(default, deserialize_with = "clearable")]
    locale: Option<Option<String>>,
    #[serde(default)]
    hide_address: Option<bool>,
}

#[derive(Deserialize)]
struct CustomStatusBody {
    #[serde(default, deserialize_with = "clearable")]
    text: Option<Option<StatusText>>,
    #[serde(default)]
    emoji_id: Option<EmojiId>,
    #[serde(default, deserialize_with = "clearable")]
    emoji_name: Option<Option<String>>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

pub(super) async fn get(
    State(identity): State<Identity>,
    Person(owner): Person,
) -> Result<Json<UserSettings>, ApiError> {
    Ok(Json(identity.settings(owner.user.id).await?))
}

pub(super) async fn update(
    State(identity): State<Identity>,
    Person(owner): Person,
    ApiJson(body): ApiJson<SettingsBody>,
) -> Result<Json<UserSettings>, ApiError> {
    let change = parse(body, identity.inner.env.now())?;
    Ok(Json(identity.change_settings(owner.user.id, change).await?))
}

fn parse(body: SettingsBody, now: Timestamp) -> Result<SettingsChange, ApiError> {
    let mut errors = FieldErrors::default();
    if body.status == Some(Status::Offline) {
        errors.add("status", "BASE_TYPE_CHOICES", "Must be online, idle, dnd or invisible.");
    }
    if body
        .locale
        .as_ref()
        .is_some_and(|locale| locale.as_deref().is_some_and(|locale| !LOCALES.contains(&locale)))
    {
        errors.add("locale", "BASE_TYPE_CHOICES", "Not a language of the list.");
    }
    let custom_status =
        body.custom_status.map(|custom| custom.and_then(|one| custom_status(one, now, &mut errors)));
    if !errors.is_empty() {
        return Err(ApiError::form(errors));
    }
    let SettingsBody { status, locale, hide_address, .. } = body;
    Ok(SettingsChange { status, custom_status, locale, hide_address })
}

/// Without words and emoji there is none.
fn custom_status(body: CustomStatusBody, now: Timestamp, errors: &mut FieldErrors) -> Option<CustomStatus> {
    let CustomStatusBody { text, emoji_id, emoji_name, expires_at } = body;
    let (text, emoji_name) = (text.flatten(), emoji_name.flatten());
    if emoji_name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_EMOJI) {
        errors.add("custom_status.emoji_name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.");
    }
    if emoji_id.is_some() && emoji_name.is_none() {
        errors.add("custom_status.emoji_name", "BASE_TYPE_REQUIRED", "This field is required");
    }
    if expires_at.is_some_and(|at| at <= now) {
        errors.add("custom_status.expires_at", "DATE_TIME_TYPE_PAST", "Must be in the future.");
    }
    let shown = text.is_some() || emoji_name.is_some();
    shown.then(|| CustomStatus { text: text.map(StatusText::into_string), emoji_id, emoji_name, expires_at })
}
