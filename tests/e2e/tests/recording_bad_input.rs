//! Recordings of what should not come: broken sound, timestamps that jump, pictures that are none, disks that are full; over
//! the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use common::recorded::{Guest, decoded, details, fetch, loudness, pass, server, tone};
use serde_json::{Value, json};
use voxlink_container::matroska;
use voxlink_test_client::{Options, Person, TestServer};

fn of<'a>(found: &'a Value, who: &Guest, source: &str) -> Vec<&'a Value> {
    let is = |track: &&Value| track["user_id"] == who.person.id.as_str() && track["source"] == source;
    found["tracks"].as_array().unwrap().iter().filter(is).collect()
}

async fn mix(person: &Person, found: &Value) -> Vec<f32> {
    let outputs = found["outputs"].as_array().unwrap();
    let mix = outputs.iter().find(|output| output["kind"] == "mix").unwrap();
    decoded(fetch(person, mix).await)
}

/// In how many tenths of a second of this all tones are heard.
fn heard(sound: &[f32], tones: &[f32]) -> usize {
    sound.chunks_exact(4_800).filter(|piece| tones.iter().all(|hz| loudness(piece, *hz) > 0.1)).count()
}

/// The last seconds: a machine with other things to do lets a program say nothing for a while.
fn end(sound: &[f32]) -> &[f32] {
    &sound[sound.len().saturating_sub(2 * 48_000)..]
}

/// Every block is there and in its order.
fn blocks(bytes: Vec<u8>) -> usize {
    let mut reader = matroska::Reader::open(Cursor::new(bytes)).unwrap();
    let (mut payload, mut count, mut last) = (Vec::new(), 0, Duration::ZERO);
    while let Some(block) = reader.next(&mut payload).unwrap() {
        assert!(block.at >= last, "time goes forward");
        (last, count) = (block.at, count + 1);
    }
    assert!(!reader.is_torn());
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_sound_of_one_is_a_gap_and_nobody_elses_matter() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let mut boris = Guest::come(boris, &server, &guild, &voice, 880.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    boris.consent(&voice, true).await;
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(2)).await;
    // A code that promises frames and has none, lengths past the end, a byte, noise.
    let broken: Vec<Vec<u8>> = (0..50_u8)
        .map(|at| match at % 4 {
            0 => vec![0xff, 0xbf],
            1 => vec![0x7b, 0x82, 0xff, 0xff, 1, 2, 3],
            2 => vec![0x03],
            _ => (0..120).map(|byte: u8| byte.wrapping_mul(at).wrapping_add(7)).collect(),
        })
        .collect();
    boris.stream.say(broken);
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(2)).await;
    boris.stream.say(tone(880.0));
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(2)).await;
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&anna.person, &id).await;
    assert_eq!(found["state"], "ready", "{found}");
    for who in [&anna, &boris] {
        let tracks = of(&found, who, "screen_audio");
        assert_eq!(tracks.len(), 1, "{found}");
        assert!(blocks(fetch(&anna.person, tracks[0]).await) > 100);
    }
    let sound = mix(&anna.person, &found).await;
    assert!(heard(end(&sound), &[440.0, 880.0]) > 3, "both are heard again at the end");
    let third = sound.len() / 3;
    assert!(heard(&sound[third..2 * third], &[440.0]) > 5, "and anna meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabits_of_one_cost_nobody_elses_voice() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let boris = Guest::come(boris, &server, &guild, &voice, 880.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    boris.consent(&voice, true).await;
    // 50 pictures a second, each of 105 datagrams of 1,200 bytes; by itself, so that it holds up nobody here.
    let (mut flooding, over) = (boris.stream, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    flooding.flood(105);
    let until = over.clone();
    let flood = std::thread::spawn(move || {
        while !until.load(std::sync::atomic::Ordering::Relaxed) {
            flooding.step();
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    pass(&mut [&mut anna], Duration::from_secs(5)).await;
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().unwrap();
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&anna.person, &id).await;
    assert_eq!(found["state"], "ready", "{found}");
    let tracks = of(&found, &anna, "screen_audio");
    assert!(blocks(fetch(&anna.person, tracks[0]).await) > 100, "{found}");
    let sound = mix(&anna.person, &found).await;
    assert!(heard(&sound[sound.len() / 2..], &[440.0]) > 5, "anna is heard through it");
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_that_jump_or_wrap_do_not_move_anybody_in_time() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    // Back by an hour, forth by one, and just before the 32 bits of sound are full: they wrap within the next second.
    for skew in [0, -3_600, 3_600, (1_i64 << 32) / 48_000 - 6] {
        anna.stream.skew(skew);
        pass(&mut [&mut anna], Duration::from_millis(1_500)).await;
    }
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&anna.person, &id).await;
    assert_eq!(found["state"], "ready", "{found}");
    let length = found["duration_ms"].as_u64().unwrap();
    assert!((5_000..20_000).contains(&length), "not an hour: {found}");
    for track in found["tracks"].as_array().unwrap() {
        let ends = track["starts_ms"].as_u64().unwrap() + track["duration_ms"].as_u64().unwrap();
        assert!(ends <= length + 200, "{track} of {length}");
        assert!(blocks(fetch(&anna.person, track).await) > 50, "{track}");
    }
    let sound = mix(&anna.person, &found).await;
    assert!(heard(end(&sound), &[440.0]) > 3, "heard to the end");
}

/// A small file system that goes away with the test.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None` without the right to mount.
    fn mount(name: &str, size: &str) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("voxlink-recorded-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }

    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        while file.write_all(&[7; 65_536]).is_ok() {}
        while file.write_all(&[7]).is_ok() {}
        ballast
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _still_used = Command::new("umount").arg("-l").arg(&self.0).output();
        let _left = fs::remove_dir(&self.0);
    }
}

fn server_on(disk: &Path) -> TestServer {
    let options = Options { data_dir: Some(disk.join("data")), ..Options::default() };
    TestServer::start_with(&TestServer::binary(), options)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_on_a_disk_that_is_nearly_full() {
    let Some(disk) = Tmpfs::mount("small", "64m") else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    };
    let server = server_on(&disk.0);
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let refused = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (507, &json!(150_001)), "{}", refused.body);
    assert_eq!(anna.person.get(&path).await.unwrap().status, 404, "nothing goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_midway_is_told_and_what_was_kept_stays() {
    let Some(disk) = Tmpfs::mount("filling", "300m") else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    };
    let server = server_on(&disk.0);
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let begun = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    anna.consent(&voice, true).await;
    pass(&mut [&mut anna], Duration::from_secs(3)).await;
    let ballast = disk.fill();
    let trouble = async |anna: &mut Guest, wanted: Value| {
        let begun = Instant::now();
        loop {
            pass(&mut [&mut *anna], Duration::from_millis(200)).await;
            let shown = anna.person.get(&path).await.unwrap().body;
            if shown["trouble"] == wanted {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "never {wanted}: {shown}");
        }
    };
    trouble(&mut anna, json!("full_disk")).await;
    // What is small still fits into the last page of its file for a second.
    pass(&mut [&mut anna], Duration::from_secs(4)).await;
    fs::remove_file(ballast).unwrap();
    trouble(&mut anna, Value::Null).await;
    pass(&mut [&mut anna], Duration::from_secs(1)).await;
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&anna.person, &begun.text("id")).await;
    assert_eq!(found["state"], "ready", "{found}");
    let tracks = of(&found, &anna, "screen_audio");
    assert!(tracks.len() >= 2, "what follows a torn block is another file: {found}");
    for track in tracks {
        assert!(blocks(fetch(&anna.person, track).await) > 20, "{track}");
    }
    let sound = mix(&anna.person, &found).await;
    let all = heard(&sound, &[440.0]);
    assert!(all >= 20, "before and after: {all} tenths of a second");
    assert!(heard(end(&sound), &[440.0]) > 3, "heard again at the end");
}
