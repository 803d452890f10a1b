//! Listeners who hear one mix instead of each one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::time::Duration;

use support::{Got, ROOM, World, frame};
use voxlink_sfu::{Copied, Event, Follow, Mix, Part, PeerId, PersonId, Role, Source};

const FRAME: Duration = Duration::from_millis(20);
const MIXER: Part = Part(70_000);
const ALL: PeerId = PeerId(1 << 63);
const OTHERS: PeerId = PeerId(1 << 63 | 1);
/// Marks the packets of a mix.
const OF_ALL: u8 = 200;
const OF_OTHERS: u8 = 201;

/// A room with a mixer. People's packets carry their number, mixes their marks.
struct Mixed {
    world: World,
    mixes: [Mix; 2],
    stamp: u32,
}

impl Mixed {
    fn new(people: usize) -> Self {
        let mut world = World::new();
        (0..people).for_each(|_| _ = world.join(4));
        world.connect_all();
        world.worker.set_parts(ROOM, &[MIXER], world.now);
        world.drain_worker();
        for client in 0..people {
            world.set_sources(client, &[Source::Microphone]);
        }
        Self { world, mixes: [Mix::new(ROOM, ALL), Mix::new(ROOM, OTHERS)], stamp: 7_000 }
    }

    fn say(&mut self, copy: &Copied) {
        self.world.worker.take_copy(MIXER, copy, self.world.now);
    }

    fn introduce(&mut self) {
        for mix in 0..2 {
            let copy = self.mixes[mix].introduce();
            self.say(&copy);
        }
    }

    fn listen(&mut self, client: usize, mix: Option<PeerId>) {
        let peer = self.world.clients[client].id;
        self.world.worker.set_mix(peer, mix, self.world.now);
        self.world.drain_worker();
    }

    /// Everybody speaks, and both mixes go out.
    fn talk(&mut self, frames: usize) {
        for _ in 0..frames {
            for client in 0..self.world.clients.len() {
                if self.world.clients[client].slots.len() >= 4 {
                    self.world.send(client, Source::Microphone, &[client as u8; 20]);
                }
            }
            for (mix, mark) in [OF_ALL, OF_OTHERS].into_iter().enumerate() {
                let copy = self.mixes[mix].packet(&[mark; 20], self.stamp, 30, self.world.now);
                self.say(&copy);
            }
            self.world.worker.end_batch(self.world.now);
            self.world.drain_worker();
            self.stamp += 960;
            self.world.run(FRAME);
        }
    }

    fn got(&mut self, client: usize) -> Vec<Got> {
        std::mem::take(&mut self.world.clients[client].got)
    }

    /// Whom a client hears, by its audio slots.
    fn shown(&self, client: usize) -> Vec<Option<(PeerId, Source)>> {
        let slots = self.world.clients[client].slots.iter();
        let audio = slots.filter(|slot| slot.kind == voxlink_sfu::MediaKind::Audio);
        audio.map(|slot| slot.content.map(|content| (content.peer, content.source))).collect()
    }
}

fn marks(got: &[Got]) -> std::collections::BTreeSet<u8> {
    got.iter().filter_map(|got| got.payload.first().copied()).collect()
}

/// One stream: numbers without a hole, times that go on.
fn is_whole(got: &[Got]) {
    for pair in got.windows(2) {
        assert_eq!(pair[1].mid, pair[0].mid);
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((480..=1_440).contains(&step), "{step}");
    }
}

#[test]
fn who_listens_mixed_gets_one_sound_and_the_others_each_one() {
    let mut mixed = Mixed::new(4);
    mixed.introduce();
    mixed.listen(0, Some(ALL));
    mixed.talk(5);
    (0..4).for_each(|client| _ = mixed.got(client));
    mixed.talk(25);
    assert_eq!(mixed.shown(0), [Some((ALL, Source::Mixed)), None, None, None]);
    let got = mixed.got(0);
    is_whole(&got);
    assert_eq!((got.len(), marks(&got)), (25, [OF_ALL].into()));
    assert_eq!(marks(&mixed.got(1)), [0, 2, 3].into(), "nobody else hears a mix");
    assert!(mixed.shown(1).iter().all(|shown| shown.is_none_or(|(_, source)| source == Source::Microphone)));
}

#[test]
fn pictures_go_on_while_sound_is_mixed() {
    let mut mixed = Mixed::new(2);
    mixed.introduce();
    mixed.listen(0, Some(ALL));
    mixed.world.set_sources(1, &[Source::Microphone, Source::Camera]);
    mixed.talk(5);
    mixed.got(0);
    mixed.world.send(1, Source::Camera, &frame(true, 7));
    mixed.world.run(FRAME);
    assert!(mixed.got(0).iter().any(|got| got.payload.len() > 500));
}

#[test]
fn from_each_to_the_mix_and_back_no_number_is_left_out_and_no_packet_comes_twice() {
    let mut mixed = Mixed::new(2);
    mixed.introduce();
    mixed.talk(10);
    mixed.got(0);
    for listens in [None, Some(ALL), None, Some(ALL)] {
        mixed.listen(0, listens);
        mixed.talk(20);
    }
    mixed.world.run(FRAME);
    let got = mixed.got(0);
    is_whole(&got);
    assert_eq!(got.len(), 80);
    let turns: Vec<u8> =
        got.chunk_by(|a, b| a.payload[0] == b.payload[0]).map(|turn| turn[0].payload[0]).collect();
    assert_eq!(turns, [1, OF_ALL, 1, OF_ALL]);
}

#[test]
fn from_one_mix_to_another_the_clock_goes_on_to_the_sample_and_nothing_is_said() {
    let mut mixed = Mixed::new(3);
    mixed.introduce();
    mixed.listen(0, Some(ALL));
    mixed.talk(10);
    mixed.got(0);
    let told = mixed.world.events.len();
    for listens in [OTHERS, ALL, OTHERS] {
        mixed.listen(0, Some(listens));
        // Sent a little later than usual, as a busy server does.
        mixed.world.run(Duration::from_millis(3));
        mixed.talk(10);
    }
    let got = mixed.got(0);
    is_whole(&got);
    assert!(got.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 960));
    assert_eq!(marks(&got), [OF_ALL, OF_OTHERS].into());
    let slots =
        |event: &&Event| matches!(event, Event::Slots { peer, .. } if *peer == mixed.world.clients[0].id);
    assert_eq!(mixed.world.events[told..].iter().filter(slots).count(), 0);
}

#[test]
fn when_there_is_no_such_mix_everyone_is_heard_by_themselves() {
    let mut mixed = Mixed::new(3);
    mixed.listen(0, Some(ALL));
    mixed.talk(10);
    assert_eq!(marks(&mixed.got(0)), [1, 2].into(), "it is not there yet");
    mixed.introduce();
    mixed.talk(5);
    mixed.got(0);
    mixed.talk(10);
    assert_eq!(marks(&mixed.got(0)), [OF_ALL].into());
    let end = mixed.mixes[0].end();
    mixed.say(&end);
    mixed.talk(5);
    mixed.got(0);
    mixed.talk(10);
    assert_eq!(marks(&mixed.got(0)), [1, 2].into(), "it ended");
}

#[test]
fn who_does_not_want_to_hear_anything_gets_no_mix_either() {
    let mut mixed = Mixed::new(2);
    mixed.introduce();
    mixed.listen(0, Some(ALL));
    let peer = mixed.world.clients[0].id;
    let gates = voxlink_sfu::Gates { deafened: true, ..support::open_gates() };
    mixed.world.worker.set_gates(peer, gates, mixed.world.now);
    mixed.talk(5);
    mixed.got(0);
    mixed.talk(10);
    assert!(mixed.got(0).is_empty());
    assert!(!mixed.got(1).is_empty());
}

#[test]
fn a_viewer_who_follows_the_stage_may_hear_the_mix() {
    let mut mixed = Mixed::new(2);
    let viewer = mixed.world.admit(PersonId(9), Role::Viewer(Follow::Stage));
    mixed.world.connect_all();
    mixed.talk(10);
    mixed.got(viewer);
    mixed.introduce();
    mixed.talk(10);
    assert!(!marks(&mixed.got(viewer)).contains(&OF_ALL), "nobody hears a mix who was not given one");
    mixed.listen(viewer, Some(ALL));
    mixed.talk(10);
    mixed.listen(viewer, Some(OTHERS));
    mixed.talk(10);
    let got = mixed.got(viewer);
    is_whole(&got[1..]);
    assert!(marks(&got[1..]).is_subset(&[OF_ALL, OF_OTHERS].into()));
    assert_eq!(marks(&got[got.len() - 5..]), [OF_OTHERS].into());
}
