//! HTTP: a handler parses, calls, replies.

mod acting;
mod applications;
mod audit;
mod bans;
mod calls;
mod channels;
mod direct;
mod emojis;
mod guilds;
mod invites;
mod members;
mod message_forms;
mod messages;
mod pins;
mod reactions;
mod reading;
mod roles;
mod search;
mod sounds;
mod voice;

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use voxlink_protocol::{ErrorCode, FieldErrors, Problem, soundboard::SoundNotTaken};
use voxlink_service_kit::{ApiError, Routes};

use crate::{Chat, Refusal};

/// All routes.
pub(crate) fn routes(chat: Chat) -> Routes {
    let v1 = Routes::under("/api/v1")
        .post("/guilds", guilds::create)
        .post("/invites/{code}", invites::join)
        .get("/invites/{code}/uses", invites::uses)
        .post("/guilds/{guild}/owner", guilds::give_away)
        .put("/guilds/{guild}/applications/{application}", applications::add)
        .post("/channels/{channel}/messages/{message}/ack", reading::ack)
        .post("/read-states/ack-bulk", reading::ack_bulk)
        .post("/guilds/{guild}/ack", reading::ack_guild)
        .get("/users/@me/guilds/{guild}/settings", reading::settings)
        .patch("/users/@me/guilds/{guild}/settings", reading::set);
    let v10 = Routes::under("/api/v10")
        .get("/users/@me/guilds", guilds::mine)
        .delete("/users/@me/guilds/{guild}", guilds::leave)
        .get("/users/@me/channels", direct::mine)
        .post("/users/@me/channels", direct::open)
        .get("/guilds/{guild}/messages/search", search::in_guild)
        .get("/channels/{channel}/messages/search", search::in_channel)
        .put("/channels/{channel}/recipients/{user}", direct::add)
        .delete("/channels/{channel}/recipients/{user}", direct::remove)
        .get("/guilds/{guild}", guilds::show)
        .patch("/guilds/{guild}", guilds::update)
        .delete("/guilds/{guild}", guilds::delete)
        .get("/guilds/{guild}/channels", channels::list)
        .post("/guilds/{guild}/channels", channels::create)
        .patch("/guilds/{guild}/channels", channels::reorder)
        .get("/users/@me/guilds/{guild}/member", members::own)
        .get("/guilds/{guild}/members", members::list)
        .get("/guilds/{guild}/members/search", members::search)
        .patch("/guilds/{guild}/members/@me", members::update_own)
        .get("/guilds/{guild}/members/{user}", members::show)
        .put("/guilds/{guild}/members/{user}", members::add)
        .patch("/guilds/{guild}/members/{user}", members::update)
        .delete("/guilds/{guild}/members/{user}", members::kick)
        .get("/guilds/{guild}/bans", bans::list)
        .get("/guilds/{guild}/bans/{user}", bans::show)
        .put("/guilds/{guild}/bans/{user}", bans::create)
        .delete("/guilds/{guild}/bans/{user}", bans::delete)
        .post("/guilds/{guild}/bulk-ban", bans::bulk)
        .get("/guilds/{guild}/roles", roles::list)
        .post("/guilds/{guild}/roles", roles::create)
        .patch("/guilds/{guild}/roles", roles::reorder)
        .get("/guilds/{guild}/roles/{role}", roles::show)
        .patch("/guilds/{guild}/roles/{role}", roles::update)
        .delete("/guilds/{guild}/roles/{role}", roles::delete)
        .put("/guilds/{guild}/members/{user}/roles/{role}", roles::give)
        .delete("/guilds/{guild}/members/{user}/roles/{role}", roles::take)
        .get("/guilds/{guild}/emojis", emojis::list)
        .post("/guilds/{guild}/emojis", emojis::create)
        .get("/guilds/{guild}/emojis/{emoji}", emojis::show)
        .patch("/guilds/{guild}/emojis/{emoji}", emojis::update)
        .delete("/guilds/{guild}/emojis/{emoji}", emojis::delete)
        .get("/guilds/{guild}/soundboard-sounds", sounds::list)
        .post("/guilds/{guild}/soundboard-sounds", sounds::create)
        .get("/guilds/{guild}/soundboard-sounds/{sound}", sounds::show)
        .patch("/guilds/{guild}/soundboard-sounds/{sound}", sounds::update)
        .delete("/guilds/{guild}/soundboard-sounds/{sound}", sounds::delete)
        .get("/soundboard-default-sounds", sounds::defaults)
        .get("/voice/regions", voice::regions)
        .get("/guilds/{guild}/regions", voice::regions_of_guild)
        .get("/guilds/{guild}/voice-states/@me", voice::own_state)
        .patch("/guilds/{guild}/voice-states/@me", voice::change_own_state)
        .get("/guilds/{guild}/voice-states/{user}", voice::state)
        .patch("/guilds/{guild}/voice-states/{user}", voice::change_state)
        .get("/guilds/{guild}/audit-logs", audit::list)
        .get("/guilds/{guild}/invites", invites::of_guild)
        .get("/channels/{channel}", channels::show)
        .patch("/channels/{channel}", channels::update)
        .delete("/channels/{channel}", channels::delete)
        .put("/channels/{channel}/permissions/{target}", channels::put_overwrite)
        .delete("/channels/{channel}/permissions/{target}", channels::delete_overwrite)
        .get("/channels/{channel}/invites", invites::of_channel)
        .post("/channels/{channel}/invites", invites::create)
        .get("/channels/{channel}/messages", messages::list)
        .post("/channels/{channel}/messages", messages::send)
        .get("/channels/{channel}/messages/{message}", messages::show)
        .patch("/channels/{channel}/messages/{message}", messages::edit)
        .delete("/channels/{channel}/messages/{message}", messages::delete)
        .post("/channels/{channel}/messages/bulk-delete", messages::bulk_delete)
        .get("/channels/{channel}/messages/pins", pins::list)
        .put("/channels/{channel}/messages/pins/{message}", pins::add)
        .delete("/channels/{channel}/messages/pins/{message}", pins::remove)
        .get("/channels/{channel}/pins", pins::list_all)
        .put("/channels/{channel}/pins/{message}", pins::add)
        .delete("/channels/{channel}/pins/{message}", pins::remove)
        .delete("/channels/{channel}/messages/{message}/reactions", reactions::clear)
        .get("/channels/{channel}/messages/{message}/reactions/{emoji}", reactions::list)
        .delete("/channels/{channel}/messages/{message}/reactions/{emoji}", reactions::clear_emoji)
        .put("/channels/{channel}/messages/{message}/reactions/{emoji}/@me", reactions::add)
        .delete("/channels/{channel}/messages/{message}/reactions/{emoji}/@me", reactions::remove_own)
        .delete("/channels/{channel}/messages/{message}/reactions/{emoji}/{user}", reactions::remove)
        .post("/channels/{channel}/typing", messages::typing)
        .get("/channels/{channel}/call", calls::show)
        .post("/channels/{channel}/call/ring", calls::ring)
        .post("/channels/{channel}/call/stop-ringing", calls::stop_ringing)
        .get("/invites/{code}", invites::show)
        .delete("/invites/{code}", invites::delete);
    v1.merge(v10).with_state(chat)
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
            Refusal::UnknownRole => Self::unknown(ErrorCode::UnknownRole),
            Refusal::UnknownOverwrite => Self::unknown(ErrorCode::UnknownOverwrite),
            Refusal::UnknownBan => Self::unknown(ErrorCode::UnknownBan),
            Refusal::UnknownEmoji => Self::unknown(ErrorCode::UnknownEmoji),
            Refusal::UnknownSound => Self::unknown(ErrorCode::UnknownSound),
            Refusal::UnknownUser => Self::unknown(ErrorCode::UnknownUser),
            Refusal::UnknownApplication => Self::unknown(ErrorCode::UnknownApplication),
            Refusal::UnknownVoiceState => Self::unknown(ErrorCode::UnknownVoiceState),
            Refusal::NotInCall => bad(ErrorCode::NotInCall, "Target user is not connected to voice."),
            Refusal::InvalidRole => bad(ErrorCode::InvalidRole, "Invalid Role"),
            Refusal::Banned => {
                refused(StatusCode::FORBIDDEN, ErrorCode::UserBanned, "The user is banned from this guild")
            }
            Refusal::Forbidden => Self::forbidden(),
            Refusal::NotTheAuthor => refused(
                StatusCode::FORBIDDEN,
                ErrorCode::CannotEditOthersMessage,
                "Cannot edit a message authored by another user",
            ),
            Refusal::EmptyMessage => bad(ErrorCode::CannotSendEmptyMessage, "Cannot send an empty message"),
            Refusal::SlowMode(wait) => Self::slow_mode(wait),
            Refusal::SystemMessage => {
                bad(ErrorCode::CannotExecuteOnSystemMessage, "Cannot execute action on a system message")
            }
            Refusal::TooFewOrMany => bad(
                ErrorCode::TooFewOrManyToDelete,
                "Provided too few or too many messages to delete. Must provide at least 2 and at most 100 messages.",
            ),
            Refusal::MessageTooOld => {
                bad(ErrorCode::MessageTooOld, "You can only bulk delete messages that are under 14 days old.")
            }
            Refusal::TooManyReactions => {
                bad(ErrorCode::MaximumReactions, "Maximum number of reactions reached (20)")
            }
            Refusal::TooManyPins => {
                bad(ErrorCode::MaximumPins, "Maximum number of pins reached for the channel (250)")
            }
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
            Refusal::CannotMessage => refused(
                StatusCode::FORBIDDEN,
                ErrorCode::CannotMessageUser,
                "Cannot send messages to this user",
            ),
            Refusal::InvalidRecipients => bad(ErrorCode::InvalidRecipients, "Invalid Recipient(s)"),
            Refusal::TooManyRecipients => {
                bad(ErrorCode::MaximumRecipients, "Maximum number of recipients reached (10)")
            }
            Refusal::NotOnDirect => refused(
                StatusCode::FORBIDDEN,
                ErrorCode::CannotExecuteOnDirect,
                "Cannot execute action on a DM channel",
            ),
            Refusal::BotsNotAllowed => {
                refused(StatusCode::FORBIDDEN, ErrorCode::BotsNotAllowed, "Bots cannot use this endpoint")
            }
            Refusal::TooManyRoles => {
                bad(ErrorCode::MaximumRoles, "Maximum number of server roles reached (250)")
            }
            Refusal::TooManyEmojis => bad(ErrorCode::MaximumEmojis, "Maximum number of emojis reached (50)"),
            Refusal::TooManySounds => {
                bad(ErrorCode::MaximumSounds, "Maximum number of soundboard sounds reached (48)")
            }
            Refusal::SoundNotTaken(refused) => match refused {
                SoundNotTaken::NotADataUri => {
                    Self::form(FieldErrors::one("sound", "BINARY_TYPE_INVALID", refused.words()))
                }
                SoundNotTaken::TooLarge { .. } => bad(ErrorCode::FileTooLarge, &refused.words()),
                SoundNotTaken::NotASound | SoundNotTaken::TooLong { .. } | SoundNotTaken::Silent => {
                    bad(ErrorCode::InvalidAsset, &refused.words())
                }
            },
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
