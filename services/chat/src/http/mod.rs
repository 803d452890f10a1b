//! HTTP: a handler parses, calls, replies.

mod channels;
mod guilds;
mod invites;
mod messages;

use axum::{
    Router,
    http::StatusCode,
    routing::{delete, get, post},
};
use serde::{Deserialize, Deserializer};
use voxlink_protocol::{ErrorCode, FieldErrors, Problem};
use voxlink_service_kit::ApiError;

use crate::{Chat, Refusal};

/// All routes.
pub(crate) fn router(chat: Chat) -> Router {
    let v1 =
        Router::new().route("/guilds", post(guilds::create)).route("/invites/{code}", post(invites::join));
    let v10 = Router::new()
        .route("/users/@me/guilds", get(guilds::mine))
        .route("/users/@me/guilds/{guild}", delete(guilds::leave))
        .route("/guilds/{guild}", get(guilds::show).patch(guilds::update).delete(guilds::delete))
        .route(
            "/guilds/{guild}/channels",
            get(channels::list).post(channels::create).patch(channels::reorder),
        )
        .route("/guilds/{guild}/members", get(guilds::members))
        .route("/guilds/{guild}/members/{user}", get(guilds::member))
        .route("/guilds/{guild}/invites", get(invites::of_guild))
        .route("/channels/{channel}", get(channels::show).patch(channels::update).delete(channels::delete))
        .route("/channels/{channel}/invites", get(invites::of_channel).post(invites::create))
        .route("/channels/{channel}/messages", get(messages::list).post(messages::send))
        .route(
            "/channels/{channel}/messages/{message}",
            get(messages::show).patch(messages::edit).delete(messages::delete),
        )
        .route("/channels/{channel}/typing", post(messages::typing))
        .route("/invites/{code}", get(invites::show).delete(invites::delete));
    Router::new().nest("/api/v1", v1).nest("/api/v10", v10).with_state(chat)
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let refused = |status, code, message: &str| Self::new(status, Problem::new(code, message));
        let bad = |code, message| refused(StatusCode::BAD_REQUEST, code, message);
        match refusal {
            Refusal::UnknownGuild => Self::unknown(ErrorCode::UnknownGuild),
            Refusal::UnknownChannel => Self::unknown(ErrorCode::UnknownChannel),
            Refusal::UnknownMember => Self::unknown(ErrorCode::UnknownMember),
            Refusal::UnknownMessage => Self::unknown(ErrorCode::UnknownMessage),
            Refusal::UnknownInvite => Self::unknown(ErrorCode::UnknownInvite),
            Refusal::Forbidden => Self::forbidden(),
            Refusal::NotTheAuthor => refused(
                StatusCode::FORBIDDEN,
                ErrorCode::CannotEditOthersMessage,
                "Cannot edit a message authored by another user",
            ),
            Refusal::EmptyMessage => bad(ErrorCode::CannotSendEmptyMessage, "Cannot send an empty message"),
            Refusal::NoMessagesHere => {
                bad(ErrorCode::WrongChannelType, "Cannot execute action on this channel type")
            }
            Refusal::OwnerCannotLeave => bad(
                ErrorCode::OwnerCannotLeave,
                "The owner cannot leave the server. Delete it, or give it to someone else first.",
            ),
            Refusal::TooManyGuilds => {
                bad(ErrorCode::MaximumGuilds, "Maximum number of servers reached (200)")
            }
            Refusal::TooManyChannels => {
                bad(ErrorCode::MaximumChannels, "Maximum number of channels reached (500)")
            }
            Refusal::TooManyInvites => {
                bad(ErrorCode::MaximumInvites, "Maximum number of invites reached (1000)")
            }
            Refusal::Form(errors) => Self::form(errors),
            Refusal::Db(error) => error.into(),
            Refusal::Call(error) => error.into(),
        }
    }
}

/// Tells an absent field (`None`) from a null one (`Some(None)`).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A flag in a query: `true`, `True` or `1` from one library or another.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(serde::de::Error::custom("must be true or false")),
    }
}

/// A page's size within its bounds.
fn page_size(asked: Option<u32>, default: u32, most: u32) -> Result<u32, ApiError> {
    let size = asked.unwrap_or(default);
    if (1..=most).contains(&size) {
        return Ok(size);
    }
    let message = format!("int value should be between 1 and {most}.");
    Err(ApiError::form(FieldErrors::one("limit", "NUMBER_TYPE_OUT_OF_RANGE", message)))
}
