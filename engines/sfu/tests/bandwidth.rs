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

use support::{World, frame, number};
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
