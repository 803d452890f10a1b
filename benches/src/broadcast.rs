//! What it costs to broadcast a call, and each of hundreds who watch: they poll playlists and fetch every segment over
//! loopback, as players do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;
use voxlink_test_client::{Gateway, Person, Rest, Stranger, TestServer};

use crate::report;

const VIEWERS: u32 = 300;
const SOON: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(24);
/// Players ask once a segment.
const POLL_EVERY: Duration = Duration::from_secs(4);
/// The head of a key frame of VP9, 640 by 360; what follows it is noise.
const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70];

pub(crate) async fn run() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Bench").await;
    let mut device = Gateway::identify(server.address, &anna.token).await.expect("identified");
    let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
    device.send(json!({"op": 4, "d": sit})).await.expect("sat down");
    device.next_of("VOICE_SERVER_UPDATE", SOON).await.expect("a seat");
    let (mut stream, offer) = Stranger::publisher_with(speech(), pictures());
    let kind = [("content-type", "application/sdp")];
    let path = format!("/api/v1/channels/{voice}/whip");
    let reply = anna.rest.send_with(hyper::Method::POST, &path, offer.into(), &kind).await.expect("answered");
    stream.accept(std::str::from_utf8(&reply.bytes).expect("SDP"));
    let publishing = tokio::spawn(async move {
        loop {
            stream.step();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let cpu = async || {
        let (before, begun) = (server.cpu(), Instant::now());
        tokio::time::sleep(MEASURED).await;
        (server.cpu() - before).as_secs_f64() / begun.elapsed().as_secs_f64()
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (call, memory) = (cpu().await, server.rss_kib());
    let path = format!("/api/v1/channels/{voice}/broadcast");
    anna.post(&path, json!({})).await.expect("begun");
    let consent = json!({"accept": true});
    anna.rest.send(hyper::Method::PUT, &format!("{path}/consent"), consent).await.expect("agreed");
    let playlist = playlist(&anna, &path).await;
    // As much as is ever kept.
    tokio::time::sleep(Duration::from_secs(40)).await;
    let (broadcast, full) = (cpu().await, server.rss_kib());
    let fetched: Arc<AtomicU64> = Arc::default();
    let mut viewers = JoinSet::new();
    for at in 0..VIEWERS {
        let (rest, playlist, fetched) = (Rest::new(server.address), playlist.clone(), fetched.clone());
        viewers.spawn(async move {
            tokio::time::sleep(POLL_EVERY / VIEWERS * at).await;
            watch(&rest, &playlist, &fetched).await;
        });
    }
    tokio::time::sleep(POLL_EVERY * 2).await;
    let before = fetched.load(Ordering::Relaxed);
    let watched = cpu().await;
    let bytes = fetched.load(Ordering::Relaxed) - before;
    viewers.shutdown().await;
    publishing.abort();
    let per_viewer = (watched - broadcast) / f64::from(VIEWERS);
    report(
        &format!("broadcast: one call of one, {VIEWERS} who watch"),
        "us of CPU a second",
        &json!({
            "call": (call * 1e6).round(),
            "broadcast beyond the call": ((broadcast - call) * 1e6).round(),
            "each viewer": (per_viewer * 1e7).round() / 10.0,
            "kbit/s each viewer": bytes * 8 / 1_000 / MEASURED.as_secs() / u64::from(VIEWERS),
            "memory of a broadcast KiB": full.saturating_sub(memory),
        }),
    );
}

/// The address of the playlist with pictures.
async fn playlist(anna: &Person, path: &str) -> String {
    let begun = Instant::now();
    loop {
        let reply = anna.get(&format!("{path}/index.m3u8?sound=opus")).await.expect("answered");
        let text = String::from_utf8_lossy(&reply.bytes).into_owned();
        if let Some(line) = text.lines().find(|line| line.contains("/both.m3u8")) {
            return line.to_owned();
        }
        assert!(begun.elapsed() < SOON, "nothing is broadcast: {text}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Never ends by itself.
async fn watch(rest: &Rest, playlist: &str, fetched: &AtomicU64) {
    let get = async |path: &str| {
        let reply = rest.send(hyper::Method::GET, path, serde_json::Value::Null).await.ok()?;
        assert_eq!(reply.status, 200, "{path}");
        fetched.fetch_add(reply.bytes.len() as u64, Ordering::Relaxed);
        Some(reply.bytes)
    };
    let mut newest = String::new();
    loop {
        let Some(text) = get(playlist).await else { return };
        let text = String::from_utf8_lossy(&text).into_owned();
        // What is in the playlist when one comes is not fetched but for its last segment.
        let segments: Vec<&str> = text.lines().filter(|line| line.starts_with('/')).collect();
        let from = segments
            .iter()
            .position(|url| *url == newest)
            .map_or(segments.len().saturating_sub(1), |at| at + 1);
        for url in segments.get(from..).unwrap_or_default() {
            if get(url).await.is_none() {
                return;
            }
            (*url).clone_into(&mut newest);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Packets of about the size that speech has.
fn speech() -> Vec<Vec<u8>> {
    let mut encoder = voxlink_audio::opus::Encoder::new(voxlink_audio::opus::EncoderConfig {
        dtx: false,
        ..voxlink_audio::opus::EncoderConfig::voice()
    })
    .expect("an encoder");
    let sound: Vec<f32> = (0..48_000).map(|at| 0.3 * (at as f32 * 0.06).sin()).collect();
    let frames = sound.chunks(voxlink_audio::FRAME).map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).expect("a frame");
        packet
    });
    frames.collect()
}

/// A second of half a megabit, in no way a picture: nobody decodes it.
fn pictures() -> Vec<Vec<u8>> {
    let frame = |at: u32| {
        let noise = (0..1_100_u32).map(move |byte| (byte.wrapping_mul(2_654_435_761) >> 24 ^ at) as u8);
        let mut frame: Vec<u8> = noise.collect();
        // Marker 2; key or not.
        if at == 0 {
            frame[..KEY.len()].copy_from_slice(&KEY);
        } else {
            frame[0] = 0x86;
        }
        frame
    };
    (0..50).map(frame).collect()
}
