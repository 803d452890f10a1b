//! Broadcasts for players that know no Opus in MP4: the same sound at the same time, also when ffmpeg is killed, and what is
//! said where it breaks or is not there; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, time::Duration};

use common::watched::{Guest, Player, loudness, opened, server};
use serde_json::{Value, json};
use tokio::time::sleep;
use voxlink_test_client::{Options, Person, TestServer};

fn has_ffmpeg() -> bool {
    Command::new("ffmpeg").arg("-version").output().is_ok()
}

/// Anna's call, and carla who watches it.
struct Radio {
    anna: Guest,
    carla: Person,
    voice: String,
}

impl Radio {
    async fn begin(server: &TestServer) -> Self {
        let anna = Person::register(server.address, "anna").await;
        let carla = Person::register(server.address, "carla").await;
        let (guild, text, voice) = anna.create_guild("Radio").await;
        carla.join(&anna.invite(&text).await).await;
        let anna = Guest::come(anna, server, (&guild, &voice), 440.0, "wide.ivf").await;
        let begun =
            anna.person.post(&format!("/api/v1/channels/{voice}/broadcast"), json!({})).await.unwrap();
        assert_eq!(begun.status, 201, "{}", begun.body);
        Self { anna, carla, voice }
    }

    async fn shown(&self) -> Value {
        self.carla.get(&format!("/api/v1/channels/{}/broadcast", self.voice)).await.unwrap().body
    }
}

/// The program of this server that makes AAC.
fn encoder(server: &TestServer) -> Option<u32> {
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_ours = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
        let asked = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent == Some(&server.pid().to_string()) && asked.windows(4).any(|word| word == b"adts")
    };
    all.into_iter().find(is_ours)
}

fn begins(sound: &[f32]) -> usize {
    sound.iter().position(|value| value.abs() > 0.05).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn players_without_opus_hear_the_same_at_the_same_time_also_when_ffmpeg_is_killed() {
    if !has_ffmpeg() {
        return;
    }
    let server = server();
    let radio = Radio::begin(&server).await;
    let Radio { anna, carla, voice } = &radio;
    // Somebody else: one person has few places.
    let mut opus = opened(&anna.person, voice, "sound").await;
    assert_eq!(radio.shown().await["sound"], json!(["opus", "aac"]));
    anna.consent(voice, true).await;
    // Nobody asks for AAC yet.
    assert_eq!((opus.follow(carla, "sound").await, encoder(&server)), (200, None));
    let mut aac = opened(carla, voice, "both.aac").await;
    let codecs: Vec<&str> = aac.streams.iter().map(|(_, codecs)| codecs.as_str()).collect();
    assert_eq!(codecs, ["vp09.00.10.08,mp4a.40.2", "vp09.00.10.08,opus", "mp4a.40.2", "opus"]);
    assert_eq!(aac.follow(carla, "sound.aac").await, 200);
    let first = encoder(&server).unwrap();
    let mut both = Player::open(carla, voice).await.ok().unwrap();
    assert_eq!(both.follow(carla, "both.aac").await, 200);

    assert!(Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
    for _ in 0..10 {
        sleep(Duration::from_secs(1)).await;
        let followed = [opus.follow(carla, "sound").await, aac.follow(carla, "sound.aac").await];
        assert_eq!((followed, both.follow(carla, "both.aac").await), ([200, 200], 200));
    }
    assert!(encoder(&server).is_some_and(|second| second != first), "another one goes on");
    assert_eq!(anna.person.delete(&format!("/api/v1/channels/{voice}/broadcast")).await.unwrap().status, 204);
    for _ in 0..60 {
        opus.follow(carla, "sound").await;
        aac.follow(carla, "sound.aac").await;
        if opus.ended && aac.ended {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(opus.ended && aac.ended, "players are told to stop, when there is all of it");
    let ((opus_from, opus_to), (aac_from, aac_to)) = (opus.sounds(), aac.sounds());
    assert!(opus_to.abs_diff(aac_to) <= 2_048, "{opus_to} and {aac_to}");
    // She is heard from one moment on, in whichever stream.
    let [by_opus, by_aac] = [opus.heard(), aac.heard_by_ffmpeg("aac")];
    let begin = [begins(&by_opus) as u64 + opus_from, begins(&by_aac) as u64 + aac_from];
    assert!(begin[0].abs_diff(begin[1]) <= 960, "{begin:?}");
    let last = &by_aac[by_aac.len() - 96_000..];
    assert!(loudness(last, 440.0) > 0.1, "{}", loudness(last, 440.0));
    both.sounds();
}

/// A server whose ffmpeg is this script.
fn server_with(name: &str, script: &str) -> TestServer {
    let path = std::env::temp_dir().join(format!("voxlink-{name}-{}", std::process::id()));
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = vec!["--recording-ffmpeg".into(), path.into()];
    TestServer::start_with(&TestServer::binary(), Options { arguments, ..Options::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ffmpeg_breaks_opus_goes_on_and_everyone_is_told_that_there_is_nothing_else() {
    let server =
        server_with("poor", r#"case "$*" in *-encoders*) echo " A..... aac  AAC";; *) exit 1;; esac"#);
    let mut radio = Radio::begin(&server).await;
    radio.anna.consent(&radio.voice, true).await;
    let mut player = opened(&radio.carla, &radio.voice, "sound.aac").await;
    // What it says of itself is not true.
    assert_eq!(player.follow(&radio.carla, "sound.aac").await, 404);
    radio.anna.told(|body| body["sound"] == json!(["opus"])).await;
    assert_eq!(player.follow(&radio.carla, "sound").await, 200);
    let again = Player::open(&radio.carla, &radio.voice).await.ok().unwrap();
    assert!(again.streams.iter().all(|(_, codecs)| codecs.ends_with("opus")), "{:?}", again.streams);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ffmpeg_there_is_opus() {
    let server = server_with("none", "exit 127");
    let radio = Radio::begin(&server).await;
    let player = opened(&radio.carla, &radio.voice, "sound").await;
    assert_eq!(player.streams.len(), 1, "{:?}", player.streams);
    assert_eq!(radio.shown().await["sound"], json!(["opus"]));
}
