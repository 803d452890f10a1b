//! Direct conversations: two people, or a group without a guild.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChannelId, MessageId, UserId},
    timestamp::Timestamp,
    user::User,
    voice::VoiceState,
};

/// The v10 channel types of direct conversations; numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum DirectKind {
    /// 1: between two people; there is one for each pair.
    Pair,
    /// 3: up to ten people.
    Group,
}

impl From<DirectKind> for u8 {
    fn from(kind: DirectKind) -> Self {
        match kind {
            DirectKind::Pair => 1,
            DirectKind::Group => 3,
        }
    }
}

impl TryFrom<u8> for DirectKind {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            1 => Ok(Self::Pair),
            3 => Ok(Self::Group),
            _ => Err("direct channel type must be 1 (between two) or 3 (group)"),
        }
    }
}

/// A direct conversation as one of its people sees it: in its v10 shape, without themselves among the recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectChannel {
    /// Its id.
    pub id: ChannelId,
    /// Between two, or a group.
    #[serde(rename = "type")]
    pub kind: DirectKind,
    /// The newest message ever posted here, which may be deleted by now.
    pub last_message_id: Option<MessageId>,
    /// When a message was last pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pin_timestamp: Option<Timestamp>,
    /// The others.
    pub recipients: Vec<User>,
    /// v10 channel flags; none are set so far.
    #[serde(default)]
    pub flags: u32,
    /// What only a group has.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
}

/// What only a group has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name; the names of its people when null.
    pub name: Option<String>,
    /// Hash of its picture.
    pub icon: Option<String>,
    /// Who may take people out.
    pub owner_id: UserId,
}

/// The call of a direct conversation in its v10 shape, that of CALL_CREATE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectCall {
    /// The conversation.
    pub channel_id: ChannelId,
    /// The message that tells of it.
    pub message_id: Option<MessageId>,
    /// Where it is held: v10 knows regions, here there is one.
    pub region: String,
    /// Whose devices ring.
    pub ringing: Vec<UserId>,
    /// Who is in it.
    pub voice_states: Vec<VoiceState>,
}

/// What CALL_UPDATE says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallUpdate {
    /// The conversation.
    pub channel_id: ChannelId,
    /// The message that tells of it.
    pub message_id: Option<MessageId>,
    /// As in [`DirectCall`].
    pub region: String,
    /// Whose devices ring.
    pub ringing: Vec<UserId>,
}
