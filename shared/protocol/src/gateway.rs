//! The gateway's ops and close codes, and what clients send. See docs/protocol/gateway.md.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    emoji::ReactionEmoji,
    id::{ChannelId, GuildId, UserId},
    secret::Secret,
    settings::CustomStatus,
};

/// Opcodes of the main gateway (v10).
#[allow(missing_docs)]
pub mod op {
    pub const DISPATCH: u8 = 0;
    pub const HEARTBEAT: u8 = 1;
    pub const IDENTIFY: u8 = 2;
    pub const PRESENCE_UPDATE: u8 = 3;
    pub const VOICE_STATE_UPDATE: u8 = 4;
    pub const RESUME: u8 = 6;
    pub const RECONNECT: u8 = 7;
    pub const REQUEST_GUILD_MEMBERS: u8 = 8;
    pub const INVALID_SESSION: u8 = 9;
    pub const HELLO: u8 = 10;
    pub const HEARTBEAT_ACK: u8 = 11;
    /// Ours: which rows of a member list are looked at.
    pub const MEMBER_LIST: u8 = 14;
    pub const REQUEST_SOUNDBOARD_SOUNDS: u8 = 31;
}

/// Close codes of the main gateway (v10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u16)]
pub enum CloseCode {
    Normal = 1000,
    GoingAway = 1001,
    ProtocolError = 1002,
    InvalidPayload = 1007,
    TooBig = 1009,
    UnknownError = 4000,
    UnknownOpcode = 4001,
    DecodeError = 4002,
    NotAuthenticated = 4003,
    AuthenticationFailed = 4004,
    AlreadyAuthenticated = 4005,
    InvalidSeq = 4007,
    RateLimited = 4008,
    SessionTimedOut = 4009,
    InvalidShard = 4010,
    InvalidApiVersion = 4012,
    InvalidIntents = 4013,
    DisallowedIntents = 4014,
}

/// Op 2.
#[derive(Clone, Debug, Deserialize)]
pub struct Identify {
    /// The login or bot token; may carry `Bearer ` or `Bot `.
    pub token: Secret,
    /// Which events are wanted; absent: all that the account may have.
    #[serde(default)]
    pub intents: Option<u64>,
    /// First presence.
    #[serde(default)]
    pub presence: Option<PresenceUpdate>,
}

/// Op 6.
#[derive(Clone, Debug, Deserialize)]
pub struct Resume {
    /// The same token as at IDENTIFY.
    pub token: Secret,
    /// From READY.
    pub session_id: String,
    /// The last `s` that arrived.
    pub seq: u64,
}

/// How a person is to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Status {
    #[default]
    Online,
    Idle,
    Dnd,
    /// Seen as offline.
    Invisible,
    Offline,
}

/// What someone is up to, as v10 tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Activity {
    /// The game, the song, or the words; up to 128 characters.
    pub name: String,
    /// 0 playing, 1 streaming, 2 listening, 3 watching, 4 a custom status, 5 competing.
    #[serde(rename = "type", default)]
    pub kind: u8,
    /// More words; of a custom status all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where it can be watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Before a custom status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<ReactionEmoji>,
}

impl Activity {
    /// v10: characters of each of its texts.
    pub const MAX_CHARS: usize = 128;
    /// How many someone has at once.
    pub const MOST: usize = 3;

    /// True when every text keeps to its bound.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let short = |text: &str, most: usize| text.chars().count() <= most;
        let url = self.url.as_deref().is_none_or(|url| short(url, 512));
        let emoji = self.emoji.as_ref().and_then(|emoji| emoji.name.as_deref());
        short(&self.name, Self::MAX_CHARS)
            && self.state.as_deref().is_none_or(|state| short(state, Self::MAX_CHARS))
            && emoji.is_none_or(|name| short(name, 64))
            && url
            && self.kind <= 5
    }

    /// A custom status as an activity.
    #[must_use]
    pub fn custom(status: &CustomStatus) -> Self {
        let emoji = status.emoji_name.is_some().then(|| ReactionEmoji {
            id: status.emoji_id,
            name: status.emoji_name.clone(),
            animated: false,
        });
        Self { name: "Custom Status".to_owned(), kind: 4, state: status.text.clone(), url: None, emoji }
    }
}

/// Op 3.
#[derive(Clone, Debug, Deserialize)]
pub struct PresenceUpdate {
    /// The status.
    pub status: Status,
    /// What one is up to; absent leaves it.
    #[serde(default)]
    pub activities: Option<Vec<Activity>>,
}

/// Op 8: members by the beginning of a name, or by id.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct RequestGuildMembers {
    pub guild_id: GuildId,
    #[serde(default)]
    pub query: Option<String>,
    #[serde(default)]
    pub limit: u32,
    #[serde(default)]
    pub presences: bool,
    /// One or several.
    #[serde(default, deserialize_with = "one_or_many")]
    pub user_ids: Vec<UserId>,
    #[serde(default)]
    pub nonce: Option<String>,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UserId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        One(UserId),
        Many(Vec<UserId>),
    }
    Ok(match Option::<Raw>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Raw::One(id)) => vec![id],
        Some(Raw::Many(ids)) => ids,
    })
}

/// Op 31: the sounds of guilds.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct RequestSounds {
    pub guild_ids: Vec<GuildId>,
}

/// Op 14, ours: the rows of a channel's member list that a client shows. Each range is its first and last row.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct MemberListRequest {
    pub guild_id: GuildId,
    pub channel_id: ChannelId,
    pub ranges: Vec<(u32, u32)>,
}

/// Op 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VoiceStateRequest {
    /// Null for the call of a direct conversation; it has to be said.
    #[serde(deserialize_with = "Option::deserialize")]
    pub guild_id: Option<GuildId>,
    pub channel_id: Option<ChannelId>,
    #[serde(default)]
    pub self_mute: bool,
    #[serde(default)]
    pub self_deaf: bool,
}
