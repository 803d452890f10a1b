//! What a person has read, and what they want to hear of: the same on all of their devices.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, GuildId, MessageId},
    timestamp::Timestamp,
};

/// How far someone has read in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadState {
    /// Where.
    pub channel_id: ChannelId,
    /// The newest message they have read.
    pub last_message_id: Option<MessageId>,
    /// Mentions of them in newer ones.
    pub mention_count: u32,
}

/// Which messages someone wants to be told of; numbers in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum NotificationLevel {
    /// 0: all of them.
    #[default]
    All,
    /// 1: those that mention them.
    Mentions,
    /// 2: none.
    Nothing,
    /// 3: as the guild has it (channels only).
    Inherit,
}

impl From<NotificationLevel> for u8 {
    fn from(level: NotificationLevel) -> Self {
        match level {
            NotificationLevel::All => 0,
            NotificationLevel::Mentions => 1,
            NotificationLevel::Nothing => 2,
            NotificationLevel::Inherit => 3,
        }
    }
}

impl TryFrom<u8> for NotificationLevel {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            0 => Ok(Self::All),
            1 => Ok(Self::Mentions),
            2 => Ok(Self::Nothing),
            3 => Ok(Self::Inherit),
            _ => Err("message notifications must be 0 (all), 1 (mentions), 2 (nothing) or 3 (as the server)"),
        }
    }
}

/// What someone wants to hear of in a guild, or (`guild_id` null) in direct conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UserGuildSettings {
    pub guild_id: Option<GuildId>,
    /// Nothing here counts as unread.
    pub muted: bool,
    /// When the mute ends; null for never.
    pub mute_until: Option<Timestamp>,
    pub message_notifications: NotificationLevel,
    /// `@everyone` and `@here` do not count as mentions.
    pub suppress_everyone: bool,
    /// Mentions of roles do not count.
    pub suppress_roles: bool,
    pub channel_overrides: Vec<ChannelOverride>,
}

/// What someone wants to hear of in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ChannelOverride {
    pub channel_id: ChannelId,
    pub muted: bool,
    pub mute_until: Option<Timestamp>,
    pub message_notifications: NotificationLevel,
}
