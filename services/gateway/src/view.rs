//! A guild as the gateway knows it: enough to decide who may see what, without asking.

use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use voxlink_protocol::{
    Channel, ChannelId, Guild, GuildSnapshot, Member, Permissions, Timestamp, User, UserId, VoiceState,
    gateway::{Activity, Status},
    permissions::Subject,
};

use crate::{
    dispatch::{Body, Kind},
    hub::{Seen, UserEntry},
    session::SessionKey,
};

/// docs/protocol/gateway.md: GUILD_CREATE brings all members up to this many, then only oneself and who is in a call; bots get
/// those online.
const MOST_MEMBERS_WHOLE: usize = 1000;

/// A guild, its members, and the sessions here that are in it.
#[derive(Debug)]
pub(crate) struct GuildView {
    pub(crate) version: u64,
    pub(crate) guild: Guild,
    pub(crate) channels: Vec<Channel>,
    pub(crate) members: FxHashMap<UserId, Member>,
    pub(crate) voice: FxHashMap<UserId, VoiceState>,
    sessions: Vec<(SessionKey, UserId)>,
    /// Who sees which channel; emptied by whatever could change it.
    audiences: FxHashMap<ChannelId, Arc<[SessionKey]>>,
    everyone: Option<Arc<[SessionKey]>>,
    crowd: Option<Crowd>,
    /// As `crowd`, for people in a guild that is too large to be sent whole: they look at ranges (op 14).
    lean_crowd: Option<Crowd>,
    /// Something that member lists show changed since they were last told.
    list_changed: bool,
}

/// The end of a GUILD_CREATE that all who join at the same time share: members and presences.
#[derive(Clone, Debug)]
struct Crowd {
    json: Bytes,
    contains: Option<Arc<FxHashSet<UserId>>>,
}

#[derive(Serialize)]
struct GuildCreate<'a> {
    #[serde(flatten)]
    guild: &'a Guild,
    joined_at: Option<Timestamp>,
    large: bool,
    unavailable: bool,
    member_count: usize,
    version: u64,
    channels: Vec<&'a Channel>,
    voice_states: Vec<VoiceState>,
    // v10 fields that libraries insist on, of features to come.
    threads: [(); 0],
    stage_instances: [(); 0],
    guild_scheduled_events: [(); 0],
}

/// A presence within GUILD_CREATE, and with a guild as PRESENCE_UPDATE.
#[derive(Serialize)]
pub(crate) struct PresenceOf<'a> {
    pub(crate) user: UserRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guild_id: Option<voxlink_protocol::GuildId>,
    pub(crate) status: Status,
    pub(crate) activities: &'a [Activity],
    pub(crate) client_status: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
pub(crate) struct UserRef {
    pub(crate) id: UserId,
}

impl<'a> PresenceOf<'a> {
    /// How someone is seen; `None` for offline.
    pub(crate) fn new(
        id: UserId,
        seen: Option<&'a Seen>,
        guild_id: Option<voxlink_protocol::GuildId>,
    ) -> Self {
        let mut client_status = serde_json::Map::new();
        if let Some(seen) = seen {
            client_status.insert("web".to_owned(), serde_json::json!(seen.status));
        }
        Self {
            user: UserRef { id },
            guild_id,
            status: seen.map_or(Status::Offline, |seen| seen.status),
            activities: seen.map_or(&[], |seen| &seen.activities),
            client_status,
        }
    }
}

impl GuildView {
    pub(crate) fn new(snapshot: GuildSnapshot, voice: Vec<VoiceState>) -> Self {
        let members = snapshot.members.into_iter();
        Self {
            version: snapshot.version,
            guild: snapshot.guild,
            channels: snapshot.channels,
            members: members.filter_map(|member| Some((member.user.as_ref()?.id, member))).collect(),
            voice: voice.into_iter().map(|state| (state.user_id, state)).collect(),
            sessions: Vec::new(),
            audiences: FxHashMap::default(),
            everyone: None,
            crowd: None,
            lean_crowd: None,
            list_changed: true,
        }
    }

    /// Takes over the sessions of an older view of the same guild, those of members that is; returns the others.
    pub(crate) fn adopt(&mut self, older: Self) -> Vec<SessionKey> {
        let (stay, go): (Vec<_>, Vec<_>) =
            older.sessions.into_iter().partition(|(_, user)| self.members.contains_key(user));
        self.sessions = stay;
        go.into_iter().map(|(session, _)| session).collect()
    }

    /// Puts a session in. False when it was in before.
    pub(crate) fn enter(&mut self, session: SessionKey, user: UserId) -> bool {
        if self.sessions.iter().any(|(present, _)| *present == session) {
            return false;
        }
        self.sessions.push((session, user));
        self.forget_audiences();
        true
    }

    pub(crate) fn leave(&mut self, session: SessionKey) {
        self.sessions.retain(|(present, _)| *present != session);
        self.forget_audiences();
    }

    /// Takes out all sessions of a person.
    pub(crate) fn leave_user(&mut self, user: UserId) -> Vec<SessionKey> {
        let gone =
            self.sessions.iter().filter(|(_, who)| *who == user).map(|(session, _)| *session).collect();
        self.sessions.retain(|(_, who)| *who != user);
        self.forget_audiences();
        gone
    }

    pub(crate) fn is_deserted(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Who is in it, each session with its person.
    pub(crate) fn sessions(&self) -> &[(SessionKey, UserId)] {
        &self.sessions
    }

    /// All sessions.
    pub(crate) fn everyone(&mut self) -> Arc<[SessionKey]> {
        self.everyone
            .get_or_insert_with(|| self.sessions.iter().map(|(session, _)| *session).collect())
            .clone()
    }

    /// The sessions that see a channel; nobody sees an unknown one.
    pub(crate) fn audience(&mut self, channel: ChannelId) -> Arc<[SessionKey]> {
        if let Some(known) = self.audiences.get(&channel) {
            return known.clone();
        }
        let found: Arc<[SessionKey]> = match self.channel(channel) {
            Some(channel) => self
                .sessions
                .iter()
                .filter(|(_, user)| self.sees(*user, channel))
                .map(|(session, _)| *session)
                .collect(),
            None => Arc::default(),
        };
        self.audiences.insert(channel, found.clone());
        found
    }

    /// The sessions of those who may manage a channel or the guild: they hear of invites.
    pub(crate) fn managers(&self, channel: ChannelId) -> Vec<SessionKey> {
        let in_channel = self.channel(channel);
        let may = |user: UserId| {
            self.subject(user).is_some_and(|subject| {
                self.guild.permissions(subject).contains(Permissions::MANAGE_GUILD)
                    || in_channel.is_some_and(|channel| {
                        self.guild
                            .channel_permissions(channel, subject)
                            .contains(Permissions::MANAGE_CHANNELS)
                    })
            })
        };
        self.sessions.iter().filter(|(_, user)| may(*user)).map(|(session, _)| *session).collect()
    }

    /// The sessions of those who may do this in the guild as a whole.
    pub(crate) fn who_may(&self, needed: Permissions) -> Vec<SessionKey> {
        let may = |user: UserId| {
            self.subject(user).is_some_and(|subject| self.guild.permissions(subject).contains(needed))
        };
        self.sessions.iter().filter(|(_, user)| may(*user)).map(|(session, _)| *session).collect()
    }

    /// The sessions of those who sit in the call of a channel.
    pub(crate) fn in_call(&self, channel: ChannelId) -> Vec<SessionKey> {
        let sits =
            |user: &UserId| self.voice.get(user).is_some_and(|state| state.channel_id == Some(channel));
        self.sessions.iter().filter(|(_, user)| sits(user)).map(|(session, _)| *session).collect()
    }

    /// The channels that each session sees.
    pub(crate) fn sights(&mut self) -> FxHashMap<ChannelId, Arc<[SessionKey]>> {
        let ids: Vec<_> = self.channels.iter().map(|channel| channel.id).collect();
        ids.into_iter().map(|id| (id, self.audience(id))).collect()
    }

    /// To be called after whatever changes who sees what.
    pub(crate) fn forget_audiences(&mut self) {
        self.audiences.clear();
        self.everyone = None;
        self.list_changed = true;
    }

    /// To be called after whatever changes members or how they are seen.
    pub(crate) fn forget_crowd(&mut self) {
        self.crowd = None;
        self.lean_crowd = None;
        self.list_changed = true;
    }

    /// True when member lists may show something else than when this was last asked.
    pub(crate) fn take_list_changed(&mut self) -> bool {
        std::mem::take(&mut self.list_changed)
    }

    /// Too large to be sent whole.
    pub(crate) fn is_large(&self) -> bool {
        self.members.len() > MOST_MEMBERS_WHOLE
    }

    /// Who hears of presences one by one: everyone, but in a large guild only bots; people look at ranges there.
    pub(crate) fn presence_hearers(&mut self) -> Arc<[SessionKey]> {
        if !self.is_large() {
            return self.everyone();
        }
        let bots = self.sessions.iter().filter(|(_, user)| self.user(*user).is_some_and(|user| user.bot));
        bots.map(|(session, _)| *session).collect()
    }

    /// The members who see a channel.
    pub(crate) fn who_sees(&self, channel: ChannelId) -> impl Iterator<Item = (UserId, &Member)> {
        let channel = self.channel(channel);
        let sees =
            move |(id, _): &(&UserId, &Member)| channel.is_some_and(|channel| self.sees(**id, channel));
        self.members.iter().filter(sees).map(|(id, member)| (*id, member))
    }

    pub(crate) fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    pub(crate) fn channel_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|channel| channel.id == id)
    }

    /// A member as a user.
    pub(crate) fn user(&self, id: UserId) -> Option<&User> {
        self.members.get(&id)?.user.as_ref()
    }

    fn subject(&self, user: UserId) -> Option<Subject<'_>> {
        // A timeout takes nothing from what is asked here: seeing channels.
        self.members.get(&user).map(|member| Subject { user, roles: &member.roles, timed_out: false })
    }

    fn sees(&self, user: UserId, channel: &Channel) -> bool {
        self.subject(user).is_some_and(|subject| {
            self.guild.channel_permissions(channel, subject).contains(Permissions::VIEW_CHANNEL)
        })
    }

    /// A voice state with its member, as it is dispatched.
    pub(crate) fn with_member(&self, mut state: VoiceState) -> VoiceState {
        state.member = self.members.get(&state.user_id).cloned();
        state
    }

    /// GUILD_CREATE as this person or bot sees the guild.
    pub(crate) fn guild_create(
        &mut self,
        user: UserId,
        bot: bool,
        users: &FxHashMap<UserId, UserEntry>,
    ) -> Body {
        let lean = self.is_large() && !bot;
        let known = if lean { &self.lean_crowd } else { &self.crowd };
        let crowd = match known {
            Some(crowd) => crowd.clone(),
            None => {
                let crowd = self.make_crowd(lean, users);
                let place = if lean { &mut self.lean_crowd } else { &mut self.crowd };
                place.insert(crowd).clone()
            }
        };
        let channels: Vec<_> = self.channels.iter().filter(|channel| self.sees(user, channel)).collect();
        let visible =
            |state: &&VoiceState| channels.iter().any(|channel| Some(channel.id) == state.channel_id);
        let own = self.members.get(&user);
        let create = GuildCreate {
            guild: &self.guild,
            joined_at: own.map(|member| member.joined_at),
            large: self.is_large(),
            unavailable: false,
            member_count: self.members.len(),
            version: self.version,
            voice_states: self
                .voice
                .values()
                .filter(visible)
                .map(|state| self.with_member(state.clone()))
                .collect(),
            channels,
            threads: [],
            stage_instances: [],
            guild_scheduled_events: [],
        };
        let mut start = serde_json::to_vec(&create).unwrap_or_default();
        start.pop();
        start.extend_from_slice(b",\"members\":[");
        let missing = crowd.contains.as_ref().is_some_and(|ids| !ids.contains(&user));
        if let Some(own) = own.filter(|_| missing) {
            start.extend(serde_json::to_vec(own).unwrap_or_default());
            if crowd.contains.is_some_and(|ids| !ids.is_empty()) {
                start.push(b',');
            }
        }
        Body::with_shared_end(Kind::GUILD_CREATE, &start, crowd.json)
    }

    fn make_crowd(&self, lean: bool, users: &FxHashMap<UserId, UserEntry>) -> Crowd {
        let seen = |id: &UserId| users.get(id).and_then(UserEntry::seen);
        let whole = !self.is_large();
        let here = |id: &UserId| if lean { self.voice.contains_key(id) } else { seen(id).is_some() };
        let shown: Vec<_> = self.members.iter().filter(|(id, _)| whole || here(id)).collect();
        let presences: Vec<_> =
            shown.iter().filter_map(|(id, _)| Some(PresenceOf::new(**id, Some(seen(id)?), None))).collect();
        let contains = (!whole).then(|| Arc::new(shown.iter().map(|(id, _)| **id).collect()));
        let members: Vec<_> = shown.iter().map(|(_, member)| member).collect();
        let mut json = serde_json::to_vec(&members).unwrap_or_default();
        json.extend_from_slice(b",\"presences\":");
        json.extend(serde_json::to_vec(&presences).unwrap_or_default());
        json.push(b'}');
        // The opening bracket stands in each session's own part.
        Crowd { json: Bytes::from(json).slice(1..), contains }
    }
}
