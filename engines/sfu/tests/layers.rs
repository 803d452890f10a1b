//! Simulcast, temporal layers and codecs, against str0m in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::time::Duration;

use str0m::format::Codec;
use support::{Got, Packet, RIDS, Setup, World, frame};
use voxlink_sfu::{EncodingState, Event, Source, Want};

const SIMULCAST: Setup = Setup { simulcast: true, ..Setup::PLAIN };
const FRAME: Duration = Duration::from_millis(33);
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1_280, 720)];

/// The encodings that the server wants from a client, as a browser obeys it.
fn wanted(world: &World, client: usize) -> [bool; 3] {
    let mut wanted = [true; 3];
    for event in &world.events {
        let Event::Encodings { peer, source: Source::Camera, encodings } = event else { continue };
        if *peer == world.clients[client].id {
            for EncodingState { rid, wanted: is_wanted } in encodings {
                wanted[RIDS.iter().position(|known| rid.as_deref() == Some(known)).unwrap()] = *is_wanted;
            }
        }
    }
    wanted
}

/// A VP8 frame with a picture number of fifteen bits and, on key frames, a size. Byte 30 names the encoding.
fn picture(encoding: usize, number: u16, is_key: bool) -> Vec<u8> {
    let id = (number + 1_000 * encoding as u16) | 0x8000;
    let mut payload = vec![0x90, 0xC0];
    payload.extend(id.to_be_bytes());
    payload.push((number as u8).wrapping_add(40 * encoding as u8));
    payload.extend([if is_key { 0 } else { 1 }, 0, 0, 0x9D, 1, 0x2A]);
    payload.extend(SIZES[encoding].0.to_le_bytes());
    payload.extend(SIZES[encoding].1.to_le_bytes());
    payload.resize(400 + 300 * encoding, 0xAB);
    payload[30] = encoding as u8;
    payload
}

/// A camera with three encodings that answers key frame requests of any with one of all, as browsers do.
struct Camera {
    client: usize,
    number: u16,
    requests: usize,
    /// Stops what nobody watches.
    obeys: bool,
    was: [bool; 3],
}

impl Camera {
    fn new(client: usize) -> Self {
        Self { client, number: 0, requests: 0, obeys: true, was: [false; 3] }
    }

    fn run(&mut self, world: &mut World, frames: usize) {
        for _ in 0..frames {
            let requests = world.clients[self.client].keyframe_requests;
            let is_asked = requests > self.requests;
            self.requests = requests;
            let active = if self.obeys { wanted(world, self.client) } else { [true; 3] };
            for encoding in (0..3).filter(|encoding| active[*encoding]) {
                let is_key = is_asked || !self.was[encoding];
                let payload = picture(encoding, self.number, is_key);
                let packet = Packet {
                    source: Source::Camera,
                    rid: Some(RIDS[encoding]),
                    payload: &payload,
                    marker: true,
                    descriptor: None,
                };
                world.send_packet(self.client, &packet);
            }
            self.was = active;
            self.number += 1;
            world.run(FRAME);
        }
    }
}

fn video(world: &World, client: usize) -> Vec<Got> {
    world.clients[client].got.iter().filter(|got| got.payload.len() > 100).cloned().collect()
}

fn encodings(got: &[Got]) -> Vec<u8> {
    got.iter().map(|got| got.payload[30]).collect()
}

fn want(world: &mut World, client: usize, width: u16, height: u16) {
    let slots = world.clients[client].slots.iter().filter(|slot| slot.content.is_some());
    let wants: Vec<Want> =
        slots.map(|slot| Want { mid: slot.mid.clone(), width, height, priority: 0 }).collect();
    world.worker.set_wants(world.clients[client].id, &wants, world.now);
}

/// One stream to the receiver: numbers, clock and pictures go on without gaps.
fn assert_continuous(got: &[Got]) {
    for pair in got.windows(2) {
        let [before, after] = pair else { unreachable!() };
        assert_eq!(after.sequence, before.sequence + 1);
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..90_000).contains(&step), "{step}");
        let id = |got: &Got| u16::from_be_bytes([got.payload[2], got.payload[3]]) & 0x7fff;
        assert_eq!(id(after), id(before) + 1, "pictures");
        assert_eq!(after.payload[4], before.payload[4].wrapping_add(1), "base layer pictures");
    }
}

#[test]
fn each_viewer_gets_the_encoding_that_fits_the_tile() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let (large, small, hidden) = (world.join(1), world.join(1), world.join(1));
    assert!(world.clients[camera].answer.contains("a=simulcast:recv q;h;f"));
    assert!(world.clients[camera].answer.contains("a=rid:h recv"));
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    want(&mut world, large, 1_280, 720);
    want(&mut world, small, 300, 168);
    want(&mut world, hidden, 0, 0);
    let mut camera = Camera::new(camera);
    camera.run(&mut world, 60);
    world.run(FRAME);
    let shown = encodings(&video(&world, large));
    assert!(shown.len() >= 55 && shown.iter().rev().take(40).all(|encoding| *encoding == 2), "{shown:?}");
    let shown = encodings(&video(&world, small));
    assert!(shown.len() >= 55 && shown.iter().rev().take(40).all(|encoding| *encoding == 0), "{shown:?}");
    assert!(video(&world, hidden).is_empty());
}

#[test]
fn a_change_of_layer_goes_on_without_a_freeze_and_as_one_stream() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    let mut camera = Camera::new(camera);
    for (width, height, expected) in
        [(1_280, 720, 2), (320, 180, 0), (640, 360, 1), (1_280, 720, 2), (640, 360, 1)]
    {
        want(&mut world, viewer, width, height);
        camera.run(&mut world, 45);
        let got = video(&world, viewer);
        assert!(encodings(&got).iter().rev().take(20).all(|encoding| *encoding == expected), "{expected}");
        let longest = got.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
        assert!(longest <= 3 * FRAME, "nothing came for {longest:?}");
    }
    let got = video(&world, viewer);
    assert_continuous(&got);
    assert!(got.len() > 215, "{} of 225 pictures", got.len());
    // After the first reports each picture stands where its time is, whichever encoding it came in.
    let late: Vec<_> = got.iter().skip(60).collect();
    let zero = |got: &Got| got.timestamp as f64 / 90_000.0 - (got.at - world.start).as_secs_f64();
    let drift =
        late.iter().map(|got| zero(got) - zero(late[0])).fold(0.0, |most: f64, one| most.max(one.abs()));
    assert!(drift < 0.050, "{drift} s");
}

#[test]
fn switching_under_loss_never_gives_two_packets_one_number() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    world.loss = 0.1;
    let mut camera = Camera::new(camera);
    for round in 0..12 {
        let (width, height) = SIZES[round % 3];
        want(&mut world, viewer, width, height);
        camera.run(&mut world, 40);
    }
    world.loss = 0.0;
    camera.run(&mut world, 30);
    let got = video(&world, viewer);
    let mut by_number = std::collections::BTreeMap::new();
    for one in &got {
        let before = by_number.insert(one.sequence, one.payload.clone());
        assert!(before.is_none_or(|before| before == one.payload), "{}", one.sequence);
    }
    assert!(by_number.len() > 430, "{} of 510 pictures", by_number.len());
}

#[test]
fn what_nobody_watches_is_stopped_and_comes_back_within_a_second() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    want(&mut world, viewer, 320, 180);
    let mut sender = Camera::new(camera);
    sender.run(&mut world, 30);
    assert_eq!(wanted(&world, camera), [true; 3], "not at once");
    sender.run(&mut world, 150);
    assert_eq!(wanted(&world, camera), [true, false, false]);

    let asked = world.now;
    want(&mut world, viewer, 1_280, 720);
    world.run(Duration::from_millis(1));
    assert_eq!(wanted(&world, camera), [true, false, true], "at once");
    sender.run(&mut world, 30);
    let got = video(&world, viewer);
    let first = got.iter().find(|got| got.at > asked && got.payload[30] == 2).unwrap();
    assert!(first.at - asked < Duration::from_secs(1), "{:?}", first.at - asked);
    assert_continuous(&got);

    // Nobody looks at all: nothing needs to be sent, and then it is again.
    want(&mut world, viewer, 0, 0);
    sender.run(&mut world, 180);
    assert_eq!(wanted(&world, camera), [false; 3]);
    let count = video(&world, viewer).len();
    want(&mut world, viewer, 640, 360);
    sender.run(&mut world, 30);
    assert!(video(&world, viewer).len() > count + 25);
}

#[test]
fn an_encoding_that_its_sender_stops_is_replaced_by_a_lesser_one() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    let mut sender = Camera::new(camera);
    sender.run(&mut world, 40);
    assert_eq!(encodings(&video(&world, viewer)).last(), Some(&2));
    // Its uplink is too narrow for the largest: the sender stops it by itself.
    for number in 0..240 {
        let is_key = world.clients[camera].keyframe_requests > sender.requests;
        sender.requests = world.clients[camera].keyframe_requests;
        for (encoding, rid) in RIDS.into_iter().enumerate().take(2) {
            let payload = picture(encoding, 40 + number, is_key);
            let source = Source::Camera;
            let packet = Packet { source, rid: Some(rid), payload: &payload, marker: true, descriptor: None };
            world.send_packet(camera, &packet);
        }
        world.run(FRAME);
    }
    let got = video(&world, viewer);
    assert_eq!(encodings(&got).last(), Some(&1));
    let longest = got.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    // What stands in is needed, and the largest is still wished for.
    assert_eq!(wanted(&world, camera)[1..], [true, true]);
}

/// Bits of a dependency descriptor, most significant first.
fn bits(texts: &[&str]) -> Vec<u8> {
    let digits: Vec<u8> =
        texts.concat().bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    digits
        .chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | bit << (7 - at)))
        .collect()
}

/// One frame in one packet of a stream without layers; the key frame carries the structure.
fn descriptor(number: u16, is_key: bool) -> Vec<u8> {
    let number = format!("{number:016b}");
    match is_key {
        true => bits(&["1 1 000000", &number, "10000 000000 00000 00 11 10 10 0 1 0000 0 0 0"]),
        false => bits(&["1 1 000001", &number]),
    }
}

#[test]
fn with_the_dependency_descriptor_layers_are_switched_over_random_payload() {
    let mut world = World::new();
    let setup = Setup { simulcast: true, descriptor: true, codec: Codec::Av1 };
    let camera = world.join_as(1, setup);
    let viewer = world.join_as(1, Setup { simulcast: false, ..setup });
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    let mut requests = 0;
    let mut sent = Vec::new();
    for count in 0..180u16 {
        if count % 60 == 0 {
            let (width, height) = SIZES[usize::from(count / 60)];
            want(&mut world, viewer, width, height);
        }
        let is_key = count == 0 || world.clients[camera].keyframe_requests > requests;
        requests = world.clients[camera].keyframe_requests;
        for (encoding, rid) in RIDS.into_iter().enumerate() {
            let payload: Vec<u8> = (0..400).map(|_| world.random() as u8).collect();
            let number = count + 20_000 * encoding as u16;
            let packet = Packet {
                source: Source::Camera,
                rid: Some(rid),
                payload: &payload,
                marker: true,
                descriptor: Some(descriptor(number, is_key)),
            };
            world.send_packet(camera, &packet);
            sent.push((encoding, payload));
        }
        world.run(FRAME);
    }
    let got = video(&world, viewer);
    let origin: Vec<usize> = got
        .iter()
        .map(|got| {
            sent.iter().find(|(_, payload)| *payload == got.payload).expect("bytes as they were sent").0
        })
        .collect();
    assert!(got.len() > 170, "{} of 180 pictures", got.len());
    for (encoding, end) in [(0, 60), (1, 120), (2, 175)] {
        assert_eq!(origin[end - 15..end - 10], [encoding; 5]);
    }
    for pair in got.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        let frame = |got: &Got| {
            let bytes = got.descriptor.clone().expect("passed on");
            u16::from_be_bytes([bytes[1], bytes[2]])
        };
        assert_eq!(frame(&pair[1]), frame(&pair[0]) + 1, "frame numbers");
    }
}

#[test]
fn each_client_gets_its_own_payload_type_and_what_it_cannot_play_stays_silent_and_says_so() {
    let mut world = World::new();
    let sender = world.join_as(1, Setup { codec: Codec::Vp9, ..Setup::PLAIN });
    let able = world.join_as(1, Setup { codec: Codec::Vp9, ..Setup::PLAIN });
    let unable = world.join(1);
    world.connect_all();
    world.set_sources(sender, &[Source::Camera]);
    world.run(FRAME);
    for count in 0..30u16 {
        let mut payload = vec![if count % 10 == 0 { 0x8C } else { 0xCC }, 0x80, count as u8];
        payload.resize(500, 7);
        world.send(sender, Source::Camera, &payload);
        world.run(FRAME);
    }
    assert_eq!(video(&world, able).len(), 30);
    assert!(video(&world, unable).is_empty());
    let playable = |client: usize| {
        let slots = &world.clients[client].slots;
        slots.iter().find(|slot| slot.content.is_some()).map(|slot| slot.playable)
    };
    assert_eq!((playable(able), playable(unable)), (Some(true), Some(false)));
    assert_eq!(world.worker.stats(world.clients[unable].id).unwrap().packets_out, 0);
    // A plain VP8 sender is still seen by the client that plays nothing else.
    world.set_sources(sender, &[]);
    let other = world.join(1);
    world.connect_all();
    world.set_sources(other, &[Source::Camera]);
    world.run(FRAME);
    for count in 0..10 {
        world.send(other, Source::Camera, &frame(count == 0, count));
        world.run(FRAME);
    }
    assert!(video(&world, unable).len() >= 9);
}

#[test]
fn encodings_are_told_apart_after_their_names_have_vanished_from_the_packets() {
    let mut world = World::new();
    let camera = world.join_as(1, SIMULCAST);
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(FRAME);
    let mut sender = Camera::new(camera);
    // Reports go out every second; str0m then leaves mid and rid out, as browsers do.
    sender.run(&mut world, 120);
    want(&mut world, viewer, 320, 180);
    sender.run(&mut world, 40);
    let shown = encodings(&video(&world, viewer));
    assert!(shown.iter().rev().take(20).all(|encoding| *encoding == 0));
    let stats = world.worker.stats(world.clients[camera].id).unwrap();
    assert_eq!(stats.rejected, 0, "{stats:?}");
}
