//! From a token to a session: IDENTIFY, RESUME, READY, and the session's end.

use std::time::Instant;

use serde_json::json;
use voxlink_protocol::{
    LoginId, UserId,
    bus::TokenOwner,
    gateway::{CloseCode, PresenceUpdate, Status},
};

use super::{
    Effect, Hub,
    links::{Asked, Phase},
};
use crate::{
    dispatch::{Body, Kind},
    session::{LinkId, NewSession, ResumeError, Session, SessionKey},
};

impl Hub {
    pub(super) fn resolved(&mut self, id: LinkId, owner: Result<Option<TokenOwner>, ()>, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let deadline = now + self.config.identify_deadline;
        let asked = match std::mem::replace(&mut link.phase, Phase::Fresh { deadline }) {
            Phase::Resolving(asked) => asked,
            other => {
                link.phase = other;
                return;
            }
        };
        let Ok(owner) = owner else {
            return self.fail(id, CloseCode::UnknownError, "Logins cannot be checked just now.", now);
        };
        let Some(owner) = owner.filter(|owner| !self.was_revoked(owner.login)) else {
            return self.fail(id, CloseCode::AuthenticationFailed, "Authentication failed.", now);
        };
        match asked {
            Asked::Identify { intents, presence } => self.identified(id, owner, intents, presence, now),
            Asked::Resume { session_id, seq } => self.resume(id, &owner, &session_id, seq, now),
        }
    }

    fn was_revoked(&self, login: LoginId) -> bool {
        self.revoked.iter().any(|(_, revoked)| *revoked == login)
    }

    fn identified(
        &mut self,
        id: LinkId,
        owner: TokenOwner,
        intents: u64,
        presence: Option<PresenceUpdate>,
        now: Instant,
    ) {
        let (user, bot) = (owner.user.id, owner.user.bot);
        self.make_room(user, now);
        let key = self.key();
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.phase = Phase::Bound(key);
        let session = Session::new(NewSession {
            id: format!("{:032x}", u128::from_be_bytes(random)),
            user: owner.user,
            login: owner.login,
            intents,
            host: link.host.clone(),
            link: id,
        });
        self.sessions.insert(key, session);
        let entry = self.users.entry(user).or_default();
        let first = entry.sessions.is_empty();
        entry.sessions.push(key);
        entry.asking += 1;
        // How a person wants to be seen is theirs to choose once for all devices: it comes with READY. A bot says it here.
        if bot {
            let online = PresenceUpdate { status: Status::Online, activities: None };
            if let Some(presence) = presence.or(first.then_some(online)) {
                self.set_presence(user, presence);
            }
        }
        self.effects.push_back(Effect::Ready { session: key, user, bot });
    }

    /// Ends someone's oldest session when they have as many as they may: one without a socket, if there is one.
    fn make_room(&mut self, user: UserId, now: Instant) {
        let Some(entry) = self.users.get(&user) else { return };
        if entry.sessions.len() < self.config.sessions_per_user {
            return;
        }
        let detached = |key: &&SessionKey| self.sessions.get(**key).is_some_and(|one| one.link().is_none());
        let oldest = entry.sessions.iter().find(detached).or(entry.sessions.first()).copied();
        if let Some(oldest) = oldest {
            if let Some(link) = self.sessions.get(oldest).and_then(|session| session.link()) {
                self.close(link, Some((CloseCode::Normal as u16, "Too many sessions.")), now);
            }
            self.end_session(oldest);
        }
    }

    fn resume(&mut self, id: LinkId, owner: &TokenOwner, session_id: &str, seq: u64, now: Instant) {
        let found = self.sessions.find(session_id);
        let session = found.and_then(|key| self.sessions.get_mut(key)).filter(|session| {
            session.user.id == owner.user.id && session.login == owner.login && session.last_seq() > 0
        });
        let (Some(key), Some(session)) = (found, session) else { return self.invalid_session(id) };
        let before = session.link();
        match session.resume(id, seq) {
            Ok(()) => {}
            Err(ResumeError::InvalidSeq) => {
                return self.fail(id, CloseCode::InvalidSeq, "That seq was never sent.", now);
            }
            Err(ResumeError::TooOld) => {
                if let Some(link) = before {
                    self.close(link, Some((CloseCode::Normal as u16, "The session ended.")), now);
                }
                self.end_session(key);
                return self.invalid_session(id);
            }
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = Phase::Bound(key);
            session.host.clone_from(&link.host);
        }
        if let Some(other) = before.filter(|other| *other != id) {
            self.close(other, Some((CloseCode::Normal as u16, "Resumed by another socket.")), now);
        }
        self.sessions.send(key, &Body::new(Kind::RESUMED, &json!({}), 1));
    }

    /// Op 9: the client stays connected and identifies anew.
    fn invalid_session(&mut self, id: LinkId) {
        self.control(id, b"{\"op\":9,\"s\":null,\"t\":null,\"d\":false}");
    }

    /// A session is over; its socket, if any, is being closed.
    pub(super) fn end_session(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.remove(key) else { return };
        let user = session.user.id;
        if session.voice.used {
            self.effects.push_back(Effect::LeaveSeat { user, session_id: session.id });
        }
        let Some(entry) = self.users.get_mut(&user) else { return };
        entry.sessions.retain(|other| *other != key);
        self.dirty_presence.insert(user);
        for guild in entry.guilds.iter().copied().collect::<Vec<_>>() {
            self.leave_guild(guild, key);
        }
    }
}
