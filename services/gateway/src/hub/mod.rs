//! The owner of all sessions and guild views: a pure core. Inputs go in with the time they happened; bytes come out
//! through a [`Wire`], questions to other services as [`Effect`]s whose answers are inputs again.
//!
//! Nothing here awaits, locks or reads a clock. Everything that happened in one batch of inputs goes out in one write
//! per socket ([`Hub::flush`]).

mod changes;
mod channel;
mod guilds;
mod identify;
mod links;
mod member_list;
mod presence;
mod ready;
mod request_members;
mod request_sounds;
mod sessions;
mod voice;

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};
use voxlink_protocol::{
    GuildId, GuildSnapshot, LoginId, Secret, UserId, VoiceState,
    bus::{SessionRevoked, TokenOwner, UserUpdated},
    event::{GuildEvent, UserEvent},
    gateway::CloseCode,
    people::SettingsUpdated,
};
use voxlink_service_kit::env::Entropy;

use crate::{
    door::ClientOp,
    session::{LinkId, SessionKey},
};
use guilds::GuildEntry;
use links::Link;
use sessions::Sessions;

pub(crate) use presence::{Seen, UserEntry};
pub(crate) use ready::ReadyParts;
pub(crate) use voice::{Refusal, VoiceAsk, VoiceOutcome};

/// What the hub is built with.
#[derive(Clone, Debug)]
pub(crate) struct HubConfig {
    pub(crate) heartbeat: Duration,
    pub(crate) session_patience: Duration,
    pub(crate) identify_deadline: Duration,
    pub(crate) unidentified_per_ip: usize,
    pub(crate) sessions_per_user: usize,
    pub(crate) ring_memory: usize,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// A socket is open.
    Open { link: LinkId, ip: Option<IpAddr>, host: String, secure: bool, compress: bool, version: u8 },
    /// Its client sent an op.
    Op { link: LinkId, op: ClientOp },
    /// Its client broke a rule.
    Fault { link: LinkId, code: u16, reason: &'static str },
    /// It is to be answered with a pong.
    Ping { link: LinkId, payload: Vec<u8> },
    /// Its client closed it (with a code), or the connection was lost.
    Gone { link: LinkId, code: Option<u16> },
    /// It takes bytes again.
    Writable { link: LinkId },
    /// Answer to [`Effect::Resolve`]; `Err` when identity does not answer.
    Resolved { link: LinkId, owner: Result<Option<TokenOwner>, ()> },
    /// Answer to [`Effect::Ready`]; `Err` when a service does not answer.
    Ready { session: SessionKey, user: UserId, parts: Result<Box<ReadyParts>, ()> },
    /// Answer to [`Effect::Load`].
    Loaded { guild: GuildId, snapshot: Result<Option<Box<GuildSnapshot>>, ()>, voice: Vec<VoiceState> },
    /// Answer to [`Effect::Voice`].
    VoiceDone { ask: VoiceAsk, outcome: VoiceOutcome },
    /// From the bus.
    Event(Arc<GuildEvent>),
    /// From the bus.
    User(Arc<UserEvent>),
    /// From the bus.
    Settings(Arc<SettingsUpdated>),
    /// From the bus.
    UserUpdated(Arc<UserUpdated>),
    /// From the bus.
    Revoked(Arc<SessionRevoked>),
    /// The queue from the bus was full and something was left out.
    EventsLost,
    /// Time passed.
    Tick,
    /// The server stops at this time: ask everyone to come back later, spread over the time that is left.
    Drain { until: Instant },
}

/// Something the shell does.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Ask whose token this is.
    Resolve { link: LinkId, token: Secret },
    /// Ask for all that READY says. A bot is told of its guilds only.
    Ready { session: SessionKey, user: UserId, bot: bool },
    /// Ask for a guild, after a pause if it failed before.
    Load { guild: GuildId, after: Duration },
    /// Talk to chat and media about a seat.
    Voice(VoiceAsk),
    /// Give up whatever seat a session that ended has.
    LeaveSeat { user: UserId, session_id: String },
    /// Forget a socket: what could be written to it was.
    Close { link: LinkId },
}

/// Where bytes go.
pub(crate) trait Wire {
    /// Writes what fits now and says how much that was; `None` when the connection is lost.
    fn send(&mut self, link: LinkId, bytes: &[u8]) -> Option<usize>;
}

/// A login that was revoked stays refused this long: an answer of identity may still be on its way.
const REVOKED_REMEMBERED: Duration = Duration::from_secs(60);
const MOST_REVOKED: usize = 4096;
/// Deadlines are looked at this often.
const SWEEP: Duration = Duration::from_millis(500);

/// The hub.
pub(crate) struct Hub {
    config: HubConfig,
    entropy: Arc<dyn Entropy>,
    links: FxHashMap<LinkId, Link>,
    sessions: Sessions,
    users: FxHashMap<UserId, UserEntry>,
    guilds: FxHashMap<GuildId, GuildEntry>,
    effects: VecDeque<Effect>,
    /// Links whose control bytes or end wait for the next flush.
    dirty_links: Vec<LinkId>,
    dirty_presence: FxHashSet<UserId>,
    revoked: VecDeque<(Instant, LoginId)>,
    next_key: u64,
    swept: Instant,
    drain: Option<Drain>,
    scratch: Vec<u8>,
}

struct Drain {
    begun: Instant,
    until: Instant,
    total: usize,
    left: Vec<LinkId>,
}

impl Hub {
    pub(crate) fn new(config: HubConfig, entropy: Arc<dyn Entropy>, now: Instant) -> Self {
        Self {
            config,
            entropy,
            links: FxHashMap::default(),
            sessions: Sessions::default(),
            users: FxHashMap::default(),
            guilds: FxHashMap::default(),
            effects: VecDeque::new(),
            dirty_links: Vec::new(),
            dirty_presence: FxHashSet::default(),
            revoked: VecDeque::new(),
            next_key: 0,
            swept: now,
            drain: None,
            scratch: Vec::new(),
        }
    }

    /// Takes in what happened.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Open { link, ip, host, secure, compress, version } => {
                self.open(link, Link::new(ip, host, secure, compress, now), version, now);
            }
            Input::Op { link, op } => self.op(link, op, now),
            Input::Fault { link, code, reason } => self.close(link, Some((code, reason)), now),
            Input::Ping { link, payload } => self.pong(link, &payload),
            Input::Gone { link, code } => self.gone(link, code, now),
            Input::Writable { link } => self.writable(link),
            Input::Resolved { link, owner } => self.resolved(link, owner, now),
            Input::Ready { session, user, parts } => self.ready(session, user, parts, now),
            Input::Loaded { guild, snapshot, voice } => self.loaded(guild, snapshot, voice),
            Input::VoiceDone { ask, outcome } => self.voice_done(ask, outcome),
            Input::Event(event) => self.event(event),
            Input::User(event) => self.user_event(&event),
            Input::Settings(event) => self.settings_updated(&event),
            Input::UserUpdated(event) => self.user_updated(&event.0),
            Input::Revoked(event) => self.login_revoked(event.login, now),
            Input::EventsLost => self.reload_everything(),
            Input::Tick => self.tick(now),
            Input::Drain { until } => self.begin_drain(until, now),
        }
    }

    /// What the shell has to do next.
    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// How many sockets there are.
    pub(crate) fn links(&self) -> usize {
        self.links.len()
    }

    fn key(&mut self) -> SessionKey {
        self.next_key += 1;
        SessionKey(self.next_key)
    }

    fn tick(&mut self, now: Instant) {
        self.flush_presence();
        self.flush_member_lists(now);
        self.drain_some(now);
        if now.duration_since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.revoked.retain(|(at, _)| now.duration_since(*at) < REVOKED_REMEMBERED);
        self.sweep_links(now);
        for session in self.sessions.expired(now) {
            self.end_session(session);
        }
        while self.sessions.cost() > self.config.ring_memory {
            match self.sessions.first_to_give_up() {
                // Nobody's socket is cut for it: a session without one must identify anew.
                Some(detached) => self.end_session(detached),
                None if self.sessions.halve_largest() => {}
                None => break,
            }
        }
    }

    fn login_revoked(&mut self, login: LoginId, now: Instant) {
        if self.revoked.len() >= MOST_REVOKED {
            self.revoked.pop_front();
        }
        self.revoked.push_back((now, login));
        for session in self.sessions.of_login(login) {
            let link = self.sessions.get(session).and_then(|session| session.link());
            if let Some(link) = link {
                self.fail(link, CloseCode::AuthenticationFailed, "This login was revoked.", now);
            }
            self.end_session(session);
        }
    }

    fn begin_drain(&mut self, until: Instant, now: Instant) {
        let left: Vec<_> = self.links.keys().copied().collect();
        self.drain = Some(Drain { begun: now, until, total: left.len(), left });
        self.drain_some(now);
    }

    /// Asks as many as are due to reconnect; at the end closes whoever is left.
    fn drain_some(&mut self, now: Instant) {
        let Some(drain) = &mut self.drain else { return };
        if now >= drain.until {
            for link in self.links.keys().copied().collect::<Vec<_>>() {
                self.close(link, Some((CloseCode::GoingAway as u16, "The server is restarting.")), now);
            }
            return;
        }
        // The last fifth of the time is for clients to go by themselves.
        let window = (drain.until - drain.begun).mul_f64(0.8).as_secs_f64().max(0.001);
        let share = (now - drain.begun).as_secs_f64() / window;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let due = ((drain.total as f64 * share) as usize + 1).min(drain.total);
        let asked = drain.total - drain.left.len();
        let batch: Vec<_> = (asked..due).filter_map(|_| drain.left.pop()).collect();
        for link in batch {
            self.control(link, b"{\"op\":7,\"d\":null}");
        }
    }
}

#[cfg(test)]
mod tests;
