//! A room in two parts, each on a worker of its own: to people it is one room.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{Packet, RIDS, ROOM, Setup, World, frame};
use voxlink_sfu::{Event, Part, PeerId, Source, Want};

const FRAME: Duration = Duration::from_millis(33);
const STEP: Duration = Duration::from_millis(1);

/// The parts, each with its clients and its network.
struct Parts([World; 2]);

impl Parts {
    /// So many people in each, all connected.
    fn new(people: [usize; 2], setup: Setup) -> Self {
        let mut parts = Self(std::array::from_fn(|part| {
            let mut world = World::new();
            world.first_peer = 100 + 1_000 * part as u64;
            (0..people[part]).for_each(|_| _ = world.join_as(16, setup));
            world
        }));
        parts.link();
        for _ in 0..2_000 {
            if parts.0.iter().all(|world| (0..world.clients.len()).all(|one| world.is_connected(one))) {
                break;
            }
            parts.step();
        }
        parts
    }

    fn link(&mut self) {
        for part in 0..2 {
            let world = &mut self.0[part];
            world.worker.set_parts(ROOM, &[Part(1 - part as u32)], world.now);
            world.drain_worker();
        }
    }

    fn step(&mut self) {
        self.0.iter_mut().for_each(World::step);
        for part in 0..2 {
            let other = &mut self.0[1 - part];
            let now = other.now;
            let copies = std::mem::take(&mut self.0[part].copies);
            let other = &mut self.0[1 - part];
            for copy in &copies {
                other.worker.take_copy(Part(part as u32), copy, now);
            }
            other.worker.end_batch(now);
            other.drain_worker();
        }
    }

    fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            self.step();
        }
    }

    fn id(&self, part: usize, client: usize) -> PeerId {
        self.0[part].clients[client].id
    }

    /// Whose media this client's slots show.
    fn shown(&self, part: usize, client: usize) -> BTreeSet<(u64, bool)> {
        let slots = self.0[part].clients[client].slots.iter().filter_map(|slot| slot.content);
        slots.map(|content| (content.peer.0, content.source == Source::Camera)).collect()
    }

    /// First bytes of what a client got.
    fn got(&mut self, part: usize, client: usize) -> BTreeSet<u8> {
        let got = self.0[part].clients[client].got.drain(..);
        got.filter_map(|got| got.payload.last().copied()).collect()
    }
}

fn picture(is_key: bool, number: u32, mark: u8) -> Vec<u8> {
    let mut payload = frame(is_key, number);
    payload.push(mark);
    payload
}

#[test]
fn people_of_both_parts_see_and_hear_each_other() {
    let mut parts = Parts::new([2, 2], Setup::PLAIN);
    for part in 0..2 {
        for client in 0..2 {
            parts.0[part].set_sources(client, &[Source::Microphone, Source::Camera]);
        }
    }
    parts.run(Duration::from_millis(100));
    let all: BTreeSet<u64> = [100, 101, 1100, 1101].into();
    for part in 0..2 {
        for client in 0..2 {
            let me = parts.id(part, client).0;
            let others = all.iter().filter(|other| **other != me);
            let expected: BTreeSet<(u64, bool)> =
                others.flat_map(|other| [(*other, false), (*other, true)]).collect();
            assert_eq!(parts.shown(part, client), expected);
        }
    }
    for number in 0..30 {
        for part in 0..2 {
            for client in 0..2 {
                let mark = (10 * part + client) as u8;
                let world = &mut parts.0[part];
                let is_key = number == 0 || world.clients[client].keyframe_requests > 0 && number % 10 == 0;
                world.send(client, Source::Camera, &picture(is_key, number, mark));
                world.send(client, Source::Microphone, &[number as u8, 100 + mark]);
            }
        }
        parts.run(FRAME);
    }
    let marks: BTreeSet<u8> = [0, 1, 10, 11, 100, 101, 110, 111].into();
    for part in 0..2 {
        for client in 0..2 {
            let own = [(10 * part + client) as u8, (100 + 10 * part + client) as u8];
            let expected: BTreeSet<u8> = marks.iter().copied().filter(|mark| !own.contains(mark)).collect();
            assert_eq!(parts.got(part, client), expected, "part {part}, client {client}");
        }
    }
    // Each part tells of its own people only: the caller hears everything once.
    for part in 0..2 {
        let foreign = parts.0[part].events.iter().any(|event| match event {
            Event::Slots { peer, .. } | Event::Speaking { peer, .. } | Event::Encodings { peer, .. } => {
                (peer.0 >= 1_000) != (part == 1)
            }
            _ => false,
        });
        assert!(!foreign);
    }
}

#[test]
fn a_latecomer_in_the_other_part_gets_a_key_frame_and_many_who_ask_are_one() {
    let mut parts = Parts::new([1, 8], Setup::PLAIN);
    parts.0[0].set_sources(0, &[Source::Camera]);
    parts.run(Duration::from_millis(50));
    for number in 0..60 {
        let asked = parts.0[0].clients[0].keyframe_requests;
        parts.0[0].send(
            0,
            Source::Camera,
            &picture(number == 0 || asked > 0 && number % 15 == 14, number, 7),
        );
        parts.run(FRAME);
    }
    let asked = parts.0[0].clients[0].keyframe_requests;
    // Two seconds, of which one request in each half at most.
    assert!((1..=4).contains(&asked), "{asked}");
    for client in 0..8 {
        assert_eq!(parts.got(1, client), [7].into(), "client {client}");
    }
}

#[test]
fn only_what_somebody_watches_crosses_and_the_sender_is_told_what_nobody_does_in_any_part() {
    let simulcast = Setup { simulcast: true, ..Setup::PLAIN };
    let mut parts = Parts::new([2, 1], simulcast);
    parts.0[0].set_sources(0, &[Source::Camera]);
    parts.run(Duration::from_millis(50));
    let send = |parts: &mut Parts, frames: std::ops::Range<u32>| {
        for number in frames {
            for rid in RIDS {
                let payload = picture(true, number, rid.as_bytes()[0]);
                let packet = Packet {
                    source: Source::Camera,
                    rid: Some(rid),
                    payload: &payload,
                    marker: true,
                    descriptor: None,
                };
                parts.0[0].send_packet(0, &packet);
            }
            parts.run(FRAME);
        }
    };
    send(&mut parts, 0..30);
    // The near viewer wants the middle, the far one the least.
    for (part, client, width, height) in [(0, 1, 640, 360), (1, 0, 160, 90)] {
        let world = &mut parts.0[part];
        let slots = world.clients[client].slots.iter().filter(|slot| slot.content.is_some());
        let wants: Vec<Want> =
            slots.map(|slot| Want { mid: slot.mid.clone(), width, height, priority: 0 }).collect();
        world.worker.set_wants(world.clients[client].id, &wants, world.now);
    }
    // Longer than leafing through tiles takes.
    send(&mut parts, 30..230);
    parts.got(1, 0);
    let sender = parts.id(0, 0);
    let told = parts.0[0].events.iter().rev().find_map(|event| match event {
        Event::Encodings { peer, encodings, .. } if *peer == sender => {
            Some(encodings.iter().map(|one| one.wanted).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(told, Some(vec![true, true, false]), "least, middle, full");
    send(&mut parts, 230..240);
    assert_eq!(parts.got(1, 0), [b'q'].into());
}

#[test]
fn who_leaves_is_gone_in_the_other_part_and_a_part_that_is_alone_again_forgets_the_other() {
    let mut parts = Parts::new([2, 1], Setup::PLAIN);
    parts.0[0].set_sources(0, &[Source::Microphone]);
    parts.0[0].set_sources(1, &[Source::Microphone]);
    parts.run(Duration::from_millis(100));
    assert_eq!(parts.shown(1, 0), [(100, false), (101, false)].into());
    let (left, now) = (parts.id(0, 0), parts.0[0].now);
    parts.0[0].worker.leave(left, now);
    parts.run(Duration::from_millis(20));
    assert_eq!(parts.shown(1, 0), [(101, false)].into());
    // The last one of a part goes, and the caller says that there is one part left.
    let (left, now) = (parts.id(0, 1), parts.0[0].now);
    parts.0[0].worker.leave(left, now);
    parts.0[0].drain_worker();
    parts.0[0].copies.clear();
    let now = parts.0[1].now;
    parts.0[1].worker.set_parts(ROOM, &[], now);
    parts.0[1].drain_worker();
    assert_eq!(parts.shown(1, 0), BTreeSet::new());
}

#[test]
fn of_many_microphones_in_both_parts_those_who_speak_are_heard_everywhere() {
    let mut parts = Parts::new([6, 7], Setup::PLAIN);
    for part in 0..2 {
        for client in 1..parts.0[part].clients.len() {
            parts.0[part].clients[client].level = -80;
            parts.0[part].set_sources(client, &[Source::Microphone]);
        }
    }
    parts.run(Duration::from_millis(100));
    (parts.0[0].clients[2].level, parts.0[1].clients[3].level) = (-20, -20);
    for number in 0..30u8 {
        for part in 0..2 {
            for client in 1..parts.0[part].clients.len() {
                parts.0[part].send(client, Source::Microphone, &[number, (10 * part + client) as u8]);
            }
        }
        parts.run(Duration::from_millis(20));
    }
    assert_eq!(parts.got(0, 0), [2, 13].into());
    assert_eq!(parts.got(1, 0), [2, 13].into());
}
