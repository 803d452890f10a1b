//! Each parser against mutated inputs: a little in every test run, for longer by `make fuzz`. Seeds are committed; a
//! find becomes a test beside its parser.

use std::time::{Duration, Instant};

use crate::{
    bandwidth::{Bitrate, Estimator},
    codec::{FrameInfo, dependency},
    rtcp::{
        self,
        twcc::{Feedback, Recorder},
    },
    rtp, sdp,
    sdp::codecs::Codec,
    stun,
};

/// splitmix64: the same inputs on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) & 0xFFFF_FFFF).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next() & 0xFF).unwrap_or_default()
    }

    /// Bytes set, cut out, doubled or cut off.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.next() % 6 {
            if bytes.is_empty() {
                bytes.push(self.byte());
            }
            let at = self.next() % bytes.len();
            match self.next() % 6 {
                0 | 1 => bytes[at] = self.byte(),
                2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][self.next() % 6],
                3 => bytes.truncate(at),
                4 => {
                    let end = (at + self.next() % 32).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let end = (at + self.next() % 16).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        bytes.truncate(4096);
    }
}

/// A header with one- and two-byte extensions, padding and contributing sources.
const RTP: &[u8] = &[
    0xB1, 0xE0, 0x12, 0x34, 0, 0, 0x10, 0, 0xDE, 0xAD, 0xBE, 0xEF, 0, 0, 0, 1, 0xBE, 0xDE, 0, 2, 0x10, 0x85,
    0x31, 0, 7, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 4,
];

/// SR, SDES, NACK, PLI, FIR and transport-wide feedback, one after the other.
const RTCP: &[u8] = &[
    0x80, 200, 0, 6, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 11, //
    0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, 65, 0, //
    0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 3, //
    0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, //
    0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 7, 0, 0, 0, //
    0x8F, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 0, 0x20, 3, 4, 4, 4, 0, 0, 0,
];

/// Two older frames before the packet's own.
const RED: &[u8] = &[0xEF, 0x1E, 0x00, 3, 0xEF, 0x0F, 0x00, 2, 0x6F, 1, 2, 3, 4, 5, 6, 7, 8];

const STUN: &[u8] = &[
    0, 1, 0, 40, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, // header
    0, 6, 0, 9, 97, 98, 99, 100, 58, 101, 102, 103, 104, 0, 0, 0, // USERNAME
    0, 0x25, 0, 0, // USE-CANDIDATE
    0, 0x24, 0, 4, 1, 2, 3, 4, // PRIORITY
    0x80, 0x2A, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, // ICE-CONTROLLING
];

/// A payload of each codec with all that its descriptor can have: numbers, layers, references, sizes, fragments.
const PAYLOADS: [(Codec, &[u8]); 5] = [
    (Codec::Vp8, &[0x90, 0xF0, 0x92, 0x34, 7, 0x60, 0, 0, 0, 0x9D, 1, 0x2A, 0x80, 2, 0x68, 1]),
    (
        Codec::Vp9,
        &[0xFA, 0x81, 2, 0x30, 3, 5, 2, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x44, 1, 0x28, 1, 2],
    ),
    (Codec::H264, &[0x78, 0, 2, 0x68, 1, 0, 3, 0x67, 1, 2, 0, 1, 0x65]),
    (Codec::H264, &[0x7C, 0x85, 1, 2, 3]),
    (Codec::Av1, &[0x18, 0x0A, 1, 2]),
];

const SDP: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendonly\r\na=msid:s t\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=ssrc:1 cname:c\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2 3\r\na=rid:q send\r\na=rid:f send max-width=1280\r\na=simulcast:send q;~f,x recv y\r\n";

fn each_parser_reads_mutations(rounds: usize) {
    let mut seeded = Seeded(0x5EED_F022);
    for _ in 0..rounds {
        let mut bytes = RTP.to_vec();
        seeded.mutate(&mut bytes);
        if let Some(header) = rtp::Header::parse(&bytes) {
            for id in 0..=15 {
                let _value = header.extension(&bytes, id);
            }
            let _length = rtp::payload_length(&header, &bytes);
        }
        for (codec, payload) in PAYLOADS {
            let mut bytes = payload.to_vec();
            seeded.mutate(&mut bytes);
            let frame = FrameInfo::of_payload(codec, &bytes);
            frame.numbers.shift(&mut bytes, 3, 5);
        }
        let mut bytes = dependency::tests::key_l1t3(7);
        seeded.mutate(&mut bytes);
        let mut structure = dependency::read(&bytes, None).and_then(|read| read.structure);
        let mut bytes = dependency::tests::delta(2, 8);
        seeded.mutate(&mut bytes);
        if let Some(read) = dependency::read(&bytes, structure.as_deref()) {
            structure = read.structure.or(structure);
        }
        let _later = dependency::read(&dependency::tests::delta(3, 9), structure.as_deref());
        dependency::shift(&mut bytes, 1);
        let mut bytes = RED.to_vec();
        seeded.mutate(&mut bytes);
        if let Some(red) = rtp::red::Red::parse(&bytes) {
            let frames: usize = red.older().map(|block| block.payload.len()).sum();
            assert!(frames + red.primary.payload.len() < bytes.len() && red.older().len() <= 8);
        }
        let mut bytes = RTCP.to_vec();
        seeded.mutate(&mut bytes);
        assert!(rtcp::packets(&bytes).count() <= bytes.len());
        if let Some(feedback) = rtcp::twcc::Feedback::parse(&bytes) {
            assert!(feedback.reports().count() <= usize::from(feedback.total()));
        }
        let mut bytes = STUN.to_vec();
        seeded.mutate(&mut bytes);
        if let Some(request) = stun::BindingRequest::parse(&bytes) {
            assert!(!request.is_authentic(&stun::password_key("another password of some length")));
        }
        let mut bytes = SDP.as_bytes().to_vec();
        seeded.mutate(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _answer = sdp::parse::parse(&text);
        let _answer = sdp::parse::parse_stranger(&text);
        let _restart = sdp::fragment::IceFragment::parse(&text);
    }
}

/// A subscriber whose feedback is real, cut up, or made up: its estimate stays within its bounds, its time too.
fn an_estimator_reads_mutations(rounds: usize) {
    let mut seeded = Seeded(0x5EED_F023);
    let mut now = Instant::now();
    let mut estimator = Estimator::new(now);
    let mut recorder = Recorder::new(now);
    let mut body = Vec::new();
    for round in 0..rounds {
        now += Duration::from_millis(seeded.next() as u64 % 20);
        let sequence = round as u16;
        estimator.sent(sequence, 100 + seeded.next() % 1_200, (seeded.next() % 3) as u8, now);
        if !seeded.next().is_multiple_of(5) {
            recorder.record(sequence, now);
        }
        estimator.set_wanted(Bitrate::kbps(seeded.next() as u64 % 5_000));
        estimator.tick(now);
        let _probe = estimator.next_probe(now);
        if seeded.next().is_multiple_of(8) && recorder.next_body(&mut body).is_some() {
            if seeded.next().is_multiple_of(2) {
                seeded.mutate(&mut body);
            }
            if let Some(feedback) = Feedback::parse(&body) {
                estimator.feedback(&feedback, now);
            }
        }
        let target = estimator.target();
        assert!((Bitrate::kbps(50)..=Bitrate::kbps(30_000)).contains(&target), "{target:?}");
        assert!((0.0..=1.0).contains(&estimator.loss()), "{}", estimator.loss());
    }
}

#[test]
fn mutated_inputs_never_panic() {
    assert!(
        rtp::Header::parse(RTP).is_some()
            && rtp::red::Red::parse(RED).is_some_and(|red| red.older().len() == 2)
    );
    assert!(sdp::parse::parse(SDP).is_ok() && rtcp::packets(RTCP).count() > 3);
    each_parser_reads_mutations(3000);
    an_estimator_reads_mutations(20_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_each_parser() {
    each_parser_reads_mutations(3_000_000);
    an_estimator_reads_mutations(30_000_000);
}
