//! Recordings of calls, as everyone in the channel hears of them (docs/protocol/recordings.md).

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, GuildId, RecordingId, UserId},
    timestamp::Timestamp,
};

/// What it takes before something of a person is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingPolicy {
    /// Their client has said that they see the mark.
    #[default]
    Announce,
    /// They have agreed.
    Ask,
    /// Nobody records.
    Off,
}

/// How the recording of a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRecordingState {
    /// It goes on.
    Recording,
    /// Nothing is kept for now.
    Paused,
    /// It is over; in events only.
    Ended,
}

/// Why something is being lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingTrouble {
    /// The disk does not keep up.
    SlowDisk,
    /// The disk is full.
    FullDisk,
    /// The recordings of this guild, or of this conversation, have all the room that they may have: it ends.
    Quota,
}

/// A call is being recorded. CALL_RECORDING_UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecording {
    /// Its id; what becomes of it is asked for by this.
    pub id: RecordingId,
    /// Whose call.
    pub channel_id: ChannelId,
    /// Where that is; `None` in a conversation.
    pub guild_id: Option<GuildId>,
    /// Whether it goes on.
    pub state: CallRecordingState,
    /// What it takes to be kept.
    pub policy: RecordingPolicy,
    /// Who began it.
    pub started_by: UserId,
    /// When.
    pub started_at: Timestamp,
    /// How long it was paused so far, in milliseconds.
    pub paused_ms: u64,
    /// Whose voice and pictures are kept.
    pub kept: Vec<UserId>,
    /// What is wrong.
    pub trouble: Option<RecordingTrouble>,
}

/// What has become of a recording that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// It is being mixed.
    Processing,
    /// It can be listened to.
    Ready,
    /// Nothing can be made of it.
    Failed,
    /// It was deleted; in events only.
    Deleted,
}

/// RECORDING_UPDATE: how far a recording is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingNews {
    /// Which.
    pub id: RecordingId,
    /// Whose call it was.
    pub channel_id: ChannelId,
    /// Where that is; `None` in a conversation.
    pub guild_id: Option<GuildId>,
    /// What it is.
    pub state: RecordingState,
    /// How much of what is being made is done, 0 to 1.
    pub progress: f32,
    /// What is being made of one that is ready; absent when the recording itself is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputNews>,
}

/// How far something is that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputNews {
    /// `video`, `flac` or `wav`.
    pub kind: String,
    /// Of which track, if it is of one.
    pub track: Option<String>,
    /// How it stands.
    pub state: OutputState,
}

/// How something stands that is made of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputState {
    /// It can be asked for.
    Offered,
    /// It cannot be made here.
    Unavailable,
    /// Its turn comes.
    Waiting,
    /// It is being made.
    Running,
    /// It is there.
    Ready,
    /// It could not be made.
    Failed,
}
