//! Cases as data, and the client that plays them over any [`Wire`]: the engine, or a socket to a server.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod list;
mod peers;

use std::net::SocketAddr;

use voxlink_turn::{
    Secret,
    credentials::issue,
    stun::{
        Class, Message, Method, Writer, attributes as a,
        integrity::{Algorithm, long_term_key},
    },
};

/// Where cases are played.
pub trait Wire {
    /// Sends from a client and waits for an answer to it.
    fn ask(&mut self, client: usize, bytes: &[u8]) -> Option<Vec<u8>>;
    /// Sends from a client; whether a peer, or another client through its relay, got something.
    fn reaches_peer(&mut self, client: usize, bytes: &[u8]) -> bool;
    /// A peer sends to a relayed address; whether its client got it.
    fn peer_reaches_client(&mut self, from: SocketAddr, to: SocketAddr) -> bool;
    /// Lets time pass; false where nobody can, and the case is left out.
    fn pass(&mut self, seconds: u64) -> bool;
    /// Seconds since 1970.
    fn unix(&self) -> u64;
    /// A peer that may be reached; the next port is somebody who may be reached as well.
    fn peer(&self) -> SocketAddr;
    /// What users are called who are not those of another case.
    fn user(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// When the credentials of a case run out, after its beginning.
const CREDENTIAL_SECONDS: u64 = 3_600;
/// How [`Auth::Named`] writes that moment.
pub const EXPIRY: &str = "1700003600";

#[derive(Clone, Debug)]
pub enum Value {
    Bytes(Vec<u8>),
    Address(SocketAddr),
    /// The relayed address of this client, another port added.
    Relayed(usize, u16),
    /// [`Wire::peer`].
    Peer,
    /// The next port of it.
    NextPeer,
    /// The reservation token of the last answer that had one.
    Token,
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// As it should be, for this user.
    Good(&'static str),
    Sha256(&'static str),
    /// With the secret before the current one.
    OldSecret,
    None,
    WrongKey,
    /// This username, with its right password.
    Named(Vec<u8>),
    Expired,
    BogusNonce,
    /// A nonce that was given to another client.
    ForeignNonce,
    /// The nonce that this client got first, however old.
    FirstNonce,
    /// Without one of USERNAME, REALM, NONCE.
    Without(u16),
    WrongRealm,
    UserHash,
}

#[derive(Clone, Debug)]
pub enum Step {
    Request {
        client: usize,
        method: Method,
        attributes: Vec<(u16, Value)>,
        auth: Auth,
    },
    /// The last request once more, byte for byte.
    Again,
    /// The last request from another client.
    AgainFrom(usize),
    Send {
        client: usize,
        attributes: Vec<(u16, Value)>,
    },
    ChannelData {
        client: usize,
        number: u16,
        length: u16,
    },
    PeerSends {
        to_client: usize,
    },
    Raw(Vec<u8>),
    Pass(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Success,
    Refused(u16),
    /// Not a byte comes back.
    Silence,
    Arrives,
    Lost,
    /// A success with this LIFETIME.
    Lifetime(u32),
}

#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// Each must succeed or, for data, may do what it does.
    pub given: Vec<Step>,
    pub when: Step,
    pub then: Then,
    /// Changes the bytes of `when` after they were signed.
    pub tamper: fn(&mut Vec<u8>),
}

pub fn all() -> Vec<Case> {
    [list::requests(), list::data(), list::broken(), peers::refused(), peers::own()].concat()
}

#[derive(Default)]
struct Player {
    began: u64,
    transaction: u8,
    nonces: std::collections::BTreeMap<usize, Vec<u8>>,
    first_nonces: std::collections::BTreeMap<usize, Vec<u8>>,
    relayed: std::collections::BTreeMap<usize, SocketAddr>,
    token: Vec<u8>,
    last: Vec<u8>,
}

/// Plays a case; what its last step got, or `None` if it cannot be played here.
pub fn run(wire: &mut impl Wire, case: &Case) -> Option<Then> {
    play(wire, case).unwrap_or_else(|(step, got)| panic!("{}: {step:?} {got:?}", case.name))
}

/// As [`run`]. A request before the last one that does not succeed is the error, with what it got.
pub fn play(wire: &mut impl Wire, case: &Case) -> Result<Option<Then>, (Step, Then)> {
    let mut player = Player { began: wire.unix(), ..Player::default() };
    for step in &case.given {
        let Some(got) = player.play(wire, step, |_| ()) else { return Ok(None) };
        let is_request = matches!(step, Step::Request { .. });
        if is_request && !matches!(got, Then::Success | Then::Lifetime(_)) {
            return Err((step.clone(), got));
        }
    }
    let got = player.play(wire, &case.when, case.tamper);
    Ok(got.map(|got| match (case.then, got) {
        (Then::Success, Then::Lifetime(_)) => Then::Success,
        (_, got) => got,
    }))
}

impl Player {
    fn play(&mut self, wire: &mut impl Wire, step: &Step, tamper: fn(&mut Vec<u8>)) -> Option<Then> {
        let data = |arrived| Some(if arrived { Then::Arrives } else { Then::Lost });
        match step {
            Step::Request { client, method, attributes, auth } => {
                let mut bytes = self.request(wire, *client, *method, attributes, auth);
                tamper(&mut bytes);
                self.last.clone_from(&bytes);
                Some(self.read(*client, wire.ask(*client, &bytes)))
            }
            Step::Again => Some(self.read(0, wire.ask(0, &self.last.clone()))),
            Step::AgainFrom(client) => Some(self.read(*client, wire.ask(*client, &self.last.clone()))),
            Step::Send { client, attributes } => {
                let mut bytes = Vec::new();
                let mut writer = Writer::new(&mut bytes, Class::Indication, Method::Send, [9; 12]);
                attributes.iter().for_each(|(kind, value)| self.write(wire, &mut writer, *kind, value));
                tamper(&mut bytes);
                data(wire.reaches_peer(*client, &bytes))
            }
            Step::ChannelData { client, number, length } => {
                let mut bytes = [number.to_be_bytes(), length.to_be_bytes()].concat();
                bytes.extend_from_slice(b"hello");
                tamper(&mut bytes);
                data(wire.reaches_peer(*client, &bytes))
            }
            Step::PeerSends { to_client } => {
                data(wire.peer_reaches_client(wire.peer(), *self.relayed.get(to_client)?))
            }
            Step::Raw(bytes) => Some(self.read(0, wire.ask(0, bytes))),
            Step::Pass(seconds) => wire.pass(*seconds).then_some(Then::Silence),
        }
    }

    fn write(&self, wire: &impl Wire, writer: &mut Writer<'_>, kind: u16, value: &Value) {
        match value {
            Value::Bytes(bytes) => writer.bytes(kind, bytes),
            Value::Address(address) => writer.xor_address(kind, *address),
            Value::Peer => writer.xor_address(kind, wire.peer()),
            Value::NextPeer => {
                let next = SocketAddr::new(wire.peer().ip(), wire.peer().port() + 1);
                writer.xor_address(kind, next)
            }
            Value::Token => writer.bytes(kind, &self.token),
            Value::Relayed(client, add) => {
                let mut address = self.relayed[client];
                address.set_port(address.port() + add);
                writer.xor_address(kind, address)
            }
        };
    }

    fn nonce(&mut self, wire: &mut impl Wire, client: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, Class::Request, Method::Refresh, [1; 12]);
        let Some(answer) = wire.ask(client, &bytes) else { return b"no answer".to_vec() };
        let nonce = Message::parse(&answer).unwrap().nonce.unwrap_or(b"no nonce").to_vec();
        self.first_nonces.entry(client).or_insert_with(|| nonce.clone());
        nonce
    }

    fn request(
        &mut self,
        wire: &mut impl Wire,
        client: usize,
        method: Method,
        attributes: &[(u16, Value)],
        auth: &Auth,
    ) -> Vec<u8> {
        let mut nonce = if method == Method::Binding { Vec::new() } else { self.nonce(wire, client) };
        match auth {
            Auth::BogusNonce => nonce = b"AAAAAAAAAAAAAAAA".to_vec(),
            Auth::ForeignNonce => nonce = self.nonce(wire, client + 1),
            Auth::FirstNonce => nonce = self.first_nonces[&client].clone(),
            _ => {}
        }
        let user = match auth {
            Auth::Good(user) | Auth::Sha256(user) => user,
            _ => "alice",
        };
        let secret = Secret::new(if *auth == Auth::OldSecret { "secret before" } else { "secret" });
        let good = self.began + CREDENTIAL_SECONDS;
        let expiry = if *auth == Auth::Expired { wire.unix() - 1 } else { good };
        let credential = issue(&secret, &wire.user(user), expiry);
        let username = match auth {
            Auth::Named(name) => match std::str::from_utf8(name) {
                Ok(name) => {
                    name.replace(EXPIRY, &good.to_string()).replace("alice", &wire.user("alice")).into_bytes()
                }
                Err(_) => name.clone(),
            },
            _ => credential.username.into_bytes(),
        };
        let text = String::from_utf8_lossy(&username);
        // The password of whatever name it is.
        let password = match text.split_once(':') {
            Some((expiry, name)) if expiry.parse::<u64>().is_ok() && !expiry.starts_with('+') => {
                issue(&secret, name, expiry.parse().unwrap()).password
            }
            _ => credential.password,
        };
        let key = long_term_key(&text, "voxlink", if *auth == Auth::WrongKey { "wrong" } else { &password });
        self.transaction += 1;
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, method, [self.transaction; 12]);
        attributes.iter().for_each(|(kind, value)| self.write(wire, &mut writer, *kind, value));
        if *auth == Auth::None {
            return bytes;
        }
        let realm: &[u8] = if *auth == Auth::WrongRealm { b"elsewhere" } else { b"voxlink" };
        for (kind, value) in [(a::USERNAME, &username[..]), (a::REALM, realm), (a::NONCE, &nonce)] {
            match auth {
                Auth::Without(left_out) if *left_out == kind => {}
                Auth::UserHash if kind == a::USERNAME => _ = writer.bytes(a::USERHASH, &[7; 32]),
                _ => _ = writer.bytes(kind, value),
            }
        }
        let algorithm = if matches!(auth, Auth::Sha256(_)) { Algorithm::Sha256 } else { Algorithm::Sha1 };
        writer.integrity(algorithm, &key);
        bytes
    }

    fn read(&mut self, client: usize, answer: Option<Vec<u8>>) -> Then {
        let Some(answer) = answer else { return Then::Silence };
        let message = Message::parse(&answer).expect("an answer that is STUN");
        if let Some(relayed) = message.relayed {
            self.relayed.insert(client, relayed);
        }
        if let Some(token) = message.reservation {
            self.token = token.to_vec();
        }
        match (message.class, message.error, message.lifetime) {
            (Class::Success, _, Some(lifetime)) => Then::Lifetime(lifetime),
            (Class::Success, ..) => Then::Success,
            (Class::Error, Some(code), _) => Then::Refused(code),
            (class, ..) => unreachable!("{class:?} as an answer"),
        }
    }
}

/// A request of client 0.
pub fn request(method: Method, attributes: Vec<(u16, Value)>) -> Step {
    Step::Request { client: 0, method, attributes, auth: Auth::Good("alice") }
}

pub fn bytes(kind: u16, value: &[u8]) -> (u16, Value) {
    (kind, Value::Bytes(value.to_vec()))
}

pub fn udp() -> (u16, Value) {
    bytes(a::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
}

pub fn allocate() -> Step {
    request(Method::Allocate, vec![udp()])
}

pub fn at(text: &str) -> (u16, Value) {
    (a::XOR_PEER_ADDRESS, Value::Address(text.parse().unwrap()))
}

pub fn peer() -> (u16, Value) {
    (a::XOR_PEER_ADDRESS, Value::Peer)
}

pub fn next_peer() -> (u16, Value) {
    (a::XOR_PEER_ADDRESS, Value::NextPeer)
}

pub fn number(number: u16) -> (u16, Value) {
    let [high, low] = number.to_be_bytes();
    bytes(a::CHANNEL_NUMBER, &[high, low, 0, 0])
}

pub fn data() -> (u16, Value) {
    bytes(a::DATA, b"hello")
}

pub fn case(name: impl Into<String>, given: Vec<Step>, when: Step, then: Then) -> Case {
    Case { name: name.into(), given, when, then, tamper: |_| () }
}
