//! Why chat did not do what it was asked.

use std::time::Duration;

use voxlink_protocol::{FieldErrors, soundboard::SoundNotTaken};
use voxlink_service_kit::{CallError, DbError};

/// The outcomes that a caller treats differently. What one may not see is refused as unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such guild, or not a member.
    #[error("unknown guild")]
    UnknownGuild,
    /// No such channel, or not visible.
    #[error("unknown channel")]
    UnknownChannel,
    /// No such member.
    #[error("unknown member")]
    UnknownMember,
    /// No such message.
    #[error("unknown message")]
    UnknownMessage,
    /// No such invite, or it has ended or is used up.
    #[error("unknown invite")]
    UnknownInvite,
    /// No such role.
    #[error("unknown role")]
    UnknownRole,
    /// The channel has no such exception.
    #[error("unknown overwrite")]
    UnknownOverwrite,
    /// They are not banned.
    #[error("unknown ban")]
    UnknownBan,
    /// No such emoji.
    #[error("unknown emoji")]
    UnknownEmoji,
    /// No such sound.
    #[error("unknown sound")]
    UnknownSound,
    /// No such account.
    #[error("unknown user")]
    UnknownUser,
    /// No such application.
    #[error("unknown application")]
    UnknownApplication,
    /// They are in no call.
    #[error("unknown voice state")]
    UnknownVoiceState,
    /// They are in no call, so nothing can be done to them there.
    #[error("not in a call")]
    NotInCall,
    /// A role that nobody gives, takes or deletes: @everyone, or one that belongs to an application.
    #[error("invalid role")]
    InvalidRole,
    /// Banned from the guild.
    #[error("banned")]
    Banned,
    /// Visible, but not allowed.
    #[error("missing permissions")]
    Forbidden,
    /// Only the author may change the text.
    #[error("not the author")]
    NotTheAuthor,
    /// A message without text.
    #[error("empty message")]
    EmptyMessage,
    /// They post again in this channel after this long.
    #[error("slow mode")]
    SlowMode(Duration),
    /// What the server told cannot be changed so.
    #[error("a system message")]
    SystemMessage,
    /// So many messages are not deleted at once.
    #[error("too few or too many messages")]
    TooFewOrMany,
    /// Messages this old are deleted one by one.
    #[error("too old for this")]
    MessageTooOld,
    /// The message has as many different emojis as it may have.
    #[error("too many reactions")]
    TooManyReactions,
    /// The channel has as many pins as it may have.
    #[error("too many pins")]
    TooManyPins,
    /// A category holds no messages.
    #[error("no messages here")]
    NoMessagesHere,
    /// The owner deletes a guild, or gives it away, but does not leave it.
    #[error("the owner cannot leave")]
    OwnerCannotLeave,
    /// In as many guilds as one may be.
    #[error("too many guilds")]
    TooManyGuilds,
    /// The guild has as many channels as it may have.
    #[error("too many channels")]
    TooManyChannels,
    /// The guild has as many invites as it may have.
    #[error("too many invites")]
    TooManyInvites,
    /// This person is not to be written to: no such person, a stranger, or one of the two blocked the other.
    #[error("cannot message this person")]
    CannotMessage,
    /// Nobody to open a conversation with.
    #[error("invalid recipients")]
    InvalidRecipients,
    /// A group has as many people as it may have.
    #[error("too many recipients")]
    TooManyRecipients,
    /// Not in a conversation between two, or not in direct conversations at all.
    #[error("not in direct conversations")]
    NotOnDirect,
    /// Bots have no part in this.
    #[error("bots cannot do this")]
    BotsNotAllowed,
    /// The guild has as many roles as it may have.
    #[error("too many roles")]
    TooManyRoles,
    /// The guild has as many emojis of this kind as it may have.
    #[error("too many emojis")]
    TooManyEmojis,
    /// The guild has as many sounds as it may have.
    #[error("too many sounds")]
    TooManySounds,
    /// A sound file that is not taken.
    #[error("sound not taken")]
    SoundNotTaken(SoundNotTaken),
    /// A field says something that cannot be.
    #[error("invalid form")]
    Form(FieldErrors),
    /// Nothing was stored.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Another service did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Refusal {
    /// A complaint about one field.
    #[must_use]
    pub fn field(name: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Form(FieldErrors::one(name, code, message))
    }
}
