//! What services ask of files, and what files asks of chat.
//!
//! The life of a file: a person uploads it into a channel; chat asks for it by [`DescribeUploads`] when a message
//! names it, and tells [`FilesNews::AttachmentsUsed`] from the transaction that stores the message. A file that no
//! message came to use within a day is collected, and so is one whose last message is gone.

use serde::{Deserialize, Serialize};

use crate::{
    attachment::Attachment,
    bus::Request,
    embed::Embed,
    id::{ApplicationId, AttachmentId, ChannelId, EmojiId, GuildId, MessageId, SoundId, UserId},
};

/// To chat: may this person put a file into this channel (VIEW_CHANNEL, SEND_MESSAGES, ATTACH_FILES; in direct
/// conversations: be part of it)? Asked before the first byte is taken.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct MayAttach {
    pub user: UserId,
    pub channel: ChannelId,
}

/// They may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachGrant {
    /// The guild of the channel; `None` for direct conversations.
    pub guild: Option<GuildId>,
}

/// Why they may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachRefused {
    /// No such channel, or they do not see it: 404.
    Unknown,
    /// They see it but may not: 403.
    Forbidden,
    /// Nothing can be posted there: 400.
    NoMessagesHere,
}

/// To files: describes what this person uploaded into this channel, in the order asked for, at most 10. It stays at
/// least another day, for a message to use it; one that a message of theirs uses already may be asked for again (a
/// retry under the same nonce).
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DescribeUploads {
    pub user: UserId,
    pub channel: ChannelId,
    pub ids: Vec<AttachmentId>,
}

/// Which of them is not theirs, not for this channel, or not there: all the same to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UploadsRefused {
    pub unknown: AttachmentId,
}

/// To files: what it must know to keep what is used and to delete what is not. Stored in the sender's outbox within the
/// transaction that it tells of, and carried from there in order (`service_kit::courier`) until files has it on disk.
/// Told twice is as good as once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FilesNews {
    /// This message uses these files.
    AttachmentsUsed { message: MessageId, ids: Vec<AttachmentId> },
    /// This message uses these files no longer (deleted, or edited). A file that no message uses is deleted.
    AttachmentsReleased { message: MessageId, ids: Vec<AttachmentId> },
    /// These channels and all their messages are gone, so are their files.
    ChannelsGone { channels: Vec<ChannelId> },
    /// This picture is not used any more.
    ImageReleased { purpose: ImagePurpose, hash: String },
}

/// What a picture is for, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum ImagePurpose {
    /// A person's or bot's picture: `/cdn/avatars/{user}/{hash}.webp`.
    Avatar(UserId),
    /// The wide picture of a profile: `/cdn/banners/{user}/{hash}.webp`.
    Banner(UserId),
    /// A guild's icon: `/cdn/icons/{guild}/{hash}.webp`.
    GuildIcon(GuildId),
    /// A group's icon: `/cdn/channel-icons/{channel}/{hash}.webp`.
    ChannelIcon(ChannelId),
    /// An application's icon: `/cdn/app-icons/{application}/{hash}.webp`.
    ApplicationIcon(ApplicationId),
    /// A guild's own emoji: `/cdn/emojis/{emoji}.webp`. The owner makes the id before it stores the picture.
    Emoji(EmojiId),
    /// No picture: a sound of a soundboard, `/cdn/soundboard-sounds/{sound}`, which lives as an emoji's picture does.
    Sound(SoundId),
}

/// To files: takes a picture as a data URI (`data:image/png;base64,…`), makes it safe and keeps it, each time under a
/// new hash.
///
/// The caller keeps the hash in its own database, and tells [`FilesNews::ImageReleased`] once that holds another one (or
/// when it could not store this one).
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct StoreImage {
    pub purpose: ImagePurpose,
    pub data_uri: String,
}

/// A kept picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    /// Its name in URLs; begins with `a_` when it moves (v10).
    pub hash: String,
    /// It moves: `.gif` brings the moving form.
    pub animated: bool,
}

/// Why a picture is not taken. All of them are 400 with a complaint about the field; see
/// [`ImageRefused::code`] and [`ImageRefused::words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageRefused {
    /// Not a base64 data URI.
    NotADataUri,
    /// Not PNG, JPEG, GIF or WebP by its bytes, or broken.
    NotAnImage,
    /// More bytes than this purpose allows.
    TooLarge {
        /// Bytes.
        most: u64,
    },
    /// More pixels than one should have to decode.
    TooManyPixels,
}

impl ImageRefused {
    /// The v10 machine word for a field complaint.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotADataUri | Self::NotAnImage => "IMAGE_INVALID",
            Self::TooLarge { .. } => "BINARY_TYPE_MAX_SIZE",
            Self::TooManyPixels => "IMAGE_TOO_LARGE",
        }
    }

    /// A sentence for a field complaint.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::NotADataUri => "Must be a data URI: data:image/png;base64,…".to_owned(),
            Self::NotAnImage => "Must be a whole PNG, JPEG, GIF or WebP picture.".to_owned(),
            Self::TooLarge { most } => format!("File cannot be larger than {} KiB.", most / 1024),
            Self::TooManyPixels => "This picture has too many pixels.".to_owned(),
        }
    }
}

/// To files: what these links lead to, as embeds in the order of the links; those that have nothing to show are left
/// out. Takes up to 6 seconds: never to be awaited on a person's request.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreviewLinks {
    /// Who posted them: each person has only so many per minute.
    pub user: UserId,
    /// `http` or `https`; others are left out. More than [`PreviewLinks::MOST`] are cut off.
    pub urls: Vec<String>,
}

impl PreviewLinks {
    /// Previews under one message.
    pub const MOST: usize = 5;
}

impl Request for MayAttach {
    const NAME: &'static str = "chat.may_attach";
    type Reply = Result<AttachGrant, AttachRefused>;
    fn routing_key(&self) -> u64 {
        self.channel.get()
    }
}
impl Request for DescribeUploads {
    const NAME: &'static str = "files.describe_uploads";
    type Reply = Result<Vec<Attachment>, UploadsRefused>;
    fn routing_key(&self) -> u64 {
        self.user.get()
    }
}
impl Request for StoreImage {
    const NAME: &'static str = "files.store_image";
    type Reply = Result<StoredImage, ImageRefused>;
    fn routing_key(&self) -> u64 {
        0
    }
}
impl Request for PreviewLinks {
    const NAME: &'static str = "files.preview_links";
    type Reply = Vec<Embed>;
    fn routing_key(&self) -> u64 {
        self.user.get()
    }
}

impl Request for FilesNews {
    const NAME: &'static str = "files.news";
    type Reply = ();
    fn routing_key(&self) -> u64 {
        0
    }
}
