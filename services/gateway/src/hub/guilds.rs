//! Guild views: loaded at first need, kept by versioned events, loaded anew after a gap, dropped when nobody is left.

use std::{sync::Arc, time::Duration};

use rustc_hash::FxHashMap;
use serde_json::json;
use voxlink_protocol::{
    GuildId, GuildSnapshot, UserId, VoiceState,
    event::{GuildChange, GuildEvent},
};

use super::{Effect, Hub, member_list::MemberLists, presence::UserEntry, sessions::Sessions};
use crate::{dispatch::Kind, session::SessionKey, view::GuildView};

/// Events kept while a guild is being loaded; past this it is loaded once more instead.
const MOST_BUFFERED: usize = 4096;
/// After chat did not answer.
const LOAD_RETRY: Duration = Duration::from_secs(1);

/// A guild that someone here is in.
#[derive(Debug, Default)]
pub(super) struct GuildEntry {
    pub(super) view: Option<GuildView>,
    pub(super) lists: MemberLists,
    load: Option<Load>,
    /// Sessions that get their GUILD_CREATE once it is loaded.
    waiting: Vec<(SessionKey, UserId)>,
}

/// A question to chat that is on its way.
#[derive(Debug, Default)]
struct Load {
    /// What happened meanwhile.
    buffer: Vec<Arc<GuildEvent>>,
    /// The buffer overflowed: the answer will be out of date.
    stale: bool,
}

/// Puts a session of a member in and sends it the guild.
pub(super) fn welcome(
    view: &mut GuildView,
    sessions: &mut Sessions,
    users: &FxHashMap<UserId, UserEntry>,
    session: SessionKey,
    user: UserId,
) {
    if sessions.get(session).is_some() && view.enter(session, user) {
        introduce(view, sessions, users, session, user);
    }
}

/// Sends a session the guild as it is now.
fn introduce(
    view: &mut GuildView,
    sessions: &mut Sessions,
    users: &FxHashMap<UserId, UserEntry>,
    session: SessionKey,
    user: UserId,
) {
    let bot = sessions.get(session).is_some_and(|session| session.user.bot);
    let body = view.guild_create(user, bot, users);
    sessions.send(session, &body);
}

impl Hub {
    /// A session is to be in a guild; it gets GUILD_CREATE now or once the guild is loaded.
    pub(super) fn want_guild(&mut self, guild: GuildId, session: SessionKey, user: UserId) {
        let entry = self.guilds.entry(guild).or_default();
        match &mut entry.view {
            Some(view) if view.members.contains_key(&user) => {
                welcome(view, &mut self.sessions, &self.users, session, user);
            }
            // Chat knows them as a member: the event that says so is on its way.
            Some(_) => {}
            None => {
                entry.waiting.push((session, user));
                self.load(guild, Duration::ZERO);
            }
        }
    }

    /// A session ended or its person left.
    pub(super) fn leave_guild(&mut self, guild: GuildId, session: SessionKey) {
        let Some(entry) = self.guilds.get_mut(&guild) else { return };
        entry.waiting.retain(|(waiting, _)| *waiting != session);
        entry.lists.forget(session);
        if let Some(view) = &mut entry.view {
            view.leave(session);
        }
        self.drop_if_deserted(guild);
    }

    pub(super) fn drop_if_deserted(&mut self, guild: GuildId) {
        if self.guilds.get(&guild).is_some_and(|entry| {
            entry.waiting.is_empty() && entry.view.as_ref().is_none_or(GuildView::is_deserted)
        }) {
            // An answer that is still on its way finds nobody and is ignored.
            self.guilds.remove(&guild);
        }
    }

    fn load(&mut self, guild: GuildId, after: Duration) {
        let Some(entry) = self.guilds.get_mut(&guild) else { return };
        if entry.load.is_none() {
            entry.load = Some(Load::default());
            self.effects.push_back(Effect::Load { guild, after });
        }
    }

    /// Something was lost on the way: every guild is compared with what chat knows.
    pub(super) fn reload_everything(&mut self) {
        tracing::warn!("the queue of events overflowed, all guilds are loaded anew");
        for guild in self.guilds.keys().copied().collect::<Vec<_>>() {
            match self.guilds.get_mut(&guild).and_then(|entry| entry.load.as_mut()) {
                Some(load) => load.stale = true,
                None => self.load(guild, Duration::ZERO),
            }
        }
    }

    /// An event from the bus.
    pub(super) fn event(&mut self, event: Arc<GuildEvent>) {
        self.note_membership(&event);
        let guild = event.guild_id;
        let Some(entry) = self.guilds.get_mut(&guild) else { return };
        if let Some(load) = &mut entry.load {
            if load.buffer.len() >= MOST_BUFFERED {
                load.buffer.clear();
                load.stale = true;
            }
            load.buffer.push(event);
            return;
        }
        let Some(view) = &mut entry.view else { return };
        match event.version {
            Some(version) if version <= view.version => {}
            Some(version) if version > view.version + 1 => {
                tracing::warn!(%guild, have = view.version, got = version, "an event is missing, the guild is loaded anew");
                self.load(guild, Duration::ZERO);
                self.event(event);
            }
            version => {
                view.version = version.unwrap_or(view.version);
                self.change(guild, &event.change);
                self.drop_if_deserted(guild);
            }
        }
    }

    /// What an event says about where people are, whether or not the guild is known here.
    fn note_membership(&mut self, event: &GuildEvent) {
        let guild = event.guild_id;
        match &event.change {
            GuildChange::GuildCreate(snapshot) => {
                for user in snapshot.members.iter().filter_map(|member| member.user.as_ref()) {
                    self.came_in(guild, user.id);
                }
            }
            GuildChange::MemberAdd(member) => {
                if let Some(user) = &member.user {
                    self.came_in(guild, user.id);
                }
            }
            GuildChange::MemberRemove(user) => {
                if let Some(entry) = self.users.get_mut(user) {
                    entry.moved(guild, false);
                }
            }
            _ => {}
        }
    }

    /// Someone became a member. If nobody here knew the guild, it is loaded for their sessions.
    fn came_in(&mut self, guild: GuildId, user: UserId) {
        let Some(entry) = self.users.get_mut(&user) else { return };
        entry.moved(guild, true);
        let sessions = entry.sessions.clone();
        for session in sessions {
            // A session without READY is still asking for its guilds and will find this one.
            let ready = self.sessions.get(session).is_some_and(|session| session.last_seq() > 0);
            let known = self.guilds.get(&guild).is_some_and(|entry| entry.view.is_some());
            if ready && !known {
                self.want_guild(guild, session, user);
            }
        }
    }

    /// Chat answered.
    pub(super) fn loaded(
        &mut self,
        guild: GuildId,
        snapshot: Result<Option<Box<GuildSnapshot>>, ()>,
        voice: Vec<VoiceState>,
    ) {
        let Some(entry) = self.guilds.get_mut(&guild) else { return };
        let Some(load) = entry.load.take() else { return };
        let snapshot = match snapshot {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => return self.guild_is_gone(guild),
            Err(()) => {
                entry.load = Some(load);
                return self.effects.push_back(Effect::Load { guild, after: LOAD_RETRY });
            }
        };
        let known_before = entry.view.as_ref().map_or(0, |view| view.version);
        let mut view = GuildView::new(*snapshot, voice);
        let mut strangers = Vec::new();
        if let Some(older) = entry.view.take() {
            strangers = view.adopt(older);
            for (session, user) in view.sessions().to_vec() {
                introduce(&mut view, &mut self.sessions, &self.users, session, user);
            }
        }
        for (session, user) in std::mem::take(&mut entry.waiting) {
            if view.members.contains_key(&user) {
                welcome(&mut view, &mut self.sessions, &self.users, session, user);
            } else {
                strangers.push(session);
            }
        }
        self.sessions.send_all(&strangers, Kind::GUILD_DELETE, &json!({"id": guild}));
        let loaded = view.version;
        entry.view = Some(view);
        for event in load.buffer {
            let told = event.version.is_some_and(|version| version <= loaded);
            if !told {
                self.event(event);
            } else if is_message(&event.change) && event.version > Some(known_before) {
                // The snapshot has no messages: those that came meanwhile are told one by one.
                self.change(guild, &event.change);
            }
        }
        if load.stale {
            self.load(guild, Duration::ZERO);
        }
        self.drop_if_deserted(guild);
    }

    /// The guild does not exist any more.
    pub(super) fn guild_is_gone(&mut self, guild: GuildId) {
        let Some(entry) = self.guilds.remove(&guild) else { return };
        let inside = entry.view.iter().flat_map(|view| view.sessions().iter().copied());
        let all: Vec<_> = inside.chain(entry.waiting).collect();
        for (_, user) in &all {
            if let Some(user) = self.users.get_mut(user) {
                user.moved(guild, false);
            }
        }
        let sessions: Vec<_> = all.into_iter().map(|(session, _)| session).collect();
        self.sessions.send_all(&sessions, Kind::GUILD_DELETE, &json!({"id": guild}));
    }
}

fn is_message(change: &GuildChange) -> bool {
    matches!(change, GuildChange::Channel(_))
}
