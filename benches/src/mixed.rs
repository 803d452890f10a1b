//! What mixed listening costs: a call of eight who speak and fifty who listen mixed, from packets to packets, and what
//! one of them is sent, beside each voice by itself.
//!
//! All that depends on sound is measured, and nothing of what forwards packets: that costs what `sfu` says.

use std::time::Instant;

use serde_json::json;
use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION,
    jitter::Packet,
    level::Level,
    live::{Config, LiveMixer},
    mix::{Limiter, SpeakerId},
    opus::{Application, Encoder, EncoderConfig},
};

use crate::{
    audio::{FRAMES, cost, speech},
    floor::quantile,
    report,
};

const SPEAKERS: u64 = 8;
const LISTENERS: usize = 50;
const TURNS: usize = 9;
/// Packets a second of one stream.
const RATE: usize = 50;
/// IPv4, UDP, RTP with its extensions, the tag of SRTP.
const HEADERS: usize = 20 + 8 + 20 + 16;

fn voice(bitrate: u32) -> EncoderConfig {
    EncoderConfig { bitrate, dtx: false, ..EncoderConfig::voice() }
}

fn encoder(config: EncoderConfig) -> Encoder {
    Encoder::new(config).expect("there is memory")
}

pub(crate) fn run() {
    let said = speech(FRAMES * FRAME);
    let mut microphone = encoder(voice(64_000));
    let mut encode = |frame: &[f32]| {
        let mut packet = Vec::new();
        microphone.encode(frame, &mut packet).expect("a frame");
        packet
    };
    let packets: Vec<Vec<u8>> = said.chunks_exact(FRAME).map(&mut encode).collect();
    for (name, own) in [("listen", 0), ("listen, and all eight who speak as well", SPEAKERS)] {
        let mut costs: Vec<f64> = (0..TURNS).map(|_| cost(|| drop(call(&packets, own)))).collect();
        let frame = quantile(&mut costs, 0.5);
        let share = frame / FRAME_DURATION.as_micros() as f64 * 100.0;
        report(
            &format!("mixed listening, {SPEAKERS} speak and {LISTENERS} {name}"),
            "% of a core",
            &json!({"share": share, "us_per_frame": frame, "per_listener": share / (LISTENERS as f64 + own as f64)}),
        );
    }
    let kbps = |bytes: usize| bytes as f64 * 8.0 * RATE as f64 / FRAMES as f64 / 1_000.0;
    let each = packets.iter().map(|packet| packet.len() + HEADERS).sum::<usize>() * SPEAKERS as usize;
    let mixed = call(&packets, 0).into_iter().map(|length| length + HEADERS).sum::<usize>();
    report(
        &format!("sent to one listener while {SPEAKERS} speak"),
        "kbit/s",
        &json!({"each": kbps(each), "mixed": kbps(mixed), "ratio": mixed as f64 / each as f64}),
    );
}

/// A call of [`FRAMES`]: the encodings of all three rates, and one for each of `own` who speak and listen mixed. Returns the
/// lengths of the packets of 32 kbit/s.
fn call(packets: &[Vec<u8>], own: u64) -> Vec<usize> {
    let start = Instant::now();
    let mut mixer = LiveMixer::new(Config { channels: Channels::Stereo, ..Config::default() });
    let music =
        EncoderConfig { channels: Channels::Stereo, application: Application::Music, ..voice(64_000) };
    let mut shared = [voice(16_000), voice(32_000), music].map(encoder);
    // As long as nobody sends anything else.
    shared.iter_mut().for_each(|one| one.code_as(Channels::Mono).expect("it may"));
    let mut theirs: Vec<_> =
        (0..own).map(|who| (SpeakerId(who), Limiter::default(), encoder(voice(32_000)))).collect();
    let (mut out, mut packet, mut lengths) = ([0.0; 2 * FRAME], Vec::new(), Vec::new());
    let one = |out: &[f32]| out.as_chunks::<2>().0.iter().map(|[l, r]| (l + r) / 2.0).collect::<Vec<f32>>();
    for (frame, payload) in packets.iter().enumerate() {
        let now = start + FRAME_DURATION * frame as u32;
        for who in 0..SPEAKERS {
            let (sequence, timestamp) = (frame as u16, (frame * FRAME) as u32);
            let packet = Packet { ssrc: 1, sequence, timestamp, is_red: false, payload };
            mixer.handle(SpeakerId(who), packet, Some(Level::from_rtp(25)), now);
        }
        mixer.frame(now);
        mixer.full(&mut out);
        for (at, encoder) in shared.iter_mut().enumerate() {
            match encoder.config().channels {
                Channels::Mono => encoder.encode(&one(&out), &mut packet).expect("a frame"),
                Channels::Stereo => encoder.encode(&out, &mut packet).expect("a frame"),
            };
            if at == 1 {
                lengths.push(packet.len());
            }
        }
        for (who, limiter, encoder) in &mut theirs {
            mixer.without(&[*who], limiter, &mut out);
            encoder.encode(&one(&out), &mut packet).expect("a frame");
        }
    }
    assert_eq!(mixer.heard().len(), SPEAKERS as usize, "all are heard");
    lengths
}
