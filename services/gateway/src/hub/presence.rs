//! Who is online, and how they want to be seen. Changes are gathered and told a few times a second, so that a storm of
//! arrivals costs one dispatch per person and not one per step.

use rustc_hash::FxHashSet;
use serde::Serialize;
use voxlink_protocol::{
    GuildId, User, UserId, UserSettings,
    event::{UserChange, UserEvent},
    gateway::{Activity, PresenceUpdate, Status},
    people::SettingsUpdated,
};

use super::Hub;
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
    view::PresenceOf,
};

/// Presence deliveries in one go; the rest waits for the next tick, by when it may have changed again.
const MOST_DELIVERIES: usize = 20_000;

/// How someone is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: Status,
    pub(crate) activities: Vec<Activity>,
}

/// A person with at least one session, or whose going offline has not been told yet.
#[derive(Debug, Default)]
pub(crate) struct UserEntry {
    pub(super) sessions: Vec<SessionKey>,
    pub(super) guilds: FxHashSet<GuildId>,
    /// Who hears of their presence though they share no guild.
    pub(super) friends: Vec<UserId>,
    status: Status,
    /// What a client said they are up to (bots).
    activities: Vec<Activity>,
    /// What they said themselves.
    custom: Option<Activity>,
    /// It is known how they want to be seen: until then nobody is told that they are here.
    known: bool,
    /// As others have been told. `None`: offline.
    shown: Option<Seen>,
    /// Questions to chat about their guilds that are on their way, and what events said since they were asked.
    pub(super) asking: u32,
    pub(super) since: Vec<(GuildId, bool)>,
    /// As `since`: friends won and lost, and what was chosen.
    pub(super) friends_since: Vec<(UserId, bool)>,
    pub(super) settings_since: Option<UserSettings>,
}

impl UserEntry {
    fn current(&self) -> Option<Seen> {
        let visible = !matches!(self.status, Status::Invisible | Status::Offline);
        let custom = self.custom.iter().cloned();
        (visible && self.known && !self.sessions.is_empty()).then(|| Seen {
            status: self.status,
            activities: custom.chain(self.activities.iter().cloned()).collect(),
        })
    }

    /// As others have been told; `None` for offline.
    pub(crate) const fn seen(&self) -> Option<&Seen> {
        self.shown.as_ref()
    }

    /// What the services said of them, corrected by what happened since they were asked.
    pub(super) fn answered(&mut self, friends: Vec<UserId>, settings: UserSettings) -> UserSettings {
        self.friends = friends;
        for (other, friend) in self.friends_since.clone() {
            self.set_friend(other, friend);
        }
        self.settings_since.clone().unwrap_or(settings)
    }

    fn set_friend(&mut self, other: UserId, friend: bool) {
        self.friends.retain(|known| *known != other);
        if friend {
            self.friends.push(other);
        }
    }

    /// They came into or went out of a guild.
    pub(super) fn moved(&mut self, guild: GuildId, inside: bool) {
        if inside {
            self.guilds.insert(guild);
        } else {
            self.guilds.remove(&guild);
        }
        if self.asking > 0 {
            self.since.push((guild, inside));
        }
    }
}

#[derive(Serialize)]
pub(super) struct WithGuild<'a, T> {
    pub(super) guild_id: GuildId,
    #[serde(flatten)]
    pub(super) inner: &'a T,
}

impl Hub {
    pub(super) fn presence_chosen(&mut self, session: SessionKey, update: PresenceUpdate) {
        let Some(user) = self.sessions.get(session).map(|session| session.user.id) else { return };
        self.set_presence(user, update);
    }

    pub(super) fn set_presence(&mut self, user: UserId, update: PresenceUpdate) {
        if let Some(entry) = self.users.get_mut(&user) {
            entry.known = true;
            entry.status = update.status;
            if let Some(activities) = update.activities {
                entry.activities = activities;
            }
            self.dirty_presence.insert(user);
        }
    }

    /// What someone chose, on whichever of their devices.
    pub(super) fn settings_known(&mut self, user: UserId, settings: &UserSettings) {
        if let Some(entry) = self.users.get_mut(&user) {
            entry.known = true;
            entry.status = settings.status;
            entry.custom = settings.custom_status.as_ref().map(Activity::custom);
            self.dirty_presence.insert(user);
        }
    }

    /// They chose anew: their other devices hear of it, everyone else sees it.
    pub(super) fn settings_updated(&mut self, event: &SettingsUpdated) {
        self.settings_known(event.user, &event.settings);
        if let Some(entry) = self.users.get_mut(&event.user)
            && entry.asking > 0
        {
            entry.settings_since = Some(event.settings.clone());
        }
        self.user_event(&UserEvent {
            to: vec![event.user],
            change: UserChange::Settings(Box::new(event.settings.clone())),
        });
    }

    /// Tells the guilds, and the friends, of those who changed.
    pub(super) fn flush_presence(&mut self) {
        let mut budget = MOST_DELIVERIES;
        for user in std::mem::take(&mut self.dirty_presence) {
            if budget == 0 {
                self.dirty_presence.insert(user);
                continue;
            }
            let Some(entry) = self.users.get_mut(&user) else { continue };
            let current = entry.current();
            if current != entry.shown {
                entry.shown = current;
                let friends = entry.friends.clone();
                for guild in &entry.guilds {
                    let Some(view) = self.guilds.get_mut(guild).and_then(|guild| guild.view.as_mut()) else {
                        continue;
                    };
                    view.forget_crowd();
                    let hearers = view.presence_hearers();
                    budget = budget.saturating_sub(hearers.len());
                    let presence = PresenceOf::new(user, entry.shown.as_ref(), Some(*guild));
                    self.sessions.send_all(&hearers, Kind::PRESENCE_UPDATE, &presence);
                }
                self.tell_friends(user, &friends);
            }
            let Some(entry) = self.users.get(&user) else { continue };
            if entry.sessions.is_empty() && entry.asking == 0 {
                self.users.remove(&user);
            }
        }
    }

    fn tell_friends(&mut self, user: UserId, friends: &[UserId]) {
        let online = friends.iter().filter_map(|friend| self.users.get(friend));
        let sessions: Vec<SessionKey> = online.flat_map(|entry| entry.sessions.iter().copied()).collect();
        if sessions.is_empty() {
            return;
        }
        let seen = self.users.get(&user).and_then(UserEntry::seen);
        let body = Body::new(Kind::PRESENCE_UPDATE, &PresenceOf::new(user, seen, None), sessions.len());
        sessions.into_iter().for_each(|session| self.sessions.send(session, &body));
    }

    /// How friends are seen, for READY.
    pub(super) fn presences_of(&self, friends: &[UserId]) -> Vec<PresenceOf<'_>> {
        let seen = |id: &UserId| Some(PresenceOf::new(*id, Some(self.users.get(id)?.seen()?), None));
        friends.iter().filter_map(seen).collect()
    }

    /// Someone became or is no longer a friend.
    pub(super) fn befriended(&mut self, user: UserId, other: UserId, friends: bool) {
        if let Some(entry) = self.users.get_mut(&user) {
            entry.set_friend(other, friends);
            if entry.asking > 0 {
                entry.friends_since.push((other, friends));
            }
        }
        if friends {
            // The other learns at once how they are seen.
            let seen = self.users.get(&user).and_then(UserEntry::seen).cloned();
            let sessions = self.users.get(&other).map(|entry| entry.sessions.clone()).unwrap_or_default();
            let presence = PresenceOf::new(user, seen.as_ref(), None);
            self.sessions.send_all(&sessions, Kind::PRESENCE_UPDATE, &presence);
        }
    }

    /// An account changed: their own sessions hear of the account, everyone else of the member.
    pub(super) fn user_updated(&mut self, user: &User) {
        let own = self.users.get(&user.id).map(|entry| entry.sessions.clone()).unwrap_or_default();
        for session in &own {
            if let Some(session) = self.sessions.get_mut(*session) {
                session.user = user.clone();
            }
        }
        let body = Body::new(Kind::USER_UPDATE, user, own.len());
        own.iter().for_each(|session| self.sessions.send_or_keep(*session, &body));
        for (guild, entry) in &mut self.guilds {
            let Some(view) = &mut entry.view else { continue };
            let Some(member) = view.members.get_mut(&user.id) else { continue };
            member.user = Some(user.clone());
            let member = member.clone();
            view.forget_crowd();
            let others: Vec<_> =
                view.everyone().iter().filter(|session| !own.contains(session)).copied().collect();
            let update = WithGuild { guild_id: *guild, inner: &member };
            self.sessions.send_all(&others, Kind::GUILD_MEMBER_UPDATE, &update);
        }
    }
}
