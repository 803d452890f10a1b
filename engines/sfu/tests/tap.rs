//! Somebody who only listens, as a recording does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{Packet, RIDS, ROOM, Setup, World, frame, number};
use voxlink_sfu::{Part, PersonId, Source, Tap, TapEvent, TapPacket};

const FRAME: Duration = Duration::from_millis(33);
const STEP: Duration = Duration::from_millis(1);
const ROOM_PART: Part = Part(0);
const TAP_PART: Part = Part(70_000);

/// A room, and what listens to it.
struct Tapped {
    world: World,
    tap: Tap,
    packets: Vec<TapPacket>,
    changes: Vec<TapEvent>,
}

impl Tapped {
    fn new(people: usize, setup: Setup) -> Self {
        let mut world = World::new();
        (0..people).for_each(|_| _ = world.join_as(4, setup));
        world.connect_all();
        world.worker.set_parts(ROOM, &[TAP_PART], world.now);
        world.drain_worker();
        Self { world, tap: Tap::new(ROOM), packets: Vec::new(), changes: Vec::new() }
    }

    fn step(&mut self) {
        self.world.step();
        let now = self.world.now;
        for copy in std::mem::take(&mut self.world.copies) {
            self.tap.take(ROOM_PART, &copy, now);
        }
        self.tap.tick(now);
        while let Some((to, copy)) = self.tap.poll_ask() {
            assert_eq!(to, ROOM_PART);
            self.world.worker.take_copy(TAP_PART, &copy, now);
        }
        self.world.worker.end_batch(now);
        self.world.drain_worker();
        while let Some(event) = self.tap.poll() {
            match event {
                TapEvent::Packet(packet) => self.packets.push(packet),
                change => self.changes.push(change),
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            self.step();
        }
    }

    fn person(&self, client: usize) -> PersonId {
        PersonId(self.world.clients[client].id.0)
    }

    fn admit(&mut self, client: usize, yes: bool) {
        self.tap.admit(self.person(client), yes, self.world.now);
    }

    /// A picture in each of these encodings, with the client's key frames where they were asked for.
    fn film(&mut self, frames: std::ops::Range<u32>, rids: &[&str]) {
        for count in frames {
            for rid in rids {
                let asked = self.world.clients[0].keyframes_asked.remove(&Some((*rid).to_owned())).is_some();
                let mut payload = frame(asked, count);
                payload.push(rid.as_bytes()[0]);
                self.world.send_packet(
                    0,
                    &Packet {
                        source: Source::Camera,
                        rid: Some(rid),
                        payload: &payload,
                        marker: true,
                        descriptor: None,
                    },
                );
            }
            self.run(FRAME);
        }
    }

    /// Which encodings came, and in which runs.
    fn encodings(&mut self) -> BTreeSet<(char, u32)> {
        let taken = self.packets.drain(..);
        taken.map(|packet| (char::from(*packet.payload().last().unwrap()), packet.run)).collect()
    }
}

#[test]
fn only_who_was_admitted_is_heard_and_every_packet_of_theirs_once() {
    let mut tapped = Tapped::new(2, Setup::PLAIN);
    for client in 0..2 {
        tapped.world.set_sources(client, &[Source::Microphone]);
    }
    tapped.run(Duration::from_millis(50));
    let say = |tapped: &mut Tapped, range: std::ops::Range<u8>| {
        for count in range {
            for client in 0..2 {
                tapped.world.send(client, Source::Microphone, &[count, client as u8]);
            }
            tapped.run(Duration::from_millis(20));
        }
    };
    say(&mut tapped, 0..10);
    assert!(tapped.packets.is_empty(), "nobody was admitted");
    tapped.admit(0, true);
    tapped.run(Duration::from_millis(5));
    say(&mut tapped, 10..60);
    let levels: BTreeSet<Option<u8>> = tapped.packets.iter().map(TapPacket::level).collect();
    assert_eq!(levels, BTreeSet::from([Some(20)]), "in dB, without the mark that it is speech");
    let heard: Vec<u8> =
        tapped.packets.drain(..).map(|packet| packet.payload()[0] * 2 + packet.payload()[1]).collect();
    assert_eq!(heard, (10..60).map(|count| count * 2).collect::<Vec<u8>>());
    // What is on its way already is not heard any more either.
    tapped.world.send(0, Source::Microphone, &[60, 0]);
    tapped.admit(0, false);
    say(&mut tapped, 61..70);
    assert!(tapped.packets.is_empty());
    // Both are known to be there, by their sources; the people heard each other all the time.
    let live = tapped.changes.iter().filter(|event| matches!(event, TapEvent::Live { live: true, .. }));
    assert_eq!(live.count(), 2);
    assert_eq!(tapped.world.clients[1].got.len(), 10 + 50 + 1 + 9);
}

#[test]
fn a_tap_of_sound_asks_for_no_picture() {
    let mut tapped = Tapped::new(1, Setup::PLAIN);
    tapped.tap = Tap::of_sound(ROOM);
    // The room tells a new one everything.
    tapped.world.worker.set_parts(ROOM, &[TAP_PART], tapped.world.now);
    tapped.world.drain_worker();
    tapped.world.set_sources(0, &[Source::Microphone, Source::Camera]);
    tapped.admit(0, true);
    tapped.run(Duration::from_millis(50));
    for count in 0..10 {
        tapped.world.send(0, Source::Microphone, &[count as u8, 7]);
        tapped.world.send(0, Source::Camera, &frame(true, count));
        tapped.run(FRAME);
    }
    assert_eq!(tapped.packets.len(), 10);
    assert!(tapped.packets.iter().all(|packet| packet.source == Source::Microphone));
    assert_eq!(tapped.tap.part_of(tapped.world.clients[0].id), Some(ROOM_PART));
}

#[test]
fn somebody_alone_is_heard_and_leaving_is_told() {
    let mut tapped = Tapped::new(1, Setup::PLAIN);
    tapped.admit(0, true);
    tapped.world.set_sources(0, &[Source::Microphone]);
    tapped.run(Duration::from_millis(50));
    for count in 0..20 {
        tapped.world.send(0, Source::Microphone, &[count, 7]);
        tapped.run(Duration::from_millis(20));
    }
    let stamps: Vec<u32> = tapped.packets.iter().map(TapPacket::timestamp).collect();
    assert_eq!(stamps.len(), 20);
    assert!(stamps.windows(2).all(|pair| (950..970).contains(&pair[1].wrapping_sub(pair[0]))), "{stamps:?}");
    let first = tapped.packets.first().and_then(TapPacket::arrived).unwrap();
    assert!(first >= tapped.world.start && first <= tapped.world.now);
    let id = tapped.world.clients[0].id;
    tapped.world.worker.leave(id, tapped.world.now);
    tapped.world.drain_worker();
    tapped.run(Duration::from_millis(5));
    let ends: Vec<bool> = (tapped.changes.iter().rev().take(2))
        .map(|event| matches!(event, TapEvent::Left { .. } | TapEvent::Live { live: false, .. }))
        .collect();
    assert_eq!(ends, [true, true], "{:?}", tapped.changes);
}

#[test]
fn the_best_encoding_is_taken_and_another_one_while_it_is_not_sent() {
    let mut tapped = Tapped::new(1, Setup { simulcast: true, ..Setup::PLAIN });
    tapped.world.set_sources(0, &[Source::Camera]);
    tapped.run(Duration::from_millis(50));
    tapped.admit(0, true);
    tapped.film(0..30, &RIDS);
    assert_eq!(tapped.encodings(), [('f', 1)].into());
    // The link became narrow: the browser stops the largest one by itself.
    tapped.film(30..120, &RIDS[..2]);
    assert_eq!(tapped.encodings(), [('h', 2)].into());
    tapped.film(120..240, &RIDS[..1]);
    let seen: Vec<(char, u32)> = tapped.encodings().into_iter().collect();
    assert!(seen.contains(&('q', 3)), "{seen:?}");
    // It comes back with a key frame.
    tapped.film(240..270, &RIDS);
    assert!(tapped.encodings().contains(&('f', 4)));
    tapped.film(270..300, &RIDS);
    assert_eq!(tapped.encodings(), [('f', 4)].into());
}

#[test]
fn a_run_begins_with_a_key_frame_and_one_is_asked_for_until_it_comes() {
    let mut tapped = Tapped::new(1, Setup::PLAIN);
    tapped.world.set_sources(0, &[Source::Camera]);
    tapped.run(Duration::from_millis(50));
    tapped.admit(0, true);
    for count in 0..60 {
        tapped.world.send(0, Source::Camera, &frame(false, count));
        tapped.run(FRAME);
    }
    assert!(tapped.packets.is_empty());
    let asked = tapped.world.clients[0].keyframe_requests;
    assert!((2..=5).contains(&asked), "asked {asked} times in two seconds");
    tapped.world.send(0, Source::Camera, &frame(true, 60));
    tapped.run(FRAME);
    tapped.world.send(0, Source::Camera, &frame(false, 61));
    tapped.run(FRAME);
    let got: Vec<(bool, u32)> =
        tapped.packets.iter().map(|packet| (packet.keyframe(), number(packet.payload()))).collect();
    assert_eq!(got, [(true, 60), (false, 61)]);
}
