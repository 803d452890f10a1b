//! One call on this worker: its peers and tracks. Everything a packet touches lives here.
//!
//! A room knows nothing of other rooms, so that it can be dropped whole when its code panicked.

mod assign;
mod feedback;
mod follow;
mod forward;
mod ingress;
mod layers;
mod listed;
mod negotiate;
mod pace;
pub(crate) mod part;
pub(crate) mod quality;
mod share;
mod stage;
mod tick;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::{
    api::Part,
    peer::{Budget, Connection, Keys, Peer},
    rng::Generator,
    rtp::red::MAX_PACKED,
    slab::SendSlab,
    stun::BindingRequest,
    track::Track,
    transport::{Check, TransportEvent},
    worker::{Event, Gates, PeerId, RoomId, SourceSet},
};

use assign::Anew;
pub(crate) use layers::Allotment;
pub(crate) use negotiate::{Numbers, Plan};

/// Seconds between 1900 and an arbitrary but recent moment: NTP times of reports only have to agree with each other.
const NTP_BASE: u64 = 3_900_000_000 << 32;

/// What a room may use while it runs.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    /// How long what is handled was here before: it came so much earlier.
    pub(crate) waited: Duration,
    /// When the worker was made: the zero of its clocks.
    pub(crate) start: Instant,
    pub(crate) out: &'a mut SendSlab,
    pub(crate) events: &'a mut VecDeque<Event>,
    /// For the other parts of the room.
    pub(crate) copies: &'a mut VecDeque<part::Copied>,
}

impl Context<'_> {
    /// When what is handled came.
    pub(crate) fn arrived(&self) -> Instant {
        self.now.checked_sub(self.waited).unwrap_or(self.now)
    }

    /// The server's NTP time (32.32 fixed point) of a moment.
    pub(crate) fn ntp(&self, at: Instant) -> u64 {
        NTP_BASE + to_ntp(at.saturating_duration_since(self.start))
    }

    /// Time since the worker was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }
}

/// A duration in 32.32 fixed point.
pub(crate) fn to_ntp(duration: Duration) -> u64 {
    (duration.as_secs() << 32) | ((u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000)
}

/// A subscriber's slot that the fresh packets of a track go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    peer: usize,
    slot: usize,
    track: usize,
    encoding: usize,
}

/// A call.
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) peers: Slab<Box<Peer>>,
    /// The other parts of this room, see [`part`].
    parts: Vec<Part>,
    /// Places of peers whose transport is in another part.
    mirrors: FxHashMap<PeerId, usize>,
    /// When each peer's clockwork runs next, by its place; `None` where nobody is.
    due: Vec<Option<Instant>>,
    tracks: Slab<Track>,
    /// The live ones, as slots were last assigned to them.
    live: Vec<assign::Live>,
    /// One of them is gone since, and its number may be another one's.
    has_lost: bool,
    /// Tracks and their encodings with packets that were not sent on.
    fresh: Vec<(usize, usize)>,
    jobs: Vec<Job>,
    next_job: usize,
    /// Held packets must leave by then.
    hold_until: Option<Instant>,
    next_tick: Instant,
    /// When layers, shares and key frames are looked after next.
    next_chores: Instant,
    /// The zero of the grid that peers' deadlines are moved to, so that one tick serves many.
    born: Instant,
    /// When bandwidth is shared out again.
    next_share: Instant,
    /// Peers that have something to send on the next pacing tick, and when that is.
    paced: Vec<usize>,
    pace_at: Option<Instant>,
    /// Peers whose pacing tick is now.
    flushes: Vec<usize>,
    next_flush: usize,
    /// Media arrived since the last chores.
    busy: bool,
    /// The worker knows that there are fresh packets.
    listed: bool,
    /// Where redundant audio is put together.
    packed: Box<[u8; MAX_PACKED]>,
    /// What all of its people send together.
    budget: Budget,
    /// Which of many open microphones are sent on.
    stage: stage::Stage,
    /// Who has the word, for those who follow it.
    floor: follow::Floor,
}

impl Room {
    pub(crate) fn new(id: RoomId, now: Instant) -> Self {
        Self {
            id,
            peers: Slab::new(),
            parts: Vec::new(),
            mirrors: FxHashMap::default(),
            due: Vec::new(),
            tracks: Slab::new(),
            live: Vec::new(),
            has_lost: false,
            fresh: Vec::new(),
            jobs: Vec::new(),
            next_job: 0,
            hold_until: None,
            next_tick: now,
            next_chores: now,
            born: now,
            next_share: now,
            paced: Vec::new(),
            pace_at: None,
            flushes: Vec::new(),
            next_flush: 0,
            busy: false,
            listed: false,
            packed: Box::new([0; MAX_PACKED]),
            budget: Budget::new(now),
            stage: stage::Stage::default(),
            floor: follow::Floor::default(),
        }
    }

    /// The peer in this place, when it is still the one that is meant.
    pub(crate) fn peer_mut(&mut self, index: usize, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(index).filter(|peer| peer.id == id).map(Box::as_mut)
    }

    /// Packets dropped of the peers that are here.
    pub(crate) fn rejected(&self) -> u64 {
        self.peers.iter().map(|(_, peer)| peer.stats.rejected).sum()
    }

    /// When [`Room::handle_timeout`] must run at the latest.
    pub(crate) fn deadline(&self) -> Instant {
        let early = self.hold_until.into_iter().chain(self.pace_at).min();
        early.map_or(self.next_tick, |early| early.min(self.next_tick))
    }

    /// True once for each batch that brought something to send on.
    pub(crate) fn take_dirty(&mut self) -> bool {
        let news = !self.fresh.is_empty() && !self.listed;
        self.listed |= news;
        news
    }

    /// Puts a peer in and returns its place.
    pub(crate) fn add(&mut self, peer: Peer, now: Instant) -> usize {
        let index = self.peers.insert(Box::new(peer));
        self.due.resize(self.due.len().max(index + 1), None);
        self.due[index] = Some(now);
        self.next_tick = self.next_tick.min(now);
        index
    }

    /// Takes a peer out with all its tracks.
    pub(crate) fn remove(&mut self, index: usize, context: &mut Context<'_>) -> Option<Box<Peer>> {
        self.unlist(index);
        let peer = self.peers.try_remove(index)?;
        self.due[index] = None;
        match peer.mirror_of {
            Some(_) => _ = self.mirrors.remove(&peer.id),
            None => {
                if peer.is_speaking() {
                    let silent = Event::Speaking { room: self.id, peer: peer.id, speaking: false };
                    context.events.push_back(silent);
                }
                self.tell_parts(part::Message::Gone { peer: peer.id }, context);
            }
        }
        for track in &peer.tracks {
            self.remove_track(*track);
        }
        // Written by nobody any more: the indexes of the peer may be given out again.
        self.jobs.drain(..self.next_job);
        self.next_job = 0;
        self.jobs.retain(|job| job.peer != index);
        self.stop_pacing(index);
        self.assign(Anew::Nobody, context);
        Some(peer)
    }

    fn remove_track(&mut self, track: usize) {
        let Some(removed) = self.tracks.try_remove(track) else { return };
        self.stage.forget(track);
        self.fresh.retain(|(fresh, _)| *fresh != track);
        let before = self.live.len();
        self.live.retain(|live| live.track != track);
        self.has_lost |= self.live.len() != before;
        for (peer, place) in removed.subscribers {
            let Some(peer) = self.peers.get_mut(peer) else { continue };
            if let Some(slot) = peer.slots.get_mut(place) {
                slot.show(None);
                slot.listed = None;
            }
            peer.slots_changed = true;
            peer.is_shown_anew = true;
            peer.downlink.pacer.forget(track as u32);
        }
        self.jobs.clear();
        self.next_job = 0;
    }

    pub(crate) fn set_sources(&mut self, index: usize, sources: SourceSet, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.sources = sources;
        self.gates_changed(index, context);
    }

    pub(crate) fn set_gates(&mut self, index: usize, gates: Gates, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if gates.deafened && !peer.gates.deafened {
            for slot in peer.slots.iter_mut().filter(|slot| slot.kind == crate::worker::MediaKind::Audio) {
                slot.stop();
            }
        }
        peer.gates = gates;
        self.gates_changed(index, context);
    }

    /// A peer hears this mix in place of each one, while there is such a mix; or each one again.
    pub(crate) fn set_mix(&mut self, index: usize, mix: Option<PeerId>, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index).filter(|peer| peer.mix != mix) else { return };
        peer.mix = mix;
        self.assign(Anew::Peer(index), context);
    }

    fn gates_changed(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if let Some(speaking) = peer.stop_speaking(context.now) {
            context.events.push_back(Event::Speaking { room: self.id, peer: peer.id, speaking });
        }
        for index_of_track in peer.tracks.clone() {
            let Some(track) = self.tracks.get_mut(index_of_track) else { continue };
            let live = peer.may_send(track.source);
            if track.live && !live {
                for encoding in &mut track.encodings {
                    encoding.nacks.reset();
                    encoding.pending.clear();
                }
            }
            if live && !track.live {
                // Viewers say how large they show it only once they are sent it.
                track.encodings.iter_mut().for_each(|encoding| encoding.unwanted_since = None);
            }
            track.live = live;
            if !live {
                self.stage.forget(index_of_track);
            }
        }
        self.introduce(index, context);
        self.assign(Anew::Peer(index), context);
    }

    /// A check that names one of this peer's fragments.
    pub(crate) fn handle_check(
        &mut self,
        index: usize,
        request: &BindingRequest<'_>,
        from: SocketAddr,
        context: &mut Context<'_>,
    ) -> Check {
        let Some(peer) = self.peers.get_mut(index) else { return Check::Refused };
        let check = peer.transport.handle_check(request, from, context.now, context.out);
        if matches!(check, Check::Accepted { .. }) {
            self.update_connection(index, context);
            self.wake_peer(index, context.now + tick::IDLE, context.now);
        }
        check
    }

    /// A DTLS record from one of this peer's addresses.
    pub(crate) fn handle_dtls(
        &mut self,
        index: usize,
        from: SocketAddr,
        datagram: &[u8],
        context: &mut Context<'_>,
    ) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        peer.transport.handle_dtls(from, datagram, context.now, context.out);
        self.transport_events(index, context);
    }

    fn transport_events(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        while let Some(event) = peer.transport.poll() {
            match event {
                TransportEvent::Keys(keys) => {
                    let (inbound, outbound) = *keys;
                    peer.keys = Some(Keys { inbound, outbound });
                }
                TransportEvent::Failed => peer.dtls_failed = true,
            }
        }
        let deadline = peer.transport.deadline();
        self.update_connection(index, context);
        if let Some(deadline) = deadline {
            self.wake_peer(index, deadline, context.now);
        }
    }

    /// Tells the caller when a peer becomes reachable or is lost.
    fn update_connection(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let consented = peer.transport.is_consented(context.now);
        let ready = peer.keys.is_some() && peer.transport.egress().is_some();
        let next = match peer.connection {
            _ if peer.dtls_failed || !consented => Connection::Disconnected,
            Connection::Disconnected if !ready => Connection::Connecting,
            _ if ready => Connection::Connected,
            current => current,
        };
        let before = peer.route;
        peer.route = if next == Connection::Connected { peer.transport.egress() } else { None };
        if before.is_some() && peer.route.is_some() && before != peer.route {
            peer.downlink.path_changed(context.now);
        }
        if next == peer.connection {
            return;
        }
        peer.connection = next;
        let id = peer.id;
        match next {
            Connection::Connecting => {}
            Connection::Connected => {
                context.events.push_back(Event::Connected { peer: id });
                // What it missed must leave no gap: one of 2^15 packets would break the receiver's
                // roll-over counter (RFC 3711 §3.3.1). Every slot begins anew.
                peer.slots.iter_mut().for_each(crate::slot::Slot::stop);
                peer.downlink.pacer.clear();
                self.aim_all(index, context);
            }
            Connection::Disconnected => context.events.push_back(Event::Disconnected { peer: id }),
        }
    }

    /// Tells the other parts who began or stopped speaking since there were so many events.
    pub(crate) fn copy_speech(&self, told: usize, context: &mut Context<'_>) {
        if self.parts.is_empty() {
            return;
        }
        let news: Vec<(PeerId, bool)> = (context.events.iter().skip(told))
            .filter_map(|event| match event {
                Event::Speaking { peer, speaking, .. } => Some((*peer, *speaking)),
                _ => None,
            })
            .collect();
        for (peer, speaking) in news {
            self.tell_parts(part::Message::Speaking { peer, speaking }, context);
        }
    }

    /// The peer's clockwork runs by then, or at the next moment of the grid after it.
    fn wake_peer(&mut self, index: usize, at: Instant, now: Instant) {
        if let Some(Some(due)) = self.due.get_mut(index)
            && at < *due
        {
            let at = tick::on_grid(self.born, at, now);
            *due = at;
            self.next_tick = self.next_tick.min(at);
        }
    }

    /// Layers, shares and key frames are looked after by then.
    fn wake_chores(&mut self, at: Instant) {
        self.next_chores = self.next_chores.min(at);
        self.next_tick = self.next_tick.min(at);
    }

    /// A fresh SSRC for this peer, other than this one.
    fn unused_ssrc(peer: &Peer, other: u32, generator: &mut Generator) -> u32 {
        loop {
            let ssrc = generator.u32();
            let is_slots = peer.slots.iter().any(|slot| [slot.ssrc, slot.rtx_ssrc].contains(&ssrc));
            if ![0, other].contains(&ssrc) && !is_slots && !peer.streams.contains_key(&ssrc) {
                return ssrc;
            }
        }
    }
}
