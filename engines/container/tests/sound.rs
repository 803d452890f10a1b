//! Ogg Opus, FLAC and WAV, read by ourselves and by strangers.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use support::{Scratch, asked, opus_packet};
use voxlink_container::{OpusHead, flac, ogg, wav};

fn ogg_file(packets: usize, samples: Option<u64>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer =
        ogg::Writer::begin(OpusHead::of(1), &[("TITLE", "Совет"), ("ARTIST", "Ann")], 7, &mut file);
    for at in 0..packets {
        writer.write(&opus_packet(at as u8), &mut file).unwrap();
    }
    writer.finish(samples, &mut file);
    file
}

/// Packets, samples, and whether something is missing.
type Seen = (Vec<Vec<u8>>, Option<u64>, bool);

fn read(file: &[u8]) -> Result<Seen, ogg::ReadError> {
    let mut reader = ogg::Reader::open(file)?;
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while reader.next(&mut packet)?.is_some() {
        packets.push(packet.clone());
    }
    Ok((packets, reader.samples(), reader.is_torn()))
}

#[test]
fn packets_come_out_of_ogg_as_they_went_in() {
    let file = ogg_file(130, Some(124_000));
    let (packets, samples, is_torn) = read(&file).unwrap();
    assert_eq!(packets, (0..130).map(|at| opus_packet(at as u8)).collect::<Vec<_>>());
    assert_eq!((samples, is_torn), (Some(124_000), false));
    assert_eq!(ogg::Reader::open(&file[..]).unwrap().head(), OpusHead::of(1));
    assert_eq!(read(&ogg_file(0, None)).unwrap().0.len(), 0);
}

#[test]
fn long_packets_span_segments_and_pages_are_a_second() {
    let mut file = Vec::new();
    let mut writer = ogg::Writer::begin(OpusHead::of(2), &[], 7, &mut file);
    let packets: Vec<Vec<u8>> = [255, 510, 1_275, 20_000, 60_000, 61_440, 3]
        .into_iter()
        .map(|length| [&[0xfc][..], &vec![length as u8; length - 1]].concat())
        .collect();
    packets.iter().for_each(|packet| writer.write(packet, &mut file).unwrap());
    assert_eq!(writer.write(&[0xfc; 61_441], &mut file), Err(ogg::WriteError::TooLong(61_441)));
    assert_eq!(writer.write(&[], &mut file), Err(ogg::WriteError::NotOpus));
    writer.finish(None, &mut file);
    assert_eq!(read(&file).unwrap().0, packets);
    let pages = |file: &[u8]| file.windows(4).filter(|four| four == b"OggS").count();
    assert_eq!(pages(&ogg_file(200, None)), 2 + 4);
}

#[test]
fn a_cut_file_gives_what_its_whole_pages_hold() {
    let file = ogg_file(150, None);
    for end in (0..file.len()).step_by(7) {
        match read(&file[..end]) {
            Ok((packets, ..)) => assert!(packets.len() % 50 == 0 && packets.len() < 150, "{end}"),
            Err(ogg::ReadError::NotOpus) => assert!(end < 60),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_damaged_page_costs_its_packets_and_never_panics() {
    let file = ogg_file(150, None);
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        if let Ok((packets, ..)) = read(&damaged) {
            assert!(matches!(packets.len(), 100 | 150), "{at}: {}", packets.len());
        } else {
            assert!(at < 60);
        }
    }
}

#[test]
fn strangers_read_our_ogg() {
    let scratch = Scratch::new("ours.ogg", &ogg_file(130, Some(124_000)));
    let arguments =
        ["-v", "error", "-show_entries", "format=duration:stream=codec_name,channels", "-of", "csv=p=0"];
    let Some(told) = asked("ffprobe", &[&arguments[..], &[scratch.0.to_str().unwrap()]].concat()) else {
        return;
    };
    assert_eq!(
        String::from_utf8(told).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["opus,1", "2.589833"]
    );
}

/// Something loud, something quiet, silence, and an end in the middle of a block.
fn signal(samples: usize) -> Vec<f32> {
    let mut noise = 1_u32;
    let value = |at: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
        match at / 5_000 % 4 {
            0 => (at as f32 * 0.05).sin() * 0.7,
            1 => 0.0,
            2 => hiss * 1.9,
            _ => (at as f32 * 0.01).sin() * 0.01 + hiss * 0.001,
        }
    };
    (0..samples).map(value).collect()
}

#[test]
fn flac_is_lossless_to_strangers_and_silence_costs_nothing() {
    for (channels, name) in [(1_u8, "mono"), (2, "stereo")] {
        let sound = signal(50_000 * usize::from(channels));
        let (mut file, mut expected) = (Vec::new(), Vec::new());
        let mut writer = flac::Writer::begin(channels, 48_000, 50_000, &mut file);
        sound.chunks(1_000).for_each(|piece| writer.write(piece, &mut file));
        writer.finish(&mut file);
        wav::write(&sound, &mut expected);
        let scratch = Scratch::new(&format!("{name}.flac"), &file);
        let path = scratch.0.to_str().unwrap();
        let Some(decoded) = asked("ffmpeg", &["-v", "error", "-i", path, "-f", "s16le", "-"]) else { return };
        assert!(decoded == expected, "{name}: {} of {} bytes", decoded.len(), expected.len());
        assert!(file.len() < expected.len() * 7 / 10, "{} of {}", file.len(), expected.len());
    }
    let mut file = Vec::new();
    let mut writer = flac::Writer::begin(1, 48_000, 0, &mut file);
    writer.write(&vec![0.0; 48_000 * 60], &mut file);
    writer.finish(&mut file);
    assert!(file.len() < 14_000, "{}", file.len());
}

#[test]
fn flac_of_nothing_and_of_next_to_nothing_is_a_file() {
    for samples in [0, 1, 2, 5, 4_095, 4_096, 4_097] {
        let mut file = Vec::new();
        let mut writer = flac::Writer::begin(2, 44_100, samples, &mut file);
        let sound = signal(samples as usize * 2);
        writer.write(&sound, &mut file);
        writer.finish(&mut file);
        if samples == 0 {
            assert_eq!(file.len(), 42);
            continue;
        }
        let scratch = Scratch::new(&format!("{samples}.flac"), &file);
        let path = scratch.0.to_str().unwrap();
        let Some(decoded) = asked("ffmpeg", &["-v", "error", "-i", path, "-f", "s16le", "-"]) else { return };
        let mut expected = Vec::new();
        wav::write(&sound, &mut expected);
        assert!(decoded == expected, "{samples}");
    }
}

#[test]
fn strangers_read_our_wav() {
    let sound = signal(10_000);
    let mut file = Vec::new();
    wav::begin(wav::Format { channels: 2, rate: 48_000, samples: 5_000 }, &mut file);
    let header = file.len();
    wav::write(&sound, &mut file);
    let scratch = Scratch::new("ours.wav", &file);
    let path = scratch.0.to_str().unwrap();
    let Some(decoded) = asked("ffmpeg", &["-v", "error", "-i", path, "-f", "s16le", "-"]) else { return };
    assert!(decoded == file[header..]);
}
