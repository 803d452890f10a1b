//! One session: what its client has been told, and whether a lost socket may pick it up again.
//!
//! Pure: no socket, clock or task. The owner pushes dispatches, asks for the bytes that the current socket should get
//! next, and says when sockets come and go.

use std::time::{Duration, Instant};

use voxlink_protocol::{ChannelId, GuildId, LoginId, User, gateway::VoiceStateRequest};

use crate::{
    dispatch::{Body, Kind, intent},
    ring::Ring,
};

/// Unsent bytes at which a socket is closed; its client resumes when it can read again.
const MOST_BACKLOG: usize = 1 << 20;

/// What may happen between IDENTIFY and READY: a few milliseconds, unless a service is slow.
const MOST_EARLY: usize = 1024;

/// Names a session within this process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionKey(pub(crate) u64);

/// Names a socket within this process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// Whether a socket is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// This one.
    Attached(LinkId),
    /// None; the session ends at this time.
    DetachedUntil(Instant),
}

/// Why a session cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// The client claims dispatches that were never sent.
    InvalidSeq,
    /// The ring no longer reaches back.
    TooOld,
}

/// What a session needs to be made.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) id: String,
    pub(crate) user: User,
    pub(crate) login: LoginId,
    pub(crate) intents: u64,
    pub(crate) host: String,
    pub(crate) link: LinkId,
}

/// Joining and leaving calls, one request at a time and the newest wins.
#[derive(Debug, Default)]
pub(crate) struct VoiceLine {
    /// A request is on its way to media.
    pub(crate) busy: bool,
    /// What is to be asked next.
    pub(crate) next: Option<VoiceStateRequest>,
    /// It has asked for a seat before: its end must be told to media.
    pub(crate) used: bool,
    /// The seat that media gave it, as far as is known.
    pub(crate) seat: Option<(Option<GuildId>, ChannelId)>,
    /// Mute and deaf as last asked for.
    pub(crate) flags: Option<(bool, bool)>,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user: User,
    pub(crate) login: LoginId,
    intents: u64,
    /// The host by which the client reached us, for voice endpoints.
    pub(crate) host: String,
    pub(crate) presence: Presence,
    pub(crate) voice: VoiceLine,
    /// What happened before READY; `None` when it was more than is kept.
    early: Option<Vec<Body>>,
    ring: Ring,
    /// The newest dispatch that was handed to the current socket.
    cursor: u64,
    /// Bytes pushed but not handed over.
    backlog: usize,
    /// What the backlog may be beyond [`MOST_BACKLOG`] until it has once been empty: the burst after READY or RESUMED.
    allowance: usize,
}

impl Session {
    pub(crate) fn new(new: NewSession) -> Self {
        Self {
            id: new.id,
            user: new.user,
            login: new.login,
            intents: new.intents,
            host: new.host,
            presence: Presence::Attached(new.link),
            voice: VoiceLine::default(),
            early: Some(Vec::new()),
            ring: Ring::default(),
            cursor: 0,
            backlog: 0,
            allowance: 0,
        }
    }

    /// Keeps what happened before READY.
    pub(crate) fn keep_early(&mut self, body: &Body) {
        match &mut self.early {
            Some(early) if early.len() < MOST_EARLY => early.push(body.clone()),
            _ => self.early = None,
        }
    }

    /// Hands over what happened before READY; `None` when something of it is lost, so that the client begins anew.
    pub(crate) fn take_early(&mut self) -> Option<Vec<Body>> {
        self.early.replace(Vec::new())
    }

    /// The number of the newest dispatch.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.ring.last()
    }

    /// Memory that its ring keeps alive, in bytes.
    pub(crate) const fn cost(&self) -> usize {
        self.ring.cost()
    }

    /// The socket, if there is one.
    pub(crate) const fn link(&self) -> Option<LinkId> {
        match self.presence {
            Presence::Attached(link) => Some(link),
            Presence::DetachedUntil(_) => None,
        }
    }

    /// False for a bot that did not ask for the content of messages (v10's privileged intent).
    pub(crate) fn gets_content(&self) -> bool {
        !self.user.bot || self.intents & intent::MESSAGE_CONTENT != 0
    }

    /// Adds a dispatch. False when it was not wanted (an intent that a bot did not ask for) or dropped under pressure.
    pub(crate) fn push(&mut self, body: &Body) -> bool {
        let unwanted = self.user.bot && body.kind.intent != 0 && self.intents & body.kind.intent == 0;
        if unwanted || (body.kind.droppable && self.backlog > MOST_BACKLOG / 2) {
            return false;
        }
        self.ring.push(body.clone());
        if self.link().is_some() {
            self.backlog += body.len();
        }
        if body.kind == Kind::GUILD_CREATE || body.kind == Kind::READY {
            self.allowance += body.len();
        }
        true
    }

    /// Hands over the next dispatch for the socket: its number and body.
    pub(crate) fn next_unsent(&mut self) -> Option<(u64, &Body)> {
        if self.cursor >= self.ring.last() {
            self.backlog = 0;
            self.allowance = 0;
            return None;
        }
        self.cursor += 1;
        let body = self.ring.get(self.cursor)?;
        self.backlog = self.backlog.saturating_sub(body.len());
        Some((self.cursor, body))
    }

    /// True when the socket cannot be served any more: it reads too slowly. Its client may resume.
    pub(crate) fn overrun(&self) -> bool {
        self.backlog > MOST_BACKLOG + self.allowance || !self.ring.reaches_back_to(self.cursor)
    }

    /// The client has everything up to `seq`.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        // Never past what was handed over, whatever the client claims.
        self.ring.acknowledge(seq.min(self.cursor));
    }

    /// Gives up the older half of the ring.
    pub(crate) fn halve_ring(&mut self) {
        self.ring.halve();
    }

    /// The socket is lost; the session waits this long for another.
    pub(crate) fn detach(&mut self, now: Instant, patience: Duration) {
        self.presence = Presence::DetachedUntil(now + patience);
        self.backlog = 0;
        self.allowance = 0;
    }

    /// A new socket whose client has everything up to `seq`; what it missed is then unsent.
    pub(crate) fn resume(&mut self, link: LinkId, seq: u64) -> Result<(), ResumeError> {
        if seq > self.ring.last() {
            return Err(ResumeError::InvalidSeq);
        }
        if !self.ring.reaches_back_to(seq) {
            return Err(ResumeError::TooOld);
        }
        self.presence = Presence::Attached(link);
        self.cursor = seq;
        self.backlog = (seq + 1..=self.ring.last()).filter_map(|seq| self.ring.get(seq)).map(Body::len).sum();
        self.allowance = self.backlog;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
