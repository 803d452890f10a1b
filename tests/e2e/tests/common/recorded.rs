//! People in a call that is recorded, and what is heard in what becomes of it.

use std::{
    f32::consts::TAU,
    io::Cursor,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use voxlink_audio::{
    Channels, FRAME,
    opus::{Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::ogg;
use voxlink_test_client::{Gateway, Options, Person, Stranger, TestServer};

pub(crate) const SOON: Duration = Duration::from_secs(15);

/// One second of a tone, as packets.
pub(crate) fn tone(hz: f32) -> Vec<Vec<u8>> {
    let mut encoder =
        Encoder::new(EncoderConfig { dtx: false, fec: false, ..EncoderConfig::voice() }).unwrap();
    let sample = |at: usize| 0.3 * (at as f32 * hz * TAU / 48_000.0).sin();
    let second: Vec<f32> = (0..48_000).map(sample).collect();
    let frames = second.chunks(FRAME).map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    });
    frames.collect()
}

/// How loud this frequency is in some sound, 0 to 1 (Goertzel).
pub(crate) fn loudness(sound: &[f32], hz: f32) -> f32 {
    let turn = 2.0 * (TAU * hz / 48_000.0).cos();
    let (mut one, mut two) = (0.0_f32, 0.0_f32);
    for value in sound {
        (one, two) = (value + turn * one - two, one);
    }
    2.0 * (one * one + two * two - turn * one * two).max(0.0).sqrt() / sound.len() as f32
}

/// Somebody in the call: a seat, a program that streams a tone, and ears for what is told.
pub(crate) struct Guest {
    pub(crate) person: Person,
    pub(crate) device: Gateway,
    pub(crate) stream: Stranger,
}

impl Guest {
    pub(crate) async fn come(person: Person, server: &TestServer, guild: &str, voice: &str, hz: f32) -> Self {
        Self::come_with(person, server, (guild, voice), Stranger::publisher_of(tone(hz))).await
    }

    /// With a program that was set up before.
    pub(crate) async fn come_with(
        person: Person,
        server: &TestServer,
        (guild, voice): (&str, &str),
        published: (Stranger, String),
    ) -> Self {
        let mut device = Gateway::identify(server.address, &person.token).await.unwrap();
        let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
        device.send(json!({"op": 4, "d": sit})).await.unwrap();
        device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
        Self::stream_with(person, device, voice, published).await
    }

    /// Who sits there already, with another program.
    pub(crate) async fn stream_with(
        person: Person,
        device: Gateway,
        voice: &str,
        (mut stream, offer): (Stranger, String),
    ) -> Self {
        let path = format!("/api/v1/channels/{voice}/whip");
        let kind = [("content-type", "application/sdp")];
        let reply = person.rest.send_with(Method::POST, &path, offer.into(), &kind).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.body);
        stream.accept(std::str::from_utf8(&reply.bytes).unwrap());
        Self { person, device, stream }
    }

    pub(crate) async fn consent(&self, voice: &str, accept: bool) {
        let path = format!("/api/v1/channels/{voice}/recording/consent");
        let reply = self.person.rest.send(Method::PUT, &path, json!({"accept": accept})).await.unwrap();
        assert_eq!(reply.status, 204, "{}", reply.body);
    }

    pub(crate) async fn told(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        let told = self.device.next_where(SOON, |name, body| name == "CALL_RECORDING_UPDATE" && holds(body));
        told.await.unwrap().1
    }
}

/// Time passes in the call.
pub(crate) async fn pass(guests: &mut [&mut Guest], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        guests.iter_mut().for_each(|guest| guest.stream.step());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn details(person: &Person, id: &str) -> Value {
    for _ in 0..150 {
        let reply = person.get(&format!("/api/v1/recordings/{id}")).await.unwrap();
        if reply.status == 200 && reply.body["state"] != "processing" {
            return reply.body;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the recording is never made ready");
}

pub(crate) async fn fetch(person: &Person, file: &Value) -> Vec<u8> {
    let reply = person.get(file["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(reply.status, 200);
    reply.bytes.to_vec()
}

/// The left side of an Ogg Opus file.
pub(crate) fn decoded(bytes: Vec<u8>) -> Vec<f32> {
    let mut reader = ogg::Reader::open(Cursor::new(bytes)).unwrap();
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let (mut packet, mut sound, mut all) = (Vec::new(), vec![0.0; 2 * MAX_PACKET_SAMPLES], Vec::new());
    while reader.next(&mut packet).unwrap().is_some() {
        let samples = decoder.decode(&Packet::parse(&packet).unwrap(), &mut sound).unwrap();
        all.extend(sound[..2 * samples].iter().step_by(2));
    }
    all
}

pub(crate) fn server() -> TestServer {
    let environment = vec![("VOXLINK_BUS".into(), "serialising".into())];
    TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() })
}
