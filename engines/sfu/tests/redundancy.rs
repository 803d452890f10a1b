//! Redundant audio (RFC 2198) against str0m: each leg is protected by itself, and only while it loses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{OPUS_TYPE, RED_TYPE, World, frame, red};
use voxlink_sfu::{Event, Source};

const FRAME: Duration = Duration::from_millis(20);

/// A speaker and a listener who both know RED.
fn two(offers_red: bool) -> World {
    let mut world = World::new();
    world.offers_red = offers_red;
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone]);
    world.run(Duration::from_millis(50));
    world
}

fn talk(world: &mut World, numbers: std::ops::Range<u16>) {
    for number in numbers {
        world.send(0, Source::Microphone, &word(number));
        world.run(FRAME);
    }
}

/// A frame of sound with a number.
fn word(number: u16) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[0x55; 30]].concat()
}

fn number(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[0], frame[1]])
}

/// The frames of a packet, its own last.
fn frames(payload_type: u8, payload: &[u8]) -> Vec<u16> {
    if payload_type == OPUS_TYPE {
        return vec![number(payload)];
    }
    let headers = payload.chunks(4).take_while(|header| header[0] & 0x80 != 0).count();
    assert_eq!(payload[headers * 4], OPUS_TYPE);
    payload[headers * 4 + 1..].chunks(32).map(number).collect()
}

fn heard(world: &World) -> Vec<Vec<u16>> {
    world.clients[1].got.iter().map(|got| frames(got.payload_type, &got.payload)).collect()
}

fn told(world: &World, wanted: bool) -> bool {
    world.events.contains(&Event::Redundancy { peer: world.clients[0].id, wanted })
}

#[test]
fn without_loss_everyone_gets_plain_opus() {
    let mut world = two(true);
    talk(&mut world, 0..300);
    assert!(world.clients[1].got.iter().all(|got| got.payload_type == OPUS_TYPE));
    assert!(heard(&world).len() >= 299);
    assert!(!told(&world, true));
}

#[test]
fn what_the_way_up_lost_comes_out_of_the_next_packet_in_order_and_plain() {
    let mut world = two(true);
    talk(&mut world, 0..10);
    world.lose(0, Source::Microphone);
    world.run(FRAME);
    world.send_red(0, &red(&word(10), FRAME, &word(11)));
    world.run(FRAME);
    world.send_red(0, &red(&word(11), FRAME, &word(12)));
    world.run(FRAME * 2);
    let expected: Vec<_> = (0..=12).map(|number| vec![number]).collect();
    assert_eq!(heard(&world), expected);
    let sequences: Vec<u64> = world.clients[1].got.iter().map(|got| got.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    let stamps: Vec<u32> = world.clients[1].got.iter().map(|got| got.timestamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] <= 1_000), "{stamps:?}");
    let stats = world.worker.stats(world.clients[0].id).unwrap();
    assert_eq!((stats.recovered, stats.rejected), (1, 0));
}

#[test]
fn redundancy_that_cannot_be_read_is_dropped_and_the_call_goes_on() {
    let mut world = two(true);
    talk(&mut world, 0..10);
    let good = red(&word(9), FRAME, &word(10));
    for broken in [&[][..], &[0xEF; 100], &good[..30], &[0xEF, 0, 0, 0].repeat(20)] {
        world.send_red(0, broken);
        world.run(FRAME);
    }
    world.send_red(0, &red(&[], Duration::ZERO, &word(11)));
    world.run(FRAME);
    talk(&mut world, 12..20);
    let expected: Vec<_> = (0..10).chain(11..20).map(|number| vec![number]).collect();
    assert_eq!(heard(&world), expected);
}

#[test]
fn a_listener_on_a_lossy_link_hears_nearly_everything_and_a_calm_one_gets_plain_again() {
    let mut world = two(true);
    talk(&mut world, 0..50);
    world.lossy = Some(world.clients[1].address);
    world.loss = 0.3;
    talk(&mut world, 50..600);
    world.clients[1].got.clear();
    talk(&mut world, 1_000..2_000);
    let all: BTreeSet<u16> = heard(&world).into_iter().flatten().collect();
    let bare: BTreeSet<u16> = heard(&world).iter().filter_map(|frames| frames.last().copied()).collect();
    assert!((650..750).contains(&bare.len()), "{}", bare.len());
    // Three in a row are lost: 2.7 %.
    assert!(all.range(1_000..2_000).count() >= 955, "{}", all.len());
    assert!(!told(&world, true), "the speaker's own link is good");

    world.loss = 0.0;
    talk(&mut world, 2_000..3_300);
    world.clients[1].got.clear();
    talk(&mut world, 3_300..3_400);
    assert!(world.clients[1].got.iter().all(|got| got.payload_type == OPUS_TYPE));
}

#[test]
fn a_speaker_whose_link_loses_is_asked_for_redundancy_until_it_is_calm() {
    let mut world = two(true);
    world.lossy = Some(world.clients[0].address);
    world.loss = 0.3;
    talk(&mut world, 0..200);
    assert!(told(&world, true));
    world.loss = 0.0;
    talk(&mut world, 200..1_200);
    assert!(told(&world, false));
    let events = world.events.iter().filter(|event| matches!(event, Event::Redundancy { .. })).count();
    assert_eq!(events, 2, "on once, off once");
    let carried = |got: &support::Got| got.payload_type == RED_TYPE;
    assert!(!world.clients[1].got.iter().any(carried), "the listener's link is good");
}

#[test]
fn who_does_not_know_redundancy_is_neither_asked_nor_sent_any() {
    let mut world = two(false);
    world.loss = 0.3;
    talk(&mut world, 0..400);
    assert!(!told(&world, true));
    assert!(world.clients[1].got.len() > 100);
    assert!(world.clients[1].got.iter().all(|got| got.payload_type == OPUS_TYPE));
}

#[test]
fn pictures_that_the_way_up_lost_and_brought_again_are_no_loss_of_the_listener() {
    let mut world = two(true);
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    world.lossy = Some(world.clients[0].address);
    world.loss = 0.1;
    for number in 0..600 {
        for part in 0..3 {
            world.send(0, Source::Camera, &frame(number == 0, u32::from(number) * 3 + part));
        }
        world.send(0, Source::Microphone, &word(number));
        world.run(FRAME);
    }
    let sound = world.clients[1].got.iter().filter(|got| got.payload.len() < 500);
    let red = sound.filter(|got| got.payload_type == RED_TYPE).count();
    assert_eq!(red, 0);
}
