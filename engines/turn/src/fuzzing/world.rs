//! A server with a shell made of tables: sockets that are never opened, and a time that a test sets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods
)]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::{
    ChannelRange, ClientKey, Config, Event, HEAD_ROOM, Limits, LocalPeer, OpenError, Output, RelayId, Secret,
    Server, Transport, Verdict, stun::attributes::Family,
};

pub const UNIX: u64 = 1_700_000_000;
pub const OWN_V4: &str = "192.0.2.1";
pub const OWN_V6: &str = "2001:db8::1";
pub const SFU: &str = "192.0.2.1:7000";
pub const LISTENER: &str = "192.0.2.1:3478";

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn config() -> Config {
    Config {
        realm: "voxlink".to_owned(),
        secrets: vec![Secret::new("secret"), Secret::new("secret before")],
        credential_lifetime: Duration::from_secs(3_600),
        channels: ChannelRange::Rfc8656,
        relay_addresses: [OWN_V4, OWN_V6].map(|ip| ip.parse().unwrap()).to_vec(),
        own_addresses: Vec::new(),
        local_peers: vec![address(SFU)],
        listeners: vec![address(LISTENER)],
        denied: vec!["9.9.9.9".parse().unwrap()],
        allowed: Vec::new(),
        limits: Limits { per_user: 5, replies: 1_000, ..Limits::default() },
    }
}

/// Client `number`'s 5-tuple.
pub fn client(number: usize) -> ClientKey {
    let remote =
        SocketAddr::from(([8, 8, 4, u8::try_from(number / 256).unwrap()], 4_000 + number as u16 % 256));
    ClientKey { transport: Transport::Udp, local: address(LISTENER), remote }
}

pub struct World {
    pub server: Server,
    pub now: Instant,
    start: Instant,
    pub relays: BTreeMap<RelayId, SocketAddr>,
    next_port: u16,
    /// Opening fails from here on.
    pub no_ports: bool,
    /// Sockets are not opened until [`World::open_late`].
    pub is_slow: bool,
    closed: Vec<RelayId>,
    late: Vec<(RelayId, Family, bool, Option<RelayId>)>,
    pub events: Vec<Event>,
    /// What left for clients.
    pub to_clients: Vec<(ClientKey, Vec<u8>)>,
    /// What left from relays: from, to, payload.
    pub to_peers: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    pub wake: Option<Instant>,
}

impl World {
    pub fn new(config: Config) -> Self {
        let start = Instant::now();
        Self {
            server: Server::new(config, [7; 32], start, Duration::from_secs(UNIX)),
            now: start,
            start,
            relays: BTreeMap::new(),
            next_port: 50_000,
            no_ports: false,
            is_slow: false,
            closed: Vec::new(),
            late: Vec::new(),
            events: Vec::new(),
            to_clients: Vec::new(),
            to_peers: Vec::new(),
            wake: None,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass, waking the server when it said so.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..100_000 {
            let Some(wake) = self.wake.filter(|wake| *wake <= end) else { break };
            self.now = self.now.max(wake);
            self.wake = None;
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Hands a datagram in and does what the server says.
    pub fn send(&mut self, from: ClientKey, datagram: &[u8]) {
        let verdict = self.server.handle_client(self.now, from, datagram);
        match verdict {
            Verdict::Nothing => {}
            Verdict::Relay { relay, to, payload, .. } => {
                self.to_peers.push((self.relays[&relay], to, datagram[payload].to_vec()));
            }
            Verdict::ToLocal { from, to: LocalPeer::Listed(to), payload } => {
                self.to_peers.push((from, to, datagram[payload].to_vec()));
            }
            Verdict::ToLocal { from, to: LocalPeer::Relay(relay), payload } => {
                self.peer_sends(relay, from, &datagram[payload]);
            }
        }
        self.drain();
    }

    /// A datagram comes to a relayed address.
    pub fn peer_sends(&mut self, relay: RelayId, from: SocketAddr, payload: &[u8]) {
        let mut head = [0; HEAD_ROOM];
        let sent = self.server.handle_peer(self.now, relay, from, payload.len(), &mut head);
        if let Some(to) = sent {
            let mut bytes = head[HEAD_ROOM - to.prefix..].to_vec();
            bytes.extend_from_slice(payload);
            bytes.resize(bytes.len() + to.padding, 0);
            self.to_clients.push((to.client, bytes));
        }
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit { client, bytes } => self.to_clients.push((client, bytes)),
                Output::OpenRelay { relay, family, even, next } if self.is_slow => {
                    self.late.push((relay, family, even, next));
                }
                Output::OpenRelay { relay, family, even, next } => self.open(relay, family, even, next),
                Output::CloseRelay(relay) => {
                    self.relays.remove(&relay);
                    self.closed.push(relay);
                }
                Output::WakeAt(at) => self.wake = Some(at),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Opens what was asked for meanwhile; a socket that the server has closed again is closed at once.
    pub fn open_late(&mut self) {
        for (relay, family, even, next) in std::mem::take(&mut self.late) {
            let is_closed = self.closed.contains(&relay);
            self.open(relay, family, even, next);
            if is_closed {
                self.relays.remove(&relay);
            }
        }
        self.drain();
    }

    fn open(&mut self, relay: RelayId, family: Family, even: bool, next: Option<RelayId>) {
        if self.no_ports {
            return self.server.relay_opened(relay, Err(OpenError));
        }
        if even {
            self.next_port = self.next_port.next_multiple_of(2);
        }
        let ip: IpAddr = if family == Family::V4 { OWN_V4 } else { OWN_V6 }.parse().unwrap();
        let opened = SocketAddr::new(ip, self.next_port);
        self.relays.insert(relay, opened);
        if let Some(next) = next {
            self.relays.insert(next, SocketAddr::new(ip, self.next_port + 1));
        }
        self.next_port += 2;
        self.server.relay_opened(relay, Ok(opened));
    }
}
