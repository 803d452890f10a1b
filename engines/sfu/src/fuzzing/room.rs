//! A room whose publisher and viewer prove to be who they are and send what nobody should: authentic, but malformed.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Forger, pieces};
use crate::{
    dtls::{Fingerprint, HashAlgorithm},
    peer::{NewPeer, Peer},
    rng::Generator,
    room::{Context, Numbers, Plan, Room, part::Copied},
    rtp::Header,
    sdp::{self, answer::Line},
    slab::SendSlab,
    srtp::{Inbound, Outbound, Profile, server_keys},
    stun::BindingRequest,
    transport::{Check, Credentials, Transport, TransportEvent},
    worker::{Follow, Gates, PeerId, PersonId, Role, RoomId, Source, SourceSet},
};

/// A microphone with redundancy, a camera in two sizes (VP8) and a screen with dependency descriptors (AV1); a slot for
/// sound and two for pictures.
const OFFER: &str = include_str!("offer.sdp");
/// The SSRCs that the offer signals: microphone, screen, and the screen's RTX stream. The camera's come by mid and rid.
const SSRCS: [u32; 5] = [0x11, 0x31, 0x32, 0x21, 0x22];
const PUBLISHER: u64 = 1;
const VIEWER: u64 = 2;

/// A room without a network.
pub(crate) struct Stage {
    pub(crate) room: Room,
    now: Instant,
    start: Instant,
    out: SendSlab,
    events: VecDeque<crate::worker::Event>,
    copies: VecDeque<Copied>,
    generator: Generator,
}

impl Stage {
    // An engine is handed the time; a fuzzer has none to hand over, and any first moment will do.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            room: Room::new(RoomId(1), now),
            now,
            start: now,
            out: SendSlab::new(),
            events: VecDeque::new(),
            copies: VecDeque::new(),
            generator: Generator::new(&[7; 32]),
        }
    }

    /// Adds a peer whose index is `id - 1`; with keys its handshake is over.
    pub(super) fn join(&mut self, id: u64, plan: &Plan<'_>, keys: Option<(Inbound, Outbound)>) -> Vec<Line> {
        let index = self.admit(id, None, keys);
        self.apply(index, plan)
    }

    /// Adds a peer that has offered nothing yet; its place.
    pub(crate) fn admit(
        &mut self,
        id: u64,
        follow: Option<Follow>,
        keys: Option<(Inbound, Outbound)>,
    ) -> usize {
        let fingerprint = Fingerprint { algorithm: HashAlgorithm::Sha256, bytes: vec![0; 32] };
        let transport = Proven {
            credentials: Credentials::new(&mut self.generator),
            address: address_of(id),
            keys: keys.map(|keys| TransportEvent::Keys(Box::new(keys))),
        };
        let new = NewPeer {
            id: PeerId(id),
            person: PersonId(id),
            follow,
            gates: Gates { may_speak: true, may_stream: true, deafened: false, muted: false },
            transport: Box::new(transport),
            remote_fragment: "fragment".to_owned(),
            fingerprint,
            rtcp_ssrc: id as u32,
        };
        self.room.add(Peer::new(new, self.now), self.now)
    }

    /// Takes a peer's offer, its first one or another.
    pub(crate) fn apply(&mut self, index: usize, plan: &Plan<'_>) -> Vec<Line> {
        let Self { room, now, start, out, events, copies, generator } = self;
        let mut context = Context { now: *now, waited: Duration::ZERO, start: *start, out, events, copies };
        room.apply(index, plan, &mut Numbers(generator), &mut context)
    }

    pub(crate) fn run(&mut self, work: impl FnOnce(&mut Room, &mut Context<'_>)) {
        let Self { room, now, start, out, events, copies, .. } = self;
        work(room, &mut Context { now: *now, waited: Duration::ZERO, start: *start, out, events, copies });
        events.clear();
    }

    /// Lets time pass, whatever leaves then.
    #[cfg(test)]
    pub(crate) fn skip(&mut self, time: Duration) {
        self.now += time;
        self.run(|room, context| room.handle_timeout(context));
        while self.out.pop().is_some() {}
    }

    /// Lets time pass and everything leave; what leaves is opened by who it is for.
    fn pass(&mut self, time: Duration, clients: &mut [Client; 2]) {
        self.now += time;
        self.run(|room, context| {
            room.take_dirty();
            room.end_batch(context);
            room.handle_timeout(context);
        });
        loop {
            self.run(|room, context| room.write_jobs(context, false));
            let mut is_quiet = true;
            while let Some(transmit) = self.out.pop() {
                is_quiet = false;
                let client = clients.iter_mut().find(|client| client.address == transmit.to);
                let client = client.expect("nothing is sent to strangers");
                let size = transmit.segment.unwrap_or(transmit.bytes.len());
                transmit.bytes.chunks(size).for_each(|datagram| client.receive(datagram));
            }
            if is_quiet && !self.room.has_jobs() {
                return;
            }
        }
    }
}

fn address_of(id: u64) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, id as u8], 5_000))
}

/// A transport whose checks and handshake went well before it was made.
struct Proven {
    credentials: Credentials,
    address: SocketAddr,
    keys: Option<TransportEvent>,
}

impl Transport for Proven {
    fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    fn restart(&mut self, _: Credentials) -> Option<String> {
        None
    }

    fn handle_check(&mut self, _: &BindingRequest<'_>, _: SocketAddr, _: Instant, _: &mut SendSlab) -> Check {
        Check::Refused
    }

    fn handle_dtls(&mut self, _: SocketAddr, _: &[u8], _: Instant, _: &mut SendSlab) {}

    fn handle_timeout(&mut self, _: Instant, _: &mut SendSlab) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn poll(&mut self) -> Option<TransportEvent> {
        self.keys.take()
    }

    fn egress(&self) -> Option<SocketAddr> {
        Some(self.address)
    }

    fn is_consented(&self, _: Instant) -> bool {
        true
    }

    fn media_arrived(&mut self) {}
}

/// Who holds the other end of the keys.
struct Client {
    address: SocketAddr,
    forger: Forger,
}

impl Client {
    /// The client, and the server's end of its keys.
    fn new(id: u64) -> Option<(Self, (Inbound, Outbound))> {
        let material: Vec<u8> = (0..56).map(|byte| byte ^ id as u8).collect();
        let client = Self { address: address_of(id), forger: Forger::new(&material)? };
        Some((client, server_keys(Profile::Aes128Gcm, &material)?))
    }

    /// All reports that we send can be opened, once each; of media only the header is looked at, because its numbers may
    /// have jumped further than a receiver follows.
    fn receive(&mut self, datagram: &[u8]) {
        match datagram.get(1) {
            Some(192..=223) => assert!(self.forger.open(datagram).is_some(), "our own report"),
            _ => assert!(Header::parse(datagram).is_some(), "our own header"),
        }
    }
}

/// Pieces, each behind its length: the first byte of one says who sends what, the rest is the packet. Every packet is
/// sealed with the sender's keys, so that what the engine reads is exactly this.
pub fn authentic_packets(input: &[u8]) -> bool {
    let (Ok(offer), Some((publisher, for_publisher)), Some((viewer, for_viewer))) =
        (sdp::parse::parse(OFFER), Client::new(PUBLISHER), Client::new(VIEWER))
    else {
        return false;
    };
    let mut clients = [publisher, viewer];
    let names = [("0", Source::Microphone), ("1", Source::Camera), ("2", Source::Screen)];
    let role = Role::Member { sources: names.map(|(mid, source)| (mid.into(), source)).to_vec() };
    let Ok(plan) = Plan::new(&offer, &role) else { return false };
    let mut stage = Stage::new();
    stage.join(PUBLISHER, &plan, Some(for_publisher));
    let lines = stage.join(VIEWER, &plan, Some(for_viewer));
    let slots: Vec<u32> = (lines.iter())
        .filter_map(|line| if let Line::Send { ssrc, .. } = line { Some(*ssrc) } else { None })
        .collect();
    let live = SourceSet { microphone: true, camera: true, screen: true, screen_audio: false };
    stage.run(|room, context| room.set_sources(0, live, context));
    stage.pass(Duration::from_millis(300), &mut clients);
    for piece in pieces(input) {
        let Some((order, packet)) = piece.split_first() else { continue };
        let (what, which) = (order & 3, usize::from(order >> 2));
        let mut plain = packet.to_vec();
        match what {
            // Media from the publisher, under an SSRC of its own if it is to be known.
            0 => {
                if let (Some(ssrc), Some(place)) = (SSRCS.get(which), plain.get_mut(8..12)) {
                    place.copy_from_slice(&ssrc.to_be_bytes());
                }
                if let Some(mut sealed) = clients[0].forger.seal_rtp(&plain) {
                    stage.run(|room, context| room.handle_rtp(0, &mut sealed, context));
                }
            }
            // Reports: from the publisher, from the viewer about a slot.
            1 | 2 => {
                let sender = usize::from(what == 2);
                if let (2, Some(ssrc), Some(place)) = (what, slots.get(which), plain.get_mut(8..12)) {
                    place.copy_from_slice(&ssrc.to_be_bytes());
                }
                if let Some(mut sealed) = clients[sender].forger.seal_rtcp(&plain) {
                    stage.run(|room, context| room.handle_rtcp(sender, &mut sealed, context));
                }
            }
            _ => stage.pass(Duration::from_millis(which as u64 * 4), &mut clients),
        }
    }
    stage.pass(Duration::from_secs(2), &mut clients);
    stage.room.peers.iter().any(|(_, peer)| peer.stats.packets_out > 0)
}
