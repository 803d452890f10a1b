//! One worker's share of the SFU: the peers pinned to this thread and the rooms they are in.
//!
//! It knows which datagram is whose (RFC 7983 and the address table) and runs one room at a time.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

pub use crate::api::{
    Answer, Candidates, Copied, Drops, EncodingState, Event, Follow, Gates, MediaKind, Mid, Newcomer,
    OfferError, Output, Part, PeerId, PeerStats, PersonId, Rid, Role, RoomId, Slot, SlotContent, Source,
    SourceSet, Transmit, Want, Wanted, WorkerConfig,
};

use crate::{
    dtls::Identity,
    peer::{MAX_ADDRESSES, NewPeer, Peer},
    rng::Generator,
    room::{Context, Numbers, Plan, Room, quality::Quality},
    sdp::{self, Offer, fragment::IceFragment},
    slab::SendSlab,
    stun::BindingRequest,
    transport::{Check, Credentials, LiteTransport},
};

/// Where a peer is. Carries its id because places in a room are given out again.
#[derive(Clone, Copy, Debug)]
struct Place {
    room: RoomId,
    index: usize,
    peer: PeerId,
}

/// One shard: its peers, rooms, timers and buffers.
///
/// Call `handle_*`, then `end_batch`, then [`Worker::poll`] until [`Output::WakeAt`]; not draining loses packets.
pub struct Worker {
    candidates: Candidates,
    generator: Generator,
    identity: Identity,
    start: Instant,
    now: Instant,
    rooms: FxHashMap<RoomId, Room>,
    peers: FxHashMap<PeerId, Place>,
    /// By our own ICE fragment, which is the first half of a check's USERNAME.
    fragments: FxHashMap<String, Place>,
    /// Only addresses that passed an authenticated check.
    addresses: FxHashMap<SocketAddr, Place>,
    /// Rooms with fresh packets or unwritten jobs.
    dirty: Vec<RoomId>,
    out: SendSlab,
    events: VecDeque<Event>,
    copies: VecDeque<Copied>,
    wake_at: Instant,
    /// How long the datagram that is handled was left.
    waited: Duration,
    running: Option<RoomId>,
    /// What was ignored, and what was rejected of peers that have left.
    drops: Drops,
}

/// Nothing to do: look again after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl Worker {
    /// Makes a worker with a fresh DTLS certificate.
    ///
    /// # Panics
    /// When the operating system has no randomness for the certificate.
    pub fn new(config: WorkerConfig, now: Instant) -> Self {
        Self {
            candidates: config.candidates,
            generator: Generator::new(&config.seed),
            identity: Identity::generate(),
            start: now,
            now,
            rooms: FxHashMap::default(),
            peers: FxHashMap::default(),
            fragments: FxHashMap::default(),
            addresses: FxHashMap::default(),
            dirty: Vec::new(),
            out: SendSlab::new(),
            events: VecDeque::new(),
            copies: VecDeque::new(),
            wake_at: now + LONGEST_SLEEP,
            waited: Duration::ZERO,
            running: None,
            drops: Drops::default(),
        }
    }

    /// As [`Worker::admit`], for someone with one transport: a client of ours.
    ///
    /// # Errors
    /// As [`Worker::admit`].
    pub fn join(
        &mut self,
        room: RoomId,
        peer: PeerId,
        offer: &str,
        sources: &[(Mid, Source)],
        gates: Gates,
        now: Instant,
    ) -> Result<Answer, OfferError> {
        let role = Role::Member { sources: sources.to_vec() };
        self.admit(Newcomer { room, peer, person: PersonId(peer.0), offer, role, gates }, now)
    }

    /// Puts a peer into a room (made when missing) and answers its first offer.
    ///
    /// # Errors
    /// [`OfferError::Malformed`] says what is wrong with the offer; nothing was changed then.
    pub fn admit(&mut self, newcomer: Newcomer<'_>, now: Instant) -> Result<Answer, OfferError> {
        let Newcomer { room, peer, person, offer, role, gates } = newcomer;
        let (offer, follow) = match role {
            Role::Member { .. } => (sdp::parse::parse(offer)?, None),
            Role::Publisher => (sdp::parse::parse_stranger(offer)?, None),
            Role::Viewer(follow) => (sdp::parse::parse_stranger(offer)?, Some(follow)),
        };
        let plan = Plan::new(&offer, &role)?;
        self.leave(peer, now);
        let credentials = self.fresh_credentials();
        let fragment = credentials.fragment.clone();
        let transport =
            LiteTransport::new(credentials, self.identity.clone(), offer.fingerprint.clone(), now);
        let new = NewPeer {
            id: peer,
            person,
            follow,
            gates,
            transport: Box::new(transport),
            remote_fragment: offer.fragment.clone(),
            fingerprint: offer.fingerprint.clone(),
            rtcp_ssrc: self.generator.u32() | 1,
        };
        let member = Peer::new(new, now);
        self.now = now;
        let index = self.rooms.entry(room).or_insert_with(|| Room::new(room, now)).add(member, now);
        let place = Place { room, index, peer };
        self.peers.insert(peer, place);
        self.fragments.insert(fragment, place);
        Ok(self.answer(place, &offer, &plan, now))
    }

    /// A later offer of the same client: ICE restart, more slots, or both.
    ///
    /// # Errors
    /// [`OfferError::UnknownPeer`] after `leave`; [`OfferError::Malformed`] as in [`Worker::join`], and when the
    /// certificate is another one: that needs a new session.
    pub fn renegotiate(
        &mut self,
        peer: PeerId,
        offer: &str,
        sources: &[(Mid, Source)],
        now: Instant,
    ) -> Result<Answer, OfferError> {
        let place = *self.peers.get(&peer).ok_or(OfferError::UnknownPeer)?;
        let offer = sdp::parse::parse(offer)?;
        let role = Role::Member { sources: sources.to_vec() };
        let plan = Plan::new(&offer, &role)?;
        let member = (self.rooms.get(&place.room)).and_then(|room| room.peers.get(place.index));
        let member = member.filter(|member| member.id == peer).ok_or(OfferError::UnknownPeer)?;
        if member.fingerprint != offer.fingerprint {
            let why = "the certificate changed: join again with a new session";
            return Err(OfferError::Malformed(why.to_owned()));
        }
        self.restart(place, &offer.fragment);
        Ok(self.answer(place, &offer, &plan, now))
    }

    /// A trickled fragment with other credentials than before restarts ICE (RFC 9725 §4.3.3); the answer is a fragment
    /// too, with ours. With the same ones it names those that count.
    ///
    /// # Errors
    /// [`OfferError::UnknownPeer`] after `leave`.
    pub fn restart_ice(&mut self, peer: PeerId, remote: &IceFragment) -> Result<Answer, OfferError> {
        let place = *self.peers.get(&peer).ok_or(OfferError::UnknownPeer)?;
        self.restart(place, &remote.fragment);
        let member = self.rooms.get(&place.room).and_then(|room| room.peers.get(place.index));
        let member = member.filter(|member| member.id == peer).ok_or(OfferError::UnknownPeer)?;
        let tag = member.bundle.as_ref().ok_or(OfferError::UnknownPeer)?;
        let ours = member.transport.credentials();
        let sdp = sdp::fragment::write(tag, &ours.fragment, &ours.password, &self.candidates);
        Ok(Answer { sdp })
    }

    /// New credentials when the client has new ones.
    fn restart(&mut self, place: Place, remote_fragment: &str) {
        let credentials = self.fresh_credentials();
        let member =
            (self.rooms.get_mut(&place.room)).and_then(|room| room.peer_mut(place.index, place.peer));
        let Some(member) = member.filter(|member| member.remote_fragment != remote_fragment) else { return };
        remote_fragment.clone_into(&mut member.remote_fragment);
        self.fragments.insert(credentials.fragment.clone(), place);
        if let Some(retired) = member.transport.restart(credentials) {
            self.fragments.remove(&retired);
        }
    }

    /// An offer whose plan is known to be good, applied and answered.
    fn answer(&mut self, place: Place, offer: &Offer, plan: &Plan<'_>, now: Instant) -> Answer {
        let Self { rooms, generator, out, events, copies, start, .. } = self;
        let mut lines = Vec::new();
        let mut text = String::new();
        self.running = Some(place.room);
        if let Some(room) = rooms.get_mut(&place.room) {
            let mut context = Context { now, waited: Duration::ZERO, start: *start, out, events, copies };
            lines = room.apply(place.index, plan, &mut Numbers(generator), &mut context);
            self.wake_at = self.wake_at.min(room.deadline());
            if let Some(peer) = room.peer_mut(place.index, place.peer) {
                peer.offers += 1;
                let credentials = peer.transport.credentials();
                let session = sdp::answer::Session {
                    fragment: &credentials.fragment,
                    password: &credentials.password,
                    fingerprint: &self.identity.fingerprint,
                    candidates: &self.candidates,
                    // RFC 3264 §5: a number below 2^62, and a version that grows.
                    id: place.peer.0 & (u64::MAX >> 2),
                    version: peer.offers,
                };
                text = sdp::answer::write(offer, &session, &lines);
            }
        }
        self.running = None;
        debug_assert_eq!(lines.len(), offer.media.len());
        Answer { sdp: text }
    }

    fn fresh_credentials(&mut self) -> Credentials {
        loop {
            let credentials = Credentials::new(&mut self.generator);
            if !self.fragments.contains_key(&credentials.fragment) {
                return credentials;
            }
        }
    }

    /// What the peer says it is sending from now on; subscribers' slots follow.
    pub fn set_sources(&mut self, peer: PeerId, sources: SourceSet, now: Instant) {
        if let Some(place) = self.peers.get(&peer).copied() {
            self.run(place, now, |room, context| room.set_sources(place.index, sources, context));
        }
    }

    /// How large the peer shows its slots from now on. Slots that are not named stay as they were; one that was never
    /// named is sent at full size.
    pub fn set_wants(&mut self, peer: PeerId, wants: &[Want], now: Instant) {
        if let Some(place) = self.peers.get(&peer).copied() {
            self.run(place, now, |room, context| room.set_wants(place.index, wants, context));
        }
    }

    /// What the peer may send and hear from now on.
    pub fn set_gates(&mut self, peer: PeerId, gates: Gates, now: Instant) {
        if let Some(place) = self.peers.get(&peer).copied() {
            self.run(place, now, |room, context| room.set_gates(place.index, gates, context));
        }
    }

    /// What the peer hears from now on: this mix of everyone, while there is one ([`crate::Mix`]), or each one by themselves.
    pub fn set_mix(&mut self, peer: PeerId, mix: Option<PeerId>, now: Instant) {
        if let Some(place) = self.peers.get(&peer).copied() {
            self.run(place, now, |room, context| room.set_mix(place.index, mix, context));
        }
    }

    /// Frees everything the peer held; the last one out ends the room.
    pub fn leave(&mut self, peer: PeerId, now: Instant) {
        let Some(place) = self.peers.remove(&peer) else { return };
        self.fragments.retain(|_, held| held.peer != peer);
        let left =
            self.run(place, now, |room, context| (room.remove(place.index, context), room.is_deserted()));
        let Some((member, is_empty)) = left else { return };
        self.drops.rejected += member.iter().map(|member| member.stats.rejected).sum::<u64>();
        for address in member.iter().flat_map(|member| &member.addresses) {
            // Another peer may have proven the address since.
            if self.addresses.get(address).is_some_and(|held| held.peer == peer) {
                self.addresses.remove(address);
            }
        }
        if is_empty {
            self.rooms.remove(&place.room);
        }
    }

    /// Workers with the other parts of a room that is here as well; none: all of it is here. What they have to know comes
    /// out as [`Output::Copy`].
    pub fn set_parts(&mut self, room: RoomId, others: &[Part], now: Instant) {
        self.run_room(room, now, |room, context| room.set_parts(others, context));
    }

    /// Takes what another part of the room says; without a part of it here, nothing. Forwarding happens when the batch
    /// ends: call `end_batch`.
    pub fn take_copy(&mut self, from: Part, copy: &Copied, now: Instant) {
        let busy = self.run_room(copy.room, now, |room, context| {
            room.take_copy(from, &copy.message, context);
            room.take_dirty()
        });
        if busy == Some(true) && !self.dirty.contains(&copy.room) {
            self.dirty.push(copy.room);
        }
    }

    /// One received datagram, decrypted in place. Forwarding happens when the batch ends: call `end_batch`.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        self.handle_waiting(from, datagram, Duration::ZERO, now);
    }

    /// As [`Worker::handle_datagram`], for one that was left for a while since it came: round trips do not count that.
    pub fn handle_waiting(&mut self, from: SocketAddr, datagram: &mut [u8], waited: Duration, now: Instant) {
        self.waited = waited;
        self.take_datagram(from, datagram, now);
        self.waited = Duration::ZERO;
    }

    fn take_datagram(&mut self, from: SocketAddr, datagram: &mut [u8], now: Instant) {
        // RFC 7983: the first byte tells the protocols apart.
        let sender = self.addresses.get(&from).copied();
        match (datagram.first(), sender) {
            (Some(0..=3), _) => {
                if !self.handle_stun(from, datagram, now) {
                    self.drops.ignored += 1;
                }
            }
            (Some(20..=63), Some(place)) => {
                self.run(place, now, |room, context| room.handle_dtls(place.index, from, datagram, context));
            }
            (Some(128..=191), Some(place)) => {
                // RFC 5761 §4: RTCP packet types lie where no RTP payload type may.
                let is_rtcp = matches!(datagram.get(1), Some(192..=223));
                let busy = self.run(place, now, |room, context| {
                    match is_rtcp {
                        true => room.handle_rtcp(place.index, datagram, context),
                        false => room.handle_rtp(place.index, datagram, context),
                    }
                    room.take_dirty()
                });
                if busy == Some(true) && !self.dirty.contains(&place.room) {
                    self.dirty.push(place.room);
                }
            }
            _ => self.drops.ignored += 1,
        }
    }

    /// False when it was no check of anybody who is here.
    fn handle_stun(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        let Some(request) = BindingRequest::parse(datagram) else { return false };
        // Unknown fragments get no answer: there is nothing here for who was not invited.
        let Some(place) = self.fragments.get(request.local_fragment).copied() else { return false };
        let check =
            self.run(place, now, |room, context| room.handle_check(place.index, &request, from, context));
        let Some(Check::Accepted { retired }) = check else { return false };
        if let Some(retired) = retired {
            self.fragments.remove(&retired);
        }
        self.learn_address(place, from);
        true
    }

    /// This address is the peer's now, whoever had it before.
    fn learn_address(&mut self, place: Place, from: SocketAddr) {
        let before = self.addresses.insert(from, place);
        if before.is_some_and(|before| before.peer == place.peer) {
            return;
        }
        let member = self.rooms.get_mut(&place.room).and_then(|room| room.peer_mut(place.index, place.peer));
        let Some(member) = member else { return };
        member.addresses.push(from);
        if member.addresses.len() > MAX_ADDRESSES {
            // Never the one that media goes to: a client that tries many paths has found it.
            let egress = member.transport.egress();
            let oldest = member.addresses.iter().position(|address| Some(*address) != egress).unwrap_or(0);
            let oldest = member.addresses.remove(oldest);
            if self.addresses.get(&oldest).is_some_and(|held| held.peer == place.peer) {
                self.addresses.remove(&oldest);
            }
        }
    }

    /// All datagrams that were waiting have been handed over.
    pub fn end_batch(&mut self, now: Instant) {
        self.now = now;
        for room in 0..self.dirty.len() {
            let room = self.dirty[room];
            self.run_room(room, now, |room, context| room.end_batch(context));
        }
    }

    /// Handshakes, consent, feedback: what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if now < self.wake_at {
            return;
        }
        let due: Vec<RoomId> =
            self.rooms.iter().filter(|(_, room)| room.deadline() <= now).map(|(id, _)| *id).collect();
        for id in due {
            let has_jobs = self.run_room(id, now, |room, context| {
                room.handle_timeout(context);
                room.has_jobs()
            });
            if has_jobs == Some(true) && !self.dirty.contains(&id) {
                self.dirty.push(id);
            }
        }
        let next = self.rooms.values().map(Room::deadline).min();
        self.wake_at = next.unwrap_or(now + LONGEST_SLEEP).min(now + LONGEST_SLEEP);
    }

    /// Call until `WakeAt`. Transmits borrow the worker's send slab.
    pub fn poll(&mut self) -> Output<'_> {
        if self.out.is_drained() {
            self.write_jobs();
        }
        if let Some(transmit) = self.out.pop() {
            return Output::Transmit(transmit);
        }
        if let Some(copy) = self.copies.pop_front() {
            return Output::Copy(copy);
        }
        match self.events.pop_front() {
            Some(event) => Output::Event(event),
            None => Output::WakeAt(self.wake_at),
        }
    }

    /// Fills the slab from the rooms that have packets for their subscribers.
    fn write_jobs(&mut self) {
        while let Some(id) = self.dirty.last().copied() {
            let now = self.now;
            let more = self.run_room(id, now, |room, context| {
                room.write_jobs(context, false);
                room.has_jobs()
            });
            if more == Some(true) {
                return;
            }
            self.dirty.pop();
        }
    }

    /// What was counted for a peer; `None` when it is in no room.
    pub fn stats(&self, peer: PeerId) -> Option<PeerStats> {
        let place = self.peers.get(&peer)?;
        let member = self.rooms.get(&place.room)?.peers.get(place.index)?;
        let (reported, reported_lost) = member.reported;
        let estimator = &member.downlink.estimator;
        Some(PeerStats {
            reported,
            reported_lost,
            round_trip: member.round_trip.or(estimator.round_trip()),
            target: member.downlink.target(),
            loss: estimator.loss(),
            queue_delay: estimator.queue_delay(),
            feedback_ignored: estimator.ignored,
            ..member.stats
        })
    }

    /// What was dropped of all that came in.
    pub fn drops(&self) -> Drops {
        let here: u64 = self.rooms.values().map(Room::rejected).sum();
        Drops { rejected: self.drops.rejected + here, ..self.drops }
    }

    /// What was counted for each peer of a call; empty when there is no such call.
    pub fn quality(&self, room: RoomId) -> Vec<(PeerId, Quality)> {
        self.rooms.get(&room).map(|room| room.quality(self.now)).unwrap_or_default()
    }

    /// The room whose code was running: after a caught panic the caller ends it with [`Worker::end_room`].
    pub fn current_room(&self) -> Option<RoomId> {
        self.running
    }

    /// Drops a room and its peers without running any of their code; returns the peers.
    pub fn end_room(&mut self, room: RoomId) -> Vec<PeerId> {
        let peers = self.peers.iter().filter(|(_, place)| place.room == room).map(|(id, _)| *id).collect();
        self.drops.rejected += self.rooms.remove(&room).map_or(0, |room| room.rejected());
        self.peers.retain(|_, place| place.room != room);
        self.fragments.retain(|_, place| place.room != room);
        self.addresses.retain(|_, place| place.room != room);
        self.dirty.retain(|id| *id != room);
        if self.running == Some(room) {
            self.running = None;
        }
        peers
    }

    /// Runs a peer's room if the peer is still in it.
    fn run<T>(
        &mut self,
        place: Place,
        now: Instant,
        work: impl FnOnce(&mut Room, &mut Context<'_>) -> T,
    ) -> Option<T> {
        self.rooms.get_mut(&place.room)?.peer_mut(place.index, place.peer)?;
        self.run_room(place.room, now, work)
    }

    fn run_room<T>(
        &mut self,
        id: RoomId,
        now: Instant,
        work: impl FnOnce(&mut Room, &mut Context<'_>) -> T,
    ) -> Option<T> {
        self.now = now;
        let room = self.rooms.get_mut(&id)?;
        self.running = Some(id);
        let Self { out, events, copies, .. } = self;
        let told = events.len();
        let mut context = Context { now, waited: self.waited, start: self.start, out, events, copies };
        let done = work(room, &mut context);
        room.copy_speech(told, &mut context);
        self.wake_at = self.wake_at.min(room.deadline());
        self.running = None;
        Some(done)
    }
}

/// A worker is made in one thread and moved to the one that runs it.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Worker>();
};
