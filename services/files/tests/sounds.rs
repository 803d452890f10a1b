//! Sounds of soundboards.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::{fs, io::Cursor, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::{Folder, Stage, open};
use voxlink_container::ogg;
use voxlink_protocol::{
    SoundId,
    files::{FilesNews, ImagePurpose},
    soundboard::{FetchSound, SoundNotTaken, StoreSound},
};

const HORN: SoundId = SoundId::new(5);

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/import").join(name)).unwrap()
}

async fn store(stage: &Stage, kind: &str, bytes: &[u8]) -> Result<String, SoundNotTaken> {
    let data_uri = format!("data:{kind};base64,{}", BASE64_STANDARD.encode(bytes));
    stage.bus.call(StoreSound { sound: HORN, data_uri }).await.unwrap()
}

/// Eight bits, one channel, 8 kHz, a tone.
fn wav(seconds: f64) -> Vec<u8> {
    let samples = (seconds * 8_000.0) as u32;
    let mut bytes =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data".to_vec();
    bytes[4..8].copy_from_slice(&(samples + 36).to_le_bytes());
    bytes.extend(samples.to_le_bytes());
    bytes.extend((0..samples).map(|at| if at / 8 % 2 == 0 { 200 } else { 56 }));
    bytes
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_sound_is_kept_as_opus_served_and_let_go_of() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    assert_eq!(stage.bus.call(FetchSound { sound: HORN }).await.unwrap(), None);
    let hash = store(&stage, "audio/mpeg", &file("tone.mp3")).await.unwrap();
    let kept = stage.bus.call(FetchSound { sound: HORN }).await.unwrap().unwrap();
    let answer = stage.get("/cdn/soundboard-sounds/5").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "audio/ogg");
    assert_eq!(answer.bytes[..], kept[..]);
    let mut reader = ogg::Reader::open(Cursor::new(&kept)).unwrap();
    let (mut packet, mut packets) = (Vec::new(), 0);
    while reader.next(&mut packet).unwrap().is_some() {
        packets += 1;
    }
    assert!((20..=24).contains(&packets) && !reader.is_torn(), "{packets}");
    assert!((18_000..22_000).contains(&reader.samples().unwrap()));
    for missing in ["/cdn/soundboard-sounds/6", "/cdn/soundboard-sounds/x", "/cdn/emojis/5.webp"] {
        assert_eq!(stage.get(missing).await.status, 404, "{missing}");
    }
    stage.bus.call(FilesNews::ImageReleased { purpose: ImagePurpose::Sound(HORN), hash }).await.unwrap();
    assert_eq!(stage.get("/cdn/soundboard-sounds/5").await.status, 404);
}

#[tokio::test]
async fn what_is_no_sound_too_long_or_too_large_is_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    assert!(store(&stage, "audio/wav", &wav(5.2)).await.is_ok());
    assert_eq!(store(&stage, "audio/wav", &wav(5.6)).await, Err(SoundNotTaken::TooLong { most: 5_200 }));
    let most = 512 * 1024;
    assert_eq!(store(&stage, "audio/wav", &vec![0; 600_000]).await, Err(SoundNotTaken::TooLarge { most }));
    assert_eq!(store(&stage, "audio/mpeg", b"<html>").await, Err(SoundNotTaken::NotASound));
    assert_eq!(store(&stage, "text/html", &wav(1.0)).await, Err(SoundNotTaken::NotADataUri));
    let mut silence = wav(1.0);
    silence[44..].fill(128);
    assert_eq!(store(&stage, "audio/wav", &silence).await, Err(SoundNotTaken::Silent));
}
