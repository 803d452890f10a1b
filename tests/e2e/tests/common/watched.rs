//! Calls that are broadcast, and players that watch them.

use std::{
    f32::consts::TAU,
    path::Path,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};
use voxlink_audio::{
    Channels, FRAME,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::fmp4;
use voxlink_test_client::{Gateway, Options, Person, Reply, Stranger, TestServer};

use super::recorded::tone;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How loud this frequency is in some sound, 0 to 1 (Goertzel over tenths of a second: what follows a sender's clock may
/// be a little faster or slower).
pub(crate) fn loudness(sound: &[f32], hz: f32) -> f32 {
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
pub(crate) fn pictures(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
    frames(&std::fs::read(path).unwrap())
}

/// The frames of an IVF file.
pub(crate) fn frames(file: &[u8]) -> Vec<Vec<u8>> {
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
pub(crate) struct Guest {
    pub(crate) person: Person,
    pub(crate) device: Gateway,
    publishing: JoinHandle<()>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.publishing.abort();
    }
}

impl Guest {
    pub(crate) async fn come(
        person: Person,
        server: &TestServer,
        at: (&str, &str),
        hz: f32,
        shows: &str,
    ) -> Self {
        let published = match shows {
            "vp8" => Stranger::publisher_of(tone(hz)),
            shows => Stranger::publisher_with(tone(hz), pictures(shows)),
        };
        Self::come_with(person, server, at, published).await
    }

    /// With a program that was set up before.
    pub(crate) async fn come_with(
        person: Person,
        server: &TestServer,
        (guild, voice): (&str, &str),
        (mut stream, offer): (Stranger, String),
    ) -> Self {
        let mut device = Gateway::identify(server.address, &person.token).await.unwrap();
        let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
        device.send(json!({"op": 4, "d": sit})).await.unwrap();
        device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
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

    pub(crate) async fn consent(&self, voice: &str, accept: bool) {
        let path = format!("/api/v1/channels/{voice}/broadcast/consent");
        let reply = self.person.rest.send(Method::PUT, &path, json!({"accept": accept})).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.body);
    }

    pub(crate) async fn told(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        let told = self.device.next_where(SOON, |name, body| name == "CALL_BROADCAST_UPDATE" && holds(body));
        told.await.unwrap().1
    }
}

/// A player: it has a login for the first question and none for what follows, and keeps what it has played.
pub(crate) struct Player {
    /// Addresses of the media playlists with their codecs.
    pub(crate) streams: Vec<(String, String)>,
    /// Every piece, by its address without the seal, in the order in which it was named.
    pub(crate) pieces: Vec<(String, Vec<u8>)>,
    /// Names of those that come behind a discontinuity.
    pub(crate) discontinuous: Vec<String>,
    pub(crate) ended: bool,
}

impl Player {
    pub(crate) async fn open(person: &Person, voice: &str) -> Result<Self, Reply> {
        let reply =
            person.get(&format!("/api/v1/channels/{voice}/broadcast/index.m3u8?sound=all")).await.unwrap();
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

    pub(crate) fn stream(&self, name: &str) -> &str {
        &self.streams.iter().find(|(url, _)| url.contains(&format!("/{name}.m3u8"))).unwrap().0
    }

    /// Reads a playlist, and all of it that is new.
    pub(crate) async fn follow(&mut self, nobody: &Person, name: &str) -> u16 {
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
    pub(crate) fn heard(&self) -> Vec<f32> {
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

    /// When its sound begins and ends, in samples, whichever way it is coded. There are no gaps and no overlaps.
    pub(crate) fn sounds(&self) -> (u64, u64) {
        let (mut begins, mut due) = (None, None);
        for (_, bytes) in self.pieces.iter().filter(|(name, _)| name.ends_with(".m4s")) {
            let of_sound = fmp4::fragments(bytes).unwrap().into_iter().find(|one| one.track == 1).unwrap();
            assert!(due.is_none_or(|due| due == of_sound.time), "no gap and no overlap");
            begins.get_or_insert(of_sound.time);
            let length: u64 = of_sound.samples.iter().map(|sample| u64::from(sample.duration)).sum();
            due = Some(of_sound.time + length);
        }
        (begins.unwrap(), due.unwrap())
    }

    /// The left side of its sound as somebody else decodes it.
    pub(crate) fn heard_by_ffmpeg(&self, name: &str) -> Vec<f32> {
        let path = std::env::temp_dir().join(format!("voxlink-{name}-{}.mp4", std::process::id()));
        std::fs::write(&path, self.file()).unwrap();
        let decode = ["-vn", "-af", "pan=mono|c0=c0", "-f", "f32le", "-"];
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        let decoded = ffmpeg.args(["-v", "error", "-i"]).arg(&path).args(decode).output().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(decoded.stderr.is_empty(), "{}", String::from_utf8_lossy(&decoded.stderr));
        decoded.stdout.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// All of it as one file.
    pub(crate) fn file(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }
}

pub(crate) fn server() -> TestServer {
    let environment = vec![("VOXLINK_BUS".into(), "serialising".into())];
    TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() })
}

/// Waits until a player can begin.
pub(crate) async fn opened(person: &Person, voice: &str, has: &str) -> Player {
    let begun = Instant::now();
    loop {
        match Player::open(person, voice).await {
            Ok(player) if player.streams.iter().any(|(url, _)| url.contains(&format!("/{has}.m3u8"))) => {
                return player;
            }
            Ok(_) => {}
            Err(reply) => assert_eq!(reply.body["code"], 10128, "{}", reply.body),
        }
        assert!(begun.elapsed() < SOON, "nothing is broadcast");
        sleep(Duration::from_millis(300)).await;
    }
}

/// Somebody else reads it without complaint, where they are installed: up to where another picture begins.
pub(crate) fn probed(player: &Player) {
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
