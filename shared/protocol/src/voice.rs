//! Who is in which call, and how.

use serde::{Deserialize, Serialize};

use crate::{
    guild::Member,
    id::{ChannelId, GuildId, Snowflake, UserId},
    timestamp::Timestamp,
};

/// A voice state in its v10 shape. `channel_id` null: left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceState {
    /// The guild; absent in direct conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The voice channel or conversation, null after leaving.
    pub channel_id: Option<ChannelId>,
    /// Who.
    pub user_id: UserId,
    /// They as a member, with `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// The gateway session that holds this seat.
    pub session_id: String,
    /// Deafened by a moderator.
    pub deaf: bool,
    /// Muted by a moderator.
    pub mute: bool,
    /// Deafened by themselves.
    pub self_deaf: bool,
    /// Muted by themselves.
    pub self_mute: bool,
    /// Shares a screen.
    #[serde(default)]
    pub self_stream: bool,
    /// Camera on.
    pub self_video: bool,
    /// May not speak (stages, or no SPEAK permission).
    pub suppress: bool,
    /// Asked to speak; never so far.
    pub request_to_speak_timestamp: Option<Timestamp>,
}

/// What a call pass says: signed by chat, verified by media without asking back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallPass {
    /// Who may join.
    pub user_id: UserId,
    /// The guild; `None` for the call of a direct conversation.
    pub guild_id: Option<GuildId>,
    /// Which call.
    pub channel_id: ChannelId,
    /// The gateway session it was made for.
    pub session_id: String,
    /// Microphone and screen sound are let through.
    pub may_speak: bool,
    /// Camera and screen are let through.
    pub may_stream: bool,
    /// The call is end-to-end encrypted; never so far.
    pub e2ee: bool,
    /// Seats of the channel, 0 for no limit; those who may move members come in all the same (then 0).
    pub user_limit: u32,
    /// Not valid after this, at most 60 s after it was made.
    pub expires: Timestamp,
}

impl CallPass {
    /// What a voice socket calls the server of this call (v10's `server_id`): the guild, or the conversation.
    #[must_use]
    pub fn server(&self) -> Snowflake {
        self.guild_id.map_or(self.channel_id.0, |guild| guild.0)
    }
}
