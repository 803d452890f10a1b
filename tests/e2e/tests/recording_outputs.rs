//! What is made of a recording when somebody asks: a video of everyone, voices without loss; with ffmpeg, without it, and
//! when it or the server goes down in the middle; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, time::Duration};

use common::recorded::{Guest, details, fetch, loudness, pass, tone};
use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Options, Person, Stranger, TestServer};

/// Making a video of three seconds, on a machine that does other things as well.
const MADE_WITHIN: Duration = Duration::from_secs(120);

/// Pictures of one colour and size, as key frames of VP8.
fn pictures(colour: &str, size: &str) -> Vec<Vec<u8>> {
    pictures_by("libvpx", colour, size)
}

fn pictures_by(encoder: &str, colour: &str, size: &str) -> Vec<Vec<u8>> {
    let source = format!("color=c={colour}:s={size}:r=25:d=0.2");
    let to = ["-c:v", encoder, "-g", "1", "-b:v", "100k", "-f", "ivf", "-"];
    let made = Command::new("ffmpeg").args(["-v", "error", "-f", "lavfi", "-i", &source]).args(to).output();
    let ivf = made.expect("ffmpeg is installed (scripts/setup.sh test)").stdout;
    let (mut rest, mut frames) = (&ivf[32..], Vec::new());
    while rest.len() > 12 {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[12..12 + length].to_vec());
        rest = &rest[12 + length..];
    }
    assert!(frames.len() > 3 && frames.iter().all(|frame| frame.len() < 1_100));
    frames
}

/// A server with one recording: anna says 440 Hz and shows a screen, and stopped it.
struct Studio {
    server: TestServer,
    anna: Person,
    voice: String,
    id: String,
    found: Value,
}

impl Studio {
    async fn record(arguments: &[&str], environment: &[(&str, &str)], shown: Vec<Vec<u8>>) -> Self {
        let owned = |(name, value): &(&str, &str)| (name.into(), value.into());
        let options = Options {
            arguments: arguments.iter().map(Into::into).collect(),
            environment: environment.iter().map(owned).collect(),
            ..Options::default()
        };
        let server = TestServer::start_with(&TestServer::binary(), options);
        let anna = Person::register(server.address, "anna").await;
        let (guild, _, voice) = anna.create_guild("Studio").await;
        let named = json!({"nick": "Annushka"});
        let own = format!("/api/v10/guilds/{guild}/members/@me");
        assert_eq!(anna.patch(&own, named).await.unwrap().status, 200);
        let (mut stream, offer) = Stranger::publisher_of(tone(440.0));
        stream.show(shown);
        let mut anna = Guest::come_with(anna, &server, (&guild, &voice), (stream, offer)).await;
        let path = format!("/api/v1/channels/{voice}/recording");
        let begun = anna.person.post(&path, json!({})).await.unwrap();
        let id = begun.text("id");
        anna.consent(&voice, true).await;
        pass(&mut [&mut anna], Duration::from_secs(2)).await;
        let said = anna.person.say(&voice, "written while it goes on", "n1").await.unwrap();
        assert_eq!(said.status, 200, "{}", said.body);
        let withdrawn = anna.person.say(&voice, "withdrawn before it ends", "n2").await.unwrap().text("id");
        anna.person.delete(&format!("/api/v10/channels/{voice}/messages/{withdrawn}")).await.unwrap();
        pass(&mut [&mut anna], Duration::from_secs(2)).await;
        assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
        let found = details(&anna.person, &id).await;
        assert_eq!(found["state"], "ready", "{found}");
        Self { server, anna: anna.person, voice, id, found }
    }

    fn address(&self) -> String {
        format!("/api/v1/recordings/{}", self.id)
    }

    async fn ask(&self, wanted: Value) -> (u16, Value) {
        let reply = self.anna.post(&format!("{}/outputs", self.address()), wanted).await.unwrap();
        (reply.status, reply.body)
    }

    /// The output once it is `state`.
    async fn output(&self, kind: &str, states: &[&str]) -> Value {
        let end = tokio::time::Instant::now() + MADE_WITHIN;
        loop {
            let found = self.anna.get(&self.address()).await.unwrap().body;
            let output = output(&found, kind).unwrap_or_else(|| panic!("{found}")).clone();
            if states.contains(&output["state"].as_str().unwrap()) {
                return output;
            }
            assert!(tokio::time::Instant::now() < end, "never {states:?}: {output}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn folder(&self) -> PathBuf {
        self.server.data_dir().join("recordings").join(&self.id)
    }
}

fn output<'a>(found: &'a Value, kind: &str) -> Option<&'a Value> {
    found["outputs"].as_array().unwrap().iter().find(|output| output["kind"] == kind)
}

/// What ffmpeg makes of a file.
fn converted(bytes: &[u8], name: &str, arguments: &[&str]) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("voxlink-outputs-{}-{name}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let made =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(arguments).output().unwrap();
    fs::remove_file(path).unwrap();
    let complaints = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && complaints.is_empty(), "{name}: {complaints}");
    made.stdout
}

fn samples(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

/// When the tone begins, in milliseconds.
fn begin(sound: &[f32], hz: f32) -> usize {
    sound.chunks(480).position(|piece| loudness(piece, hz) > 0.1).unwrap() * 10
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ffmpeg_there_is_no_video_and_it_says_why_but_every_voice_without_loss() {
    let studio = Studio::record(&[], &[("PATH", "/nowhere")], pictures("red", "320x180")).await;
    let video = output(&studio.found, "video").unwrap();
    assert_eq!((&video["state"], &video["cause"]), (&json!("unavailable"), &json!("no_ffmpeg")), "{video}");
    assert!(video["reason"].as_str().unwrap().contains("ffmpeg"));
    let (status, refused) = studio.ask(json!({"kind": "video"})).await;
    assert_eq!((status, &refused["code"]), (409, &json!(40_185)), "{refused}");
    assert!(output(&studio.found, "thumbnail").is_none() && studio.found["thumbnail"].is_null());
    assert_eq!(studio.ask(json!({"kind": "hologram"})).await.0, 400);
    assert_eq!(studio.ask(json!({"kind": "thumbnail"})).await.0, 400);
    let captions = fetch(&studio.anna, output(&studio.found, "captions").unwrap()).await;
    let captions = String::from_utf8(captions).unwrap();
    let (_, cue) = captions.split_once("\nchat\n").unwrap_or_else(|| panic!("{captions}"));
    assert!(cue.contains("<v Annushka>written while it goes on"), "{captions}");
    assert!(!captions.contains("withdrawn"), "{captions}");
    assert_eq!(studio.ask(json!({"kind": "flac", "track": "1.microphone.0"})).await.0, 400, "nobody's");
    let stranger = Person::register(studio.server.address, "carla").await;
    let path = format!("{}/outputs", studio.address());
    assert_eq!(stranger.post(&path, json!({"kind": "video"})).await.unwrap().status, 404);

    let tracks = studio.found["tracks"].as_array().unwrap();
    let sound = tracks.iter().find(|track| track["source"] == "screen_audio").unwrap();
    let name = sound["name"].as_str().unwrap();
    let of_pictures = tracks.iter().find(|track| track["source"] == "screen").unwrap();
    assert_eq!(studio.ask(json!({"kind": "wav", "track": of_pictures["name"]})).await.0, 400, "no sound");
    let (status, asked) = studio.ask(json!({"kind": "flac", "track": name})).await;
    assert!(status == 202 && asked["track"] == name, "{asked}");
    studio.ask(json!({"kind": "wav", "track": name})).await;
    let mut heard = Vec::new();
    for kind in ["flac", "wav"] {
        let made = studio.output(kind, &["ready", "failed"]).await;
        assert_eq!((&made["state"], &made["progress"]), (&json!("ready"), &json!(1.0)), "{made}");
        let bytes = fetch(&studio.anna, &made).await;
        assert_eq!(bytes.len() as u64, made["bytes"].as_u64().unwrap());
        heard.push(samples(&converted(&bytes, kind, &["-ac", "1", "-f", "s16le", "-"])));
    }
    assert_eq!(heard[0], heard[1], "both are without loss");
    let length = studio.found["duration_ms"].as_u64().unwrap();
    assert_eq!(heard[0].len() as u64, length * 48, "from the beginning to the end: {length} ms");
    let mix = fetch(&studio.anna, output(&studio.found, "mix").unwrap()).await;
    let mix = samples(&converted(&mix, "mix", &["-ac", "1", "-f", "s16le", "-"]));
    let (own, together) = (begin(&heard[0], 440.0), begin(&mix, 440.0));
    assert!(own.abs_diff(together) <= 20, "on one clock: {own} and {together} ms");
    let (status, again) = studio.ask(json!({"kind": "flac", "track": name})).await;
    assert_eq!((status, &again["state"]), (200, &json!("ready")), "it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_shows_the_screen_and_who_shows_it_and_is_told_as_it_is_made() {
    let mut shown = pictures("red", "320x180");
    // The size changes midway, again and again.
    shown.extend(pictures("red", "160x90"));
    let studio = Studio::record(&[], &[("VOXLINK_BUS", "serialising")], shown).await;
    assert_eq!(output(&studio.found, "video").unwrap()["state"], "offered");
    let mut ears = Gateway::identify(studio.server.address, &studio.anna.token).await.unwrap();
    let (status, asked) = studio.ask(json!({"kind": "video"})).await;
    assert!(status == 202 && ["waiting", "running"].contains(&asked["state"].as_str().unwrap()), "{asked}");
    let (status, _) = studio.ask(json!({"kind": "video"})).await;
    assert!([200, 202].contains(&status), "asking twice is asking once");
    for state in ["running", "ready"] {
        let is = |name: &str, body: &Value| {
            name == "RECORDING_UPDATE"
                && body["output"]["kind"] == "video"
                && body["output"]["state"] == state
        };
        let (_, told) = ears.next_where(MADE_WITHIN, is).await.unwrap();
        assert_eq!((&told["id"], &told["state"]), (&json!(studio.id), &json!("ready")));
    }
    let made = studio.output("video", &["ready", "failed"]).await;
    assert_eq!(made["state"], "ready", "{made}");
    let bytes = fetch(&studio.anna, &made).await;
    let frames = converted(&bytes, "all.mp4", &["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x36", "-"]);
    let length = studio.found["duration_ms"].as_u64().unwrap() as usize;
    let (frame, count) = (64 * 36 * 3, frames.len() / (64 * 36 * 3));
    assert!((count * 40).abs_diff(length) <= 40, "{count} pictures in {length} ms");
    // In the middle of the recording the screen is red; at the right edge somebody's tile is not.
    let middle = &frames[count / 2 * frame..][..frame];
    let at = |x: usize, y: usize| &middle[(y * 64 + x) * 3..][..3];
    let screen = at(20, 16);
    assert!(screen[0] > 180 && screen[1] < 80 && screen[2] < 80, "{screen:?}");
    // Its corner, beside the circle with her letter.
    let beside = at(54, 1);
    assert!(beside.iter().all(|value| *value < 80), "{beside:?}");
    let sound = samples(&converted(&bytes, "sound.mp4", &["-ac", "1", "-ar", "48000", "-f", "s16le", "-"]));
    let tone = begin(&sound, 440.0);
    assert!(loudness(&sound[sound.len() / 2..][..9_600], 440.0) > 0.1, "from {tone} ms on");
    assert!(!studio.folder().join("video.work").exists(), "nothing is left over");
    let small = studio.anna.get(&studio.address()).await.unwrap().body["thumbnail"].clone();
    let jpeg = fetch(&studio.anna, &json!({"url": small})).await;
    assert_eq!(jpeg[..3], [0xff, 0xd8, 0xff]);
    let listed = studio.anna.get(&format!("/api/v1/channels/{}/recordings", studio.voice)).await.unwrap();
    assert!(listed.body[0]["thumbnail"].is_string(), "{}", listed.body);
    let part = [("range", "bytes=4-7")];
    let link = made["url"].as_str().unwrap();
    let part = studio.anna.rest.send_with(Method::GET, link, Vec::new().into(), &part).await.unwrap();
    assert_eq!((part.status, &part.bytes[..]), (206, &b"ftyp"[..]));
    assert_eq!(studio.ask(json!({"kind": "video"})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_changes_midway_is_another_file_and_the_same_video() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Studio").await;
    let (mut stream, offer) = Stranger::publisher_of(tone(440.0));
    stream.show(pictures("red", "320x180"));
    let mut first = Guest::come_with(anna, &server, (&guild, &voice), (stream, offer)).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = first.person.post(&path, json!({})).await.unwrap().text("id");
    first.consent(&voice, true).await;
    pass(&mut [&mut first], Duration::from_secs(3)).await;
    // Another program of hers takes over, in another codec and size.
    let (mut stream, offer) = Stranger::publisher_in_vp9(tone(440.0));
    stream.show(pictures_by("libvpx-vp9", "blue", "180x320"));
    let Guest { person, device, .. } = first;
    let anna = Person::log_in(server.address, "anna").await;
    let mut second = Guest::stream_with(anna, device, &voice, (stream, offer)).await;
    pass(&mut [&mut second], Duration::from_secs(5)).await;
    assert_eq!(person.delete(&path).await.unwrap().status, 204);
    let found = details(&person, &id).await;
    let of_pictures = found["tracks"].as_array().unwrap().iter().filter(|track| track["source"] == "screen");
    let codecs: Vec<&str> = of_pictures.map(|track| track["codec"].as_str().unwrap()).collect();
    assert_eq!(codecs, ["vp8", "vp9"], "{found}");
    let studio = Studio { server, anna: person, voice, id, found };
    assert_eq!(studio.ask(json!({"kind": "video"})).await.0, 202);
    let made = studio.output("video", &["ready", "failed"]).await;
    assert_eq!(made["state"], "ready", "{made}");
    let bytes = fetch(&studio.anna, &made).await;
    let frames =
        converted(&bytes, "codecs.mp4", &["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x36", "-"]);
    let all: Vec<&[u8]> = frames.chunks_exact(64 * 36 * 3).collect();
    let at = |frame: &[u8]| frame[(16 * 64 + 26) * 3..][..3].to_vec();
    let (early, late) = (at(all[50]), at(all[all.len() - 25]));
    assert!(early[0] > 180 && early[2] < 80, "red: {early:?}");
    assert!(late[2] > 180 && late[0] < 80, "blue: {late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ffmpeg_without_x264_makes_webm_and_one_without_fonts_leaves_names_out() {
    let folder = std::env::temp_dir().join(format!("voxlink-poor-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("ffmpeg.sh");
    let script = "#!/bin/sh\ncase \"$*\" in *-encoders*|*-filters*) ffmpeg \"$@\" | grep -v -e libx264 -e drawtext; exit;; esac\nexec ffmpeg \"$@\"\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = ["--recording-ffmpeg", program.to_str().unwrap()];
    let studio = Studio::record(&arguments, &[], pictures("red", "320x180")).await;
    assert_eq!(studio.ask(json!({"kind": "video"})).await.0, 202);
    let made = studio.output("video", &["ready", "failed"]).await;
    assert_eq!((&made["state"], &made["cause"]), (&json!("ready"), &json!("no_names")), "{made}");
    let bytes = fetch(&studio.anna, &made).await;
    assert_eq!(bytes[..4], [0x1a, 0x45, 0xdf, 0xa3], "EBML");
    converted(&bytes, "poor.webm", &["-f", "null", "-"]);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_without_pictures_has_no_video() {
    // Marks that are no pictures at all: nothing can be decoded.
    let studio = Studio::record(&[], &[], Vec::new()).await;
    let (status, _) = studio.ask(json!({"kind": "video"})).await;
    assert_eq!(status, 202);
    let made = studio.output("video", &["ready", "failed"]).await;
    assert_eq!((&made["state"], &made["cause"]), (&json!("failed"), &json!("no_pictures")), "{made}");
}

/// An ffmpeg that hangs while it encodes a piece, as long as the file `hang` is there; its process is in `pid`.
struct Hanging(PathBuf);

impl Hanging {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("voxlink-hanging-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let place = folder.display();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *piece.tmp*) if [ -e {place}/hang ]; then echo $$ > {place}/pid.tmp; mv {place}/pid.tmp {place}/pid; exec sleep 600; fi;; esac\nexec ffmpeg \"$@\"\n"
        );
        let program = folder.join("ffmpeg.sh");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.join("hang"), "").unwrap();
        Self(folder)
    }

    fn program(&self) -> String {
        self.0.join("ffmpeg.sh").to_str().unwrap().to_owned()
    }

    fn recovers(&self) {
        fs::remove_file(self.0.join("hang")).unwrap();
    }

    /// The process, once it hangs.
    async fn pid(&self) -> u32 {
        for _ in 0..600 {
            if let Ok(pid) = fs::read_to_string(self.0.join("pid")) {
                return pid.trim().parse().unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing is encoded");
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}

/// Whether a process is gone, or becomes it soon.
async fn is_gone(pid: u32) -> bool {
    for _ in 0..600 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.is_empty() || status.contains("State:\tZ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ffmpeg_that_hangs_or_is_killed_fails_with_words_and_may_be_tried_again() {
    let hanging = Hanging::new("fails");
    let program = hanging.program();
    let arguments = ["--recording-ffmpeg", &program];
    let patience = [("VOXLINK_FFMPEG_PATIENCE_MS", "4000")];
    let studio = Studio::record(&arguments, &patience, pictures("blue", "320x180")).await;
    studio.ask(json!({"kind": "video"})).await;
    let failed = studio.output("video", &["failed", "ready"]).await;
    assert_eq!((&failed["state"], &failed["cause"]), (&json!("failed"), &json!("stalled")), "{failed}");
    assert!(failed["reason"].as_str().unwrap().contains("tried again"));
    assert!(is_gone(hanging.pid().await).await, "what hung is ended");
    fs::remove_file(hanging.0.join("pid")).unwrap();

    assert_eq!(studio.ask(json!({"kind": "video"})).await.0, 202);
    let pid = hanging.pid().await;
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    let failed = studio.output("video", &["failed", "ready"]).await;
    assert_eq!(failed["cause"], "ffmpeg_failed", "{failed}");

    hanging.recovers();
    assert_eq!(studio.ask(json!({"kind": "video"})).await.0, 202);
    assert_eq!(studio.output("video", &["failed", "ready"]).await["state"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_a_kill_of_the_server_cut_off_is_made_after_the_restart() {
    cut_off("killed", "-9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_a_stop_of_the_server_cut_off_is_made_after_the_restart() {
    cut_off("stopped", "-15").await;
}

async fn cut_off(name: &str, signal: &str) {
    let hanging = Hanging::new(name);
    let program = hanging.program();
    let mut studio =
        Studio::record(&["--recording-ffmpeg", &program], &[], pictures("blue", "320x180")).await;
    studio.ask(json!({"kind": "video"})).await;
    let (ffmpeg, server) = (hanging.pid().await, studio.server.pid());
    assert!(Command::new("kill").args([signal, &server.to_string()]).status().unwrap().success());
    assert!(is_gone(ffmpeg).await, "ffmpeg does not outlive the server");
    assert!(is_gone(server).await, "it has ended");
    hanging.recovers();
    studio.server.restart();
    studio.anna = Person::log_in(studio.server.address, "anna").await;
    let made = studio.output("video", &["failed", "ready"]).await;
    assert_eq!(made["state"], "ready", "{made}");
    converted(&fetch(&studio.anna, &made).await, &format!("{name}.mp4"), &["-f", "null", "-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_recording_ends_what_is_being_made_of_it() {
    let hanging = Hanging::new("deleted");
    let program = hanging.program();
    let studio = Studio::record(&["--recording-ffmpeg", &program], &[], pictures("blue", "320x180")).await;
    studio.ask(json!({"kind": "video"})).await;
    let pid = hanging.pid().await;
    assert_eq!(studio.anna.delete(&studio.address()).await.unwrap().status, 204);
    assert!(is_gone(pid).await);
    assert!(!studio.folder().exists(), "deleted means gone");
    assert_eq!(studio.anna.get(&studio.address()).await.unwrap().status, 404);
    // The next one is made as ever.
    let path = format!("/api/v1/channels/{}/recordings", studio.voice);
    assert_eq!(studio.anna.get(&path).await.unwrap().body, json!([]));
}
