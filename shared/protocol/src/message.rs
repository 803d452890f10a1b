//! Messages.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    attachment::Attachment,
    embed::Embed,
    emoji::ReactionEmoji,
    guild::Member,
    id::{ChannelId, GuildId, MessageId, UserId},
    timestamp::Timestamp,
    user::User,
};

/// A client's own mark on a message, so that a retry is recognised: up to 25 characters or a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Nonce(String);

impl Nonce {
    /// v10: the longest nonce.
    pub const MAX_CHARS: usize = 25;

    /// Parses a nonce.
    ///
    /// # Errors
    /// When it is empty or longer than [`Self::MAX_CHARS`].
    pub fn parse(raw: &str) -> Result<Self, &'static str> {
        match raw.chars().count() {
            0 => Err("a nonce is not empty"),
            n if n > Self::MAX_CHARS => Err("a nonce has at most 25 characters"),
            _ => Ok(Self(raw.to_owned())),
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Text(String),
            Number(i64),
        }
        let text = match Raw::deserialize(deserializer)? {
            Raw::Text(text) => text,
            Raw::Number(number) => number.to_string(),
        };
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What kind of message it is; numbers in JSON (v10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum MessageKind {
    /// 0: someone's words.
    #[default]
    Default,
    /// 1: someone came into a group.
    RecipientAdd,
    /// 2: someone left a group or was taken out.
    RecipientRemove,
    /// 3: someone called.
    Call,
    /// 4: a group has another name.
    ChannelNameChange,
    /// 5: a group has another picture.
    ChannelIconChange,
    /// 6: a message was pinned.
    ChannelPinnedMessage,
    /// 7: someone joined the guild.
    UserJoin,
    /// 19: someone's words that answer another message.
    Reply,
}

impl From<MessageKind> for u8 {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Default => 0,
            MessageKind::RecipientAdd => 1,
            MessageKind::RecipientRemove => 2,
            MessageKind::Call => 3,
            MessageKind::ChannelNameChange => 4,
            MessageKind::ChannelIconChange => 5,
            MessageKind::ChannelPinnedMessage => 6,
            MessageKind::UserJoin => 7,
            MessageKind::Reply => 19,
        }
    }
}

impl TryFrom<u8> for MessageKind {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            0 => Ok(Self::Default),
            1 => Ok(Self::RecipientAdd),
            2 => Ok(Self::RecipientRemove),
            3 => Ok(Self::Call),
            4 => Ok(Self::ChannelNameChange),
            5 => Ok(Self::ChannelIconChange),
            6 => Ok(Self::ChannelPinnedMessage),
            7 => Ok(Self::UserJoin),
            19 => Ok(Self::Reply),
            _ => Err("not a message type that exists here"),
        }
    }
}

bitflags::bitflags! {
    /// v10 message flags; a number in JSON. Unknown bits are dropped.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MessageFlags: u32 {
        /// Its embeds are hidden.
        const SUPPRESS_EMBEDS = 1 << 2;
        /// It rings nobody's device.
        const SUPPRESS_NOTIFICATIONS = 1 << 12;
    }
}

impl Serialize for MessageFlags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.bits())
    }
}

impl<'de> Deserialize<'de> for MessageFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::from_bits_truncate)
    }
}

/// One emoji under a message, as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Which.
    pub emoji: ReactionEmoji,
    /// How many people chose it.
    pub count: u32,
    /// v10's split of the count.
    pub count_details: CountDetails,
    /// The reader is one of them; false in gateway events.
    pub me: bool,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub me_burst: bool,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub burst_colors: Vec<String>,
}

/// v10's split of a reaction's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CountDetails {
    pub normal: u32,
    pub burst: u32,
}

impl Reaction {
    /// So many people chose this emoji.
    #[must_use]
    pub const fn new(emoji: ReactionEmoji, count: u32, me: bool) -> Self {
        let count_details = CountDetails { normal: count, burst: 0 };
        Self { emoji, count, count_details, me, me_burst: false, burst_colors: Vec::new() }
    }
}

/// What a message answers. All ids are filled in, whatever the client left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReference {
    /// 0: an answer.
    #[serde(rename = "type", default)]
    pub kind: u8,
    /// Which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Where it is.
    pub channel_id: ChannelId,
    /// The guild it is in; absent in direct conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
}

/// A call as its message tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCall {
    /// Who was in it, the caller first. Whoever is not named did not answer.
    pub participants: Vec<UserId>,
    /// When it ended; null while it goes on.
    pub ended_timestamp: Option<Timestamp>,
}

/// Tells null (`Some(None)`) from absent (`None`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A message in its v10 shape. Fields of features to come are present with their empty value, as libraries expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id; within a channel ids follow commit order.
    pub id: MessageId,
    /// Where.
    pub channel_id: ChannelId,
    /// Who.
    pub author: User,
    /// What.
    pub content: String,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// When it was last changed.
    pub edited_timestamp: Option<Timestamp>,
    /// Read aloud; never so far.
    #[serde(default)]
    pub tts: bool,
    /// Rings everyone who sees it.
    #[serde(default)]
    pub mention_everyone: bool,
    /// Mentioned people.
    #[serde(default)]
    pub mentions: Vec<User>,
    /// Mentioned roles.
    #[serde(default)]
    pub mention_roles: Vec<crate::id::RoleId>,
    /// Files.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// Link cards, and what bots lay out.
    #[serde(default)]
    pub embeds: Vec<Embed>,
    /// Emojis under it, in the order in which they came; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// Kept for everyone to find.
    #[serde(default)]
    pub pinned: bool,
    /// Who wrote it, or what the server tells.
    #[serde(rename = "type", default)]
    pub kind: MessageKind,
    /// v10 message flags.
    #[serde(default)]
    pub flags: MessageFlags,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_reference: Option<MessageReference>,
    /// The message it answers, without what that one answers; null when that is deleted, absent when it answers none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub referenced_message: Option<Option<Box<Message>>>,
    /// What a message of kind [`MessageKind::Call`] tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<MessageCall>,
    /// Buttons and the like; none so far.
    #[serde(default)]
    pub components: Vec<serde_json::Value>,
    /// The author's mark; in the reply to the author and in MESSAGE_CREATE, not in history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// In gateway events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// In gateway events only: the author as a member, without `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
}

impl Message {
    /// Someone's words and nothing else; its time is in its id.
    #[must_use]
    pub fn new(id: MessageId, channel_id: ChannelId, author: User, content: impl Into<String>) -> Self {
        Self {
            id,
            channel_id,
            author,
            content: content.into(),
            timestamp: Timestamp(id.0.unix_ms()),
            edited_timestamp: None,
            tts: false,
            mention_everyone: false,
            mentions: Vec::new(),
            mention_roles: Vec::new(),
            attachments: Vec::new(),
            embeds: Vec::new(),
            reactions: Vec::new(),
            pinned: false,
            kind: MessageKind::Default,
            flags: MessageFlags::empty(),
            message_reference: None,
            referenced_message: None,
            call: None,
            components: Vec::new(),
            nonce: None,
            guild_id: None,
            member: None,
        }
    }
}
