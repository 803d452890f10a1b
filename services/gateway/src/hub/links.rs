//! Sockets as the hub sees them: who they belong to, what waits for them, when they are late.

use std::{
    io::Write,
    net::IpAddr,
    time::{Duration, Instant},
};

use flate2::{Compress, Compression, FlushCompress};
use voxlink_protocol::gateway::{CloseCode, PresenceUpdate};
use voxlink_service_kit::ws;

use super::{Effect, Hub, Wire};
use crate::{
    dispatch::intent,
    door::ClientOp,
    session::{LinkId, SessionKey},
};

/// Bytes put into one write at most, but for a single frame that is larger.
const MOST_PER_WRITE: usize = 64 << 10;
/// Acks and pongs that a client does not read; past this it is cut off.
const MOST_CONTROL: usize = 64 << 10;
/// A client that says it leaves (1000, 1001) is not waited for as long as one whose network broke.
const PATIENCE_AFTER_GOODBYE: Duration = Duration::from_secs(15);

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has not said who it is.
    Fresh {
        /// It must before this.
        deadline: Instant,
    },
    /// Identity has been asked.
    Resolving(Asked),
    /// It serves this session.
    Bound(SessionKey),
    /// It gets its last bytes at the next flush.
    Closing,
}

/// What for identity was asked.
#[derive(Debug)]
pub(super) enum Asked {
    Identify { intents: u64, presence: Option<PresenceUpdate> },
    Resume { session_id: String, seq: u64 },
}

/// A socket.
pub(super) struct Link {
    pub(super) phase: Phase,
    ip: Option<IpAddr>,
    pub(super) host: String,
    pub(super) secure: bool,
    zlib: Option<Box<Compress>>,
    /// What the connection did not take of the last write: always goes first.
    rest: Vec<u8>,
    /// Frames outside of the session: acks, pongs, hello, close.
    control: Vec<u8>,
    blocked: bool,
    last_beat: Instant,
}

impl Link {
    pub(super) fn new(ip: Option<IpAddr>, host: String, secure: bool, compress: bool, now: Instant) -> Self {
        Self {
            phase: Phase::Fresh { deadline: now },
            ip,
            host,
            secure,
            zlib: compress.then(|| Box::new(Compress::new(Compression::fast(), true))),
            rest: Vec::new(),
            control: Vec::new(),
            blocked: false,
            last_beat: now,
        }
    }

    fn unidentified(&self) -> bool {
        matches!(self.phase, Phase::Fresh { .. } | Phase::Resolving(_))
    }
}

impl Hub {
    pub(super) fn open(&mut self, id: LinkId, mut link: Link, version: u8, now: Instant) {
        link.phase = Phase::Fresh { deadline: now + self.config.identify_deadline };
        let same = |other: &&Link| other.unidentified() && other.ip == link.ip && link.ip.is_some();
        let crowded = self.links.values().filter(same).count() >= self.config.unidentified_per_ip;
        self.links.insert(id, link);
        if crowded {
            let reason = "Too many sockets of this address have not identified.";
            return self.fail(id, CloseCode::RateLimited, reason, now);
        }
        if !(8..=10).contains(&version) {
            return self.fail(id, CloseCode::InvalidApiVersion, "Use v=10.", now);
        }
        let interval = self.config.heartbeat.as_millis();
        self.control(
            id,
            format!(r#"{{"op":10,"s":null,"t":null,"d":{{"heartbeat_interval":{interval}}}}}"#).as_bytes(),
        );
        if self.drain.is_some() {
            self.control(id, b"{\"op\":7,\"d\":null}");
        }
    }

    pub(super) fn op(&mut self, id: LinkId, op: ClientOp, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match (op, &link.phase) {
            (_, Phase::Closing) => {}
            (ClientOp::Heartbeat(seen), phase) => {
                link.last_beat = now;
                let session = if let Phase::Bound(session) = phase { Some(*session) } else { None };
                if let (Some(session), Some(seen)) =
                    (session.and_then(|key| self.sessions.get_mut(key)), seen)
                {
                    session.acknowledge(seen);
                }
                self.control(id, b"{\"op\":11,\"s\":null,\"t\":null,\"d\":null}");
            }
            (ClientOp::Identify(identify), Phase::Fresh { .. }) => {
                let intents = identify.intents.unwrap_or(0);
                if intents & !intent::KNOWN != 0 {
                    return self.fail(id, CloseCode::InvalidIntents, "Unknown intents.", now);
                }
                link.phase = Phase::Resolving(Asked::Identify { intents, presence: identify.presence });
                self.effects.push_back(Effect::Resolve { link: id, token: identify.token });
            }
            (ClientOp::Resume(resume), Phase::Fresh { .. }) => {
                let asked = Asked::Resume { session_id: resume.session_id, seq: resume.seq };
                link.phase = Phase::Resolving(asked);
                self.effects.push_back(Effect::Resolve { link: id, token: resume.token });
            }
            (ClientOp::Identify(_) | ClientOp::Resume(_), _) => {
                self.fail(id, CloseCode::AlreadyAuthenticated, "Already identified.", now);
            }
            (ClientOp::Presence(update), Phase::Bound(session)) => {
                let session = *session;
                self.presence_chosen(session, update);
            }
            (ClientOp::Voice(request), Phase::Bound(session)) => {
                let session = *session;
                self.voice_request(session, request);
            }
            (ClientOp::RequestMembers(request), Phase::Bound(session)) => {
                let session = *session;
                self.request_members(session, &request);
            }
            (ClientOp::MemberList(request), Phase::Bound(session)) => {
                let session = *session;
                self.look_at_members(session, &request);
            }
            (ClientOp::RequestSounds(request), Phase::Bound(session)) => {
                let session = *session;
                self.request_sounds(session, &request);
            }
            (ClientOp::Malformed, Phase::Bound(_) | Phase::Resolving(_)) => {
                self.fail(id, CloseCode::DecodeError, "This cannot be understood.", now);
            }
            (
                ClientOp::Presence(_)
                | ClientOp::Voice(_)
                | ClientOp::RequestMembers(_)
                | ClientOp::MemberList(_)
                | ClientOp::RequestSounds(_)
                | ClientOp::Malformed,
                _,
            ) => {
                self.fail(id, CloseCode::NotAuthenticated, "Identify first.", now);
            }
        }
    }

    /// Queues a payload outside of the session.
    pub(super) fn control(&mut self, id: LinkId, payload: &[u8]) {
        if let Some(link) = self.links.get_mut(&id) {
            put_text(link.zlib.as_deref_mut(), &[payload], &mut link.control);
            self.dirty_links.push(id);
        }
    }

    pub(super) fn pong(&mut self, id: LinkId, payload: &[u8]) {
        if let Some(link) = self.links.get_mut(&id) {
            ws::frame(ws::opcode::PONG, payload, &mut link.control);
            self.dirty_links.push(id);
        }
    }

    /// Closes a socket with one of the gateway's codes.
    pub(super) fn fail(&mut self, id: LinkId, code: CloseCode, reason: &str, now: Instant) {
        self.close(id, Some((code as u16, reason)), now);
    }

    /// Closes a socket; without a code it is just cut. Its session waits for another.
    pub(super) fn close(&mut self, id: LinkId, goodbye: Option<(u16, &str)>, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let phase = std::mem::replace(&mut link.phase, Phase::Closing);
        if let Some((code, reason)) = goodbye
            && !matches!(phase, Phase::Closing)
        {
            ws::close_frame(code, reason, &mut link.control);
        }
        self.dirty_links.push(id);
        if let Phase::Bound(session) = phase {
            self.detach(session, id, self.config.session_patience, now);
        }
    }

    pub(super) fn gone(&mut self, id: LinkId, code: Option<u16>, now: Instant) {
        let said_goodbye = matches!(code, Some(1000 | 1001));
        if let Some(Link { phase: Phase::Bound(session), .. }) = self.links.get(&id) {
            let patience = self.config.session_patience;
            let patience = if said_goodbye { patience.min(PATIENCE_AFTER_GOODBYE) } else { patience };
            self.detach(*session, id, patience, now);
        }
        self.close(id, code.map(|code| (if code == 1005 { 1000 } else { code }, "")), now);
    }

    fn detach(&mut self, session: SessionKey, id: LinkId, patience: Duration, now: Instant) {
        if let Some(session) = self.sessions.get_mut(session)
            && session.link() == Some(id)
        {
            session.detach(now, patience);
        }
    }

    pub(super) fn writable(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.blocked = false;
            self.dirty_links.push(id);
        }
    }

    /// Closes those that are late: with identifying (4003) or with heartbeats (4009, resumable).
    pub(super) fn sweep_links(&mut self, now: Instant) {
        let silence = self.config.heartbeat.mul_f64(1.5);
        let mut late = Vec::new();
        for (id, link) in &self.links {
            match link.phase {
                Phase::Fresh { deadline } if deadline <= now => late.push((*id, CloseCode::NotAuthenticated)),
                Phase::Bound(_) if now.duration_since(link.last_beat) > silence => {
                    late.push((*id, CloseCode::SessionTimedOut));
                }
                _ => {}
            }
        }
        for (id, code) in late {
            self.fail(id, code, "Too late.", now);
        }
    }

    /// Writes what waits, as far as the sockets take it.
    pub(crate) fn flush(&mut self, wire: &mut impl Wire, now: Instant) {
        for session in self.sessions.take_dirty() {
            if let Some(link) = self.sessions.get(session).and_then(|session| session.link()) {
                self.flush_link(link, wire, now);
            }
        }
        let mut dirty = std::mem::take(&mut self.dirty_links);
        while let Some(link) = dirty.pop() {
            self.flush_link(link, wire, now);
            dirty.append(&mut self.dirty_links);
        }
    }

    fn flush_link(&mut self, id: LinkId, wire: &mut impl Wire, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let mut out = std::mem::take(&mut self.scratch);
        let mut lost = false;
        while !link.blocked && !lost {
            out.clear();
            out.append(&mut link.rest);
            out.append(&mut link.control);
            if let Phase::Bound(key) = link.phase
                && let Some(session) = self.sessions.get_mut(key)
            {
                while out.len() < MOST_PER_WRITE
                    && let Some((seq, body)) = session.next_unsent()
                {
                    let mut prefix = [0; 40];
                    let [head, tail, end] = body.pieces();
                    put_text(
                        link.zlib.as_deref_mut(),
                        &[number(seq, &mut prefix), head, tail, end],
                        &mut out,
                    );
                }
            }
            if out.is_empty() {
                break;
            }
            match wire.send(id, &out) {
                Some(count) if count >= out.len() => {}
                Some(count) => {
                    link.rest.extend_from_slice(out.get(count..).unwrap_or_default());
                    link.blocked = true;
                }
                None => lost = true,
            }
        }
        let overrun = match link.phase {
            Phase::Bound(key) => self.sessions.get(key).is_some_and(|session| session.overrun()),
            _ => false,
        };
        let cut = lost || overrun || link.control.len() > MOST_CONTROL;
        if cut {
            if overrun {
                tracing::info!(link = id.0, "a socket reads too slowly and is cut, its client may resume");
            }
            self.close(id, None, now);
        }
        if self.links.get(&id).is_some_and(|link| matches!(link.phase, Phase::Closing)) {
            self.links.remove(&id);
            self.effects.push_back(Effect::Close { link: id });
        }
        if out.capacity() > 4 * MOST_PER_WRITE {
            out = Vec::new();
        }
        self.scratch = out;
    }
}

/// `{"op":0,"s":N`.
fn number(seq: u64, buffer: &mut [u8; 40]) -> &[u8] {
    let mut cursor = std::io::Cursor::new(&mut buffer[..]);
    // 11 bytes and at most 20 digits fit.
    let _fits = write!(cursor, "{{\"op\":0,\"s\":{seq}");
    let length = usize::try_from(cursor.position()).unwrap_or(0);
    &buffer[..length]
}

/// Appends a payload given in pieces: as text, or through the connection's zlib stream as binary.
fn put_text(zlib: Option<&mut Compress>, pieces: &[&[u8]], out: &mut Vec<u8>) {
    let Some(zlib) = zlib else {
        ws::frame_header(ws::opcode::TEXT, pieces.iter().map(|piece| piece.len()).sum(), out);
        return pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    };
    let mut packed = Vec::with_capacity(1024);
    for (index, piece) in pieces.iter().enumerate() {
        let flush = if index + 1 == pieces.len() { FlushCompress::Sync } else { FlushCompress::None };
        deflate(zlib, piece, flush, &mut packed);
    }
    ws::frame(ws::opcode::BINARY, &packed, out);
}

fn deflate(zlib: &mut Compress, mut input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    loop {
        out.reserve(512.max(input.len() / 2));
        let before = zlib.total_in();
        // `Compress` only fails when used after its end, which is never reached here.
        let _never = zlib.compress_vec(input, out, flush);
        let taken = usize::try_from(zlib.total_in() - before).unwrap_or(input.len());
        input = input.get(taken..).unwrap_or_default();
        if input.is_empty() && out.len() < out.capacity() {
            return;
        }
    }
}
