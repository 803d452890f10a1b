//! Who is online, and how they want to be seen. Changes are gathered and told a few times a second, so that a storm of
//! arrivals costs one dispatch per person and not one per step.

use rustc_hash::FxHashSet;
use serde::Serialize;
use voxlink_protocol::{GuildId, User, UserId, gateway::Status};

use super::Hub;
use crate::{dispatch::Kind, session::SessionKey, view::PresenceOf};

/// Presence deliveries in one go; the rest waits for the next tick, by when it may have changed again.
const MOST_DELIVERIES: usize = 20_000;

/// A person with at least one session, or whose going offline has not been told yet.
#[derive(Debug, Default)]
pub(super) struct UserEntry {
    pub(super) sessions: Vec<SessionKey>,
    pub(super) guilds: FxHashSet<GuildId>,
    status: Status,
    /// As others have been told. `None`: offline.
    shown: Option<Status>,
    /// Questions to chat about their guilds that are on their way, and what events said since they were asked.
    pub(super) asking: u32,
    pub(super) since: Vec<(GuildId, bool)>,
}

impl UserEntry {
    fn current(&self) -> Option<Status> {
        let visible = !matches!(self.status, Status::Invisible | Status::Offline);
        (visible && !self.sessions.is_empty()).then_some(self.status)
    }

    pub(super) fn shown(&self) -> Status {
        self.shown.unwrap_or(Status::Offline)
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
    pub(super) fn status_chosen(&mut self, session: SessionKey, status: Status) {
        let Some(user) = self.sessions.get(session).map(|session| session.user.id) else { return };
        self.set_status(user, status);
    }

    pub(super) fn set_status(&mut self, user: UserId, status: Status) {
        if let Some(entry) = self.users.get_mut(&user) {
            entry.status = status;
            self.dirty_presence.insert(user);
        }
    }

    /// Tells the guilds of those who changed.
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
                let status = entry.shown();
                for guild in &entry.guilds {
                    let Some(view) = self.guilds.get_mut(guild).and_then(|guild| guild.view.as_mut()) else {
                        continue;
                    };
                    view.forget_crowd();
                    let everyone = view.everyone();
                    budget = budget.saturating_sub(everyone.len());
                    let presence = PresenceOf::new(user, status, Some(*guild));
                    self.sessions.send_all(&everyone, Kind::PRESENCE_UPDATE, &presence);
                }
            }
            if entry.sessions.is_empty() && entry.asking == 0 {
                self.users.remove(&user);
            }
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
        self.sessions.send_all(&own, Kind::USER_UPDATE, user);
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
