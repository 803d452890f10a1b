//! What services ask of and tell each other. In one process a call is a function call and an event is a shared
//! pointer; between machines both are JSON on NATS, so everything here serialises.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    direct::{DirectCall, DirectChannel},
    embed::Embed,
    event::{GuildEvent, UserEvent},
    guild::GuildSnapshot,
    id::{ChannelId, GuildId, LoginId, MessageId, UserId},
    invite::InviteCode,
    permissions::Permissions,
    read_state::{ReadState, UserGuildSettings},
    recording::{CallRecording, RecordingNews, RecordingPolicy},
    secret::Secret,
    timestamp::Timestamp,
    user::User,
    voice::VoiceState,
};

/// A question that exactly one service answers.
pub trait Request: Serialize + DeserializeOwned + Send + 'static {
    /// The subject on the bus, `service.verb`.
    const NAME: &'static str;
    /// The answer; its own `Err` is an outcome of the domain.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The guild or user that decides which node answers.
    fn routing_key(&self) -> u64;
}

/// Something that happened; every subscriber hears it.
pub trait Announcement: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The subject on the bus, `service.noun`.
    const NAME: &'static str;
}

macro_rules! requests {
    ($($name:ident = $subject:literal, |$this:ident| $key:expr => $reply:ty;)+) => {$(
        impl Request for $name {
            const NAME: &'static str = $subject;
            type Reply = $reply;
            fn routing_key(&self) -> u64 { let $this = self; $key }
        }
    )+};
}

/// To identity: whose token is this? The token without `Bearer `/`Bot `.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ResolveToken {
    pub token: Secret,
}

/// Whose a valid token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TokenOwner {
    pub user: User,
    pub login: LoginId,
}

/// To identity: these accounts, those that exist, in any order. At most 1,000 ids.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct GetUsers {
    pub ids: Vec<UserId>,
}

/// To chat: where is this person a member?
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct GuildsOf {
    pub user: UserId,
}

/// To chat: which conversations has this person not closed? As they see them.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DirectChannelsOf {
    pub user: UserId,
}

/// To chat: what has this person read, and how often were they mentioned since?
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ReadStatesOf {
    pub user: UserId,
}

/// To chat: what does this person want to hear of?
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UserGuildSettingsOf {
    pub user: UserId,
}

/// To chat: the guild as it is now; `None` when there is none.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LoadGuild {
    pub guild: GuildId,
}

/// To chat: does this invite let someone into a guild now? On a server that registers by invitation it lets them make
/// an account too.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InviteWorks {
    pub code: InviteCode,
}

/// To chat: may this person join this call? The pass is for VOICE_SERVER_UPDATE's `token`.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IssueCallPass {
    pub user: UserId,
    /// `None` for the call of a direct conversation.
    pub guild: Option<GuildId>,
    pub channel: ChannelId,
    pub session_id: String,
}

/// To chat: may this person stream into this channel or watch it (WHIP, WHEP)? The pass names the guild.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IssueStreamPass {
    pub user: UserId,
    pub channel: ChannelId,
    /// Under which a stream holds a seat when its person has none.
    pub session_id: String,
}

/// Why there is no pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PassRefused {
    /// No such guild or channel, or not visible to them.
    Unknown,
    /// Not a voice channel.
    NotVoice,
    /// No CONNECT.
    Forbidden,
}

/// To media: takes a seat in a call (leaving any other seat of this user), or moves. Publishes the voice state.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TakeSeat {
    pub pass: Secret,
    pub self_mute: bool,
    pub self_deaf: bool,
}

/// Where the voice gateway of a seat is: `host[:port]/voice` is filled in by the gateway from its own address when empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Seat {
    pub state: VoiceState,
    pub endpoint: String,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatRefused {
    /// The pass is forged or too old.
    BadPass,
    /// `user_limit` reached.
    Full,
}

/// To media: mute or deafen oneself while seated. `false`: there is no such seat.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UpdateSeat {
    pub user: UserId,
    pub guild: Option<GuildId>,
    pub session_id: String,
    pub self_mute: bool,
    pub self_deaf: bool,
}

/// To media: gives up the seat, if this session holds one. Without `guild`: wherever it is (the session ended).
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LeaveSeat {
    pub user: UserId,
    pub guild: Option<GuildId>,
    pub session_id: String,
}

/// To media: who is in the calls of this guild. `member` is left out: the gateway adds it.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VoiceStatesOf {
    pub guild: GuildId,
}

/// To media: takes someone out of the guild's call. `false`: they are in none.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EndSeat {
    pub user: UserId,
    pub guild: GuildId,
}

/// To media: who is in the calls of these direct conversations.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VoiceStatesIn {
    pub channels: Vec<ChannelId>,
}

/// To media: this conversation has no place in its call for `user` any more, or, without one, for anybody.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct EndDirectSeats {
    pub channel: ChannelId,
    pub user: Option<UserId>,
}

/// To chat: the calls of this person's conversations that ring or go on.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CallsOf {
    pub user: UserId,
}

/// To chat: what may these people do in the calls in which they sit? Asked whenever that may have changed. Those who may
/// not be there (any more) are not in the answer.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CallRightsOf {
    pub guild: GuildId,
    pub seats: Vec<(UserId, ChannelId)>,
}

/// To chat: what may this person do in this channel? `None`: they do not see it.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PermissionsIn {
    pub user: UserId,
    pub channel: ChannelId,
}

/// What someone may do in a channel of a guild, or in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Granted {
    /// `None` in a conversation.
    pub guild: Option<GuildId>,
    pub permissions: Permissions,
    /// People can call there.
    pub is_voice: bool,
}

/// To chat: what may this person do in this guild? `None`: they are no member.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PermissionsOf {
    pub user: UserId,
    pub guild: GuildId,
}

/// To chat: a message of somebody that consists of an embed, written for them by a service. The answer is its id;
/// `None` when the channel or the member is gone. Asked twice for one `url` in a channel it answers the first message.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct PostEmbed {
    pub author: UserId,
    pub channel: ChannelId,
    pub embed: Embed,
}

/// To chat: takes such a message away; `false` when it is gone already.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct WithdrawEmbed {
    pub channel: ChannelId,
    pub message: MessageId,
}

/// To chat: puts this into the guild's audit log; `false` when the guild is gone.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LogRecording {
    pub guild: GuildId,
    pub actor: UserId,
    pub deed: RecordingDeed,
}

/// What somebody did about recordings. v10 knows none of it: the numbers in the log are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingDeed {
    /// 1000: began to record the call of this channel.
    Start(ChannelId),
    /// 1001: ended it.
    Stop(ChannelId),
    /// 1002: deleted a recording of this channel.
    Delete(ChannelId),
    /// 1004: began to broadcast the call of this channel.
    StartBroadcast(ChannelId),
    /// 1005: ended that.
    StopBroadcast(ChannelId),
    /// 1006: took somebody else out of a recording of this channel.
    TakeOut(ChannelId),
    /// 1003: changed the guild's rule, from one to the other; days of `None` are for ever.
    #[allow(missing_docs)]
    Rule { policy: [RecordingPolicy; 2], keep_days: [Option<u32>; 2] },
}

/// To chat: what was written in a channel from one moment until another and is still there, oldest first, at most so many.
#[derive(Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct WrittenBetween {
    pub channel: ChannelId,
    pub from: Timestamp,
    pub to: Timestamp,
    pub limit: u32,
}

/// Something that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Written {
    pub author: UserId,
    pub at: Timestamp,
    pub text: String,
}

/// What someone may do in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRights {
    /// Who.
    pub user: UserId,
    /// In which.
    pub channel: ChannelId,
    /// Microphone and screen sound are let through.
    pub may_speak: bool,
    /// Camera and screen are let through.
    pub may_stream: bool,
    /// Muted by a moderator.
    pub mute: bool,
    /// Deafened by a moderator.
    pub deaf: bool,
}

requests! {
    ResolveToken = "identity.resolve_token", |_this| 0 => Option<TokenOwner>;
    GetUsers = "identity.get_users", |_this| 0 => Vec<User>;
    GuildsOf = "chat.guilds_of", |this| this.user.get() => Vec<GuildId>;
    DirectChannelsOf = "chat.direct_channels_of", |this| this.user.get() => Vec<DirectChannel>;
    ReadStatesOf = "chat.read_states_of", |this| this.user.get() => Vec<ReadState>;
    UserGuildSettingsOf = "chat.user_guild_settings_of", |this| this.user.get() => Vec<UserGuildSettings>;
    LoadGuild = "chat.load_guild", |this| this.guild.get() => Option<GuildSnapshot>;
    InviteWorks = "chat.invite_works", |_this| 0 => bool;
    IssueCallPass = "chat.issue_call_pass", |this| this.channel.get() => Result<Secret, PassRefused>;
    IssueStreamPass = "chat.issue_stream_pass", |this| this.channel.get() => Result<Secret, PassRefused>;
    TakeSeat = "media.take_seat", |_this| 0 => Result<Seat, SeatRefused>;
    UpdateSeat = "media.update_seat", |this| this.user.get() => bool;
    LeaveSeat = "media.leave_seat", |this| this.user.get() => bool;
    EndSeat = "media.end_seat", |this| this.guild.get() => bool;
    PermissionsIn = "chat.permissions_in", |this| this.channel.get() => Option<Granted>;
    PermissionsOf = "chat.permissions_of", |this| this.guild.get() => Option<Permissions>;
    PostEmbed = "chat.post_embed", |this| this.channel.get() => Option<MessageId>;
    WithdrawEmbed = "chat.withdraw_embed", |this| this.channel.get() => bool;
    LogRecording = "chat.log_recording", |this| this.guild.get() => bool;
    WrittenBetween = "chat.written_between", |this| this.channel.get() => Vec<Written>;
    CallRightsOf = "chat.call_rights_of", |this| this.guild.get() => Vec<CallRights>;
    VoiceStatesOf = "media.voice_states_of", |this| this.guild.get() => Vec<VoiceState>;
    VoiceStatesIn = "media.voice_states_in", |_this| 0 => Vec<VoiceState>;
    EndDirectSeats = "media.end_direct_seats", |this| this.channel.get() => ();
    CallsOf = "chat.calls_of", |this| this.user.get() => Vec<DirectCall>;
}

/// From identity: this login is over (logged out, revoked): close its sockets with 4004, drop it from caches.
/// Goes through identity's outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SessionRevoked {
    pub user: UserId,
    pub login: LoginId,
}

/// From identity: an account changed its name or picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdated(pub User);

/// From media, to chat, which knows who may hear of it: someone came into the call of a direct conversation, changed
/// there, or left (then `state.channel_id` is `None`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct DirectVoiceState {
    pub channel: ChannelId,
    pub state: VoiceState,
    /// They left with their page, which may be loading anew: the call is not over yet.
    pub may_return: bool,
}

/// From recording, to chat, which knows who may hear of it: the recording of a conversation's call stands like this now,
/// or something has become of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DirectRecording {
    /// CALL_RECORDING_UPDATE.
    Call(Box<CallRecording>),
    /// RECORDING_UPDATE.
    News(Box<RecordingNews>),
}

impl Announcement for DirectRecording {
    const NAME: &'static str = "recording.direct_recording";
}
impl Announcement for DirectVoiceState {
    const NAME: &'static str = "media.direct_voice_state";
}
impl Announcement for SessionRevoked {
    const NAME: &'static str = "identity.session_revoked";
}
impl Announcement for UserUpdated {
    const NAME: &'static str = "identity.user_updated";
}
/// From chat (versioned and typing) and media (voice states).
impl Announcement for GuildEvent {
    const NAME: &'static str = "guild.event";
}
/// From chat (direct conversations, read states) and identity (relationships, settings).
impl Announcement for UserEvent {
    const NAME: &'static str = "user.event";
}
