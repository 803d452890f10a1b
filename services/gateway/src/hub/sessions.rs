//! All sessions, by key and by id.

use std::{collections::HashMap, time::Instant};

use rustc_hash::FxHashMap;
use serde::Serialize;
use voxlink_protocol::LoginId;

use crate::{
    dispatch::{Body, Kind},
    session::{Presence, Session, SessionKey},
};

/// Finds sessions and remembers which have something new to send.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: FxHashMap<SessionKey, Session>,
    /// Ids come from clients: hashed with a random seed.
    by_id: HashMap<String, SessionKey>,
    dirty: Vec<SessionKey>,
}

impl Sessions {
    pub(super) fn insert(&mut self, key: SessionKey, session: Session) {
        self.by_id.insert(session.id.clone(), key);
        self.by_key.insert(key, session);
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_id.remove(&session.id);
        Some(session)
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.by_key.get_mut(&key)
    }

    pub(super) fn find(&self, id: &str) -> Option<SessionKey> {
        self.by_id.get(id).copied()
    }

    /// Queues a dispatch for one session.
    pub(super) fn send(&mut self, to: SessionKey, body: &Body) {
        if let Some(session) = self.by_key.get_mut(&to)
            && session.push(body)
            && session.link().is_some()
        {
            self.dirty.push(to);
        }
    }

    /// As [`Sessions::send`]; one that waits for READY gets it right after that.
    pub(super) fn send_or_keep(&mut self, to: SessionKey, body: &Body) {
        match self.by_key.get_mut(&to) {
            Some(session) if session.last_seq() == 0 => session.keep_early(body),
            Some(_) => self.send(to, body),
            None => {}
        }
    }

    /// Encodes a dispatch once and queues it for all of them.
    pub(super) fn send_all(&mut self, to: &[SessionKey], kind: Kind, d: &impl Serialize) {
        if to.is_empty() {
            return;
        }
        let body = Body::new(kind, d, to.len());
        for session in to {
            self.send(*session, &body);
        }
    }

    /// Those with something new, each once.
    pub(super) fn take_dirty(&mut self) -> Vec<SessionKey> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        dirty
    }

    pub(super) fn of_login(&self, login: LoginId) -> Vec<SessionKey> {
        self.by_key.iter().filter(|(_, session)| session.login == login).map(|(key, _)| *key).collect()
    }

    /// Those whose client did not come back in time.
    pub(super) fn expired(&self, now: Instant) -> Vec<SessionKey> {
        let over =
            |session: &Session| matches!(session.presence, Presence::DetachedUntil(until) if until <= now);
        self.by_key.iter().filter(|(_, session)| over(session)).map(|(key, _)| *key).collect()
    }

    /// Memory that all rings keep alive, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.by_key.values().map(Session::cost).sum()
    }

    /// The session that has waited longest for its client.
    pub(super) fn first_to_give_up(&self) -> Option<SessionKey> {
        let until = |session: &Session| match session.presence {
            Presence::DetachedUntil(until) => Some(until),
            Presence::Attached(_) => None,
        };
        self.by_key
            .iter()
            .filter_map(|(key, session)| Some((until(session)?, *key)))
            .min()
            .map(|(_, key)| key)
    }

    /// Halves the most expensive ring. False when there is nothing to gain.
    pub(super) fn halve_largest(&mut self) -> bool {
        let Some(session) = self.by_key.values_mut().max_by_key(|session| session.cost()) else {
            return false;
        };
        let before = session.cost();
        session.halve_ring();
        session.cost() < before
    }
}
