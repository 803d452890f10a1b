//! What happens in a guild, as chat tells it and the gateway passes it on.

use serde::{Deserialize, Serialize};

use crate::{
    audit::AuditLogEntry,
    broadcast::CallBroadcast,
    channel::Channel,
    direct::{CallUpdate, DirectCall, DirectChannel},
    emoji::{Emoji, ReactionEmoji},
    guild::{Guild, GuildSnapshot, Member, Role},
    id::{ChannelId, GuildId, MessageId, RoleId, SoundId, UserId},
    invite::Invite,
    message::Message,
    playback::CallPlayback,
    read_state::{ReadState, UserGuildSettings},
    recording::{CallRecording, RecordingNews},
    relationship::{Relationship, RelationshipKind},
    settings::UserSettings,
    soundboard::{SoundboardSound, VoiceEffect},
    timestamp::Timestamp,
    user::User,
    voice::VoiceState,
};

/// One event of one guild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What happened in one of its channels.
    Channel(ChannelChange),
    /// GUILD_BAN_ADD: for those who may ban.
    BanAdd(Box<User>),
    /// GUILD_BAN_REMOVE: for those who may ban.
    BanRemove(Box<User>),
    /// GUILD_EMOJIS_UPDATE: all of them.
    EmojisUpdate(Vec<Emoji>),
    /// GUILD_SOUNDBOARD_SOUND_CREATE.
    SoundCreate(Box<SoundboardSound>),
    /// GUILD_SOUNDBOARD_SOUND_UPDATE.
    SoundUpdate(Box<SoundboardSound>),
    /// GUILD_SOUNDBOARD_SOUND_DELETE.
    SoundDelete(SoundId),
    /// GUILD_AUDIT_LOG_ENTRY_CREATE: for those who may read the log.
    AuditLogEntryCreate(Box<AuditLogEntry>),
    /// INVITE_CREATE: for those who may manage the channel.
    InviteCreate(Box<Invite>),
    /// INVITE_DELETE.
    InviteDelete {
        /// Its code.
        code: String,
        /// Its channel.
        channel_id: ChannelId,
    },
    /// VOICE_STATE_UPDATE; not stored.
    VoiceStateUpdate(Box<VoiceState>),
    /// VOICE_CHANNEL_EFFECT_SEND: for those in the call; not stored.
    VoiceEffect(Box<VoiceEffect>),
    /// CALL_PLAYBACK_UPDATE, our own; not stored.
    CallPlaybackUpdate(Box<CallPlayback>),
    /// CALL_RECORDING_UPDATE, our own; not stored.
    CallRecordingUpdate(Box<CallRecording>),
    /// RECORDING_UPDATE, our own; not stored.
    RecordingUpdate(Box<RecordingNews>),
    /// CALL_BROADCAST_UPDATE, our own; not stored.
    CallBroadcastUpdate(Box<CallBroadcast>),
}

/// What happened in a channel, of a guild or direct. Each variant is one v10 dispatch; the gateway adds `guild_id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "d")]
pub enum ChannelChange {
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
    /// MESSAGE_DELETE_BULK.
    MessageDeleteBulk {
        /// Which.
        ids: Vec<MessageId>,
        /// Where they were.
        channel_id: ChannelId,
    },
    /// MESSAGE_REACTION_ADD.
    ReactionAdd(Box<ReactionChange>),
    /// MESSAGE_REACTION_REMOVE.
    ReactionRemove(Box<ReactionChange>),
    /// MESSAGE_REACTION_REMOVE_ALL.
    ReactionRemoveAll {
        /// Where.
        channel_id: ChannelId,
        /// From which message.
        message_id: MessageId,
    },
    /// MESSAGE_REACTION_REMOVE_EMOJI.
    ReactionRemoveEmoji {
        /// Where.
        channel_id: ChannelId,
        /// From which message.
        message_id: MessageId,
        /// Which emoji, everyone's.
        emoji: ReactionEmoji,
    },
    /// CHANNEL_PINS_UPDATE.
    PinsUpdate {
        /// Where.
        channel_id: ChannelId,
        /// When a message was last pinned; null when none is.
        last_pin_timestamp: Option<Timestamp>,
    },
    /// TYPING_START; not stored.
    TypingStart {
        /// Where.
        channel_id: ChannelId,
        /// Who.
        user_id: UserId,
        /// They as a member, with `user`; absent in direct conversations.
        member: Option<Box<Member>>,
        /// Unix seconds.
        timestamp: u64,
    },
}

impl ChannelChange {
    /// The channel it happened in.
    #[must_use]
    pub fn channel(&self) -> ChannelId {
        match self {
            Self::MessageCreate(message) | Self::MessageUpdate(message) => message.channel_id,
            Self::ReactionAdd(change) | Self::ReactionRemove(change) => change.channel_id,
            Self::MessageDelete { channel_id, .. }
            | Self::MessageDeleteBulk { channel_id, .. }
            | Self::ReactionRemoveAll { channel_id, .. }
            | Self::ReactionRemoveEmoji { channel_id, .. }
            | Self::PinsUpdate { channel_id, .. }
            | Self::TypingStart { channel_id, .. } => *channel_id,
        }
    }
}

/// Someone put an emoji under a message, or took it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionChange {
    /// Who.
    pub user_id: UserId,
    /// Where.
    pub channel_id: ChannelId,
    /// Under which message.
    pub message_id: MessageId,
    /// Which emoji.
    pub emoji: ReactionEmoji,
    /// They as a member, with `user`; when it was put there, in a guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// Whose message it is; when it was put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_author_id: Option<UserId>,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub burst: bool,
    /// v10 fields that have one value here.
    #[serde(rename = "type", default)]
    pub kind: u8,
}

/// Something that concerns people rather than a guild.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserEvent {
    /// Who hears of it, on all of their devices.
    pub to: Vec<UserId>,
    /// What happened.
    pub change: UserChange,
}

/// What happened. Each variant is one dispatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "d")]
pub enum UserChange {
    /// CHANNEL_CREATE: a direct conversation, as this one receiver sees it.
    DirectChannelCreate(Box<DirectChannel>),
    /// CHANNEL_UPDATE.
    DirectChannelUpdate(Box<DirectChannel>),
    /// CHANNEL_DELETE: it is gone, or one is no longer in it.
    DirectChannelDelete(Box<DirectChannel>),
    /// CHANNEL_RECIPIENT_ADD.
    RecipientAdd {
        /// Where.
        channel_id: ChannelId,
        /// Who.
        user: Box<User>,
    },
    /// CHANNEL_RECIPIENT_REMOVE.
    RecipientRemove {
        /// Where.
        channel_id: ChannelId,
        /// Who.
        user: Box<User>,
    },
    /// What happened in a direct conversation.
    Channel(ChannelChange),
    /// VOICE_STATE_UPDATE of the call of a direct conversation.
    VoiceState {
        /// The conversation, also when they left.
        channel_id: ChannelId,
        /// How they are in it.
        state: Box<VoiceState>,
    },
    /// CALL_CREATE: a call began in a conversation.
    CallCreate(Box<DirectCall>),
    /// CALL_UPDATE: other devices ring. v10 tells who is in it by voice states.
    CallUpdate(Box<CallUpdate>),
    /// CALL_DELETE: it is over.
    CallDelete {
        /// The conversation.
        channel_id: ChannelId,
    },
    /// CALL_RECORDING_UPDATE of the call of a direct conversation.
    CallRecordingUpdate(Box<CallRecording>),
    /// RECORDING_UPDATE of one of a direct conversation.
    RecordingUpdate(Box<RecordingNews>),
    /// RELATIONSHIP_ADD.
    RelationshipAdd(Box<Relationship>),
    /// RELATIONSHIP_UPDATE.
    RelationshipUpdate(Box<Relationship>),
    /// RELATIONSHIP_REMOVE.
    RelationshipRemove {
        /// The other person.
        id: UserId,
        /// What it was.
        #[serde(rename = "type")]
        kind: RelationshipKind,
    },
    /// MESSAGE_ACK: someone read on another device, or was mentioned.
    ReadState(ReadState),
    /// USER_GUILD_SETTINGS_UPDATE.
    GuildSettings(Box<UserGuildSettings>),
    /// USER_SETTINGS_UPDATE.
    Settings(Box<UserSettings>),
}
