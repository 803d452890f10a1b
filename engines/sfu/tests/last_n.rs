//! Last-N: of many open microphones the loudest few are sent on, and nobody's first word is cut.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::World;
use voxlink_sfu::Source;

const FRAME: Duration = Duration::from_millis(20);
/// dBov (RFC 6464): a quiet room, speech, and someone close to the microphone.
const ROOM_NOISE: i8 = -80;
const SPEECH: i8 = -30;
const SHOUT: i8 = -10;
/// The listener; the others have microphones.
const LISTENER: usize = 0;

/// A listener and so many open microphones in a quiet room.
fn room(microphones: usize, slots: usize) -> World {
    let mut world = World::new();
    (0..=microphones).for_each(|_| _ = world.join(slots));
    world.connect_all();
    for index in 1..=microphones {
        world.clients[index].level = ROOM_NOISE;
        world.set_sources(index, &[Source::Microphone]);
    }
    world.run(Duration::from_millis(100));
    world
}

/// Everybody sends so many frames: who, and which.
fn talk(world: &mut World, frames: std::ops::Range<u8>) {
    for number in frames {
        for index in 1..world.clients.len() {
            world.send(index, Source::Microphone, &[index as u8, number]);
        }
        world.run(FRAME);
    }
}

/// Who was heard since the last call, with the numbers of their frames.
fn heard(world: &mut World) -> Vec<(u8, u8)> {
    world.run(FRAME);
    world.clients[LISTENER].got.drain(..).map(|got| (got.payload[0], got.payload[1])).collect()
}

fn who(heard: &[(u8, u8)]) -> BTreeSet<u8> {
    heard.iter().map(|(who, _)| *who).collect()
}

#[test]
fn in_a_small_room_silence_is_sent_on_too() {
    let mut world = room(8, 8);
    talk(&mut world, 0..10);
    assert_eq!(who(&heard(&mut world)), (1..=8).collect());
}

#[test]
fn of_twenty_open_microphones_only_those_who_speak_are_heard_from_before_their_first_word() {
    let mut world = room(20, 24);
    talk(&mut world, 0..50);
    assert_eq!(heard(&mut world), []);
    for speaker in [3, 7, 12] {
        world.clients[speaker].level = SPEECH;
    }
    talk(&mut world, 50..100);
    let first_words = heard(&mut world);
    assert_eq!(who(&first_words), [3, 7, 12].into());
    for speaker in [3, 7, 12] {
        let frames: Vec<u8> =
            first_words.iter().filter(|(who, _)| *who == speaker).map(|(_, n)| *n).collect();
        assert_eq!(frames, (45..100).collect::<Vec<_>>(), "a tenth of a second before the first loud frame");
    }
    // Nobody reports loss where we left something out, and the stream goes on without a hole.
    let stats = world.worker.stats(world.clients[LISTENER].id).unwrap();
    assert_eq!(stats.reported_lost, 0);
}

#[test]
fn what_a_listener_gets_of_someone_who_falls_silent_and_speaks_again_is_one_stream() {
    let mut world = room(20, 24);
    world.clients[5].level = SPEECH;
    talk(&mut world, 0..20);
    // Eight others take all the places while this one is silent.
    world.clients[5].level = ROOM_NOISE;
    talk(&mut world, 20..100);
    (10..18).for_each(|other| world.clients[other].level = SPEECH);
    talk(&mut world, 100..120);
    (10..18).for_each(|other| world.clients[other].level = ROOM_NOISE);
    talk(&mut world, 120..200);
    world.clients[5].level = SPEECH;
    talk(&mut world, 200..220);
    world.run(FRAME);
    let got = world.clients[LISTENER].got.iter().filter(|got| got.payload[0] == 5);
    let got: Vec<(u64, u8, u32)> = got.map(|got| (got.sequence, got.payload[1], got.timestamp)).collect();
    assert!(
        got.iter().any(|(_, number, _)| *number < 100) && got.iter().any(|(_, number, _)| *number >= 200)
    );
    assert!(!got.iter().any(|(_, number, _)| (150..190).contains(number)), "nobody listens to a quiet room");
    let steps = got.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(steps.clone().all(|step| step == 1), "{:?}", steps.collect::<Vec<_>>());
    assert!(got.windows(2).all(|pair| pair[1].2.wrapping_sub(pair[0].2) as i32 > 0), "time goes on");
}

#[test]
fn among_more_speakers_than_places_the_loudest_are_heard() {
    let mut world = room(20, 24);
    (1..=8).for_each(|speaker| world.clients[speaker].level = SPEECH);
    talk(&mut world, 0..20);
    assert_eq!(who(&heard(&mut world)), (1..=8).collect());
    world.clients[15].level = SPEECH;
    world.clients[16].level = SHOUT;
    talk(&mut world, 20..40);
    let now = who(&heard(&mut world));
    assert!(now.contains(&16) && !now.contains(&15), "{now:?}");
}

#[test]
fn with_more_microphones_than_slots_whoever_speaks_is_heard() {
    let mut world = room(80, 64);
    talk(&mut world, 0..5);
    heard(&mut world);
    for speaker in [2, 40, 79, 80] {
        world.clients[speaker].level = SPEECH;
    }
    talk(&mut world, 5..30);
    assert_eq!(who(&heard(&mut world)), [2, 40, 79, 80].into());
}
