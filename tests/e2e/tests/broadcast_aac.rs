//! Broadcasts for players that know no Opus in MP4: the same sound at the same time, also when ffmpeg is killed, and what is
//! said where it breaks or is not there; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, time::Duration};

use common::{
    recorded::tone,
    watched::{Guest, Player, frames, loudness, opened, pictures, server},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use voxlink_audio::{
    Channels, FRAME,
    opus::{Encoder, EncoderConfig},
};
use voxlink_container::fmp4;
use voxlink_test_client::{Options, Person, Stranger, TestServer};

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
        Self::begin_with(server, Stranger::publisher_with(tone(440.0), pictures("wide.ivf"))).await
    }

    async fn begin_with(server: &TestServer, published: (Stranger, String)) -> Self {
        let anna = Person::register(server.address, "anna").await;
        let carla = Person::register(server.address, "carla").await;
        let (guild, text, voice) = anna.create_guild("Radio").await;
        carla.join(&anna.invite(&text).await).await;
        let anna = Guest::come_with(anna, server, (&guild, &voice), published).await;
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

/// A second that is white and beeps for its first tenth, in fifty pictures and packets.
fn flashes_and_beeps() -> (Stranger, String) {
    let black = "color=c=black:s=160x90:r=50:d=1,drawbox=c=white:t=fill:enable='lt(t,0.1)'";
    let to = ["-c:v", "libvpx-vp9", "-g", "50", "-auto-alt-ref", "0", "-lag-in-frames", "0", "-b:v", "100k"];
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", black]).args(to).args(["-f", "ivf", "-"]);
    let shown = frames(&ffmpeg.output().unwrap().stdout);
    assert!(shown.len() == 50 && shown.iter().all(|frame| frame.len() < 1_100));
    let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Mono)).unwrap();
    let sample = |at: usize| if at < 4_800 { 0.5 * (at as f32 * 0.13).sin() } else { 0.0 };
    let second: Vec<f32> = (0..48_000).map(sample).collect();
    let said = second.chunks(FRAME).map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    });
    Stranger::publisher_with(said.collect(), shown)
}

/// When pictures become white, in milliseconds.
fn flashes(player: &Player) -> Vec<u64> {
    let path = std::env::temp_dir().join(format!("voxlink-flashes-{}.mp4", std::process::id()));
    fs::write(&path, player.file()).unwrap();
    let decode = ["-an", "-fps_mode", "passthrough", "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-"];
    let decoded =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(decode).output().unwrap();
    fs::remove_file(&path).unwrap();
    let segments = player.pieces.iter().filter(|(name, _)| name.ends_with(".m4s"));
    let mut times = Vec::new();
    for (_, bytes) in segments {
        let shown = fmp4::fragments(bytes).unwrap().into_iter().find(|one| one.track == 2).unwrap();
        let mut at = shown.time;
        for sample in shown.samples {
            times.push(at / 90);
            at += u64::from(sample.duration);
        }
    }
    assert_eq!(decoded.stdout.len(), times.len(), "every picture is decoded");
    let is_white = |at: usize| decoded.stdout[at] > 128;
    (1..times.len()).filter(|at| is_white(*at) && !is_white(at - 1)).map(|at| times[at]).collect()
}

/// When silence ends, in milliseconds. `from`: when it begins, in samples.
fn beeps(sound: &[f32], from: u64) -> Vec<u64> {
    let mut found: Vec<usize> = Vec::new();
    for (at, value) in sound.iter().enumerate() {
        if value.abs() > 0.1 && found.last().is_none_or(|last| at > last + 24_000) {
            found.push(at);
        }
    }
    found.into_iter().map(|at| (at as u64 + from) / 48).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_is_heard_at_the_same_time_in_every_stream() {
    if !has_ffmpeg() {
        return;
    }
    let server = server();
    let radio = Radio::begin_with(&server, flashes_and_beeps()).await;
    let Radio { anna, carla, voice } = &radio;
    anna.consent(voice, true).await;
    let mut opus = opened(&anna.person, voice, "both").await;
    let mut aac = opened(carla, voice, "both.aac").await;
    for _ in 0..5 {
        sleep(Duration::from_secs(2)).await;
        assert_eq!(opus.follow(carla, "both").await, 200);
        assert_eq!(aac.follow(carla, "both.aac").await, 200);
    }
    let heard = [
        (flashes(&opus), beeps(&opus.heard(), opus.sounds().0)),
        (flashes(&aac), beeps(&aac.heard_by_ffmpeg("beeps"), aac.sounds().0)),
    ];
    for (flashes, beeps) in heard {
        assert!(flashes.len() >= 6, "{flashes:?}");
        // The first and the last may be cut off.
        for flash in &flashes[1..flashes.len() - 1] {
            let apart = beeps.iter().map(|beep| beep.abs_diff(*flash)).min().unwrap();
            assert!(apart <= 40, "{apart} ms: {flashes:?} and {beeps:?}");
        }
    }
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
