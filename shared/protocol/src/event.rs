//! What happens in a guild, as chat tells it and the gateway passes it on.

use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    guild::{Guild, GuildSnapshot, Member, Role},
    id::{ChannelId, GuildId, MessageId, RoleId, UserId},
    invite::Invite,
    message::Message,
    voice::VoiceState,
};

/// One event of one guild.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuildEvent {
    /// Whose.
    pub guild_id: GuildId,
    /// The guild's version after this event: contiguous, stored in the same transaction. `None` for what is not
    /// stored (typing, voice states): such an event may be lost.
    pub version: Option<u64>,
    /// What happened.
    pub change: GuildChange,
}

/// What happened. Each variant is one v10 dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "d")]
pub enum GuildChange {
    /// GUILD_CREATE: a guild was made; the snapshot's version is this event's.
    GuildCreate(Box<GuildSnapshot>),
    /// GUILD_UPDATE.
    GuildUpdate(Box<Guild>),
    /// GUILD_DELETE for everyone.
    GuildDelete,
    /// GUILD_MEMBER_ADD (and GUILD_CREATE for the person), with `user`.
    MemberAdd(Box<Member>),
    /// GUILD_MEMBER_UPDATE, with `user`.
    MemberUpdate(Box<Member>),
    /// GUILD_MEMBER_REMOVE (and GUILD_DELETE for the person).
    MemberRemove(UserId),
    /// GUILD_ROLE_CREATE.
    RoleCreate(Role),
    /// GUILD_ROLE_UPDATE.
    RoleUpdate(Role),
    /// GUILD_ROLE_DELETE.
    RoleDelete(RoleId),
    /// CHANNEL_CREATE.
    ChannelCreate(Box<Channel>),
    /// CHANNEL_UPDATE.
    ChannelUpdate(Box<Channel>),
    /// CHANNEL_DELETE.
    ChannelDelete(Box<Channel>),
    /// MESSAGE_CREATE, with `guild_id`, `member` and the author's `nonce`.
    MessageCreate(Box<Message>),
    /// MESSAGE_UPDATE, with `guild_id` and `member`.
    MessageUpdate(Box<Message>),
    /// MESSAGE_DELETE.
    MessageDelete {
        /// Which.
        id: MessageId,
        /// Where it was.
        channel_id: ChannelId,
    },
    /// INVITE_CREATE: for those who may manage the channel.
    InviteCreate(Box<Invite>),
    /// INVITE_DELETE.
    InviteDelete {
        /// Its code.
        code: String,
        /// Its channel.
        channel_id: ChannelId,
    },
    /// TYPING_START; not stored. With the member (with `user`).
    TypingStart {
        /// Where.
        channel_id: ChannelId,
        /// Who.
        member: Box<Member>,
        /// Unix seconds.
        timestamp: u64,
    },
    /// VOICE_STATE_UPDATE; not stored.
    VoiceStateUpdate(Box<VoiceState>),
}
