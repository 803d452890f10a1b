//! Files that people bring become Opus that sounds the same.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{fs, path::Path, time::Duration};

use voxlink_audio::{
    Channels,
    import::{ImportError, Imported, encode, import},
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};

const MOST: Duration = Duration::from_millis(5_200);

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/import").join(name)).unwrap()
}

/// As a listener hears it, one channel of it.
fn decode(imported: &Imported) -> Vec<f32> {
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let (mut room, mut sound) = (vec![0.0; MAX_PACKET_SAMPLES], Vec::new());
    for frame in &imported.frames {
        let samples = decoder.decode(&Packet::parse(&frame.packet).unwrap(), &mut room).unwrap();
        sound.extend_from_slice(&room[..samples]);
    }
    sound
}

/// The amplitude of one tone.
fn amplitude(sound: &[f32], hertz: f64) -> f64 {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, value) in sound.iter().enumerate() {
        real += f64::from(*value) * (at as f64 * step).cos();
        imaginary += f64::from(*value) * (at as f64 * step).sin();
    }
    (real * real + imaginary * imaginary).sqrt() * 2.0 / sound.len() as f64
}

#[test]
fn every_format_becomes_the_same_tone_as_loud_and_as_long() {
    let all = [
        ("tone.mp3", 400, Channels::Mono),
        ("tone_vorbis.ogg", 400, Channels::Mono),
        ("tone_opus.ogg", 400, Channels::Mono),
        ("tone.flac", 400, Channels::Mono),
        ("tone.wav", 400, Channels::Mono),
        ("tone.m4a", 400, Channels::Mono),
        ("stereo.wav", 300, Channels::Stereo),
    ];
    for (name, length, channels) in all {
        let imported = import(file(name), MOST).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(imported.channels, channels, "{name}");
        let is = imported.duration().as_millis() as i64;
        assert!((is - length).abs() <= 60, "{name}: {is} ms");
        let sound = decode(&imported);
        let middle = &sound[4_800..12_000];
        let (tone, other) = (amplitude(middle, 660.0), amplitude(middle, 990.0));
        assert!((0.08..0.13).contains(&tone), "{name}: {tone}");
        assert!(other < tone / 20.0, "{name}: {other} beside {tone}");
        let end = &sound[sound.len() - 48..];
        assert!(end.iter().all(|value| value.abs() < 0.02), "{name} ends in silence");
    }
}

#[test]
fn a_sound_is_played_as_loud_as_it_is_set() {
    let tone: Vec<f32> =
        (0..24_000).map(|at| 0.2 * (at as f32 * 660.0 * std::f32::consts::TAU / 48_000.0).sin()).collect();
    let loud = decode(&encode(tone.clone(), Channels::Mono, 1.0).unwrap());
    let quiet = decode(&encode(tone, Channels::Mono, 0.25).unwrap());
    let ratio = amplitude(&loud[4_800..19_200], 660.0) / amplitude(&quiet[4_800..19_200], 660.0);
    assert!((3.6..4.4).contains(&ratio), "{ratio}");
}

#[test]
fn what_is_too_long_silent_or_no_sound_is_not_taken() {
    let short = Duration::from_millis(200);
    for name in ["tone.mp3", "tone_vorbis.ogg", "tone_opus.ogg", "tone.flac", "tone.wav", "tone.m4a"] {
        assert_eq!(import(file(name), short).err(), Some(ImportError::TooLong(short)), "{name}");
    }
    assert_eq!(import(*b"GIF89a, and nothing else", MOST).err(), Some(ImportError::Unknown));
    assert_eq!(import(Vec::new(), MOST).err(), Some(ImportError::Unknown));
    let mut silence = file("tone.wav");
    let end = silence.len();
    silence[44..end].fill(0);
    assert_eq!(import(silence, MOST).err(), Some(ImportError::Silent));
    let head = file("tone.flac")[..60].to_vec();
    assert!(matches!(import(head, MOST), Err(ImportError::Broken | ImportError::Unknown)));
}

#[test]
fn a_length_that_a_header_claims_is_not_believed() {
    // What programs write that do not know it yet.
    let mut claims = file("tone.wav");
    claims[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    claims[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let imported = import(claims.clone(), MOST).unwrap();
    assert!(imported.duration() < Duration::from_secs(1));
    for claimed in [u32::MAX - 1, 1 << 30] {
        claims[40..44].copy_from_slice(&claimed.to_le_bytes());
        let imported = import(claims.clone(), MOST);
        assert!(imported.is_ok_and(|imported| imported.duration() < Duration::from_secs(1)));
    }
}
