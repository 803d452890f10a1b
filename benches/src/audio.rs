//! What the server pays to listen: Opus through our types and by libopus called directly, turn by turn in the same run,
//! and a mix of eight speakers from packets to packets.
#![allow(unsafe_code)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use opusic_c::sys;
use serde_json::json;
use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION, SAMPLE_RATE,
    jitter::{Config, JitterBuffer, Packet as Arrived},
    mix::{Mixer, SpeakerId},
    opus::{Application, Complexity, Decoder, Encoder, EncoderConfig, Packet},
};

use crate::{floor::quantile, report};

/// Frames of one turn, 10 s, and turns of each kind.
pub(crate) const FRAMES: usize = 500;
const TURNS: usize = 15;
const SPEAKERS: usize = 8;
const CONFIG: EncoderConfig = EncoderConfig {
    channels: Channels::Mono,
    application: Application::Voice,
    bitrate: 32_000,
    complexity: Complexity::USUAL,
    fec: true,
    expected_loss: 10,
    dtx: false,
    deep_redundancy: 0,
};

pub(crate) fn run() {
    let said = speech(FRAMES * FRAME);
    let packets = encode_ours(&said);
    assert_eq!(packets, encode_directly(&said), "both do the same");
    let (mut encode, mut decode) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..TURNS {
        encode[0].push(cost(|| drop(black_box(encode_ours(&said)))));
        encode[1].push(cost(|| drop(black_box(encode_directly(&said)))));
        decode[0].push(cost(|| _ = black_box(decode_ours(&packets))));
        decode[1].push(cost(|| _ = black_box(decode_directly(&packets))));
    }
    for (name, [ours, direct]) in [("encode", &mut encode), ("decode", &mut decode)] {
        let (ours, direct) = (quantile(ours, 0.5), quantile(direct, 0.5));
        report(
            &format!("opus {name}, 20 ms of one voice at 32 kbit/s with FEC"),
            "us",
            &json!({"ours": ours, "libopus": direct, "ratio": ours / direct, "target_ratio": 1.05}),
        );
    }
    let mut mixes: Vec<f64> = (0..TURNS).map(|_| cost(|| mix(&packets))).collect();
    let mixed = quantile(&mut mixes, 0.5);
    let share = mixed / FRAME_DURATION.as_micros() as f64 * 100.0;
    report(
        &format!("one mix of {SPEAKERS} speakers, packets to packets"),
        "% of a core",
        &json!({"share": share, "us_per_frame": mixed, "target": 2}),
    );
}

/// CPU time of this thread for each frame, in µs.
pub(crate) fn cost(work: impl FnOnce()) -> f64 {
    let start = cpu();
    work();
    (cpu() - start).as_secs_f64() * 1e6 / FRAMES as f64
}

fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the structure that the pointer leads to.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "every Linux has this clock");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A gliding pitch with harmonics, in syllables.
pub(crate) fn speech(samples: usize) -> Vec<f32> {
    let mut phase = 0.0_f64;
    let mut value = |at: usize| {
        let time = at as f64 / f64::from(SAMPLE_RATE);
        phase += (120.0 + 30.0 * (time * 2.1).sin()) / f64::from(SAMPLE_RATE);
        let tones = (1..16)
            .map(|number| (phase * f64::from(number) * std::f64::consts::TAU).sin() / f64::from(number));
        (tones.sum::<f64>() * 0.15 * (time * 12.0).sin().abs()) as f32
    };
    (0..samples).map(&mut value).collect()
}

fn encode_ours(said: &[f32]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(CONFIG).expect("there is memory");
    let mut encode = |frame: &[f32]| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).expect("a frame");
        packet
    };
    said.chunks_exact(FRAME).map(&mut encode).collect()
}

fn encode_directly(said: &[f32]) -> Vec<Vec<u8>> {
    let mut error = 0;
    // SAFETY: plain numbers, and a place for the answer.
    let encoder = unsafe {
        sys::opus_encoder_create(SAMPLE_RATE as i32, 1, sys::OPUS_APPLICATION_VOIP, &raw mut error)
    };
    assert!(error == 0 && !encoder.is_null());
    for (setting, value) in [
        (sys::OPUS_SET_BITRATE_REQUEST, 32_000_i32),
        (sys::OPUS_SET_COMPLEXITY_REQUEST, 5),
        (sys::OPUS_SET_INBAND_FEC_REQUEST, 1),
        (sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, 10),
    ] {
        // SAFETY: the encoder lives; each of these settings takes one number.
        assert_eq!(unsafe { sys::opus_encoder_ctl(encoder, setting, value) }, 0);
    }
    let encode = |frame: &[f32]| {
        let mut packet = vec![0; 1_500];
        // SAFETY: the encoder lives, the frame has FRAME samples of one channel, the room is as long as it says.
        let length = unsafe {
            sys::opus_encode_float(
                encoder,
                frame.as_ptr(),
                FRAME as i32,
                packet.as_mut_ptr(),
                packet.len() as i32,
            )
        };
        packet.truncate(usize::try_from(length).expect("a frame"));
        packet
    };
    let packets = said.chunks_exact(FRAME).map(encode).collect();
    // SAFETY: made above, and not used after this.
    unsafe { sys::opus_encoder_destroy(encoder) };
    packets
}

fn decode_ours(packets: &[Vec<u8>]) -> f32 {
    let mut decoder = Decoder::new(Channels::Mono).expect("there is memory");
    let mut sound = [0.0; FRAME];
    let mut decode = |bytes: &Vec<u8>| {
        let packet = Packet::parse(bytes).expect("our own");
        decoder.decode(&packet, &mut sound).expect("our own");
        sound[0]
    };
    packets.iter().map(&mut decode).sum()
}

fn decode_directly(packets: &[Vec<u8>]) -> f32 {
    let mut error = 0;
    // SAFETY: plain numbers, and a place for the answer.
    let decoder = unsafe { sys::opus_decoder_create(SAMPLE_RATE as i32, 1, &raw mut error) };
    assert!(error == 0 && !decoder.is_null());
    let mut sound = [0.0; FRAME];
    let mut decode = |packet: &Vec<u8>| {
        let length = packet.len() as i32;
        // SAFETY: the decoder lives, the packet is as long as it says, there is room for FRAME samples of one channel.
        let samples = unsafe {
            sys::opus_decode_float(decoder, packet.as_ptr(), length, sound.as_mut_ptr(), FRAME as i32, 0)
        };
        assert_eq!(samples, FRAME as i32);
        sound[0]
    };
    let sum = packets.iter().map(&mut decode).sum();
    // SAFETY: made above, and not used after this.
    unsafe { sys::opus_decoder_destroy(decoder) };
    sum
}

/// Eight jitter buffers, a mixer, an encoder, as a room has them.
fn mix(packets: &[Vec<u8>]) {
    let start = Instant::now();
    let mut buffers: Vec<_> =
        (0..SPEAKERS).map(|_| JitterBuffer::new(Config::default()).expect("there is memory")).collect();
    let mut mixer = Mixer::new(Channels::Mono, SPEAKERS, FRAME);
    let mut encoder = Encoder::new(EncoderConfig { bitrate: 32_000, ..EncoderConfig::mix(Channels::Mono) })
        .expect("there is memory");
    let (mut out, mut packet) = ([0.0; FRAME], Vec::new());
    for (frame, payload) in packets.iter().enumerate() {
        let now = start + FRAME_DURATION * frame as u32;
        mixer.begin();
        for (who, buffer) in buffers.iter_mut().enumerate() {
            let (sequence, timestamp) = (frame as u16, (frame * FRAME) as u32);
            buffer.handle(Arrived { ssrc: 1, sequence, timestamp, is_red: false, payload }, now);
            mixer.add(SpeakerId(who as u64), buffer.pull(now).samples, Channels::Mono, 0.3);
        }
        mixer.full(&mut out);
        encoder.encode(&out, &mut packet).expect("a frame");
        black_box(&packet);
    }
}
