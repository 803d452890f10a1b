//! What reads files and packets as functions over bytes, for `fuzz/` (cargo-fuzz) and `tests/fuzz.rs` (every test run): one
//! place says what must hold whatever arrives.
//!
//! Only with the feature `fuzzing`; no part of the library's face.

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use crate::{
    OpusHead, Size,
    aac::{AacConfig, Adts},
    fmp4, matroska,
    matroska::{MAX_BLOCK, Reader},
    ogg,
    rtp::{Assembled, Assembler, Format, Packet},
};

/// Reads an input and says whether it was understood, at least in part. It panics where an invariant does not hold.
pub type Target = fn(&[u8]) -> bool;

/// All of them by the names of their folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 9] = [
    ("frames_opus", frames_opus),
    ("frames_vp8", frames_vp8),
    ("frames_vp9", frames_vp9),
    ("frames_h264", frames_h264),
    ("frames_av1", frames_av1),
    ("matroska", matroska),
    ("ogg", ogg),
    ("fmp4", fmp4),
    ("adts", adts),
];

/// See [`frames`].
pub fn frames_opus(bytes: &[u8]) -> bool {
    frames(Format::Opus, bytes)
}

/// See [`frames`].
pub fn frames_vp8(bytes: &[u8]) -> bool {
    frames(Format::Vp8, bytes)
}

/// See [`frames`].
pub fn frames_vp9(bytes: &[u8]) -> bool {
    frames(Format::Vp9, bytes)
}

/// See [`frames`].
pub fn frames_h264(bytes: &[u8]) -> bool {
    frames(Format::H264, bytes)
}

/// See [`frames`].
pub fn frames_av1(bytes: &[u8]) -> bool {
    frames(Format::Av1, bytes)
}

/// Packets, each with a byte of flags and two of length before it: a marker (bit 0), a frame of its own (1), two sequence
/// numbers left out (2), back by three (3), 40 ms later (4). Frames are no longer than what went in and a little, and a
/// key frame comes first.
fn frames(format: Format, bytes: &[u8]) -> bool {
    // What an index, lengths and sizes may add to each byte.
    let most = 8 * bytes.len() + 64;
    let mut assembler = Assembler::new(format, Duration::from_millis(100));
    let start = origin();
    let (mut now, mut sequence, mut timestamp) = (start, 0_u16, 0_u32);
    let (mut rest, mut count, mut total) = (bytes, 0, 0);
    let mut wants_key = true;
    let mut take = |assembler: &mut Assembler, now| {
        while let Some(out) = assembler.poll(now) {
            match out {
                Assembled::Frame(frame) => {
                    assert!(!frame.payload.is_empty() && frame.payload.len() <= MAX_BLOCK);
                    assert!(format == Format::Opus || frame.is_key || !wants_key);
                    (wants_key, count, total) = (false, count + 1, total + frame.payload.len());
                }
                Assembled::Lost { packets } => {
                    assert!(packets > 0);
                    wants_key = true;
                }
            }
        }
    };
    while let Some(([flags, high, low], after)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        let has = |bit: u8| flags >> bit & 1 == 1;
        sequence = sequence.wrapping_add(if has(2) { 3 } else { 1 }).wrapping_sub(if has(3) { 3 } else { 0 });
        timestamp = timestamp.wrapping_add(if has(1) { 3_000 } else { 0 });
        now += Duration::from_millis(if has(4) { 40 } else { 0 });
        assembler.handle(Packet { sequence, timestamp, marker: has(0), payload }, now);
        take(&mut assembler, now);
    }
    assembler.end();
    take(&mut assembler, now);
    assert!(total <= most, "{total} of {most}");
    count > 0
}

/// The copy of whatever is understood is whole, and holds the same blocks.
pub fn matroska(bytes: &[u8]) -> bool {
    let mut copy = Vec::new();
    let Ok(told) = matroska::finish(&mut Cursor::new(bytes), &mut copy) else { return false };
    let all = |file: &[u8]| {
        let mut reader = Reader::open(file).expect("it was understood");
        let (mut blocks, mut payload) = (Vec::new(), Vec::new());
        while let Some(block) = reader.next(&mut payload).expect("memory has no errors") {
            if reader.header().tracks.iter().any(|track| track.number == block.track) {
                blocks.push((block, payload.clone()));
            }
        }
        (blocks, reader.is_torn())
    };
    let (blocks, is_torn) = all(&copy);
    assert!(!is_torn);
    assert_eq!(blocks.len() as u64, told.blocks);
    blocks == all(bytes).0 && told.blocks > 0
}

/// Packets are of Opus and not longer than the file.
pub fn ogg(bytes: &[u8]) -> bool {
    let Ok(mut reader) = ogg::Reader::open(bytes) else { return false };
    let (mut packet, mut total) = (Vec::new(), 0);
    while reader.next(&mut packet).expect("memory has no errors").is_some() {
        assert!(crate::packet_samples(&packet).is_some() && packet.len() <= ogg::MAX_PACKET);
        total += packet.len();
    }
    assert!(total <= bytes.len());
    total > 0
}

/// What a key frame or a configuration says of itself becomes a stream that is read as it was written. The first byte chooses
/// the codec, the next three lengths: of the configuration, and of two samples.
pub fn fmp4(bytes: &[u8]) -> bool {
    use fmp4::{Codec, Run, Sample, Track, TrackId, Vp9Config};
    let Some(([kind, lengths @ ..], rest)) = bytes.split_first_chunk::<4>() else { return false };
    let mut rest = rest;
    let [config, first, second] = lengths.map(|length| {
        let taken;
        (taken, rest) = rest.split_at(usize::from(length).min(rest.len()));
        taken.to_vec()
    });
    let size = Size { width: u16::from(*kind) << 8, height: 1 };
    let codec = match kind & 7 {
        4 => Some(Codec::Aac(AacConfig::STEREO)),
        0 => OpusHead::parse(&config).map(Codec::Opus),
        1 => Vp9Config::parse(&config).map(|(size, config)| Codec::Vp9 { size, config }),
        2 => Some(Codec::H264 { size, config }),
        _ => Some(Codec::Av1 { size, config }),
    };
    let Some(codec) = codec else { return false };
    assert!(codec.name().is_ascii());
    let track = Track { id: TrackId::TWO, codec };
    let read = fmp4::tracks(&fmp4::init(std::slice::from_ref(&track))).expect("it was written");
    let named: Vec<_> = read.iter().map(|read| (read.id, read.timescale, read.size)).collect();
    assert_eq!(named, [(2, track.codec.timescale(), track.codec.size())]);
    let samples =
        [first, second].map(|payload| Sample { duration: u32::from(*kind), is_key: false, payload });
    let run = Run { track: track.id, time: u64::MAX - 1, samples: &samples };
    let read = fmp4::fragments(&fmp4::segment(7, &[run])).expect("it was written");
    assert!(read.len() == 1 && read[0].samples == samples && read[0].time == run.time);
    // Whatever else arrives is read or refused.
    let _any = (fmp4::tracks(rest), fmp4::fragments(rest));
    true
}

/// ADTS in two pieces. Frames are no longer than what went in, and the same however it was cut.
pub fn adts(bytes: &[u8]) -> bool {
    let read = |pieces: [&[u8]; 2]| {
        let (mut adts, mut frames) = (Adts::default(), Vec::new());
        for piece in pieces {
            adts.push(piece);
            while let Ok(Some((config, payload))) = adts.poll() {
                assert!(config.rate() > 0 && !payload.is_empty());
                frames.push((config, payload));
            }
        }
        frames
    };
    let whole = read([bytes, &[]]);
    let half = bytes.split_at(bytes.len() / 2);
    assert_eq!(read([half.0, half.1]), whole);
    assert!(whole.iter().map(|(_, payload)| payload.len()).sum::<usize>() <= bytes.len());
    !whole.is_empty()
}

/// Some moment; the differences are what counts.
#[allow(clippy::disallowed_methods)]
fn origin() -> Instant {
    Instant::now()
}
