//! Channels: where one writes or talks.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, GuildId, MessageId, Snowflake},
    permissions::Permissions,
    timestamp::Timestamp,
};

/// The v10 channel types that exist here; numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum ChannelKind {
    /// 0: text in a guild.
    Text,
    /// 2: voice in a guild; also holds text.
    Voice,
    /// 4: a heading that groups channels.
    Category,
}

impl From<ChannelKind> for u8 {
    fn from(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::Text => 0,
            ChannelKind::Voice => 2,
            ChannelKind::Category => 4,
        }
    }
}

impl TryFrom<u8> for ChannelKind {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            0 => Ok(Self::Text),
            2 => Ok(Self::Voice),
            4 => Ok(Self::Category),
            _ => Err("channel type must be 0 (text), 2 (voice) or 4 (category)"),
        }
    }
}

impl ChannelKind {
    /// True where messages can be posted: text channels and the chat of a voice channel.
    #[must_use]
    pub const fn holds_messages(self) -> bool {
        matches!(self, Self::Text | Self::Voice)
    }
}

/// Whom an overwrite is about; numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum OverwriteKind {
    /// 0: a role.
    Role,
    /// 1: a member.
    Member,
}

impl From<OverwriteKind> for u8 {
    fn from(kind: OverwriteKind) -> Self {
        kind as u8
    }
}

impl TryFrom<u8> for OverwriteKind {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            0 => Ok(Self::Role),
            1 => Ok(Self::Member),
            _ => Err("overwrite type must be 0 (role) or 1 (member)"),
        }
    }
}

/// A channel's exception for a role or a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwrite {
    /// The role or the user.
    pub id: Snowflake,
    /// Which of the two.
    #[serde(rename = "type")]
    pub kind: OverwriteKind,
    /// Bits given.
    pub allow: Permissions,
    /// Bits taken.
    pub deny: Permissions,
}

/// A guild channel in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Text, voice or category.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// The guild it is in.
    pub guild_id: GuildId,
    /// Its name as people wrote it.
    pub name: String,
    /// Sorting: by position, then by id.
    pub position: u32,
    /// The category above it.
    pub parent_id: Option<ChannelId>,
    /// What it is about (text channels), up to 1,024 characters.
    #[serde(default)]
    pub topic: Option<String>,
    /// Marked as not for everyone's eyes.
    #[serde(default)]
    pub nsfw: bool,
    /// Slow mode: seconds between two messages of one person, 0 for none.
    #[serde(default)]
    pub rate_limit_per_user: u32,
    /// Exceptions for roles and members.
    #[serde(default)]
    pub permission_overwrites: Vec<Overwrite>,
    /// The newest message ever posted here, which may be deleted by now.
    #[serde(default)]
    pub last_message_id: Option<MessageId>,
    /// When the newest of the pinned messages was pinned.
    #[serde(default)]
    pub last_pin_timestamp: Option<Timestamp>,
    /// Opus bitrate in bit/s (voice channels).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// Seats, 0 for no limit (voice channels).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_limit: Option<u32>,
    /// v10 channel flags; none are set so far.
    #[serde(default)]
    pub flags: u32,
}
