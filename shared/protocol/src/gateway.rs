//! The gateway's ops and close codes, and what clients send. See docs/protocol/gateway.md.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, GuildId},
    secret::Secret,
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

/// Op 3.
#[derive(Clone, Debug, Deserialize)]
pub struct PresenceUpdate {
    /// The status.
    pub status: Status,
}

/// Op 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VoiceStateRequest {
    pub guild_id: GuildId,
    pub channel_id: Option<ChannelId>,
    #[serde(default)]
    pub self_mute: bool,
    #[serde(default)]
    pub self_deaf: bool,
}
