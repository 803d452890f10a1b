//! Mixed listening over loopback: real sockets, real WebRTC clients, real Opus.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use support::{
    LOUNGE, Server,
    client::{Client, pump, pump_for},
};
use voxlink_audio::{
    Channels, FRAME,
    opus::{Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_test_client::{Rest, Stranger};

const TONES: [f64; 3] = [440.0, 660.0, 880.0];

/// A second of a tone as packets.
fn tone(hertz: f64) -> Vec<Vec<u8>> {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let sound: Vec<f32> = (0..48_000).map(|at| (0.2 * (f64::from(at) * step).sin()) as f32).collect();
    let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Mono)).unwrap();
    let encode = |frame: &[f32]| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    };
    sound.chunks_exact(FRAME).map(encode).collect()
}

/// Which of the tones are in the sound of a stream of packets.
fn tones(packets: &[&Vec<u8>]) -> BTreeSet<u32> {
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let mut room = vec![0.0; MAX_PACKET_SAMPLES];
    let mut sound = Vec::new();
    for packet in packets {
        let samples = decoder.decode(&Packet::parse(packet).unwrap(), &mut room).unwrap();
        sound.extend_from_slice(&room[..samples]);
    }
    // Over short times: a tone that is moved a little, as jitter buffers do, is the same tone.
    let within = |sound: &[f32], hertz: f64| {
        let step = hertz * std::f64::consts::TAU / 48_000.0;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, value) in sound.iter().enumerate() {
            real += f64::from(*value) * (at as f64 * step).cos();
            imaginary += f64::from(*value) * (at as f64 * step).sin();
        }
        (real * real + imaginary * imaginary).sqrt() * 2.0 / sound.len() as f64
    };
    let windows = sound.chunks_exact(4_800);
    let amplitude = |hertz: f64| {
        windows.clone().map(|window| within(window, hertz)).sum::<f64>() / windows.len().max(1) as f64
    };
    TONES.into_iter().filter(|hertz| amplitude(*hertz) > 0.05).map(|hertz| hertz as u32).collect()
}

/// The tones in each stream that a client got since the last look.
fn heard(client: &mut Client) -> Vec<BTreeSet<u32>> {
    let sounds = std::mem::take(&mut client.sounds);
    let streams: BTreeSet<u32> = sounds.iter().map(|(ssrc, ..)| *ssrc).collect();
    let of = |ssrc: u32| -> Vec<&Vec<u8>> {
        sounds.iter().filter(|(of, ..)| *of == ssrc).map(|(.., payload)| payload).collect()
    };
    let mut heard: Vec<_> = streams.into_iter().map(|ssrc| tones(&of(ssrc))).collect();
    heard.sort();
    heard
}

/// What is in the audio slots of a client, by its last op 21.
fn slots(client: &Client) -> Vec<(Value, Value)> {
    let slots = client.last(21).and_then(|slots| slots["slots"].as_array()).cloned().unwrap_or_default();
    let filled = slots.into_iter().filter(|slot| !slot["source"].is_null());
    filled.map(|slot| (slot["user_id"].clone(), slot["source"].clone())).collect()
}

fn is_mixed(client: &Client) -> bool {
    slots(client) == [(Value::Null, json!("mixed"))]
}

async fn three(server: &Server) -> Vec<Client> {
    let mut people = Vec::new();
    for (user, hertz) in (1..).zip(TONES) {
        let mut client = Client::joined(server, user, LOUNGE).await;
        client.says = tone(hertz);
        people.push(client);
    }
    people
}

async fn listen(client: &mut Client, d: Value) {
    client.say(json!({"op": 30, "d": d})).await;
}

/// Looks at what everybody hears for two seconds from now on.
async fn hear(people: &mut [&mut Client]) -> Vec<Vec<BTreeSet<u32>>> {
    pump_for(people, Duration::from_millis(500)).await;
    people.iter_mut().for_each(|client| client.sounds.clear());
    pump_for(people, Duration::from_secs(2)).await;
    people.iter_mut().map(|client| heard(client)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mixed_listener_hears_the_others_in_one_stream_and_never_themself() {
    let server = Server::start(1).await;
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    listen(carla, json!({"mode": "mixed"})).await;
    pump(&mut [anna, boris, carla], "carla hears the mix", |all| is_mixed(all[2])).await;
    let told = json!({"mode": "mixed", "mixed": true, "bitrate": 32_000, "refused": null});
    assert_eq!(carla.last(30), Some(&told));
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all[2], [[440, 660].into()], "one stream, with the others and without herself");
    assert_eq!(all[0], [[660].into(), [880].into()], "the others hear each one");
    assert_eq!(all[1], [[440].into(), [880].into()]);

    // Two more listeners, of whom one does not want to hear Anna.
    listen(anna, json!({"mode": "mixed"})).await;
    listen(boris, json!({"mode": "mixed", "without": ["1"], "bitrate": 16_000})).await;
    pump(&mut [anna, boris, carla], "all hear a mix", |all| all.iter().all(|client| is_mixed(client))).await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all, [[[660, 880].into()], [[880].into()], [[440, 660].into()]]);

    for client in [&mut *anna, &mut *boris, &mut *carla] {
        listen(client, json!({"mode": "each"})).await;
    }
    pump(&mut [anna, boris, carla], "each one again", |all| all.iter().all(|one| slots(one).len() == 2))
        .await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all[2], [[440].into(), [660].into()]);
    let counters = server.media.counters();
    assert_eq!((counters.lost_events, counters.lost_copies, counters.panics), (0, 0, 0));
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_and_nothing_comes_twice_where_mixes_follow_each_other() {
    let server = Server::start(1).await;
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    listen(carla, json!({"mode": "mixed"})).await;
    pump(&mut [anna, boris, carla], "carla hears the mix", |all| is_mixed(all[2])).await;
    pump_for(&mut [anna, boris, carla], Duration::from_millis(500)).await;
    carla.sounds.clear();
    for bitrate in [16_000, 64_000, 16_000, 32_000] {
        listen(carla, json!({"mode": "mixed", "bitrate": bitrate})).await;
        pump_for(&mut [anna, boris, carla], Duration::from_millis(700)).await;
    }
    let packets: Vec<(u32, usize)> = (carla.sounds.iter())
        .map(|(_, stamp, payload)| (*stamp, Packet::parse(payload).unwrap().samples()))
        .collect();
    assert!(packets.iter().any(|(_, samples)| *samples == 2 * FRAME));
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0.wrapping_sub(pair[0].0) as usize, pair[0].1, "{packets:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_call_of_two_parts_everybody_is_in_the_mix_and_who_leaves_is_not() {
    let server = Server::start_in_parts(2, 1).await;
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    listen(anna, json!({"mode": "mixed"})).await;
    listen(carla, json!({"mode": "mixed"})).await;
    pump(&mut [anna, boris, carla], "both hear a mix", |all| is_mixed(all[0]) && is_mixed(all[2])).await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!((&all[0], &all[2]), (&vec![[660, 880].into()], &vec![[440, 660].into()]));

    server.leave(2).await;
    server.mute(1, true).await;
    pump_for(&mut [anna, carla], Duration::from_millis(300)).await;
    let all = hear(&mut [anna, carla]).await;
    assert_eq!(all[0], [[880].into()]);
    assert_eq!(all[1], Vec::<BTreeSet<u32>>::new(), "nobody speaks, nothing is sent");
    server.leave(1).await;
    server.leave(3).await;
    pump_for(&mut [anna, carla], Duration::from_millis(300)).await;
    // The call ends and begins again.
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    listen(boris, json!({"mode": "mixed"})).await;
    pump(&mut [anna, boris, carla], "a mix again", |all| is_mixed(all[1])).await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all[1], [[440, 880].into()]);
    assert_eq!(server.media.counters().panics, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deafened_gets_nothing_of_the_mix_either() {
    let server = Server::start(1).await;
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    listen(carla, json!({"mode": "mixed"})).await;
    pump(&mut [anna, boris, carla], "carla hears the mix", |all| is_mixed(all[2])).await;
    server.deafen(3, true).await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all[2], Vec::<BTreeSet<u32>>::new());
    server.deafen(3, false).await;
    let all = hear(&mut [anna, boris, carla]).await;
    assert_eq!(all[2].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_by_whep_may_hear_everyone_instead_of_who_has_the_word() {
    let server = Server::start(1).await;
    let mut people = three(&server).await;
    let [anna, boris, carla] = &mut people[..] else { unreachable!() };
    let (mut viewer, offer) = Stranger::viewer();
    let path = format!("/api/v1/channels/{LOUNGE}/whep?audio=mixed");
    let rest = Rest::with_token(server.http, "annas-token");
    let headers = [("content-type", "application/sdp")];
    let reply = rest.send_with(Method::POST, &path, offer.into(), &headers).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.body);
    viewer.accept(std::str::from_utf8(&reply.bytes).unwrap());
    let mut watch = async |people: &mut [&mut Client], time: Duration| {
        let end = Instant::now() + time;
        while Instant::now() < end {
            viewer.step();
            pump_for(people, Duration::from_millis(2)).await;
        }
        std::mem::take(&mut viewer.sounds)
    };
    watch(&mut [anna, boris, carla], Duration::from_secs(3)).await;
    let sounds = watch(&mut [anna, boris, carla], Duration::from_secs(2)).await;
    // The token is Anna's, and who watches is not who speaks.
    assert_eq!(tones(&sounds.iter().collect::<Vec<_>>()), [440, 660, 880].into());
    let wrong =
        rest.send_with(Method::POST, &path.replace("mixed", "loud"), Default::default(), &headers).await;
    assert_eq!(wrong.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_about_listening_that_make_no_sense_close_the_socket() {
    let server = Server::start(1).await;
    for d in
        [json!({"mode": "loud"}), json!({}), json!({"mode": "mixed", "without": vec!["1"; 3], "bitrate": -1})]
    {
        let mut anna = Client::joined(&server, 1, LOUNGE).await;
        listen(&mut anna, d).await;
        pump(&mut [&mut anna], "closed", |all| all[0].closed == Some(4002)).await;
    }
}
