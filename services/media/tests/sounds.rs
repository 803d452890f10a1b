//! Sounds that people play in a call, over loopback: real sockets, real WebRTC clients, real Opus.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    GUILD, LOUNGE, STUDY, Server,
    client::{Client, pump, pump_for},
};
use voxlink_audio::{
    Channels,
    import::encode,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::{OpusHead, ogg};
use voxlink_protocol::{
    Permissions, SoundId, SoundboardSound,
    bus::{Granted, PermissionsIn},
    event::{GuildChange, GuildEvent},
    playback::{FetchUpload, FileToPlay, PlayableFile},
    soundboard::{FetchSound, PlayableSound, SoundRefused, SoundToPlay, VoiceEffect, Volume},
};
use voxlink_sfu::{Listen as _, PersonId, RoomId, Source, Tap, TapEvent};
use voxlink_test_client::{Reply, Rest};

const HERTZ: f64 = 550.0;
const LOUD: SoundId = SoundId::new(40);
const QUIET: SoundId = SoundId::new(41);

/// A second and a half of a tone, as files keeps it.
fn kept() -> Vec<u8> {
    let step = HERTZ * std::f64::consts::TAU / 48_000.0;
    let tone: Vec<f32> = (0..72_000).map(|at| (0.2 * (f64::from(at) * step).sin()) as f32).collect();
    let imported = encode(tone, Channels::Mono, 1.0).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ogg::Writer::begin(OpusHead::of(1), &[], 7, &mut bytes);
    imported.frames.iter().for_each(|frame| writer.write(&frame.packet, &mut bytes).unwrap());
    writer.finish(Some(imported.samples), &mut bytes);
    bytes
}

/// Chat and files, as far as sounds ask them; what the guild is told of sounds.
fn serve(server: &Server) -> Arc<Mutex<Vec<VoiceEffect>>> {
    server.bus.serve(|asked: SoundToPlay| async move {
        let volume = match asked.sound {
            LOUD => Volume::FULL,
            QUIET => Volume::new(0.25).unwrap(),
            _ => return Err(SoundRefused::UnknownSound),
        };
        let sound = SoundboardSound {
            name: "Horn".to_owned(),
            sound_id: asked.sound,
            volume,
            emoji_id: None,
            emoji_name: None,
            guild_id: GUILD,
            available: true,
            user: None,
        };
        Ok(PlayableSound { guild: GUILD, sound, emoji: None })
    });
    server.bus.serve(|_: FetchSound| async { Some(kept()) });
    let told: Arc<Mutex<Vec<VoiceEffect>>> = Arc::default();
    let ears = told.clone();
    server.bus.subscribe(move |event: &Arc<GuildEvent>| {
        if let GuildChange::VoiceEffect(effect) = &event.change {
            ears.lock().unwrap().push((**effect).clone());
        }
    });
    told
}

async fn play(server: &Server, token: &str, channel: impl std::fmt::Display, sound: SoundId) -> Reply {
    let rest = Rest::with_token(server.http, token);
    let path = format!("/api/v10/channels/{channel}/send-soundboard-sound");
    let body = json!({"sound_id": sound, "source_guild_id": GUILD}).to_string();
    let headers = [("content-type", "application/json")];
    rest.send_with(hyper::Method::POST, &path, body.into(), &headers).await.unwrap()
}

/// The amplitude of the tone in what came, a fifth of a second at a time.
fn amplitudes<'a>(packets: impl Iterator<Item = &'a [u8]>) -> Vec<f64> {
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let (mut room, mut sound) = (vec![0.0; MAX_PACKET_SAMPLES], Vec::new());
    for packet in packets {
        let samples = decoder.decode(&Packet::parse(packet).unwrap(), &mut room).unwrap();
        sound.extend_from_slice(&room[..samples]);
    }
    let step = HERTZ * std::f64::consts::TAU / 48_000.0;
    let within = |sound: &[f32]| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, value) in sound.iter().enumerate() {
            real += f64::from(*value) * (at as f64 * step).cos();
            imaginary += f64::from(*value) * (at as f64 * step).sin();
        }
        (real * real + imaginary * imaginary).sqrt() * 2.0 / sound.len() as f64
    };
    sound.chunks_exact(9_600).map(within).collect()
}

/// How loud the middle of the tone came, and how many packets.
fn heard(client: &mut Client) -> (f64, usize) {
    let sounds = std::mem::take(&mut client.sounds);
    let all = amplitudes(sounds.iter().map(|(.., payload)| &payload[..]));
    (all.get(3).copied().unwrap_or_default(), sounds.len())
}

fn slots(client: &Client) -> Vec<(Value, Value)> {
    let slots = client.last(21).and_then(|slots| slots["slots"].as_array()).cloned().unwrap_or_default();
    let filled = slots.into_iter().filter(|slot| !slot["source"].is_null());
    filled.map(|slot| (slot["user_id"].clone(), slot["source"].clone())).collect()
}

/// People who say nothing.
async fn people(server: &Server, count: u64) -> Vec<Client> {
    let mut all = Vec::new();
    for user in 1..=count {
        let client = Client::joined(server, user, LOUNGE).await;
        server.mute(user, true).await;
        all.push(client);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_a_sound_the_player_too_in_every_part_of_the_call() {
    let server = Server::start_in_parts(2, 1).await;
    let told = serve(&server);
    let mut all = people(&server, 2).await;
    let [anna, boris] = &mut all[..] else { unreachable!() };
    pump_for(&mut [anna, boris], Duration::from_millis(300)).await;
    anna.sounds.clear();
    boris.sounds.clear();
    assert_eq!(play(&server, "annas-token", LOUNGE, LOUD).await.status, 204);
    pump(&mut [anna, boris], "both are told whose sound it is", |all| {
        all.iter().all(|one| slots(one).contains(&(json!("1"), json!("sound"))))
    })
    .await;
    pump_for(&mut [anna, boris], Duration::from_millis(2_000)).await;
    for client in [&mut *anna, &mut *boris] {
        let (amplitude, packets) = heard(client);
        assert!((0.17..0.23).contains(&amplitude), "{amplitude}");
        // The whole sound, and the silence behind it.
        assert!((76..=84).contains(&packets), "{packets}");
    }
    let effects = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(effects.len(), 1);
    assert_eq!((effects[0].user_id.get(), effects[0].channel_id, effects[0].sound_id), (1, LOUNGE, LOUD));

    // A quarter as loud.
    assert_eq!(play(&server, "boriss-token", LOUNGE, QUIET).await.status, 204);
    pump_for(&mut [anna, boris], Duration::from_millis(2_200)).await;
    let (amplitude, _) = heard(anna);
    assert!((0.04..0.06).contains(&amplitude), "{amplitude}");
    // After a while without a sound the slots are free again.
    pump(&mut [anna, boris], "no sources of sounds", |all| {
        all.iter().all(|one| slots(one).iter().all(|(_, source)| source != "sound"))
    })
    .await;
    let counters = server.media.counters();
    assert_eq!((counters.panics, counters.lost_copies), (0, 0));
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_is_in_the_mix_and_in_what_a_recording_hears() {
    let server = Server::start(1).await;
    serve(&server);
    let mut all = people(&server, 2).await;
    let [anna, boris] = &mut all[..] else { unreachable!() };
    boris.say(json!({"op": 30, "d": {"mode": "mixed"}})).await;
    pump(&mut [anna, boris], "boris hears the mix", |all| {
        slots(all[1]).contains(&(Value::Null, json!("mixed")))
    })
    .await;
    let (mut call, mut tap) =
        (server.media.taps().listen(RoomId(LOUNGE.get())), Tap::of_sound(RoomId(LOUNGE.get())));
    tap.admit(PersonId(1).sounds(), true, Instant::now());
    pump_for(&mut [anna, boris], Duration::from_millis(300)).await;
    boris.sounds.clear();
    assert_eq!(play(&server, "annas-token", LOUNGE, LOUD).await.status, 204);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..50 {
        pump_for(&mut [anna, boris], Duration::from_millis(50)).await;
        while let Some((from, copy)) = call.try_next() {
            tap.take(from, &copy, Instant::now());
        }
        while let Some(event) = tap.poll() {
            if let TapEvent::Packet(packet) = event {
                assert_eq!((packet.person.owner(), packet.source), (PersonId(1), Source::Sound));
                kept.push(packet.payload().to_vec());
            }
        }
    }
    let recorded = amplitudes(kept.iter().map(Vec::as_slice));
    assert!((0.17..0.23).contains(&recorded[3]), "{recorded:?}");
    let mixed = std::mem::take(&mut boris.sounds);
    let mixed = amplitudes(mixed.iter().map(|(.., payload)| &payload[..]));
    let loud = mixed.iter().filter(|amplitude| **amplitude > 0.12).count();
    assert!((4..=8).contains(&loud), "a second and a half: {mixed:?}");
    assert_eq!(slots(boris), [(Value::Null, json!("mixed"))]);
    assert_eq!(server.media.counters().panics, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_deaf_or_too_quick_plays_nothing() {
    let server = Server::start(1).await;
    let told = serve(&server);
    let mut all = people(&server, 1).await;
    let anna = &mut all[0];
    assert_eq!(play(&server, "boriss-token", LOUNGE, LOUD).await.status, 400);
    assert_eq!(play(&server, "annas-token", STUDY, LOUD).await.status, 400);
    assert_eq!(play(&server, "annas-token", LOUNGE, SoundId::new(9)).await.status, 404);
    assert_eq!(play(&server, "nobodys-token", LOUNGE, LOUD).await.status, 401);
    server.deafen(1, true).await;
    assert_eq!(play(&server, "annas-token", LOUNGE, LOUD).await.status, 403);
    server.deafen(1, false).await;
    assert_eq!(play(&server, "annas-token", LOUNGE, LOUD).await.status, 204);
    let soon = play(&server, "annas-token", LOUNGE, LOUD).await;
    assert_eq!(soon.status, 429);
    assert!(soon.body["retry_after"].as_f64().unwrap() <= 0.5, "{}", soon.body);
    assert_eq!(told.lock().unwrap().len(), 1);
    // Whoever leaves takes their sound along.
    pump(&mut [anna], "the sound", |all| slots(all[0]).contains(&(json!("1"), json!("sound")))).await;
    server.leave(1).await;
    let mut all = people(&server, 1).await;
    pump_for(&mut [&mut all[0]], Duration::from_millis(500)).await;
    assert!(all[0].sounds.is_empty());
    server.media.shutdown().await;
}

/// Ten seconds of the tone, as a WAV file.
fn song() -> Vec<u8> {
    let samples = 480_000_u32;
    let mut bytes =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\xbb\0\0\0\x77\x01\0\x02\0\x10\0data".to_vec();
    bytes[4..8].copy_from_slice(&(samples * 2 + 36).to_le_bytes());
    bytes.extend((samples * 2).to_le_bytes());
    let step = HERTZ * std::f64::consts::TAU / 48_000.0;
    let tone = (0..samples).flat_map(|at| ((6_000.0 * (f64::from(at) * step).sin()) as i16).to_le_bytes());
    bytes.extend(tone);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_played_interrupted_held_and_ended() {
    let server = Server::start(1).await;
    serve(&server);
    server
        .bus
        .serve(|_: FileToPlay| async { Ok(PlayableFile { guild: GUILD, filename: "song.wav".to_owned() }) });
    server.bus.serve(|_: FetchUpload| async { Some(song()) });
    server.bus.serve(|_: PermissionsIn| async {
        let permissions = Permissions::new_everyone();
        Some(Granted { guild: Some(GUILD), permissions, is_voice: true })
    });
    let mut all = people(&server, 2).await;
    let [anna, boris] = &mut all[..] else { unreachable!() };
    let ask = async |token: &str, method: hyper::Method, body: Value| {
        let rest = Rest::with_token(server.http, token);
        rest.send(method, &format!("/api/v1/channels/{LOUNGE}/play"), body).await.unwrap()
    };
    let file = json!({"channel_id": "1", "message_id": "2", "attachment_id": "3"});
    assert_eq!(ask("annas-token", hyper::Method::GET, Value::Null).await.status, 404);
    let begun = ask("annas-token", hyper::Method::POST, file.clone()).await;
    assert_eq!((begun.status, &begun.body["title"]), (201, &json!("song.wav")), "{}", begun.body);
    assert_eq!(ask("boriss-token", hyper::Method::POST, file).await.status, 409);
    pump_for(&mut [anna, boris], Duration::from_millis(1_500)).await;
    let (amplitude, packets) = heard(boris);
    assert!(amplitude > 0.05 && packets > 50, "{amplitude} in {packets}");
    // A sound interrupts it for as long as it is.
    assert_eq!(play(&server, "annas-token", LOUNGE, LOUD).await.status, 204);
    pump_for(&mut [anna, boris], Duration::from_millis(500)).await;
    assert_eq!(ask("boriss-token", hyper::Method::PATCH, json!({"paused": true})).await.status, 403);
    assert_eq!(ask("annas-token", hyper::Method::PATCH, json!({"paused": true})).await.status, 204);
    pump_for(&mut [anna, boris], Duration::from_millis(1_500)).await;
    boris.sounds.clear();
    pump_for(&mut [anna, boris], Duration::from_millis(500)).await;
    assert!(boris.sounds.is_empty(), "held");
    let shown = ask("boriss-token", hyper::Method::GET, Value::Null).await;
    assert_eq!((&shown.body["state"], &shown.body["user_id"]), (&json!("paused"), &json!("1")));
    assert_eq!(ask("annas-token", hyper::Method::PATCH, json!({"paused": false})).await.status, 204);
    pump_for(&mut [anna, boris], Duration::from_millis(700)).await;
    assert!(boris.sounds.len() > 20, "it goes on");
    assert_eq!(ask("annas-token", hyper::Method::DELETE, Value::Null).await.status, 204);
    pump_for(&mut [anna, boris], Duration::from_millis(500)).await;
    boris.sounds.clear();
    pump_for(&mut [anna, boris], Duration::from_millis(500)).await;
    assert!(boris.sounds.is_empty(), "ended");
    assert_eq!(ask("annas-token", hyper::Method::GET, Value::Null).await.status, 404);
    server.media.shutdown().await;
}
