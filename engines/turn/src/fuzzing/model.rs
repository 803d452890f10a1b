//! A plain model beside the server, under any operations in virtual time, compared after each step. The model has lists
//! and no cleverness.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::world::{UNIX, World, address, client, config};
use crate::{
    ClientKey, Secret,
    credentials::issue,
    stun::{
        Class, Message, Method, Writer, attributes as a,
        integrity::{Algorithm, long_term_key},
    },
};

const CLIENTS: usize = 6;
const USERS: [&str; 2] = ["alice", "bob"];
/// Two addresses with two ports each over IPv4, one over IPv6, one that nobody may reach.
const PEERS: [&str; 6] =
    ["8.8.8.8:1", "8.8.8.8:2", "1.1.1.1:1", "1.1.1.1:2", "[2606:4700::1]:1", "10.0.0.1:1"];
const PER_USER: usize = 2;

/// Operations of six clients of two people, each decision a byte: the server and the model agree after each.
pub fn server_beside_model(operations: &[u8]) -> bool {
    let mut pair = Pair::new(operations);
    while !pair.choices.0.is_empty() {
        pair.step();
        pair.compare();
    }
    pair.granted > 0
}

/// What happens: a byte for each decision.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// The first possibility once there are no bytes left.
    fn below(&mut self, bound: usize) -> usize {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*byte) % bound
    }
}

/// What the specification says there is. Times are milliseconds since the start.
struct Held {
    user: usize,
    /// Family (true: IPv6) and when it ends.
    relays: Vec<(bool, u64)>,
    permissions: Vec<(IpAddr, u64)>,
    channels: Vec<(u16, SocketAddr, u64)>,
}

#[derive(Default)]
struct Model {
    now: u64,
    held: BTreeMap<usize, Held>,
}

impl Model {
    fn expire(&mut self) {
        let now = self.now;
        for held in self.held.values_mut() {
            held.relays.retain(|(_, end)| *end > now);
            held.permissions.retain(|(_, end)| *end > now);
            held.channels.retain(|(.., end)| *end > now);
        }
        self.held.retain(|_, held| !held.relays.is_empty());
    }

    fn held(&mut self, client: usize, user: usize) -> Result<&mut Held, u16> {
        let held = self.held.get_mut(&client).ok_or(437u16)?;
        if held.user == user { Ok(held) } else { Err(441) }
    }

    fn allocate(&mut self, client: usize, user: usize, dual: bool, v6: bool, asked: u32) -> Result<u32, u16> {
        if self.held.contains_key(&client) {
            return Err(437);
        }
        if self.held.values().filter(|held| held.user == user).count() >= PER_USER {
            return Err(486);
        }
        let lifetime = asked.clamp(600, 3_600);
        let end = self.now + u64::from(lifetime) * 1_000;
        let families: &[bool] = if dual { &[false, true] } else { &[v6] };
        let relays = families.iter().map(|v6| (*v6, end)).collect();
        self.held.insert(client, Held { user, relays, permissions: vec![], channels: vec![] });
        Ok(lifetime)
    }

    fn refresh(&mut self, client: usize, user: usize, family: Option<bool>, asked: u32) -> Result<u32, u16> {
        let now = self.now;
        let held = self.held(client, user)?;
        if family.is_some_and(|family| !held.relays.iter().any(|(v6, _)| *v6 == family)) {
            return Err(443);
        }
        let granted = if asked == 0 { 0 } else { asked.clamp(600, 3_600) };
        for (v6, end) in &mut held.relays {
            if family.is_none_or(|family| family == *v6) {
                *end = now + u64::from(granted) * 1_000;
            }
        }
        self.expire();
        Ok(granted)
    }

    fn check(held: &Held, peer: SocketAddr) -> Result<(), u16> {
        if !held.relays.iter().any(|(v6, _)| *v6 == peer.is_ipv6()) {
            return Err(443);
        }
        if peer.ip() == address("10.0.0.1:1").ip() { Err(403) } else { Ok(()) }
    }

    fn permit(&mut self, client: usize, user: usize, peers: &[SocketAddr]) -> Result<u32, u16> {
        let end = self.now + 300_000;
        let held = self.held(client, user)?;
        peers.iter().try_for_each(|peer| Self::check(held, *peer))?;
        for peer in peers {
            held.permissions.retain(|(ip, _)| *ip != peer.ip());
            held.permissions.push((peer.ip(), end));
        }
        Ok(0)
    }

    fn bind(&mut self, client: usize, user: usize, number: u16, peer: SocketAddr) -> Result<u32, u16> {
        let end = self.now + 600_000;
        let held = self.held(client, user)?;
        if !(0x4000..=0x4FFF).contains(&number) {
            return Err(400);
        }
        Self::check(held, peer)?;
        if held.channels.iter().any(|(n, p, _)| (*n == number) != (*p == peer)) {
            return Err(400);
        }
        held.channels.retain(|(n, ..)| *n != number);
        held.channels.push((number, peer, end));
        self.permit(client, user, &[peer])
    }

    fn passes(&self, client: usize, peer: SocketAddr) -> bool {
        self.held.get(&client).is_some_and(|held| {
            held.relays.iter().any(|(v6, _)| *v6 == peer.is_ipv6())
                && held.permissions.iter().any(|(ip, _)| *ip == peer.ip())
        })
    }
}

struct Pair<'a> {
    choices: Choices<'a>,
    world: World,
    model: Model,
    transaction: u64,
    steps: usize,
    granted: usize,
}

type Attribute = (u16, Vec<u8>);

impl<'a> Pair<'a> {
    fn new(operations: &'a [u8]) -> Self {
        let mut config = config();
        config.limits.per_user = PER_USER;
        config.limits.replies = u32::MAX;
        Self {
            choices: Choices(operations),
            world: World::new(config),
            model: Model::default(),
            transaction: 0,
            steps: 0,
            granted: 0,
        }
    }

    fn ask(&mut self, from: ClientKey, bytes: &[u8]) -> Vec<u8> {
        self.world.to_clients.clear();
        self.world.send(from, bytes);
        let (to, answer) = self.world.to_clients.pop().expect("an answer");
        assert_eq!((to, self.world.to_clients.len()), (from, 0));
        answer
    }

    /// Asks twice, as a client does: for a nonce, then with it.
    fn request(
        &mut self,
        number: usize,
        user: usize,
        method: Method,
        peers: &[SocketAddr],
        attributes: &[Attribute],
    ) -> Result<u32, u16> {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&self.transaction.to_be_bytes());
        let mut bare = Vec::new();
        Writer::new(&mut bare, Class::Request, method, transaction);
        let challenge = self.ask(client(number), &bare);
        let nonce = Message::parse(&challenge).unwrap().nonce.unwrap();
        let expiry = UNIX + self.world.elapsed().as_secs() + 60;
        let credential = issue(&Secret::new("secret"), USERS[user], expiry);
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, method, transaction);
        attributes.iter().for_each(|(kind, value)| _ = writer.bytes(*kind, value));
        peers.iter().for_each(|peer| _ = writer.xor_address(a::XOR_PEER_ADDRESS, *peer));
        writer
            .bytes(a::USERNAME, credential.username.as_bytes())
            .bytes(a::REALM, b"voxlink")
            .bytes(a::NONCE, nonce)
            .integrity(
                Algorithm::Sha1,
                &long_term_key(&credential.username, "voxlink", &credential.password),
            );
        let answer = self.ask(client(number), &bytes);
        let message = Message::parse(&answer).unwrap();
        match message.class {
            Class::Success => Ok(message.lifetime.unwrap_or(0)),
            _ => Err(message.error.unwrap()),
        }
    }

    fn peer(&mut self) -> SocketAddr {
        address(PEERS[self.choices.below(PEERS.len())])
    }

    fn step(&mut self) {
        self.steps += 1;
        let number = self.choices.below(CLIENTS);
        // Mostly the same user on a 5-tuple, sometimes another.
        let user = if self.choices.below(8) == 0 { self.choices.below(2) } else { number % 2 };
        let asked: u32 = [0, 1, 600, 700, 1_800, 9_999][self.choices.below(6)];
        let lifetime = (a::LIFETIME, asked.to_be_bytes().to_vec());
        let (got, wanted) = match self.choices.below(12) {
            0 | 1 => self.allocate(number, user, asked, lifetime),
            2 => {
                let family = [None, None, Some(false), Some(true)][self.choices.below(4)];
                let mut attributes = vec![lifetime];
                attributes
                    .extend(family.map(|v6| (a::REQUESTED_ADDRESS_FAMILY, vec![1 + u8::from(v6), 0, 0, 0])));
                let got = self.request(number, user, Method::Refresh, &[], &attributes);
                (got, self.model.refresh(number, user, family, asked))
            }
            3 | 4 => {
                let peers: Vec<_> = (0..=self.choices.below(2)).map(|_| self.peer()).collect();
                let got = self.request(number, user, Method::CreatePermission, &peers, &[]);
                (got, self.model.permit(number, user, &peers))
            }
            5 | 6 => {
                let channel = [0x4000, 0x4001, 0x4FFF, 0x5000][self.choices.below(4)];
                let peer = self.peer();
                let value = (a::CHANNEL_NUMBER, u32::from(channel).rotate_left(16).to_be_bytes().to_vec());
                let got = self.request(number, user, Method::ChannelBind, &[peer], &[value]);
                (got, self.model.bind(number, user, channel, peer))
            }
            7 => return self.send_to_peer(number),
            8 => return self.on_channel(number),
            9 => return self.receive_from_peer(number),
            10 => {
                // Close to the ends of permissions, channels and allocations, too.
                let millis = [1, 999, 10_000, 100_000, 299_999, 300_000, 600_000][self.choices.below(7)];
                self.world.pass(Duration::from_millis(millis));
                self.model.now += millis;
                self.model.expire();
                return;
            }
            _ => {
                if self.choices.below(4) == 0 {
                    self.world.server.client_gone(&client(number));
                    self.world.drain();
                    self.model.held.remove(&number);
                }
                return;
            }
        };
        assert_eq!(got, wanted, "step {}, client {number} as {}", self.steps, USERS[user]);
        self.granted += usize::from(got.is_ok());
    }

    fn allocate(
        &mut self,
        number: usize,
        user: usize,
        asked: u32,
        lifetime: Attribute,
    ) -> (Result<u32, u16>, Result<u32, u16>) {
        let kind = self.choices.below(3);
        let mut attributes = vec![lifetime, (a::REQUESTED_TRANSPORT, vec![17, 0, 0, 0])];
        attributes.extend(match kind {
            0 => None,
            1 => Some((a::REQUESTED_ADDRESS_FAMILY, vec![2, 0, 0, 0])),
            _ => Some((a::ADDITIONAL_ADDRESS_FAMILY, vec![2, 0, 0, 0])),
        });
        let got = self.request(number, user, Method::Allocate, &[], &attributes);
        (got, self.model.allocate(number, user, kind == 2, kind == 1, asked))
    }

    fn send_to_peer(&mut self, number: usize) {
        let peer = self.peer();
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, Class::Indication, Method::Send, [1; 12])
            .xor_address(a::XOR_PEER_ADDRESS, peer)
            .bytes(a::DATA, b"up");
        self.sent(number, &bytes, self.model.passes(number, peer).then_some(peer));
    }

    fn on_channel(&mut self, number: usize) {
        let channel = 0x4000 + self.choices.below(2) as u16;
        let [high, low] = channel.to_be_bytes();
        let held = self.model.held.get(&number);
        let bound = held.and_then(|held| held.channels.iter().find(|(n, ..)| *n == channel));
        let peer = bound.map(|(_, peer, _)| *peer).filter(|peer| self.model.passes(number, *peer));
        self.sent(number, &[high, low, 0, 2, b'u', b'p'], peer);
    }

    fn sent(&mut self, number: usize, bytes: &[u8], wanted: Option<SocketAddr>) {
        self.world.to_peers.clear();
        self.world.send(client(number), bytes);
        let got: Vec<_> = self.world.to_peers.iter().map(|(_, to, data)| (*to, &data[..])).collect();
        assert_eq!(
            got,
            wanted.map(|to| (to, &b"up"[..])).into_iter().collect::<Vec<_>>(),
            "step {}",
            self.steps
        );
    }

    fn receive_from_peer(&mut self, number: usize) {
        let peer = self.peer();
        // Whichever relay belongs to this client: the world has them all, the server knows whose they are.
        for (relay, at) in self.world.relays.clone() {
            self.world.to_clients.clear();
            self.world.peer_sends(relay, peer, b"down");
            let Some((to, bytes)) = self.world.to_clients.pop() else { continue };
            let owner = (0..CLIENTS).find(|other| client(*other) == to).unwrap();
            assert!(at.is_ipv4() == peer.is_ipv4() && self.model.passes(owner, peer), "step {}", self.steps);
            let channels = &self.model.held[&owner].channels;
            let channel = channels.iter().find(|(_, p, _)| *p == peer).map(|(number, ..)| *number);
            match Message::parse(&bytes) {
                Ok(message) => {
                    assert_eq!((message.peer, channel), (Some(peer), None));
                    assert_eq!(&bytes[message.data.unwrap()], b"down");
                }
                Err(_) => assert_eq!(
                    (Some(u16::from_be_bytes([bytes[0], bytes[1]])), &bytes[2..]),
                    (channel, &b"\0\x04down"[..])
                ),
            }
            if owner == number {
                return;
            }
        }
        assert!(
            !self.model.passes(number, peer),
            "step {}: client {number} got nothing from {peer}",
            self.steps
        );
    }

    fn compare(&self) {
        assert_eq!(self.world.server.allocations(), self.model.held.len(), "step {}", self.steps);
        let relays: usize = self.model.held.values().map(|held| held.relays.len()).sum();
        assert_eq!(self.world.relays.len(), relays, "step {}", self.steps);
    }
}
