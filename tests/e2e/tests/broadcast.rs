//! Calls are broadcast: what players get, who may have it, and what is left afterwards; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    collections::HashMap,
    f32::consts::TAU,
    path::Path,
    time::{Duration, Instant},
};

use common::recorded::tone;
use hyper::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};
use voxlink_audio::{
    Channels, FRAME,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::fmp4;
use voxlink_test_client::{Gateway, Options, Person, Reply, Stranger, TestServer};

const SOON: Duration = Duration::from_secs(20);

/// How loud this frequency is in some sound, 0 to 1 (Goertzel over tenths of a second: what follows a sender's clock may
/// be a little faster or slower).
fn loudness(sound: &[f32], hz: f32) -> f32 {
    let turn = 2.0 * (TAU * hz / 48_000.0).cos();
    let pieces = sound.chunks_exact(4_800).map(|piece| {
        let (mut one, mut two) = (0.0_f32, 0.0_f32);
        for value in piece {
            (one, two) = (value + turn * one - two, one);
        }
        2.0 * (one * one + two * two - turn * one * two).max(0.0).sqrt() / piece.len() as f32
    });
    let pieces: Vec<f32> = pieces.collect();
    pieces.iter().sum::<f32>() / pieces.len() as f32
}

/// The frames of an IVF file: one second, of which the first is a key frame.
fn pictures(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
    let file = std::fs::read(path).unwrap();
    let mut rest = &file[32..];
    let mut frames = Vec::new();
    while let Some(([l0, l1, l2, l3, ..], _)) = rest.split_first_chunk::<12>() {
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    frames
}

/// Somebody in the call: a seat, a program that streams a tone and pictures, and ears for what is told.
struct Guest {
    person: Person,
    device: Gateway,
    publishing: JoinHandle<()>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.publishing.abort();
    }
}

impl Guest {
    async fn come(person: Person, server: &TestServer, at: (&str, &str), hz: f32, shows: &str) -> Self {
        let (guild, voice) = at;
        let mut device = Gateway::identify(server.address, &person.token).await.unwrap();
        let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
        device.send(json!({"op": 4, "d": sit})).await.unwrap();
        device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
        let (mut stream, offer) = match shows {
            "vp8" => Stranger::publisher_of(tone(hz)),
            shows => Stranger::publisher_with(tone(hz), pictures(shows)),
        };
        let path = format!("/api/v1/channels/{voice}/whip");
        let kind = [("content-type", "application/sdp")];
        let reply = person.rest.send_with(Method::POST, &path, offer.into(), &kind).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.body);
        stream.accept(std::str::from_utf8(&reply.bytes).unwrap());
        stream.keep_pace();
        // By itself, so that no question of ours makes its clock go slow.
        let publishing = tokio::spawn(async move {
            loop {
                stream.step();
                sleep(Duration::from_millis(2)).await;
            }
        });
        Self { person, device, publishing }
    }

    async fn consent(&self, voice: &str, accept: bool) {
        let path = format!("/api/v1/channels/{voice}/broadcast/consent");
        let reply = self.person.rest.send(Method::PUT, &path, json!({"accept": accept})).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.body);
    }

    async fn told(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        let told = self.device.next_where(SOON, |name, body| name == "CALL_BROADCAST_UPDATE" && holds(body));
        told.await.unwrap().1
    }
}

/// A player: it has a login for the first question and none for what follows, and keeps what it has played.
struct Player {
    /// Addresses of the media playlists with their codecs.
    streams: Vec<(String, String)>,
    /// Every piece, by its address without the seal, in the order in which it was named.
    pieces: Vec<(String, Vec<u8>)>,
    /// Names of those that come behind a discontinuity.
    discontinuous: Vec<String>,
    ended: bool,
}

impl Player {
    async fn open(person: &Person, voice: &str) -> Result<Self, Reply> {
        let reply = person.get(&format!("/api/v1/channels/{voice}/broadcast/index.m3u8")).await.unwrap();
        if reply.status != 200 {
            return Err(reply);
        }
        let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let variants = lines.windows(2).filter(|two| two[0].starts_with("#EXT-X-STREAM-INF:"));
        let streams = variants.map(|two| (two[1].to_owned(), two[0].split('"').nth(1).unwrap().to_owned()));
        let streams = streams.collect();
        Ok(Self { streams, pieces: Vec::new(), discontinuous: Vec::new(), ended: false })
    }

    fn stream(&self, name: &str) -> &str {
        &self.streams.iter().find(|(url, _)| url.contains(name)).unwrap().0
    }

    /// Reads a playlist, and all of it that is new.
    async fn follow(&mut self, nobody: &Person, name: &str) -> u16 {
        let reply = nobody.get(self.stream(name)).await.unwrap();
        if reply.status != 200 {
            return reply.status;
        }
        assert_eq!(reply.header("cache-control"), Some("private, max-age=1"));
        let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
        let mut is_discontinuous = false;
        for line in text.lines() {
            is_discontinuous |= line == "#EXT-X-DISCONTINUITY";
            self.ended |= line == "#EXT-X-ENDLIST";
            let map = line.strip_prefix("#EXT-X-MAP:URI=\"").and_then(|rest| rest.strip_suffix('"'));
            let Some(url) = map.or((!line.starts_with('#')).then_some(line)) else { continue };
            let name = url.split('?').next().unwrap().to_owned();
            if self.pieces.iter().any(|(known, _)| *known == name) {
                is_discontinuous &= map.is_some();
                continue;
            }
            let piece = nobody.get(url).await.unwrap();
            assert_eq!(piece.status, 200, "{url}");
            assert_eq!(piece.header("cache-control"), Some("public, max-age=600, immutable"));
            assert_eq!(piece.header("access-control-allow-origin"), None);
            if map.is_none() && std::mem::take(&mut is_discontinuous) {
                self.discontinuous.push(name.clone());
            }
            self.pieces.push((name, piece.bytes.to_vec()));
        }
        200
    }

    /// The left side of the sound that was played, from the segments.
    fn heard(&self) -> Vec<f32> {
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let (mut sound, mut all) = (vec![0.0; 2 * MAX_PACKET_SAMPLES], Vec::new());
        let mut due = None;
        for (_, bytes) in self.pieces.iter().filter(|(name, _)| name.ends_with(".m4s")) {
            let of_sound = fmp4::fragments(bytes).unwrap().into_iter().find(|one| one.track == 1).unwrap();
            assert!(due.is_none_or(|due| due == of_sound.time), "no gap and no overlap");
            due = Some(of_sound.time + FRAME as u64 * of_sound.samples.len() as u64);
            for sample in of_sound.samples {
                let samples = decoder.decode(&Packet::parse(&sample.payload).unwrap(), &mut sound).unwrap();
                all.extend(sound[..2 * samples].iter().step_by(2));
            }
        }
        all
    }

    /// All of it as one file.
    fn file(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }
}

fn server() -> TestServer {
    let environment = vec![("VOXLINK_BUS".into(), "serialising".into())];
    TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() })
}

/// Waits until a player can begin.
async fn opened(person: &Person, voice: &str, has: &str) -> Player {
    let begun = Instant::now();
    loop {
        match Player::open(person, voice).await {
            Ok(player) if player.streams.iter().any(|(url, _)| url.contains(has)) => return player,
            Ok(_) => {}
            Err(reply) => assert_eq!(reply.body["code"], 10128, "{}", reply.body),
        }
        assert!(begun.elapsed() < SOON, "nothing is broadcast");
        sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn players_get_the_mix_and_what_is_shown_and_nothing_of_who_did_not_agree() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let carla = Person::register(server.address, "carla").await;
    let dora = Person::register(server.address, "dora").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    let invite = anna.invite(&text).await;
    boris.join(&invite).await;
    carla.join(&invite).await;
    let path = format!("/api/v1/channels/{voice}/broadcast");
    assert_eq!(anna.post(&path, json!({})).await.unwrap().body["code"], 40032, "not in the call");
    let at = (guild.as_str(), voice.as_str());
    let anna = Guest::come(anna, &server, at, 440.0, "wide.ivf").await;
    let mut boris = Guest::come(boris, &server, at, 880.0, "tall.ivf").await;
    assert_eq!(boris.person.post(&path, json!({})).await.unwrap().body["code"], 50013);
    assert_eq!(dora.get(&path).await.unwrap().status, 404, "she does not see the channel");
    assert_eq!(carla.get(&path).await.unwrap().body["code"], 10128);
    let begun = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    assert_eq!((&begun.body["state"], &begun.body["kept"]), (&json!("live"), &json!([])));
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().status, 200, "twice is once");
    boris.told(|body| body["started_by"] == anna.person.id.as_str()).await;

    // Nobody has agreed: silence. Then anna alone, then both.
    let mut early = opened(&carla, &voice, "sound").await;
    assert_eq!(early.follow(&dora, "sound").await, 200, "an address is enough");
    let silence = early.heard();
    assert!(loudness(&silence, 440.0) < 0.001 && loudness(&silence, 880.0) < 0.001);
    anna.consent(&voice, true).await;
    let mut player = opened(&carla, &voice, "both").await;
    assert!(player.streams[0].1.starts_with("vp09.00.10.08,opus"), "{:?}", player.streams);
    sleep(Duration::from_secs(5)).await;
    player.follow(&carla, "both").await;
    let told = carla.get(&path).await.unwrap().body;
    assert_eq!((&told["viewers"], &told["picture"]["source"]), (&json!(1), &json!("screen")), "{told}");
    assert_eq!(told["picture"]["user_id"], anna.person.id.as_str());
    let first = player.heard();
    assert!(loudness(&first[first.len() - 48_000..], 440.0) > 0.1);
    assert!(loudness(&first, 880.0) < 0.005, "he has not agreed");

    boris.consent(&voice, true).await;
    for _ in 0..12 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(player.follow(&carla, "both").await, 200);
    }
    let sound = player.heard();
    let last = &sound[sound.len() - 48_000..];
    let levels = [loudness(last, 440.0), loudness(last, 880.0)];
    assert!(levels.iter().all(|level| *level > 0.1), "{levels:?}");
    // Pictures begin where there were none; then the newest screen is shown: another discontinuity, and an initialisation
    // segment of another size.
    let first = player.pieces.iter().map(|(name, _)| name).find(|name| name.ends_with(".m4s"));
    assert_eq!(player.discontinuous.len(), 2, "{:?}", player.discontinuous);
    assert_eq!(player.discontinuous.first(), first);
    let heads = player.pieces.iter().filter(|(name, _)| name.ends_with(".mp4"));
    let sizes: Vec<_> = heads.map(|(_, head)| fmp4::tracks(head).unwrap()[1].size.unwrap().width).collect();
    assert_eq!(sizes, [160, 120]);
    let mut due: HashMap<u32, u64> = HashMap::new();
    for (name, bytes) in player.pieces.iter().filter(|(name, _)| name.ends_with(".m4s")) {
        for fragment in fmp4::fragments(bytes).unwrap() {
            let begins = *due.entry(fragment.track).or_insert(fragment.time);
            assert_eq!(begins, fragment.time, "track {} of {name}", fragment.track);
            assert!(fragment.samples[0].is_key, "{name} can be the first");
            let length: u64 = fragment.samples.iter().map(|sample| u64::from(sample.duration)).sum();
            due.insert(fragment.track, begins + length);
        }
    }
    assert!(due[&2].abs_diff(due[&1] * 90 / 48) < 9_000, "sound and pictures end together: {due:?}");
    probed(&player);

    // Nothing lies on the disk.
    assert!(std::fs::read_dir(server.data_dir().join("recordings")).unwrap().next().is_none());
    assert_eq!(boris.person.delete(&path).await.unwrap().status, 403);
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    boris.told(|body| body["state"] == "ended").await;
    assert_eq!(carla.get(&path).await.unwrap().body["code"], 10128);
    for _ in 0..40 {
        player.follow(&carla, "both").await;
        if player.ended {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(player.ended, "players are told to stop");
}

/// Somebody else reads it without complaint, where they are installed: up to where another picture begins.
fn probed(player: &Player) {
    let second = player.pieces.iter().enumerate().filter(|(_, (name, _))| name.ends_with(".mp4")).nth(1);
    let end = second.map_or(player.pieces.len(), |(at, _)| at);
    let first = Player {
        streams: Vec::new(),
        pieces: player.pieces[..end].to_vec(),
        discontinuous: Vec::new(),
        ended: false,
    };
    let path = std::env::temp_dir().join(format!("voxlink-broadcast-{}.mp4", std::process::id()));
    std::fs::write(&path, first.file()).unwrap();
    let arguments = ["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"];
    let probe =
        std::process::Command::new("ffprobe").args(arguments).args(["-of", "csv=p=0"]).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = probe else { return };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}");
    let told = String::from_utf8(output.stdout).unwrap();
    let count = |codec: &str| -> u64 {
        let line = told.lines().find(|line| line.starts_with(codec)).unwrap_or_else(|| panic!("{told}"));
        line.split(',').nth(1).unwrap().parse().unwrap()
    };
    assert!(count("opus") > 100 && count("vp9") > 100, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_no_longer_enter_the_room_sees_no_more_of_it() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let path = format!("/api/v1/channels/{voice}/broadcast");
    let rule = format!("/api/v1/guilds/{guild}/recording-settings");
    let anna = Guest::come(anna, &server, (&guild, &voice), 440.0, "vp8").await;
    anna.person.patch(&rule, json!({"policy": "off"})).await.unwrap();
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().body["code"], 40180);
    anna.person.patch(&rule, json!({"policy": "announce"})).await.unwrap();
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().status, 201);
    anna.consent(&voice, true).await;
    let mut player = opened(&boris, &voice, "sound").await;
    assert_eq!(player.follow(&boris, "sound").await, 200);
    // What it shows is no picture at all, so that there is nothing to see and a reason is given.
    let stuck = |body: &Value| body["trouble"] == "no_transcoder" && body["picture"].is_null();
    let device = Gateway::identify(server.address, &boris.token).await;
    let mut device = device.unwrap();
    for round in 0.. {
        sleep(Duration::from_millis(300)).await;
        if stuck(&boris.get(&path).await.unwrap().body) {
            break;
        }
        assert!(round < 60, "{}", boris.get(&path).await.unwrap().body);
    }
    let told = device.next_where(SOON, |name, body| name == "CALL_BROADCAST_UPDATE" && stuck(body)).await;
    assert!(told.is_ok() || boris.get(&path).await.unwrap().body["trouble"] == "no_transcoder");

    let name = player.pieces.last().unwrap().0.clone();
    assert_eq!(boris.get(&name).await.unwrap().status, 403, "without its seal");
    let everyone = format!("/api/v10/channels/{voice}/permissions/{guild}");
    let closed = json!({"type": 0, "allow": "0", "deny": (1_u64 << 20).to_string()});
    assert_eq!(anna.person.rest.send(Method::PUT, &everyone, closed).await.unwrap().status, 204);
    assert_eq!(Player::open(&boris, &voice).await.err().map(|reply| reply.status), Some(403));
    let mut status = 200;
    for _ in 0..30 {
        sleep(Duration::from_millis(500)).await;
        status = player.follow(&boris, "sound").await;
        if status != 200 {
            break;
        }
    }
    assert_eq!(status, 403, "the playlist is closed to him");
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let log = anna.person.get(&format!("/api/v10/guilds/{guild}/audit-logs")).await.unwrap().body;
    let entries = log["audit_log_entries"].as_array().unwrap().iter();
    let ours =
        entries.filter(|entry| entry["target_id"] == voice.as_str()).map(|entry| &entry["action_type"]);
    let ours: Vec<_> = ours.filter(|kind| kind.as_u64() >= Some(1000)).collect();
    assert_eq!(ours, [1005, 1004], "{log}");
}
