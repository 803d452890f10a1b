//! A client that does as it pleases: a real handshake, and then whatever bytes a test wants sealed with real keys.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;
use dimpl::{Config, Dtls, DtlsCertificate, Output, certificate::generate_self_signed_certificate};
use voxlink_sfu::{PeerId, Source, fuzzing::Forger};

use super::{ROOM, SERVER, World, open_gates};

/// The payload types of its offer.
pub const OPUS: u8 = 111;
pub const RED: u8 = 63;
pub const VP8: u8 = 96;
const PASSWORD_LINE: &str = "a=ice-pwd:";
const FRAGMENT_LINE: &str = "a=ice-ufrag:";

/// One of its receiving m-lines.
#[derive(Clone, Debug)]
pub struct RawSlot {
    pub is_video: bool,
    pub ssrc: u32,
}

pub struct Raw {
    pub id: PeerId,
    pub address: SocketAddr,
    /// Of its microphone; its camera's is one more.
    pub ssrc: u32,
    pub slots: Vec<RawSlot>,
    pub forger: Option<Forger>,
    dtls: Dtls,
    fragment: String,
    password: String,
}

impl Raw {
    /// Joins with a microphone, a camera and `slots` slots of each kind. Nothing was sent yet.
    pub fn join(world: &mut World, number: u8, slots: usize) -> Self {
        let certificate = generate_self_signed_certificate().unwrap();
        let fingerprint = certificate.fingerprint_str();
        Self::join_as(world, number, slots, certificate, &fingerprint)
    }

    /// As [`Raw::join`], saying that its certificate has this fingerprint.
    pub fn join_as(
        world: &mut World,
        number: u8,
        slots: usize,
        certificate: DtlsCertificate,
        fingerprint: &str,
    ) -> Self {
        let ssrc = 0x0100_0000 * u32::from(number) + 0x10;
        let id = PeerId(10_000 + u64::from(number));
        let offer = offer(fingerprint, ssrc, slots);
        let sources = [("0".into(), Source::Microphone), ("1".into(), Source::Camera)];
        let answer = world.worker.join(ROOM, id, &offer, &sources, open_gates(), world.now).unwrap().sdp;
        let value =
            |start: &str| answer.lines().find_map(|line| line.strip_prefix(start)).unwrap().to_owned();
        let config = Config::builder().use_server_cookie(false).build().unwrap();
        let mut dtls = Dtls::new_12(Arc::new(config), certificate, world.now);
        dtls.set_active(true);
        let address = SocketAddr::from(([203, 0, 113, number], 5_000));
        world.mailboxes.insert(address, Vec::new());
        Self {
            id,
            address,
            ssrc,
            slots: slots_of(&answer),
            forger: None,
            dtls,
            fragment: value(FRAGMENT_LINE),
            password: value(PASSWORD_LINE),
        }
    }

    /// Sends these bytes as they are, from its own address.
    pub fn say(&self, world: &mut World, datagram: Vec<u8>) {
        world.fly(self.address, SERVER.parse().unwrap(), datagram);
    }

    /// A connectivity check that nominates (RFC 8445 §7.2).
    pub fn check(&self, world: &mut World) {
        let request = binding_request(&format!("{}:abcd", self.fragment), &self.password);
        self.say(world, request);
    }

    /// What its handshake has to say now: datagrams for the server.
    pub fn handshake(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        let mut buffer = vec![0; 4_096];
        let _fatal = self.dtls.handle_timeout(now);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => said.push(packet.to_vec()),
                Output::KeyingMaterial(material, _) => self.forger = Forger::new(&material),
                Output::Timeout(_) => return said,
                _ => {}
            }
        }
    }

    /// Datagrams that came for it since the last time, handshakes and checks read, media and reports opened.
    pub fn receive(&mut self, world: &mut World) -> Vec<Vec<u8>> {
        let arrived = world.mailboxes.get_mut(&self.address).map(std::mem::take).unwrap_or_default();
        let mut opened = Vec::new();
        for datagram in arrived {
            match datagram.first() {
                Some(20..=63) => _ = self.dtls.handle_packet(&datagram),
                Some(128..=191) => {
                    opened.extend(self.forger.as_mut().and_then(|forger| forger.open(&datagram)));
                }
                _ => {}
            }
        }
        opened
    }

    /// Packets of one of its streams, as a client of ours would send them.
    pub fn packet(&self, payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 960).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// Seals an RTP packet.
    pub fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.forger.as_mut().unwrap().seal_rtp(plain).unwrap()
    }

    /// Seals a compound packet and sends it.
    pub fn report(&mut self, world: &mut World, plain: &[u8]) {
        let sealed = self.forger.as_mut().unwrap().seal_rtcp(plain).unwrap();
        self.say(world, sealed);
    }

    /// Its slot for pictures that comes first.
    pub fn video_slot(&self) -> u32 {
        self.slots.iter().find(|slot| slot.is_video).unwrap().ssrc
    }
}

/// Lets all of them do their handshakes.
pub fn connect(world: &mut World, raws: &mut [Raw]) {
    for raw in raws.iter() {
        raw.check(world);
    }
    world.run(Duration::from_millis(20));
    for _ in 0..5_000 {
        if raws.iter().all(|raw| world.has_connected(raw.id) && raw.forger.is_some()) {
            return;
        }
        turn(world, raws);
    }
    unreachable!("not all are connected: {:?}", world.events);
}

/// One step of the world and of these clients.
pub fn turn(world: &mut World, raws: &mut [Raw]) {
    for raw in raws.iter_mut() {
        raw.receive(world);
        for datagram in raw.handshake(world.now) {
            raw.say(world, datagram);
        }
    }
    world.step();
}

/// A picture loss indication (RFC 4585 §6.3.1).
pub fn picture_loss(media: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 206, 0, 2, 0, 0, 0, 1];
    packet.extend(media.to_be_bytes());
    packet
}

/// A NACK (RFC 4585 §6.2.1) for each of these numbers and the sixteen after it.
pub fn nack(media: u32, firsts: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut items: Vec<u8> = Vec::new();
    firsts.for_each(|first| items.extend([first.to_be_bytes(), [0xFF; 2]].concat()));
    let words = (2 + items.len() / 4) as u16;
    let mut packet = vec![0x81, 205];
    packet.extend(words.to_be_bytes());
    packet.extend(1u32.to_be_bytes());
    packet.extend(media.to_be_bytes());
    packet.extend(items);
    packet
}

fn slots_of(answer: &str) -> Vec<RawSlot> {
    let sections = answer.split("\r\nm=").skip(1);
    let ssrc = |section: &str| -> Option<u32> {
        section.lines().find_map(|line| line.strip_prefix("a=ssrc:"))?.split(' ').next()?.parse().ok()
    };
    sections
        .filter_map(|section| Some(RawSlot { is_video: section.starts_with("video"), ssrc: ssrc(section)? }))
        .collect()
}

fn offer(fingerprint: &str, ssrc: u32, slots: usize) -> String {
    let mids: Vec<String> = (0..2 + 2 * slots).map(|mid| mid.to_string()).collect();
    let mut lines = vec![
        "v=0".to_owned(),
        "o=- 1 2 IN IP4 127.0.0.1".to_owned(),
        "s=-".to_owned(),
        "t=0 0".to_owned(),
        format!("a=group:BUNDLE {}", mids.join(" ")),
        format!("{FRAGMENT_LINE}abcd"),
        format!("{PASSWORD_LINE}abcdefghijklmnopqrstuvwx"),
        format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:active".to_owned(),
    ];
    for (at, mid) in mids.iter().enumerate() {
        let codec: &[&str] = match at % 2 {
            0 => &[
                "m=audio 9 UDP/TLS/RTP/SAVPF 111 63",
                "a=rtpmap:111 opus/48000/2",
                "a=rtpmap:63 red/48000/2",
                "a=fmtp:63 111/111",
            ],
            _ => &[
                "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
                "a=rtpmap:96 VP8/90000",
                "a=rtpmap:97 rtx/90000",
                "a=fmtp:97 apt=96",
            ],
        };
        lines.extend(codec.iter().map(|line| (*line).to_owned()));
        lines.extend([format!("a=mid:{mid}"), "a=rtcp-mux".to_owned()]);
        match at {
            0 | 1 => {
                lines.extend(["a=sendonly".to_owned(), format!("a=ssrc:{} cname:raw", ssrc + at as u32)])
            }
            _ => lines.push("a=recvonly".to_owned()),
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// RFC 8489 §5, §14.5 and §14.7, as a controlling agent that nominates at once.
fn binding_request(username: &str, password: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let add = |message: &mut Vec<u8>, kind: u16, value: &[u8]| {
        message.extend(kind.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    };
    let set_length = |message: &mut Vec<u8>, more: usize| {
        let length = (message.len() - 20 + more) as u16;
        message[2..4].copy_from_slice(&length.to_be_bytes());
    };
    add(&mut message, 0x0006, username.as_bytes());
    add(&mut message, 0x802A, &[1; 8]);
    add(&mut message, 0x0024, &[1; 4]);
    add(&mut message, 0x0025, &[]);
    set_length(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &message);
    add(&mut message, 0x0008, tag.as_ref());
    set_length(&mut message, 8);
    let check = crc32(&message) ^ 0x5354_554E;
    add(&mut message, 0x8028, &check.to_be_bytes());
    message
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
