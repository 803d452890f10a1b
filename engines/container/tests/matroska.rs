//! Recordings that end well, and recordings that do not.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use std::{
    io::Cursor,
    time::{Duration, SystemTime},
};

use support::{FRAMES, SIZE, Scratch, asked, frames, number, opus_packet, probed, recorded, track};
use voxlink_container::{
    OpusHead,
    matroska::{
        Block, Codec, FinishError, Finished, Info, ReadError, Reader, Track, WriteError, Writer, finish,
    },
    rtp::Format,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Track, time, whether it is a key, and payload.
type Seen = (u8, u64, bool, Vec<u8>);

fn read(file: &[u8]) -> (Vec<Seen>, bool) {
    let mut reader = Reader::open(file).unwrap();
    let (mut blocks, mut payload) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next(&mut payload).unwrap() {
        blocks.push((block.track.get(), block.at.as_millis() as u64, block.is_key, payload.clone()));
    }
    (blocks, reader.is_torn())
}

fn finished(file: &[u8]) -> (Vec<u8>, Finished) {
    let mut copy = Vec::new();
    let told = finish(&mut Cursor::new(file), &mut copy).unwrap();
    (copy, told)
}

const ALL: [Format; 5] = [Format::Opus, Format::Vp8, Format::Vp9, Format::H264, Format::Av1];

#[test]
fn what_was_recorded_is_read_back() {
    for format in ALL {
        let frames = frames(format);
        assert_eq!(frames.len(), FRAMES, "{format:?}");
        let keys = frames.iter().filter(|frame| frame.is_key).count();
        assert_eq!(keys, if format == Format::Opus { FRAMES } else { 2 }, "{format:?}");
        if format != Format::Opus {
            assert_eq!((frames[0].is_key, frames[0].size), (true, Some(SIZE)), "{format:?}");
        }
        let (file, _) = recorded(format);
        let (blocks, is_torn) = read(&file);
        assert!(!is_torn);
        let payloads: Vec<_> = blocks.iter().map(|(_, _, is_key, payload)| (*is_key, payload)).collect();
        assert_eq!(payloads, frames.iter().map(|frame| (frame.is_key, &frame.payload)).collect::<Vec<_>>());
        let header = Reader::open(&file[..]).unwrap().header().clone();
        assert_eq!(header.tracks, [track(format, 1, &frames[0])]);
        assert_eq!(header.info.duration, None, "nobody knows yet");
    }
}

#[test]
fn strangers_decode_every_frame_of_what_is_still_being_written_and_of_what_is_finished() {
    for (format, name) in
        [(Format::Vp8, "vp8"), (Format::Vp9, "vp9"), (Format::H264, "h264"), (Format::Av1, "av1")]
    {
        let (file, _) = recorded(format);
        let (copy, told) = finished(&file);
        assert_eq!((told.blocks, told.was_torn), (FRAMES as u64, false));
        assert_eq!(told.header.info.duration, Some(MS(1_200)));
        for (kind, file) in [("live", &file), ("whole", &copy)] {
            let Some(probed) = probed(file, &format!("{name}-{kind}.mkv")) else { return };
            assert_eq!(probed, format!("{name},96,64,12"));
        }
        let scratch = Scratch::new(&format!("{name}-checked.mkv"), &copy);
        if let Some(told) = asked("mkvinfo", &[scratch.0.to_str().unwrap()]) {
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(told.contains("Cues") && told.contains("Duration: 00:00:01.2"), "{told}");
        }
    }
}

#[test]
fn what_decoders_must_know_beforehand_is_what_ffmpeg_writes() {
    for (format, name) in [(Format::H264, "h264.264"), (Format::Av1, "av1.ivf")] {
        let source = format!("{}/tests/media/{name}", env!("CARGO_MANIFEST_DIR"));
        let copy = Scratch::new(&format!("{name}-by-ffmpeg.mkv"), &[]);
        let to = copy.0.to_str().unwrap();
        let arguments = ["-v", "error", "-y", "-fflags", "+genpts", "-i", &source, "-c", "copy", to];
        if asked("ffmpeg", &arguments).is_none() {
            return;
        }
        let theirs =
            Reader::open(std::fs::File::open(&copy.0).unwrap()).unwrap().header().tracks[0].codec.clone();
        assert_eq!(theirs, track(format, 1, &frames(format)[0]).codec, "{format:?}");
    }
}

#[test]
fn a_file_cut_at_any_byte_loses_the_torn_block_and_nothing_else() {
    for format in [Format::Opus, Format::Vp8] {
        let (file, ends) = recorded(format);
        let (whole, _) = read(&file);
        let header =
            ends[0] - (ends[0] - file.windows(4).position(|w| w == [0x1f, 0x43, 0xb6, 0x75]).unwrap());
        for end in 0..=file.len() {
            let mut copy = Vec::new();
            let told = finish(&mut Cursor::new(&file[..end]), &mut copy);
            let kept = ends.iter().filter(|block| **block <= end).count();
            match told {
                Err(FinishError::Read(ReadError::NoHeader)) => assert!(end < header, "{end}"),
                Err(error) => panic!("{error}"),
                Ok(told) => {
                    assert_eq!(told.blocks, kept as u64, "{end}");
                    let (blocks, is_torn) = read(&copy);
                    assert_eq!((&blocks[..], is_torn), (&whole[..kept], false), "{end}");
                }
            }
        }
    }
}

#[test]
fn zeros_behind_the_last_block_are_an_end() {
    let (mut file, _) = recorded(Format::Opus);
    file.extend_from_slice(&[0; 4_096]);
    let (copy, told) = finished(&file);
    assert!(told.was_torn);
    assert_eq!(read(&copy).0.len(), FRAMES);
}

#[test]
fn sound_and_picture_share_a_file_and_gaps_are_time() {
    let frames = frames(Format::Vp8);
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let info = Info { title: "Совет".to_owned(), started: Some(started), duration: None };
    let sound = Track { number: number(2), name: "Ann".to_owned(), codec: Codec::Opus(OpusHead::of(2)) };
    let mut file = Vec::new();
    let mut writer = Writer::begin(&info, &[track(Format::Vp8, 1, &frames[0]), sound], &mut file);
    let mut expected = Vec::new();
    for at in 0..FRAMES as u64 {
        // An hour's pause in the middle; the picture lags a little behind the sound.
        let at_ms = at * 100 + if at < 6 { 0 } else { 3_600_000 };
        for (track, time) in [(2, at_ms + 20), (1, at_ms)] {
            let frame = &frames[at as usize];
            let payload = if track == 1 { frame.payload.clone() } else { opus_packet(at as u8) };
            let is_key = track == 2 || frame.is_key;
            let block = Block { track: number(track), at: MS(time), is_key, payload: &payload };
            writer.write(&block, &mut file).unwrap();
            expected.push((track, time, is_key, payload));
        }
    }
    assert_eq!(read(&file), (expected.clone(), false));
    let (copy, told) = finished(&file);
    assert_eq!(read(&copy), (expected, false));
    let header = Reader::open(&copy[..]).unwrap().header().clone();
    assert_eq!(header.info, Info { duration: Some(MS(3_601_200)), ..info });
    assert_eq!(told.spans, [(number(2), MS(20), MS(3_601_140)), (number(1), MS(0), MS(3_601_200))]);
    if let Some(probed) = probed(&copy, "both.mkv") {
        assert_eq!(probed.lines().next(), Some("vp8,96,64,12"));
    }
}

#[test]
fn a_track_that_is_none_and_a_block_that_is_too_long_are_refused_and_leave_the_file_as_it_was() {
    let (mut file, payload) = (Vec::new(), vec![0; voxlink_container::matroska::MAX_BLOCK + 1]);
    let track = Track { number: number(1), name: String::new(), codec: Codec::Opus(OpusHead::of(1)) };
    let mut writer = Writer::begin(&Info::default(), &[track], &mut file);
    let before = file.clone();
    let block = Block { track: number(1), at: MS(0), is_key: true, payload: &payload };
    let of_none = Block { track: number(2), ..block };
    assert_eq!(writer.write(&of_none, &mut file), Err(WriteError::UnknownTrack(number(2))));
    assert_eq!(writer.write(&block, &mut file), Err(WriteError::TooLong(payload.len())));
    assert_eq!(file, before);
    let longest = payload.get(1..).unwrap();
    writer.write(&Block { payload: longest, ..block }, &mut file).unwrap();
    assert_eq!(read(&file).0[0].3.len(), longest.len());
}

#[test]
fn what_is_something_else_is_refused() {
    for bytes in
        [&b""[..], b"RIFF....WAVE", &[0x1a, 0x45, 0xdf, 0xa3], &[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53]]
    {
        assert!(matches!(Reader::open(bytes), Err(ReadError::NoHeader)));
    }
    let mut long = vec![0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x16, 0x54, 0xae, 0x6b, 0x08];
    long.extend_from_slice(&[0xff; 7]);
    assert!(matches!(Reader::open(&long[..]), Err(ReadError::TooLong(_) | ReadError::NoHeader)));
}

/// Bytes that were changed, doubled or left out: an answer, in time and memory that the file's length bounds.
#[test]
fn a_damaged_file_never_panics() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % limit
    };
    let files = [recorded(Format::Opus).0, recorded(Format::H264).0, finished(&recorded(Format::Vp9).0).0];
    for round in 0..3_000 {
        let mut file = files[round % 3].clone();
        for _ in 0..=chance(8) {
            let at = chance(if round % 2 == 0 { 300.min(file.len()) } else { file.len() });
            match chance(4) {
                0 => file[at] = [0, 1, 0x7f, 0x80, 0xff][chance(5)],
                1 => file.truncate(at + 1),
                2 => _ = file.drain(at..(at + chance(16)).min(file.len())),
                _ => file[at] = chance(256) as u8,
            }
            if file.is_empty() {
                file.push(0);
            }
        }
        let mut copy = Vec::new();
        if let Ok(told) = finish(&mut Cursor::new(&file), &mut copy) {
            assert_eq!(read(&copy).0.len() as u64, told.blocks);
        }
    }
}
