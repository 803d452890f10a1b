//! A program that publishes by WHIP or watches by WHEP: a whole WebRTC stack that is not ours (str0m), with a real
//! socket. Whoever uses it carries offers and answers.
// Only tests use it, and they want to know at once.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic)]

use std::{
    io,
    net::UdpSocket,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    format::Codec,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

/// What it sends is this long: unlike anything else in a call.
const VIDEO_BYTES: usize = 700;
const AUDIO_BYTES: usize = 70;

/// Sends or gets one audio and one video stream.
pub struct Stranger {
    /// In every packet that it sends.
    pub mark: u8,
    /// Marks of video packets that arrived.
    pub seen: Vec<u8>,
    /// Marks of audio packets that arrived.
    pub heard: Vec<u8>,
    rtc: Box<Rtc>,
    udp: UdpSocket,
    sends: Vec<(Mid, MediaKind)>,
    pending: Option<SdpPendingOffer>,
    wake: Instant,
    next_packet: Instant,
    sequence: u64,
    wants_keyframe: bool,
}

impl std::fmt::Debug for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stranger({}, saw {}, heard {})", self.mark, self.seen.len(), self.heard.len())
    }
}

impl Stranger {
    /// Publishes packets with this mark; its offer.
    pub fn publisher(mark: u8) -> (Self, String) {
        Self::new(mark, Direction::SendOnly)
    }

    /// Watches; its offer.
    pub fn viewer() -> (Self, String) {
        Self::new(0, Direction::RecvOnly)
    }

    fn new(mark: u8, direction: Direction) -> (Self, String) {
        let now = Instant::now();
        let mut rtc = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_rtp_mode(true)
            .build(now);
        let mut change = rtc.sdp_api();
        let mut sends = Vec::new();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let mid = change.add_media(kind, direction, None, None, None);
            sends.push((mid, kind));
        }
        if direction == Direction::RecvOnly {
            sends.clear();
        }
        let (offer, pending) = change.apply().unwrap();
        let stranger = Self {
            mark,
            seen: Vec::new(),
            heard: Vec::new(),
            rtc: Box::new(rtc),
            udp: bind(),
            sends,
            pending: Some(pending),
            wake: now,
            next_packet: now,
            sequence: 0,
            wants_keyframe: true,
        };
        (stranger, offer.to_sdp_string())
    }

    /// Takes the answer to its last offer.
    pub fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        let address = self.udp.local_addr().unwrap();
        self.rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        self.drain();
    }

    /// Another network, and an offer with new ICE credentials: the caller trickles them and rewrites the answer.
    pub fn restart_ice(&mut self) -> String {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(false);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        self.udp = bind();
        offer.to_sdp_string()
    }

    /// Whether media may flow.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.rtc.is_connected()
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
    }

    /// Lives a moment.
    pub fn step(&mut self) {
        self.read_udp();
        let now = Instant::now();
        if now >= self.wake && self.rtc.is_alive() {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
        if now >= self.next_packet && self.rtc.is_connected() {
            self.next_packet = now + Duration::from_millis(20);
            self.send(now);
        }
    }

    fn send(&mut self, now: Instant) {
        self.sequence += 1;
        for (mid, kind) in self.sends.clone() {
            let (codec, rate) = match kind {
                MediaKind::Audio => (Codec::Opus, 960),
                MediaKind::Video => (Codec::Vp8, 1_800),
            };
            let pt = self.rtc.codec_config().find(|pt| pt.spec().codec == codec).unwrap().pt();
            let payload = match kind {
                MediaKind::Audio => vec![self.mark; AUDIO_BYTES],
                MediaKind::Video => {
                    let is_key = std::mem::take(&mut self.wants_keyframe) || self.sequence % 50 == 1;
                    let mut payload = vec![self.mark; VIDEO_BYTES];
                    // A VP8 payload descriptor and the first byte of a frame (RFC 7741 §4.2).
                    payload[..2].copy_from_slice(&[0x10, u8::from(!is_key)]);
                    payload
                }
            };
            let time = u32::try_from(self.sequence * rate).unwrap_or_default();
            let write = RtpWrite::new(pt, self.sequence.into(), time, now, payload).marker(true);
            if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
                stream.write_rtp(write);
            }
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
    }

    fn read_udp(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = match self.udp.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let to = self.udp.local_addr().unwrap();
            if let Ok(receive) = Receive::new(Protocol::Udp, from, to, &buffer[..length]) {
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    // A full buffer is a lost packet.
                    let _lost = self.udp.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::RtpPacket(packet)) => match packet.payload.len() {
                    VIDEO_BYTES => self.seen.extend(packet.payload.last()),
                    _ => self.heard.extend(packet.payload.last()),
                },
                Output::Event(Event::KeyframeRequest(_)) => self.wants_keyframe = true,
                Output::Event(_) => {}
            }
        }
    }
}

fn bind() -> UdpSocket {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    udp
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
