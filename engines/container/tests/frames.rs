//! Packets that come late, twice, out of order, or never.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use support::{FRAMES, assemble, frames, opus_packet, packets};
use voxlink_container::rtp::{Assembled, Assembler, Format, MAX_WAITING, Packet};

const PATIENCE: Duration = Duration::from_millis(100);
const VIDEO: [Format; 4] = [Format::Vp8, Format::Vp9, Format::H264, Format::Av1];

fn only_frames(out: &[Assembled]) -> Vec<(u32, bool, &[u8])> {
    let frame = |one: &'_ Assembled| match one {
        Assembled::Frame(_) => true,
        Assembled::Lost { .. } => false,
    };
    out.iter()
        .filter(|one| frame(one))
        .map(|one| match one {
            Assembled::Frame(frame) => (frame.timestamp, frame.is_key, &frame.payload[..]),
            Assembled::Lost { .. } => unreachable!(),
        })
        .collect()
}

#[test]
fn order_and_doubles_make_no_difference() {
    for format in VIDEO.into_iter().chain([Format::Opus]) {
        let mut packets = packets(format);
        // Neighbours change places, and everything comes twice; the first stays, since it says where the stream begins.
        packets[1..].chunks_mut(2).for_each(<[_]>::reverse);
        packets = packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
        let mut assembler = Assembler::new(format, PATIENCE);
        let now = Instant::now();
        let out = assemble(&mut assembler, &packets, now);
        let expected = frames(format);
        let expected: Vec<_> =
            expected.iter().map(|frame| (frame.timestamp, frame.is_key, &frame.payload[..])).collect();
        assert_eq!(only_frames(&out), expected, "{format:?}");
        assert_eq!(out.len(), FRAMES);
    }
}

#[test]
fn a_lost_packet_is_waited_for_and_then_the_next_key_frame_is() {
    for format in VIDEO {
        let packets = packets(format);
        let now = Instant::now();
        let mut assembler = Assembler::new(format, PATIENCE);
        assert!(assembler.wants_key_frame());
        let third = packets.iter().position(|packet| packet.1 == packets[0].1.wrapping_add(18_000)).unwrap();
        let out = assemble(&mut assembler, &packets[..third], now);
        assert_eq!((out.len(), assembler.wants_key_frame()), (2, false), "{format:?}");
        // The third frame's first packet is missing.
        assert_eq!(assemble(&mut assembler, &packets[third + 1..], now), [], "waits");
        assert_eq!(assembler.wake_at(), Some(now + PATIENCE));
        let later = now + PATIENCE;
        let out: Vec<_> = std::iter::from_fn(|| assembler.poll(later)).collect();
        assert_eq!(out[0], Assembled::Lost { packets: 1 });
        let frames = only_frames(&out);
        assert_eq!(frames.len(), FRAMES / 2, "from the second key frame on");
        assert!(frames[0].1);
        assert!(!assembler.wants_key_frame());
    }
}

#[test]
fn what_comes_within_patience_is_in_time() {
    let packets = packets(Format::H264);
    let now = Instant::now();
    let mut assembler = Assembler::new(Format::H264, PATIENCE);
    let mut out = assemble(&mut assembler, &packets[..5], now);
    out.extend(assemble(&mut assembler, &packets[6..], now + Duration::from_millis(1)));
    out.extend(assemble(&mut assembler, &packets[5..6], now + Duration::from_millis(99)));
    assert_eq!(only_frames(&out).len(), FRAMES);
    assert!(assemble(&mut assembler, &packets[5..6], now + PATIENCE).is_empty(), "too late means nothing");
}

#[test]
fn sound_goes_on_behind_a_loss() {
    let packets = packets(Format::Opus);
    let now = Instant::now();
    let mut assembler = Assembler::new(Format::Opus, PATIENCE);
    let mut out = assemble(&mut assembler, &packets[..3], now);
    out.extend(assemble(&mut assembler, &packets[5..], now));
    assembler.end();
    out.extend(std::iter::from_fn(|| assembler.poll(now)));
    assert_eq!(out[3], Assembled::Lost { packets: 2 });
    assert_eq!(only_frames(&out).len(), FRAMES - 2);
}

#[test]
fn padding_holds_its_place_and_nothing_else() {
    let mut packets = packets(Format::Vp8);
    let empty = (packets[3].0, packets[3].1, false, Vec::new());
    for packet in &mut packets[3..] {
        packet.0 = packet.0.wrapping_add(1);
    }
    packets.insert(3, empty);
    let out = assemble(&mut Assembler::new(Format::Vp8, PATIENCE), &packets, Instant::now());
    assert_eq!((only_frames(&out).len(), out.len()), (FRAMES, FRAMES));
}

#[test]
fn a_sender_that_begins_anew_is_followed() {
    let now = Instant::now();
    let mut assembler = Assembler::new(Format::Opus, PATIENCE);
    let mut handle = |sequence: u16| {
        let payload = opus_packet(1);
        assembler.handle(Packet { sequence, timestamp: 0, marker: false, payload: &payload }, now);
        std::iter::from_fn(|| assembler.poll(now)).collect::<Vec<_>>().len()
    };
    assert_eq!([handle(10), handle(11), handle(30_000), handle(30_001), handle(29_990)], [1, 1, 1, 1, 0]);
}

#[test]
fn a_gap_is_given_up_when_too_much_waits_behind_it() {
    let now = Instant::now();
    let mut assembler = Assembler::new(Format::Opus, Duration::from_secs(3_600));
    let payload = opus_packet(1);
    for sequence in (0..=MAX_WAITING as u16 + 2).filter(|sequence| *sequence != 1) {
        assembler.handle(Packet { sequence, timestamp: 0, marker: false, payload: &payload }, now);
    }
    let out: Vec<_> = std::iter::from_fn(|| assembler.poll(now)).collect();
    assert_eq!((only_frames(&out).len(), out.len()), (MAX_WAITING + 2, MAX_WAITING + 3));
}

/// Whatever the payloads are, what comes out is bounded and nothing panics.
#[test]
fn broken_payloads_never_panic() {
    let mut seed = 0x1234_5678_9abc_def1_u64;
    let mut chance = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % limit
    };
    for format in VIDEO.into_iter().chain([Format::Opus]) {
        let good = packets(format);
        for _ in 0..300 {
            let mut assembler = Assembler::new(format, PATIENCE);
            let mut packets = good.clone();
            for (sequence, timestamp, marker, payload) in &mut packets {
                match chance(12) {
                    0 if !payload.is_empty() => payload.truncate(chance(payload.len())),
                    1 if !payload.is_empty() => {
                        let at = chance(payload.len().min(8));
                        payload[at] = chance(256) as u8;
                    }
                    2 => *marker = !*marker,
                    3 => *timestamp = chance(1 << 32) as u32,
                    4 => *sequence = sequence.wrapping_add(chance(40) as u16).wrapping_sub(20),
                    _ => {}
                }
            }
            let mut out = assemble(&mut assembler, &packets, Instant::now());
            assembler.end();
            out.extend(std::iter::from_fn(|| assembler.poll(Instant::now())));
            let total: usize = only_frames(&out).iter().map(|(_, _, payload)| payload.len()).sum();
            assert!(total < 40_000);
        }
    }
}
