//! A speaker over networks of all kinds, in virtual time.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use support::{Chance, lies_at, offline, packets, segmental_snr, speech, tone, traces};
use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION,
    jitter::{Config, Counters, JitterBuffer, Packet, Source},
    level::Level,
    opus::EncoderConfig,
};

/// A packet as it arrives.
#[derive(Clone)]
struct Sent {
    after: Duration,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    is_red: bool,
    payload: Vec<u8>,
}

/// Each packet 20 ms after the one before, on a line that needs 30 ms; sequence numbers and timestamps wrap on the way.
fn sent(packets: &[Vec<u8>]) -> Vec<Sent> {
    let send = |(at, payload): (usize, &Vec<u8>)| Sent {
        after: FRAME_DURATION * at as u32 + Duration::from_millis(30),
        ssrc: 1,
        sequence: 65_500_u16.wrapping_add(at as u16),
        timestamp: 4_294_900_000_u32.wrapping_add((at * FRAME) as u32),
        is_red: false,
        payload: payload.clone(),
    };
    packets.iter().enumerate().map(send).collect()
}

struct Heard {
    sound: Vec<f32>,
    sources: Vec<Source>,
    counters: Counters,
    delay: Duration,
}

impl Heard {
    fn count(&self, source: Source) -> usize {
        self.sources.iter().filter(|one| **one == source).count()
    }
}

/// Everything is handed over when it arrives, and a frame is taken every 20 ms.
fn hear(sent: Vec<Sent>, frames: usize) -> Heard {
    hear_with(Config::default(), sent, frames)
}

fn hear_with(config: Config, mut sent: Vec<Sent>, frames: usize) -> Heard {
    sent.sort_by_key(|packet| packet.after);
    let start = Instant::now();
    let mut buffer = JitterBuffer::new(config).unwrap();
    let (mut sound, mut sources, mut next) = (Vec::new(), Vec::new(), 0);
    for frame in 0..frames {
        let now = FRAME_DURATION * frame as u32 + Duration::from_millis(7);
        while let Some(packet) = sent.get(next).filter(|packet| packet.after <= now) {
            let Sent { after, ssrc, sequence, timestamp, is_red, ref payload } = *packet;
            buffer.handle(Packet { ssrc, sequence, timestamp, is_red, payload }, start + after);
            next += 1;
        }
        let heard = buffer.pull(start + now);
        assert_eq!(heard.samples.len(), FRAME);
        sound.extend_from_slice(heard.samples);
        sources.push(heard.source);
    }
    Heard { sound, sources, counters: buffer.counters(), delay: buffer.delay() }
}

fn voice() -> EncoderConfig {
    EncoderConfig { expected_loss: 20, dtx: false, ..EncoderConfig::voice() }
}

#[test]
fn a_clean_line_is_heard_as_libopus_decodes_it() {
    let packets = packets(&speech(48_000 * 4), voice());
    let heard = hear(sent(&packets), 210);
    assert_eq!(heard.count(Source::Decoded), 200);
    assert_eq!(heard.delay, Duration::from_millis(40));
    let all: Vec<_> = packets.iter().map(|packet| Some(&packet[..])).collect();
    let expected = offline(&all);
    let at = lies_at(&expected, &heard.sound);
    assert_eq!(heard.sound[at..at + expected.len() - FRAME], expected[..expected.len() - FRAME]);
    assert_eq!(heard.counters, Counters { concealed: heard.counters.concealed, ..Counters::default() });
}

/// What is heard of `said` over a line that loses what the trace says, and what libopus makes of the same packets.
fn over(said: &[f32], lost: &[bool]) -> (Vec<f32>, Vec<f32>) {
    let packets = packets(said, EncoderConfig { bitrate: 48_000, ..voice() });
    let arrived: Vec<_> =
        packets.iter().zip(lost).map(|(packet, lost)| (!lost).then_some(&packet[..])).collect();
    let expected = offline(&arrived);
    let mut chance = Chance::new(3);
    let mut sent = sent(&packets);
    // The first is the fastest, so that the clock is right from the beginning and nothing is stretched.
    for packet in &mut sent[1..] {
        packet.after += Duration::from_millis(chance.below(15));
    }
    let kept = sent.into_iter().zip(lost).filter(|(_, lost)| !**lost).map(|(packet, _)| packet).collect();
    // Long enough for FEC from the beginning, so that both can be compared sample by sample.
    let config = Config { least_delay: Duration::from_millis(100), ..Config::default() };
    let heard = hear_with(config, kept, packets.len() + 10);
    let at = lies_at(&expected, &heard.sound);
    (heard.sound[at..].to_vec(), expected)
}

#[test]
fn on_lossy_lines_it_is_as_good_as_libopus_offline_with_the_same_packets() {
    let said = speech(48_000 * 30);
    for ((name, lost), least) in traces().into_iter().zip([4.0, 0.5, 4.0, 1.0]) {
        let (heard, expected) = over(&said, &lost);
        let lag = lies_at(&said, &expected);
        let (ours, theirs) = (segmental_snr(&said, &heard[lag..]), segmental_snr(&said, &expected[lag..]));
        eprintln!("{name}: {ours:.2} dB, libopus offline {theirs:.2} dB");
        assert!((ours - theirs).abs() < 0.3 && ours > least, "{name}: {ours} {theirs}");
    }
}

#[test]
#[ignore = "scripts/score.sh"]
fn score_what_is_heard_live() {
    support::score("live", over);
}

#[test]
fn red_fills_every_hole_that_it_covers() {
    let packets = packets(&speech(48_000 * 6), voice());
    let mut sent = sent(&packets);
    for at in (2..sent.len()).rev() {
        let blocks = [at - 2, at - 1].map(|older| packets[older].clone());
        let mut payload = Vec::new();
        for (age, block) in [2, 1].into_iter().zip(&blocks) {
            payload
                .extend_from_slice(&((0xef << 24) | ((age * 960) << 10) | block.len() as u32).to_be_bytes());
        }
        payload.push(111);
        payload.extend(blocks.concat());
        payload.extend_from_slice(&packets[at]);
        (sent[at].is_red, sent[at].payload) = (true, payload);
    }
    let kept: Vec<_> =
        sent.into_iter().enumerate().filter(|(at, _)| at % 7 < 5 || *at < 60).map(|(_, one)| one).collect();
    let heard = hear(kept, 305);
    // Until the delay has grown to what the copies need, some are missed.
    let late = &heard.sources[150..290];
    assert!(late.iter().all(|source| matches!(source, Source::Decoded | Source::Redundant)), "{late:?}");
    assert!(heard.count(Source::Redundant) > 50);
}

#[test]
fn a_retransmission_in_time_is_as_if_nothing_had_happened() {
    let packets = packets(&speech(48_000 * 4), voice());
    let mut sent = sent(&packets);
    for at in (30..200).step_by(10) {
        sent[at].after += Duration::from_millis(30);
    }
    let heard = hear(sent, 205);
    assert!(heard.sources[60..195].iter().all(|source| *source == Source::Decoded), "{:?}", heard.sources);
}

#[test]
fn a_line_that_gets_worse_is_waited_for_and_one_that_gets_better_no_longer() {
    let packets = packets(&speech(48_000 * 80), voice());
    let mut chance = Chance::new(11);
    let mut sent = sent(&packets);
    for packet in &mut sent[500..1_500] {
        packet.after += Duration::from_millis(chance.below(120));
    }
    let worst = hear(sent[..1_500].to_vec(), 1_490);
    assert!((110..=180).contains(&worst.delay.as_millis()), "{:?}", worst.delay);
    let concealed = worst.sources[800..].iter().filter(|one| **one == Source::Concealed).count();
    assert!(concealed < 690 * 5 / 100, "{concealed}");
    let after = hear(sent, 3_990);
    assert!(after.delay < Duration::from_millis(60), "{:?}", after.delay);
}

#[test]
fn silence_that_was_not_sent_is_silence_and_not_loss() {
    let mut said = speech(48_000 * 8);
    said[48_000 * 2..48_000 * 6].fill(0.0);
    let packets = packets(&said, EncoderConfig { dtx: true, ..voice() });
    // As browsers do: the first mark of a silence is sent, the others are not; what is not sent has no number.
    let (mut sequence, mut was_mark) = (0, false);
    let mut kept = Vec::new();
    for (mut packet, bytes) in sent(&packets).into_iter().zip(&packets) {
        let is_mark = bytes.len() <= 2;
        if !is_mark || !was_mark {
            packet.sequence = sequence;
            sequence += 1;
            kept.push(packet);
        }
        was_mark = is_mark;
    }
    assert!(kept.len() < 250, "{}", kept.len());
    let heard = hear(kept, 405);
    assert!(heard.count(Source::Silence) > 100, "{:?}", heard.sources);
    assert_eq!(heard.counters.recovered, 0);
    assert!(heard.counters.concealed < 10, "{}", heard.counters.concealed);
    assert!(Level::of(&heard.sound[48_000 * 4..48_000 * 5]).decibels() < -60.0);
    assert!(Level::of(&heard.sound[48_000 * 7..48_000 * 8]).decibels() > -40.0);
}

#[test]
fn another_speaker_and_a_timestamp_that_jumps_begin_anew() {
    let packets = packets(&speech(48_000 * 6), voice());
    let mut sent = sent(&packets);
    for packet in &mut sent[100..] {
        (packet.ssrc, packet.timestamp) = (2, packet.timestamp.wrapping_add(777_777_777));
    }
    for packet in &mut sent[200..] {
        packet.timestamp = packet.timestamp.wrapping_sub(1_234_567_890);
    }
    let heard = hear(sent, 310);
    assert_eq!(heard.counters.restarts, 2);
    assert!(heard.count(Source::Decoded) > 280, "{}", heard.count(Source::Decoded));
}

#[test]
fn who_stops_is_faded_and_then_there_is_nothing() {
    let packets = packets(&tone(300.0, 0.5, 48_000 * 2), voice());
    let heard = hear(sent(&packets), 300);
    assert_eq!(heard.sources[299], Source::Nothing);
    assert!(heard.sound[48_000 * 4..].iter().all(|value| *value == 0.0));
}

/// A crystal that is off by 100 ppm for two hours: what is heard stays where it belongs, and nothing is made up.
fn two_hours(ppm: i64) {
    let packets = packets(&tone(300.0, 0.3, 48_000), EncoderConfig::mix(Channels::Mono));
    let mut buffer = JitterBuffer::new(Config::default()).unwrap();
    let start = Instant::now();
    let mut chance = Chance::new(5);
    let mut sent = 0_u64;
    let arrival = |at: u64, jitter: u64| {
        let exact = at as i64 * 20_000 * (1_000_000 - ppm) / 1_000_000;
        start + Duration::from_micros(exact as u64 + 5_000 + jitter)
    };
    let mut due = arrival(0, 0);
    for frame in 0..2 * 3_600 * 50_u32 {
        let now = start + FRAME_DURATION * frame;
        while due <= now {
            let packet = Packet {
                ssrc: 1,
                sequence: sent as u16,
                timestamp: (sent * 960) as u32,
                is_red: false,
                payload: &packets[sent as usize % packets.len()],
            };
            buffer.handle(packet, due);
            sent += 1;
            due = arrival(sent, chance.below(8_000)).max(due);
        }
        let source = buffer.pull(now).source;
        if frame > 500 {
            assert_eq!(source, Source::Decoded, "{frame}");
            let off = buffer.is_off_by(now).unwrap();
            assert!(off.abs() < 480 + FRAME as i64, "{frame}: {off}");
        }
    }
    assert_eq!(buffer.counters().late, 0);
    assert_eq!(buffer.counters().restarts, 0);
}

#[test]
fn a_fast_crystal_does_not_drift_in_two_hours() {
    two_hours(100);
}

#[test]
fn a_slow_crystal_does_not_drift_in_two_hours() {
    two_hours(-100);
}

/// Whatever arrives, in whatever order: sound is bounded, memory is, and nothing panics.
#[test]
fn chaos_never_panics() {
    let good = packets(&speech(48_000), voice());
    let mut chance = Chance::new(17);
    let mut buffer = JitterBuffer::new(Config::default()).unwrap();
    let mut now = Instant::now();
    let (mut sequence, mut timestamp, mut ssrc) = (0_u16, 0_u32, 1);
    for _ in 0..20_000 {
        now += Duration::from_millis(chance.below(25));
        match chance.below(300) {
            0 => sequence = chance.next() as u16,
            1 => timestamp = chance.next() as u32,
            2 => ssrc = chance.next() as u32,
            3 => now += Duration::from_secs(chance.below(20)),
            _ => {}
        }
        let mut payload = good[chance.below(50) as usize].clone();
        if chance.below(4) == 0 {
            let at = chance.below(payload.len() as u64) as usize;
            payload[at] = chance.next() as u8;
        }
        let is_red = chance.below(10) == 0;
        buffer.handle(Packet { ssrc, sequence, timestamp, is_red, payload: &payload }, now);
        sequence = sequence.wrapping_add(chance.below(3) as u16);
        timestamp = timestamp.wrapping_add(chance.below(4) as u32 * 480);
        if chance.below(2) == 0 {
            let sound = buffer.pull(now);
            assert!(sound.samples.iter().all(|value| value.abs() <= 4.0));
        }
    }
}
