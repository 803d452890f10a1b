//! A client that is not ours (`turn-client-proto`) against the server, in virtual time: over datagrams and a stream it
//! allocates, permits, binds, sends and receives, refreshes by itself and deletes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::{World, address, client, config};
use turn_client_proto::{
    api::{Transmit, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet},
    prelude::{DelayedTransmitBuild as _, TurnClientApi},
    stun::{Instant, types::TransportType},
    tcp::TurnClientTcp,
    types::{AddressFamily, TurnCredentials, stun::message::IntegrityAlgorithm},
    udp::TurnClientUdp,
};
use voxlink_turn::{
    ClientKey, Event, Secret, Transport,
    credentials::issue,
    framing::{self, Frame},
};

const PEER: &str = "8.8.8.8:5000";

struct Pair<Theirs> {
    world: World,
    theirs: Theirs,
    key: ClientKey,
    /// What a stream has brought and is not yet taken.
    stream: Vec<u8>,
    received: Vec<Vec<u8>>,
    events: Vec<TurnEvent>,
}

/// A credential for two hours, and what else a test wants.
fn client_config(change: impl FnOnce(&mut TurnConfig)) -> TurnConfig {
    let credential = issue(&Secret::new("secret"), "alice", support::UNIX + 7_200);
    let mut config = TurnConfig::new(TurnCredentials::new(&credential.username, &credential.password));
    change(&mut config);
    config
}

impl<Theirs: TurnClientApi> Pair<Theirs> {
    fn new(theirs: Theirs, transport: Transport) -> Self {
        let key = ClientKey { transport, ..client(0) };
        let (stream, received, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { world: World::new(config()), theirs, key, stream, received, events }
    }

    /// What the client sends: a datagram, or bytes that come in pieces and are cut into frames again.
    fn arrive(&mut self, bytes: &[u8]) {
        if self.key.transport == Transport::Udp {
            return self.world.send(self.key, bytes);
        }
        for piece in bytes.chunks(7) {
            self.stream.extend_from_slice(piece);
            while let Frame::Whole { message, consumed } = framing::next(&self.stream) {
                let frame: Vec<u8> = self.stream.drain(..consumed).take(message).collect();
                self.world.send(self.key, &frame);
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(i64::try_from(self.world.elapsed().as_nanos()).unwrap())
    }

    /// Lets both talk until they have nothing more to say at this moment; returns when the client wants to be woken.
    fn settle(&mut self) -> Option<Instant> {
        for _ in 0..100 {
            let now = self.now();
            let wake = match self.theirs.poll(now) {
                TurnPollRet::WaitUntil(at) => Some(at),
                _ => None,
            };
            let mut quiet = true;
            while let Some(transmit) = self.theirs.poll_transmit(now) {
                quiet = false;
                self.arrive(&transmit.data);
            }
            while let Some(event) = self.theirs.poll_event() {
                quiet = false;
                self.events.push(event);
            }
            for (to, bytes) in std::mem::take(&mut self.world.to_clients) {
                quiet = false;
                let transmit = Transmit::new(bytes, self.theirs.transport(), to.local, to.remote);
                match self.theirs.recv(transmit, now) {
                    TurnRecvRet::PeerData(data) => self.received.push(data.data().to_vec()),
                    TurnRecvRet::Handled => {}
                    other => panic!("the client does not want {other:?}"),
                }
            }
            if quiet {
                return wake;
            }
        }
        panic!("they never stop");
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.world.elapsed() + duration;
        for _ in 0..10_000 {
            let wake = self.settle();
            let left = end.saturating_sub(self.world.elapsed());
            let until = wake.map_or(left, |wake| wake.saturating_duration_since(self.now()));
            if left.is_zero() {
                return;
            }
            self.world.pass(until.clamp(Duration::from_millis(1), left));
        }
        panic!("the client wakes all the time");
    }

    fn send(&mut self, payload: &[u8]) {
        let now = self.now();
        let built = self.theirs.send_to(TransportType::Udp, address(PEER), payload.to_vec(), now).unwrap();
        if let Some(transmit) = built {
            self.arrive(&transmit.data.build());
        }
    }

    fn answer(&mut self, payload: &[u8]) {
        let relay = *self.world.relays.keys().next().unwrap();
        self.world.peer_sends(relay, address(PEER), payload);
        self.settle();
    }
}

fn over_udp(change: impl FnOnce(&mut TurnConfig)) {
    let theirs = TurnClientUdp::allocate(client(0).remote, client(0).local, client_config(change));
    a_call(Pair::new(theirs, Transport::Udp));
}

/// Payloads on channels are multiples of four bytes: this client (0.7.3) neither writes nor skips the padding of
/// ChannelData on streams that RFC 8656 §12.5 demands.
fn a_call<Theirs: TurnClientApi>(mut pair: Pair<Theirs>) {
    pair.pass(Duration::from_secs(1));
    let relayed: Vec<_> = pair.theirs.relayed_addresses().collect();
    assert_eq!(relayed.len(), pair.world.relays.len(), "{:?}", pair.events);
    assert!(pair.world.relays.values().all(|at| relayed.contains(&(TransportType::Udp, *at))));
    assert!(!relayed.is_empty(), "{:?}", pair.events);

    let now = pair.now();
    pair.theirs.create_permission(TransportType::Udp, address(PEER).ip(), now).unwrap();
    pair.pass(Duration::from_secs(1));
    assert!(pair.theirs.have_permission(TransportType::Udp, address(PEER).ip()));
    pair.send(b"as an indication");
    pair.answer(b"back as an indication");

    let now = pair.now();
    pair.theirs.bind_channel(TransportType::Udp, address(PEER), now).unwrap();
    pair.pass(Duration::from_secs(1));
    pair.send(b"on a channel");
    pair.answer(b"again on the channel");

    // Half an hour: the nonce becomes stale, and everything is refreshed several times.
    pair.pass(Duration::from_secs(1_800));
    pair.send(b"half an hour");
    pair.answer(b"and back half an hour on");
    let sent: Vec<_> = pair.world.to_peers.iter().map(|(_, to, payload)| (*to, payload.clone())).collect();
    let wanted = ["as an indication", "on a channel", "half an hour"];
    assert_eq!(sent, wanted.map(|text| (address(PEER), text.as_bytes().to_vec())));
    let wanted = ["back as an indication", "again on the channel", "and back half an hour on"];
    assert_eq!(pair.received, wanted.map(|text| text.as_bytes().to_vec()));

    let now = pair.now();
    pair.theirs.delete(now).unwrap();
    pair.pass(Duration::from_secs(1));
    assert_eq!((pair.world.server.allocations(), pair.world.relays.len()), (0, 0));
    assert!(matches!(
        pair.world.events[..],
        [Event::AllocationOpened { .. }, Event::AllocationClosed { .. }]
    ));
}

#[test]
fn an_independent_client_has_a_call_over_ipv4() {
    over_udp(|_| ());
}

#[test]
fn an_independent_client_has_a_call_with_both_families() {
    over_udp(|config| config.add_address_family(AddressFamily::IPV6));
}

#[test]
fn an_independent_client_has_a_call_when_it_knows_sha_256_as_well() {
    over_udp(|config| config.add_supported_integrity(IntegrityAlgorithm::Sha256));
}

#[test]
fn an_independent_client_has_a_call_over_a_stream() {
    let theirs = TurnClientTcp::allocate(client(0).remote, client(0).local, client_config(|_| ()));
    a_call(Pair::new(theirs, Transport::Tcp));
}
