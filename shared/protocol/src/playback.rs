//! A file that somebody plays in a call, and what others are told of it.

use serde::{Deserialize, Serialize};

use crate::{
    bus::Request,
    id::{AttachmentId, ChannelId, GuildId, MessageId, UserId},
};

/// How it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaybackState {
    /// It is heard.
    Playing,
    /// It waits to be gone on with.
    Paused,
    /// It is over, or was stopped.
    Ended,
}

/// CALL_PLAYBACK_UPDATE, our own: a file that is played in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPlayback {
    /// In which.
    pub channel_id: ChannelId,
    /// Of which guild.
    pub guild_id: GuildId,
    /// Who plays it.
    pub user_id: UserId,
    /// What it is called: the name of its file.
    pub title: String,
    /// How it goes on.
    pub state: PlaybackState,
}

/// To chat: may this person play this attachment of a message in this call? Whether they sit there is for media to say.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FileToPlay {
    pub user: UserId,
    /// The call.
    pub channel: ChannelId,
    /// Where the message is.
    pub source: ChannelId,
    pub message: MessageId,
    pub attachment: AttachmentId,
}

/// They may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayableFile {
    /// The guild of the call.
    pub guild: GuildId,
    /// The name of the file.
    pub filename: String,
}

/// Why they may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRefused {
    /// No such channel, or they do not see it: 404.
    UnknownChannel,
    /// No such message, or they may not read it, or it has no such file: 404.
    UnknownMessage,
    /// They lack SPEAK: 403.
    Forbidden,
    /// Nobody can call there: 400.
    NotVoice,
}

/// To files: the bytes of an upload of at most `most` bytes, `None` when there is none or it is larger.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct FetchUpload {
    pub attachment: AttachmentId,
    pub most: u64,
}

impl Request for FileToPlay {
    const NAME: &'static str = "chat.file_to_play";
    type Reply = Result<PlayableFile, FileRefused>;
    fn routing_key(&self) -> u64 {
        self.channel.get()
    }
}

impl Request for FetchUpload {
    const NAME: &'static str = "files.fetch_upload";
    type Reply = Option<Vec<u8>>;
    fn routing_key(&self) -> u64 {
        0
    }
}
