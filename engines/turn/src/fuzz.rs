//! Each parser and the server against mutated inputs: a little in every test run, for longer by `make fuzz`. The seed
//! is committed; a find becomes a test beside its parser.

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use std::time::{Duration, Instant};

use mutate::Chance;

use crate::{
    ClientKey, HEAD_ROOM, Output, RelayId, Server, Transport, credentials, framing, fuzzing,
    server::tests::config,
    stun::{
        Class, Message, Method, Writer, attributes as a,
        integrity::{Algorithm, long_term_key},
    },
};

/// Puts the length right, so that mutations get past the first check.
fn settle(bytes: &mut Vec<u8>) {
    if bytes.len() >= 20 {
        bytes.truncate(20 + (bytes.len() - 20) / 4 * 4);
        let length = u16::try_from(bytes.len() - 20).unwrap_or_default();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

struct Target {
    server: Server,
    start: Instant,
    now: Instant,
    client: ClientKey,
    relays: Vec<RelayId>,
    nonce: Vec<u8>,
    key: [u8; 16],
    username: String,
    successes: usize,
}

const METHODS: [Method; 6] = [
    Method::Binding,
    Method::Allocate,
    Method::Refresh,
    Method::CreatePermission,
    Method::ChannelBind,
    Method::Send,
];

impl Target {
    fn new() -> Self {
        let now = Instant::now();
        let mut config = config();
        config.limits.replies = u32::MAX;
        let credential = credentials::issue(&config.secrets[0], "alice", 5_000);
        let local = config.listeners[0];
        let mut target = Self {
            key: long_term_key(&credential.username, &config.realm, &credential.password),
            username: credential.username,
            server: Server::new(config, [3; 32], now, Duration::from_secs(1_000)),
            start: now,
            now,
            client: ClientKey { transport: Transport::Udp, local, remote: ([8, 8, 4, 4], 4_000).into() },
            relays: Vec::new(),
            nonce: Vec::new(),
            successes: 0,
        };
        let mut bare = Vec::new();
        Writer::new(&mut bare, Class::Request, Method::Allocate, [0; 12]);
        target.take(&bare);
        target
    }

    /// A request with every attribute, mutated before it is signed: what an authenticated client could send.
    fn signed(&self, method: Method, seeded: &mut Chance) -> Vec<u8> {
        let mut bytes = Vec::new();
        let class = if method == Method::Send { Class::Indication } else { Class::Request };
        let mut writer = Writer::new(&mut bytes, class, method, [(seeded.next() as u8); 12]);
        let peer = ([8, 8, 8, (seeded.next() as u8)], 5_000).into();
        writer
            .bytes(a::USERNAME, self.username.as_bytes())
            .bytes(a::REALM, b"voxlink")
            .bytes(a::NONCE, &self.nonce)
            .xor_address(a::XOR_PEER_ADDRESS, peer)
            .bytes(a::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        match method {
            Method::Allocate => writer.bytes(a::EVEN_PORT, &[(seeded.next() as u8)]),
            Method::Refresh => writer.number(a::LIFETIME, u32::from(seeded.next() as u8)),
            Method::ChannelBind => writer.bytes(a::CHANNEL_NUMBER, &[0x40, (seeded.next() as u8), 0, 0]),
            Method::Send => writer.bytes(a::DATA, b"hello"),
            _ => &mut writer,
        };
        if seeded.next().is_multiple_of(2) {
            seeded.mutate(&mut bytes);
            settle(&mut bytes);
        }
        if bytes.len() < 20 {
            return bytes;
        }
        // Signed again by hand: the writer only goes forward.
        let mut again = Vec::new();
        let transaction = bytes[8..20].try_into().unwrap_or_default();
        let mut writer = Writer::new(&mut again, class, method, transaction);
        if let Ok(message) = Message::parse(&bytes) {
            let signed = [a::USERNAME, a::REALM, a::NONCE, a::XOR_PEER_ADDRESS, a::REQUESTED_TRANSPORT];
            for kind in signed.into_iter().chain([a::EVEN_PORT, a::LIFETIME, a::CHANNEL_NUMBER, a::DATA]) {
                if let Some(value) = message.attribute(kind) {
                    writer.bytes(kind, value);
                }
            }
        }
        writer.integrity(Algorithm::Sha1, &self.key).fingerprint();
        again
    }

    fn take(&mut self, datagram: &[u8]) {
        let _verdict = self.server.handle_client(self.now, self.client, datagram);
        while let Some(output) = self.server.poll() {
            match output {
                Output::OpenRelay { relay, next, .. } => {
                    let port = 50_000 + u16::try_from(self.relays.len() % 5_000).unwrap_or_default();
                    self.relays.extend([Some(relay), next].into_iter().flatten());
                    self.server.relay_opened(relay, Ok(([198, 51, 100, 1], port).into()));
                }
                Output::Transmit { bytes, .. } => {
                    let answer = Message::parse(&bytes).expect("what we write, we read");
                    assert!(matches!(answer.class, Class::Success | Class::Error));
                    self.successes += usize::from(answer.class == Class::Success);
                    if let Some(nonce) = answer.nonce {
                        self.nonce = nonce.to_vec();
                    }
                }
                Output::CloseRelay(relay) => self.relays.retain(|other| *other != relay),
                Output::WakeAt(_) | Output::Event(_) => {}
            }
        }
        assert!(self.server.allocations() <= 1, "one 5-tuple, one allocation");
    }
}

fn the_server_takes_mutations(rounds: usize) {
    let mut seeded = Chance::new(0x7012_5EED);
    let mut target = Target::new();
    for _ in 0..rounds {
        let mut bytes = target.signed(METHODS[seeded.next() % METHODS.len()], &mut seeded);
        if seeded.next().is_multiple_of(3) {
            seeded.mutate(&mut bytes);
            if seeded.next().is_multiple_of(2) {
                settle(&mut bytes);
            }
        }
        if let Ok(message) = Message::parse(&bytes) {
            assert!(message.peer_addresses().count() <= message.peers.max(1));
        }
        match framing::next(&bytes) {
            framing::Frame::Whole { message, consumed } => {
                assert!(message <= consumed && consumed <= bytes.len())
            }
            framing::Frame::NeedsAtLeast(count) => {
                assert!(count > bytes.len() && count <= framing::MAX_FRAME)
            }
            framing::Frame::Broken => {}
        }
        target.take(&bytes);
        let mut data = vec![0x40, (seeded.next() as u8), 0, 5, 1, 2, 3, 4, 5];
        seeded.mutate(&mut data);
        target.take(&data);
        if let Some(relay) = target.relays.first() {
            let mut head = [0; HEAD_ROOM];
            let from = ([8, 8, 8, (seeded.next() as u8)], 5_000).into();
            let length = seeded.next() % 70_000;
            let sent = target.server.handle_peer(target.now, *relay, from, length, &mut head);
            assert!(sent.is_none_or(|sent| sent.prefix <= HEAD_ROOM && sent.padding < 4));
        }
        target.now += Duration::from_millis(seeded.next() as u64 % 2_000);
        // The credential lives for 4,000 s: begin again before.
        if target.now > target.start + Duration::from_secs(3_000) {
            assert!(target.successes > 100, "{} requests got past the door", target.successes);
            target = Target::new();
        }
        target.server.handle_timeout(target.now);
    }
}

/// What `fuzz/corpus` holds is worth mutating, or says by its name that it is broken on purpose.
#[test]
fn each_target_understands_its_corpus() {
    mutate::understands_its_corpus(&fuzzing::TARGETS);
}

#[test]
fn mutated_inputs_never_panic() {
    mutate::reads_mutations(&fuzzing::TARGETS, 1_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_each_target() {
    mutate::reads_mutations(&fuzzing::TARGETS, 300_000);
}

#[test]
fn mutated_requests_and_data_never_panic_and_answers_are_stun() {
    the_server_takes_mutations(3_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_the_server() {
    the_server_takes_mutations(3_000_000);
}
