//! Calls that are broadcast, as everyone in the channel hears of them (docs/protocol/broadcast.md).

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, GuildId, RecordingId, UserId},
    recording::RecordingPolicy,
    timestamp::Timestamp,
};

/// How a broadcast stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallBroadcastState {
    /// It goes on.
    Live,
    /// It is over; in events only.
    Ended,
}

/// Why there is less than there could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastTrouble {
    /// The picture's codec plays nowhere but in calls, and the server has nothing to turn it into another.
    NoTranscoder,
}

/// How the sound of a broadcast is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastSound {
    /// As it was mixed.
    Opus,
    /// Made of that when a player asks for it, where the server has a program that does.
    Aac,
}

/// The picture that is broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastPicture {
    /// Whose.
    pub user_id: UserId,
    /// `camera` or `screen`.
    pub source: String,
    /// As `MediaSource.isTypeSupported` names it.
    pub codec: String,
}

/// A call is being broadcast. CALL_BROADCAST_UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBroadcast {
    /// Its id, out of the same row as those of recordings.
    pub id: RecordingId,
    /// Whose call.
    pub channel_id: ChannelId,
    /// Where that is.
    pub guild_id: GuildId,
    /// Whether it goes on.
    pub state: CallBroadcastState,
    /// What it takes before a person is in it.
    pub policy: RecordingPolicy,
    /// Who began it.
    pub started_by: UserId,
    /// When.
    pub started_at: Timestamp,
    /// Whose voice and pictures are in it.
    pub kept: Vec<UserId>,
    /// How many people watch.
    pub viewers: u32,
    /// What there is to see; `None`: sound only.
    pub picture: Option<BroadcastPicture>,
    /// What players can have it as.
    pub sound: Vec<BroadcastSound>,
    /// What is wrong.
    pub trouble: Option<BroadcastTrouble>,
}
