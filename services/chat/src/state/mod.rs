//! All guilds in memory: what permission checks and snapshots read.
//!
//! It holds what is committed, never more: only [`World::apply`] changes it, with the very event that the others
//! hear, on the writer thread, in version order. No IO here.

pub mod direct;
pub mod place;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use tokio::sync::Mutex;
use voxlink_protocol::{
    Channel, ChannelId, Guild, GuildId, Member, Permissions, Role, RoleId, Timestamp, UserId,
    event::{ChannelChange, GuildChange, GuildEvent},
    hierarchy::{self, Rank, Standing},
    permissions::Subject,
};

use crate::Refusal;
use direct::{DirectState, Directs};

/// One guild.
#[derive(Debug)]
pub struct GuildState {
    /// The version of the newest event that is contained.
    pub version: u64,
    /// Its name, owner and roles.
    pub guild: Guild,
    /// Its channels.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Its members, without `user`.
    pub members: BTreeMap<UserId, Member>,
    /// Whose turn it is to change the structure: held from the check until memory is up to date.
    pub turn: Arc<Mutex<()>>,
}

/// A membership that starts now, without roles and without `user`.
#[must_use]
pub fn new_member(joined_at: Timestamp) -> Member {
    Member {
        user: None,
        nick: None,
        roles: Vec::new(),
        joined_at,
        mute: false,
        deaf: false,
        communication_disabled_until: None,
        avatar: None,
        flags: 0,
        pending: false,
        premium_since: (),
        banner: (),
    }
}

fn subject(user: UserId, member: &Member, now: Timestamp) -> Subject<'_> {
    let timed_out = member.communication_disabled_until.is_some_and(|until| until > now);
    Subject { user, roles: &member.roles, timed_out }
}

impl GuildState {
    /// A guild as read from the database or a snapshot.
    #[must_use]
    pub fn new(
        version: u64,
        guild: Guild,
        channels: Vec<Channel>,
        members: impl IntoIterator<Item = (UserId, Member)>,
    ) -> Self {
        Self {
            version,
            guild,
            channels: channels.into_iter().map(|channel| (channel.id, channel)).collect(),
            members: members.into_iter().collect(),
            turn: Arc::default(),
        }
    }
}

/// A guild as one of its members sees it.
#[derive(Clone, Copy, Debug)]
pub struct GuildView<'a> {
    /// The guild.
    pub state: &'a GuildState,
    /// The one who looks.
    pub user: UserId,
    /// The one who looks, without `user`.
    pub member: &'a Member,
    /// What they may do in the guild as a whole.
    pub permissions: Permissions,
}

/// A channel as one who may see it sees it.
#[derive(Clone, Copy, Debug)]
pub struct ChannelView<'a> {
    /// Its guild.
    pub state: &'a GuildState,
    /// The channel.
    pub channel: &'a Channel,
    /// The one who looks, without `user`.
    pub member: &'a Member,
    /// What they may do in the channel.
    pub permissions: Permissions,
}

impl<'a> GuildView<'a> {
    /// True when all of these bits are there.
    #[must_use]
    pub const fn may(&self, needed: Permissions) -> bool {
        self.permissions.contains(needed)
    }

    /// # Errors
    /// [`Refusal::Forbidden`] unless all of these bits are there.
    pub fn require(&self, needed: Permissions) -> Result<(), Refusal> {
        if self.may(needed) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] unless the one who looks stands above this member.
    pub fn require_above(&self, target: UserId, member: &Member) -> Result<(), Refusal> {
        let target = Standing { user: target, roles: &member.roles };
        let above = hierarchy::can_act_on(&self.state.guild, self.standing(), target);
        if above { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] unless the one who looks stands above where a role stands or would stand.
    pub fn require_above_role(&self, rank: Rank) -> Result<(), Refusal> {
        let above = hierarchy::outranks_role(&self.state.guild, self.standing(), rank);
        if above { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// A role of the guild.
    ///
    /// # Errors
    /// [`Refusal::UnknownRole`].
    pub fn role(&self, id: RoleId) -> Result<&'a Role, Refusal> {
        self.state.guild.roles.iter().find(|role| role.id == id).ok_or(Refusal::UnknownRole)
    }

    /// Another member, or the same one.
    ///
    /// # Errors
    /// [`Refusal::UnknownMember`].
    pub fn other(&self, id: UserId) -> Result<&'a Member, Refusal> {
        self.state.members.get(&id).ok_or(Refusal::UnknownMember)
    }

    const fn standing(&self) -> Standing<'a> {
        Standing { user: self.user, roles: self.member.roles.as_slice() }
    }
}

impl ChannelView<'_> {
    /// # Errors
    /// [`Refusal::Forbidden`] unless all of these bits are there.
    pub fn require(&self, needed: Permissions) -> Result<(), Refusal> {
        if self.permissions.contains(needed) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// # Errors
    /// [`Refusal::NoMessagesHere`] where nothing can be posted.
    pub fn require_messages(&self) -> Result<(), Refusal> {
        if self.channel.kind.holds_messages() { Ok(()) } else { Err(Refusal::NoMessagesHere) }
    }
}

/// All guilds.
#[derive(Debug, Default)]
pub struct World {
    guilds: HashMap<GuildId, GuildState>,
    guild_of_channel: HashMap<ChannelId, GuildId>,
    guilds_of_user: HashMap<UserId, BTreeSet<GuildId>>,
    /// Conversations outside of guilds.
    pub directs: Directs,
}

impl World {
    /// The world as the database has it.
    #[must_use]
    pub fn new(guilds: Vec<GuildState>, directs: Vec<DirectState>) -> Self {
        let mut world = Self { directs: Directs::new(directs), ..Self::default() };
        guilds.into_iter().for_each(|state| world.insert(state));
        world
    }

    fn insert(&mut self, state: GuildState) {
        let id = state.guild.id;
        for channel in state.channels.keys() {
            self.guild_of_channel.insert(*channel, id);
        }
        for user in state.members.keys() {
            self.guilds_of_user.entry(*user).or_default().insert(id);
        }
        self.guilds.insert(id, state);
    }

    /// A guild, whoever asks.
    #[must_use]
    pub fn guild(&self, id: GuildId) -> Option<&GuildState> {
        self.guilds.get(&id)
    }

    /// The guilds someone is in, by id.
    pub fn guilds_of(&self, user: UserId) -> impl Iterator<Item = &GuildState> {
        self.guilds_of_user.get(&user).into_iter().flatten().filter_map(|id| self.guilds.get(id))
    }

    /// Which guild a channel is in.
    #[must_use]
    pub fn guild_of_channel(&self, channel: ChannelId) -> Option<GuildId> {
        self.guild_of_channel.get(&channel).copied()
    }

    /// True when there is a guild in which both are members.
    #[must_use]
    pub fn share_a_guild(&self, one: UserId, other: UserId) -> bool {
        self.guilds_of(one).any(|state| state.members.contains_key(&other))
    }

    /// A guild as a member sees it.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] also for those who are not in it.
    pub fn view_guild(&self, id: GuildId, user: UserId, now: Timestamp) -> Result<GuildView<'_>, Refusal> {
        let state = self.guilds.get(&id).ok_or(Refusal::UnknownGuild)?;
        let member = state.members.get(&user).ok_or(Refusal::UnknownGuild)?;
        let permissions = state.guild.permissions(subject(user, member, now));
        Ok(GuildView { state, user, member, permissions })
    }

    /// A channel as a member sees it.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] also for those who may not see it.
    pub fn view_channel(
        &self,
        id: ChannelId,
        user: UserId,
        now: Timestamp,
    ) -> Result<ChannelView<'_>, Refusal> {
        let unknown = Refusal::UnknownChannel;
        let state = self.guild_of_channel(id).and_then(|guild| self.guilds.get(&guild));
        let Some(state) = state else { return Err(unknown) };
        let (Some(channel), Some(member)) = (state.channels.get(&id), state.members.get(&user)) else {
            return Err(unknown);
        };
        let permissions = state.guild.channel_permissions(channel, subject(user, member, now));
        if !permissions.contains(Permissions::VIEW_CHANNEL) {
            return Err(unknown);
        }
        Ok(ChannelView { state, channel, member, permissions })
    }

    /// Takes in what was committed. Fills in what only memory knows at this version (a channel's newest message), so
    /// that the event can be told as it is afterwards.
    pub fn apply(&mut self, event: &mut GuildEvent) {
        let id = event.guild_id;
        match &mut event.change {
            GuildChange::GuildCreate(snapshot) => {
                let members = snapshot.members.iter().filter_map(|member| {
                    let user = member.user.as_ref()?.id;
                    Some((user, Member { user: None, ..member.clone() }))
                });
                let (guild, channels) = (snapshot.guild.clone(), snapshot.channels.clone());
                self.insert(GuildState::new(snapshot.version, guild, channels, members));
            }
            GuildChange::GuildDelete => self.remove(id),
            change => {
                let Some(state) = self.guilds.get_mut(&id) else { return };
                if let Some(version) = event.version {
                    state.version = version;
                }
                match change {
                    GuildChange::ChannelCreate(channel) => {
                        self.guild_of_channel.insert(channel.id, id);
                    }
                    GuildChange::ChannelDelete(channel) => {
                        self.guild_of_channel.remove(&channel.id);
                    }
                    GuildChange::MemberAdd(member) => {
                        if let Some(user) = &member.user {
                            self.guilds_of_user.entry(user.id).or_default().insert(id);
                        }
                    }
                    GuildChange::MemberRemove(user) => forget_guild(&mut self.guilds_of_user, *user, id),
                    _ => {}
                }
                apply_inside(state, change);
            }
        }
    }

    fn remove(&mut self, id: GuildId) {
        let Some(state) = self.guilds.remove(&id) else { return };
        for channel in state.channels.keys() {
            self.guild_of_channel.remove(channel);
        }
        for user in state.members.keys() {
            forget_guild(&mut self.guilds_of_user, *user, id);
        }
    }
}

fn forget_guild(guilds_of_user: &mut HashMap<UserId, BTreeSet<GuildId>>, user: UserId, guild: GuildId) {
    if let Some(guilds) = guilds_of_user.get_mut(&user) {
        guilds.remove(&guild);
        if guilds.is_empty() {
            guilds_of_user.remove(&user);
        }
    }
}

/// What a change does within its guild.
fn apply_inside(state: &mut GuildState, change: &mut GuildChange) {
    match change {
        GuildChange::GuildUpdate(guild) => state.guild = Guild::clone(guild),
        GuildChange::MemberAdd(member) | GuildChange::MemberUpdate(member) => {
            if let Some(user) = &member.user {
                state.members.insert(user.id, Member { user: None, ..Member::clone(member) });
            }
        }
        GuildChange::MemberRemove(user) => {
            state.members.remove(user);
        }
        GuildChange::RoleCreate(role) | GuildChange::RoleUpdate(role) => {
            state.guild.roles.retain(|other| other.id != role.id);
            state.guild.roles.push(role.clone());
            state.guild.roles.sort_by_key(|role: &Role| (role.position, role.id));
        }
        GuildChange::RoleDelete(role) => {
            state.guild.roles.retain(|other| other.id != *role);
            state.members.values_mut().for_each(|member| member.roles.retain(|other| other != role));
        }
        GuildChange::ChannelCreate(channel) | GuildChange::ChannelUpdate(channel) => {
            // Messages do not wait for structural changes: one may have been stored since the change was prepared.
            if let Some(known) = state.channels.get(&channel.id) {
                channel.last_message_id = known.last_message_id;
                channel.last_pin_timestamp = known.last_pin_timestamp;
            }
            state.channels.insert(channel.id, Channel::clone(channel));
        }
        GuildChange::ChannelDelete(channel) => {
            state.channels.remove(&channel.id);
        }
        GuildChange::EmojisUpdate(emojis) => state.guild.emojis.clone_from(emojis),
        GuildChange::SoundCreate(sound) => state.guild.soundboard_sounds.push((**sound).clone()),
        GuildChange::SoundUpdate(sound) => {
            let known = state.guild.soundboard_sounds.iter_mut();
            known.filter(|one| one.sound_id == sound.sound_id).for_each(|one| one.clone_from(sound));
        }
        GuildChange::SoundDelete(sound) => {
            state.guild.soundboard_sounds.retain(|one| one.sound_id != *sound);
        }
        GuildChange::Channel(ChannelChange::MessageCreate(message)) => {
            if let Some(channel) = state.channels.get_mut(&message.channel_id) {
                channel.last_message_id = Some(message.id);
            }
        }
        GuildChange::Channel(ChannelChange::PinsUpdate { channel_id, last_pin_timestamp }) => {
            if let Some(channel) = state.channels.get_mut(channel_id) {
                channel.last_pin_timestamp = *last_pin_timestamp;
            }
        }
        // Not kept in memory, or handled with the guild as a whole.
        GuildChange::GuildCreate(_)
        | GuildChange::GuildDelete
        | GuildChange::Channel(_)
        | GuildChange::BanAdd(_)
        | GuildChange::BanRemove(_)
        | GuildChange::AuditLogEntryCreate(_)
        | GuildChange::InviteCreate(_)
        | GuildChange::InviteDelete { .. }
        | GuildChange::VoiceStateUpdate(_)
        | GuildChange::VoiceEffect(_)
        | GuildChange::CallPlaybackUpdate(_)
        | GuildChange::CallRecordingUpdate(_)
        | GuildChange::RecordingUpdate(_)
        | GuildChange::CallBroadcastUpdate(_) => {}
    }
}
