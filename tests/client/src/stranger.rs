//! A program that publishes by WHIP or watches by WHEP. Whoever uses it carries offers and answers.
// Only tests use it, and they want to know at once.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use str0m::{
    Event,
    format::Codec,
    media::{Direction, MediaKind, Mid},
    rtp::ExtensionValues,
};

use crate::wire::{Outgoing, Wire};

/// What it sends is this long: unlike anything else in a call.
const VIDEO_BYTES: usize = 700;
const AUDIO_BYTES: usize = 70;
/// Of a datagram that makes a picture longer.
pub const FLOOD_BYTES: usize = 1_200;

/// Sends or gets one audio and one video stream.
pub struct Stranger {
    /// In every packet that it sends.
    pub mark: u8,
    /// Marks of video packets that arrived.
    pub seen: Vec<u8>,
    /// Marks of audio packets that arrived.
    pub heard: Vec<u8>,
    /// The same packets.
    pub sounds: Vec<Vec<u8>>,
    wire: Wire,
    sends: Vec<(Mid, MediaKind)>,
    sequence: u64,
    wants_keyframe: bool,
    /// What it says, again and again; without it packets with its mark.
    speech: Vec<Vec<u8>>,
    /// What it shows, again and again: key frames, each of which fits a packet; and in what they are coded.
    pictures: Vec<Vec<u8>>,
    codec: Codec,
    /// Only the first of the pictures is a key frame, the others are built on the one before.
    chained: bool,
    /// Datagrams by which each picture is too long, and all of them so far.
    flood: u64,
    flooded: u64,
    /// Added to its timestamps, in seconds.
    skew: i64,
}

impl std::fmt::Debug for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stranger({}, saw {}, heard {})", self.mark, self.seen.len(), self.heard.len())
    }
}

impl Stranger {
    /// Publishes packets with this mark; its offer.
    pub fn publisher(mark: u8) -> (Self, String) {
        Self::new(mark, Direction::SendOnly, Codec::Vp8)
    }

    /// Publishes these Opus packets over and over, beside pictures; its offer.
    pub fn publisher_of(speech: Vec<Vec<u8>>) -> (Self, String) {
        let (publisher, offer) = Self::publisher(1);
        (Self { speech, ..publisher }, offer)
    }

    /// Shows these pictures over and over from now on: key frames that fit a packet.
    pub fn show(&mut self, pictures: Vec<Vec<u8>>) {
        self.pictures = pictures;
    }

    /// What it says, over and over from now on.
    pub fn say(&mut self, speech: Vec<Vec<u8>>) {
        self.speech = speech;
    }

    /// See [`Wire::keep_pace`].
    pub const fn keep_pace(&mut self) {
        self.wire.keep_pace();
    }

    /// From now on each of its pictures, fifty a second, goes on for so many datagrams of [`FLOOD_BYTES`].
    pub const fn flood(&mut self, datagrams: u64) {
        self.flood = datagrams;
    }

    /// From now on its timestamps are so many seconds later than they would be; less than none are earlier.
    pub const fn skew(&mut self, seconds: i64) {
        self.skew = seconds;
    }

    /// As [`Self::publisher_of`], with pictures in VP9.
    pub fn publisher_in_vp9(speech: Vec<Vec<u8>>) -> (Self, String) {
        let (publisher, offer) = Self::new(1, Direction::SendOnly, Codec::Vp9);
        (Self { speech, ..publisher }, offer)
    }

    /// As [`Self::publisher_of`], with these frames of VP9 over and over, fifty a second and each in one packet; the first
    /// is a key frame.
    pub fn publisher_with(speech: Vec<Vec<u8>>, pictures: Vec<Vec<u8>>) -> (Self, String) {
        let (publisher, offer) = Self::publisher_in_vp9(speech);
        (Self { pictures, chained: true, ..publisher }, offer)
    }

    /// Watches; its offer.
    pub fn viewer() -> (Self, String) {
        Self::new(0, Direction::RecvOnly, Codec::Vp8)
    }

    fn new(mark: u8, direction: Direction, codec: Codec) -> (Self, String) {
        let mut wire = Wire::of(codec);
        let (offer, mut sends) = wire.offer(|change| {
            let add = |kind| (change.add_media(kind, direction, None, None, None), kind);
            [MediaKind::Audio, MediaKind::Video].map(add).to_vec()
        });
        if direction == Direction::RecvOnly {
            sends.clear();
        }
        let (seen, heard, sounds) = (Vec::new(), Vec::new(), Vec::new());
        let (speech, pictures) = (Vec::new(), Vec::new());
        (
            Self {
                mark,
                seen,
                heard,
                sounds,
                wire,
                sends,
                sequence: 0,
                wants_keyframe: true,
                speech,
                pictures,
                codec,
                chained: false,
                flood: 0,
                flooded: 0,
                skew: 0,
            },
            offer,
        )
    }

    /// Takes the answer to its last offer.
    pub fn accept(&mut self, answer: &str) {
        self.wire.accept(answer);
    }

    /// Another network, and an offer with new ICE credentials: the caller trickles them and rewrites the answer.
    pub fn restart_ice(&mut self) -> String {
        self.wire.restart_ice()
    }

    /// Whether media may flow.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.wire.is_connected()
    }

    /// Whether at least ten packets of both kinds with this mark arrived.
    #[must_use]
    pub fn follows(&self, mark: u8) -> bool {
        let many = |all: &[u8]| all.iter().filter(|one| **one == mark).count() >= 10;
        many(&self.seen) && many(&self.heard)
    }

    /// Forgets what arrived.
    pub fn forget(&mut self) {
        self.seen.clear();
        self.heard.clear();
        self.sounds.clear();
    }

    /// Lives a moment.
    pub fn step(&mut self) {
        for event in self.wire.step() {
            match event {
                Event::RtpPacket(packet) => match packet.payload.len() {
                    VIDEO_BYTES => self.seen.extend(packet.payload.last()),
                    _ => {
                        self.heard.extend(packet.payload.last());
                        self.sounds.push(packet.payload.to_vec());
                    }
                },
                Event::KeyframeRequest(_) => self.wants_keyframe = true,
                _ => {}
            }
        }
        if self.wire.may_send() {
            self.send();
        }
    }

    fn send(&mut self) {
        self.sequence += 1;
        for (mid, kind) in self.sends.clone() {
            let (codec, rate) = match kind {
                MediaKind::Audio => (Codec::Opus, 960),
                MediaKind::Video => (self.codec, 1_800),
            };
            let payload = match kind {
                MediaKind::Audio if !self.speech.is_empty() => {
                    self.speech[self.sequence as usize % self.speech.len()].clone()
                }
                MediaKind::Audio => vec![self.mark; AUDIO_BYTES],
                MediaKind::Video if !self.pictures.is_empty() => {
                    let at = self.sequence as usize % self.pictures.len();
                    // RFC 7741 §4.2, RFC 9628 §4.2: a whole frame, which refers to no other or to those before.
                    let head = match self.codec {
                        Codec::Vp9 if self.chained && at > 0 => 0x4c,
                        Codec::Vp9 => 0x0c,
                        _ => 0x10,
                    };
                    [&[head], &self.pictures[at][..]].concat()
                }
                MediaKind::Video => {
                    let is_key = std::mem::take(&mut self.wants_keyframe) || self.sequence % 50 == 1;
                    let mut payload = vec![self.mark; VIDEO_BYTES];
                    // A VP8 payload descriptor and the first byte of a frame (RFC 7741 §4.2).
                    payload[..2].copy_from_slice(&[0x10, u8::from(!is_key)]);
                    if is_key {
                        // The start code, and 640 by 360 pixels (RFC 6386 §9.1).
                        payload[4..11].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
                    }
                    payload
                }
            };
            let (sequence, second) = (self.sequence, if kind == MediaKind::Audio { 48_000 } else { 90_000 });
            let time = (self.sequence * rate).wrapping_add_signed(self.skew * second);
            let extensions = ExtensionValues::default();
            let longer = if kind == MediaKind::Video { self.flood } else { 0 };
            let before = if kind == MediaKind::Video { self.flooded } else { 0 };
            let marker = longer == 0;
            let first =
                Outgoing { mid, codec, sequence: sequence + before, time, marker, extensions, payload };
            self.wire.send(first);
            for more in 1..=longer {
                // It goes on with the same partition (RFC 7741 §4.2).
                let mut payload = vec![self.mark; FLOOD_BYTES];
                payload[0] = 0;
                let (sequence, marker) = (sequence + before + more, more == longer);
                let extensions = ExtensionValues::default();
                self.wire.send(Outgoing { mid, codec, sequence, time, marker, extensions, payload });
            }
            self.flooded += longer;
        }
    }
}

/// Lets them live until something is so, at most fifteen seconds.
pub async fn pump(strangers: &mut [&mut Stranger], what: &str, holds: impl Fn(&[&mut Stranger]) -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !holds(strangers) {
        assert!(Instant::now() < end, "never happened: {what}; {strangers:?}");
        strangers.iter_mut().for_each(|stranger| stranger.step());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
