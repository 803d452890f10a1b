//! Links that are too narrow, against str0m: who is harmed, who is not, and what comes back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{Packet, RIDS, Setup, World, frame, number};
use voxlink_sfu::Source;

/// Two megabits of video in frames of eight packets and a voice packet each 20 ms.
const PACKETS: u32 = 8;
const FRAME: Duration = Duration::from_millis(30);

/// One frame and its voice packets; `first` numbers the frame's packets.
fn one_frame(world: &mut World, from: usize, first: u32, is_key: bool) {
    for packet in 0..PACKETS {
        let payload = frame(is_key && packet == 0, first + packet);
        world.send_marked(from, Source::Camera, &payload, packet + 1 == PACKETS);
    }
    for half in 0..2 {
        world.send(from, Source::Microphone, &[7, 7, (first / PACKETS) as u8, half]);
        world.run(FRAME / 2);
    }
}

/// Shows and talks for this long; key frames when they are asked for. Returns the next number.
fn show(world: &mut World, from: usize, mut first: u32, seconds: u32) -> u32 {
    let end = world.now + Duration::from_secs(seconds.into());
    let mut asked = world.clients[from].keyframe_requests;
    let mut is_key = first == 0;
    while world.now < end {
        one_frame(world, from, first, is_key);
        first += PACKETS;
        is_key = world.clients[from].keyframe_requests > asked;
        asked = world.clients[from].keyframe_requests;
    }
    first
}

fn videos(world: &World, index: usize) -> BTreeSet<u32> {
    let videos = world.clients[index].got.iter().filter(|got| got.payload.len() == 900);
    videos.map(|got| number(&got.payload)).collect()
}

fn voices(world: &World, index: usize) -> usize {
    world.clients[index].got.iter().filter(|got| got.payload.len() == 4).count()
}

#[test]
fn a_narrow_link_loses_its_video_keeps_its_voice_and_harms_nobody_else() {
    let mut world = World::new();
    (0..3).for_each(|_| _ = world.join(2));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    world.run(Duration::from_millis(50));
    let first = show(&mut world, 0, 0, 5);
    assert!(videos(&world, 1).len() as u32 >= first * 95 / 100, "{} of {first}", videos(&world, 1).len());
    assert!(videos(&world, 2).len() as u32 >= first * 95 / 100, "{} of {first}", videos(&world, 2).len());

    let narrow = world.clients[2].address;
    world.narrow.insert(narrow, (300_000, world.now));
    let next = show(&mut world, 0, first, 3);
    let before = voices(&world, 2);
    let settled = show(&mut world, 0, next, 10);
    let heard = voices(&world, 2) - before;
    let sent = 2 * (settled - next) / PACKETS;
    assert!(heard as u32 >= sent * 97 / 100, "{heard} of {sent} voice packets over the narrow link");
    let seen = videos(&world, 2).range(next + 100..settled).count();
    assert!((seen as u32) < (settled - next) / 20, "{seen} video packets where a seventh fits");
    let unharmed = videos(&world, 1).range(first..settled).count() as u32;
    assert!(unharmed >= (settled - first) * 98 / 100, "{unharmed} of {}", settled - first);
    let stats = world.worker.stats(world.clients[2].id).unwrap();
    // At most half more than what was seen to arrive.
    assert!(stats.target.as_bps() <= 460_000, "{stats:?}");

    world.narrow.clear();
    let back = show(&mut world, 0, settled, 10);
    let later = show(&mut world, 0, back, 3);
    let seen = videos(&world, 2).range(back..later).count() as u32;
    assert!(seen >= (later - back) * 95 / 100, "{seen} of {} when the link is wide again", later - back);
}

#[test]
fn a_key_frame_is_spread_over_ticks_and_arrives_whole() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(1));
    world.connect_all();
    world.set_sources(0, &[Source::Camera]);
    world.run(Duration::from_millis(50));
    show(&mut world, 0, 0, 1);
    for packet in 0..150 {
        world.send_marked(0, Source::Camera, &frame(packet == 0, 100_000 + packet), packet == 149);
    }
    world.run(Duration::from_millis(400));
    let got: Vec<_> = (world.clients[1].got.iter())
        .filter(|got| got.payload.len() == 900 && number(&got.payload) >= 100_000)
        .collect();
    assert_eq!(got.len(), 150);
    let times: BTreeSet<_> = got.iter().map(|got| got.at).collect();
    assert!(times.len() > 5, "it came in {} pieces", times.len());
    assert!(got.is_sorted_by_key(|got| got.sequence));
}

/// Packets in a picture of each encoding, and their size: about 150, 500 and 1,500 kbit/s at thirty pictures.
const PICTURES: [(u16, usize); 3] = [(1, 600), (2, 1_000), (6, 1_050)];
const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1_280, 720)];

/// One packet of a VP8 picture; byte 30 names the encoding.
fn piece(encoding: usize, picture: u16, index: u16, is_key: bool) -> Vec<u8> {
    let mut payload = vec![if index == 0 { 0x90 } else { 0x80 }, 0xC0];
    payload.extend((picture | 0x8000).to_be_bytes());
    payload.push(picture as u8);
    payload.extend([if is_key { 0 } else { 1 }, 0, 0, 0x9D, 1, 0x2A]);
    payload.extend(SIZES[encoding].0.to_le_bytes());
    payload.extend(SIZES[encoding].1.to_le_bytes());
    payload.resize(PICTURES[encoding].1, 0xAB);
    payload[30] = encoding as u8;
    payload
}

/// A camera that sends its three encodings for so many seconds; any request is answered by key frames of all.
fn simulcast(world: &mut World, client: usize, picture: &mut u16, seconds: u32) {
    let mut asked = world.clients[client].keyframe_requests;
    let mut is_key = *picture == 0;
    for _ in 0..seconds * 30 {
        for (encoding, (packets, _)) in PICTURES.into_iter().enumerate() {
            for index in 0..packets {
                let payload = piece(encoding, *picture, index, is_key);
                let (rid, marker) = (Some(RIDS[encoding]), index + 1 == packets);
                let source = Source::Camera;
                world.send_packet(
                    client,
                    &Packet { source, rid, payload: &payload, marker, descriptor: None },
                );
            }
        }
        *picture = (*picture + 1) & 0x7fff;
        world.run(Duration::from_millis(33));
        is_key = world.clients[client].keyframe_requests > asked;
        asked = world.clients[client].keyframe_requests;
    }
}

/// Which encodings a client got packets of since its `from`th packet, and how many changes between them.
fn shown(world: &World, client: usize, from: usize) -> (BTreeSet<u8>, usize) {
    let got: Vec<u8> = world.clients[client].got[from..]
        .iter()
        .filter(|got| got.payload.len() > 100)
        .map(|got| got.payload[30])
        .collect();
    (got.iter().copied().collect(), got.windows(2).filter(|pair| pair[0] != pair[1]).count())
}

#[test]
fn a_narrow_link_gets_a_smaller_layer_without_flapping_and_the_large_one_when_it_widens() {
    let mut world = World::new();
    let camera = world.join_as(1, Setup { simulcast: true, ..Setup::PLAIN });
    let (wide, narrow) = (world.join(1), world.join(1));
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(Duration::from_millis(50));
    let mut picture = 0;
    let mark = |world: &World, client: usize| world.clients[client].got.len();
    simulcast(&mut world, camera, &mut picture, 8);
    let (wide_at, narrow_at) = (mark(&world, wide), mark(&world, narrow));
    simulcast(&mut world, camera, &mut picture, 2);
    assert_eq!(shown(&world, wide, wide_at).0, [2].into());
    assert_eq!(shown(&world, narrow, narrow_at).0, [2].into());

    let address = world.clients[narrow].address;
    world.narrow.insert(address, (700_000, world.now));
    simulcast(&mut world, camera, &mut picture, 3);
    let (wide_at, narrow_at) = (mark(&world, wide), mark(&world, narrow));
    simulcast(&mut world, camera, &mut picture, 20);
    let (encodings, changes) = shown(&world, narrow, narrow_at);
    assert!(!encodings.contains(&2) && !encodings.is_empty(), "{encodings:?}");
    assert!(changes <= 4, "{changes} changes");
    assert_eq!(shown(&world, wide, wide_at), ([2].into(), 0), "nobody else notices");
    // From the first small pictures over the switch to large ones, some of which were held: one stream.
    let videos = world.clients[wide].got.iter().filter(|got| got.payload.len() > 100);
    let sequences: Vec<u64> = videos.map(|got| got.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "gaps or disorder");

    world.narrow.clear();
    simulcast(&mut world, camera, &mut picture, 10);
    let narrow_at = mark(&world, narrow);
    simulcast(&mut world, camera, &mut picture, 3);
    assert_eq!(shown(&world, narrow, narrow_at).0, [2].into());
}

#[test]
fn after_a_cut_of_eight_seconds_pictures_move_again_within_two() {
    let mut world = World::new();
    let camera = world.join_as(1, Setup { simulcast: true, ..Setup::PLAIN });
    let viewer = world.join(1);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(Duration::from_millis(50));
    let mut picture = 0;
    simulcast(&mut world, camera, &mut picture, 8);
    world.cut.push(world.clients[viewer].address);
    simulcast(&mut world, camera, &mut picture, 8);
    world.cut.clear();
    let before = world.clients[viewer].got.len();
    simulcast(&mut world, camera, &mut picture, 2);
    let got = world.clients[viewer].got.len() - before;
    assert!(got > 20, "{got} packets in the two seconds after the cut");
    simulcast(&mut world, camera, &mut picture, 6);
    let before = world.clients[viewer].got.len();
    simulcast(&mut world, camera, &mut picture, 2);
    assert_eq!(shown(&world, viewer, before).0, [2].into());
}
