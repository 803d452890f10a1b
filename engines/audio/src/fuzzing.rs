//! What meets packets as functions over bytes, for `fuzz/` (cargo-fuzz) and `tests/fuzz.rs` (every test run): one place says
//! what must hold whatever arrives.
//!
//! Only with the feature `fuzzing`; no part of the library's face.

use std::time::{Duration, Instant};

use crate::{
    Channels, FRAME,
    import::import,
    jitter::{Config, JitterBuffer, Packet as Arrived, Source},
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
    timeline::Timeline,
};

/// Reads an input and says whether it was understood, at least in part. It panics where an invariant does not hold.
pub type Target = fn(&[u8]) -> bool;

/// All of them by the names of their folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 4] = [
    ("opus_packet", opus_packet),
    ("jitter_buffer", jitter_buffer),
    ("timeline", timeline),
    ("import", sound_file),
];

/// Frames lie within the packet, and libopus says what we say about how long it sounds.
pub fn opus_packet(bytes: &[u8]) -> bool {
    let Ok(packet) = Packet::parse(bytes) else { return false };
    assert!((120..=MAX_PACKET_SAMPLES).contains(&packet.samples()));
    assert!(packet.frames().map(<[u8]>::len).sum::<usize>() < bytes.len());
    let _flags = (packet.has_fec(), packet.has_extensions(), packet.is_dtx());
    let mut decoder = Decoder::new(packet.channels()).expect("there is memory");
    let mut sound = [0.0; MAX_PACKET_SAMPLES * 2];
    let gap = packet.frame_samples() * packet.channels().count();
    let _no_fec = decoder.recover(&packet, sound.get_mut(..gap).unwrap_or_default());
    let _no_deep = decoder.recover_deeply(&packet, sound.get_mut(..gap).unwrap_or_default());
    match decoder.decode(&packet, &mut sound) {
        Ok(samples) => assert_eq!(samples, packet.samples()),
        Err(_) => return false,
    }
    true
}

/// Steps, each a byte of what happens and one of how much, then a length and a packet.
struct Steps<'a>(&'a [u8]);

impl<'a> Iterator for Steps<'a> {
    type Item = (u8, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([what, much, length], rest) = self.0.split_first_chunk::<3>()?;
        let (packet, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        self.0 = rest;
        Some((*what, *much, packet))
    }
}

/// Packets of one or two senders at any time, sound taken at any time: it stays sound.
pub fn jitter_buffer(bytes: &[u8]) -> bool {
    let channels = if bytes.len().is_multiple_of(2) { Channels::Mono } else { Channels::Stereo };
    let mut buffer = JitterBuffer::new(Config { channels, ..Config::default() }).expect("there is memory");
    let mut now = origin();
    let (mut sequence, mut timestamp, mut decoded) = (0_u16, 0_u32, 0);
    for (what, much, payload) in Steps(bytes) {
        now += Duration::from_millis(u64::from(much & 0x3f));
        let has = |bit: u8| what >> bit & 1 == 1;
        sequence = sequence.wrapping_add(u16::from(what & 3));
        timestamp = match (has(2), has(3)) {
            (false, false) => timestamp.wrapping_add(FRAME as u32),
            (true, false) => timestamp.wrapping_add(u32::from(much) * 480),
            (false, true) => timestamp.wrapping_sub(u32::from(much) * 120),
            (true, true) => timestamp.wrapping_add(u32::from(much) << 24),
        };
        let ssrc = u32::from(has(4));
        buffer.handle(Arrived { ssrc, sequence, timestamp, is_red: has(5), payload }, now);
        for _ in 0..what >> 6 {
            let sound = buffer.pull(now);
            assert_eq!(sound.samples.len(), FRAME * channels.count());
            assert!(sound.samples.iter().all(|value| value.is_finite() && value.abs() <= 4.0));
            decoded += usize::from(sound.source == Source::Decoded);
            now += Duration::from_millis(20);
        }
    }
    decoded > 0
}

/// Packets at any time of a recording, sound from its beginning on: it stays sound.
pub fn timeline(bytes: &[u8]) -> bool {
    let mut timeline = Timeline::new(Channels::Mono).expect("there is memory");
    let (mut at, mut pushed, mut frame) = (0_u64, 0, [0.0; FRAME]);
    for (what, much, packet) in Steps(bytes) {
        at = match what & 3 {
            0 | 1 => at + FRAME as u64,
            2 => at + u64::from(much) * 48,
            _ => at.saturating_sub(u64::from(much) * 48),
        };
        pushed += u64::from(timeline.push(at, packet).is_ok());
        for _ in 0..what >> 6 {
            timeline.pull(&mut frame);
            assert!(frame.iter().all(|value| value.is_finite() && value.abs() <= 4.0));
        }
    }
    pushed > timeline.left_out()
}

/// A file that somebody brings: what comes of it is Opus, and no longer than it may be.
pub fn sound_file(bytes: &[u8]) -> bool {
    const MOST: Duration = Duration::from_millis(700);
    let Ok(imported) = import(bytes, MOST) else { return false };
    assert!(imported.duration() <= MOST);
    assert!(imported.frames.len() <= 36, "{}", imported.frames.len());
    for frame in &imported.frames {
        let packet = Packet::parse(&frame.packet).expect("our own encoder's");
        assert_eq!((packet.samples(), frame.level <= 127), (FRAME, true));
    }
    true
}

/// Some moment; the differences are what counts.
#[allow(clippy::disallowed_methods)]
fn origin() -> Instant {
    Instant::now()
}
