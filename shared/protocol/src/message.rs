//! Messages.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    guild::Member,
    id::{ChannelId, GuildId, MessageId},
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

/// A message in its v10 shape. Fields of features to come are present with their empty value, as libraries expect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Rings everyone; never so far.
    #[serde(default)]
    pub mention_everyone: bool,
    /// Mentioned people.
    #[serde(default)]
    pub mentions: Vec<User>,
    /// Mentioned roles.
    #[serde(default)]
    pub mention_roles: Vec<crate::id::RoleId>,
    /// Files; none so far.
    #[serde(default)]
    pub attachments: Vec<serde_json::Value>,
    /// Link cards; none so far.
    #[serde(default)]
    pub embeds: Vec<serde_json::Value>,
    /// Kept for everyone to find; never so far.
    #[serde(default)]
    pub pinned: bool,
    /// 0: a person's message.
    #[serde(rename = "type", default)]
    pub kind: u8,
    /// v10 message flags.
    #[serde(default)]
    pub flags: u32,
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
