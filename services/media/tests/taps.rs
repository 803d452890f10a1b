//! Listening to a call from inside the server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use support::{
    LOUNGE, Server,
    client::{Client, pump, pump_for},
};
use voxlink_sfu::{Listen as _, Listening, PersonId, RoomId, Source, Tap, TapEvent};

/// What a recording would do, without keeping anything.
struct Listener {
    call: Box<dyn Listening>,
    tap: Tap,
    packets: BTreeMap<u64, usize>,
    here: Vec<PersonId>,
}

impl Listener {
    fn open(server: &Server) -> Self {
        let room = RoomId(LOUNGE.get());
        let (call, tap) = (server.media.taps().listen(room), Tap::new(room));
        Self { call, tap, packets: BTreeMap::new(), here: Vec::new() }
    }

    fn admit(&mut self, person: u64) {
        self.tap.admit(PersonId(person), true, Instant::now());
    }

    fn turn(&mut self) {
        let now = Instant::now();
        while let Some((from, copy)) = self.call.try_next() {
            self.tap.take(from, &copy, now);
        }
        self.tap.tick(now);
        while let Some((to, copy)) = self.tap.poll_ask() {
            self.call.ask(to, copy);
        }
        self.call.flush();
        while let Some(event) = self.tap.poll() {
            match event {
                TapEvent::Packet(packet) if packet.source == Source::Microphone => {
                    *self.packets.entry(packet.person.0).or_default() += 1;
                }
                TapEvent::Joined { person, .. } => self.here.push(person),
                TapEvent::Left { person, .. } => self.here.retain(|one| *one != person),
                _ => {}
            }
        }
    }

    async fn listen(&mut self, people: &mut [&mut Client], until: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            self.turn();
            if until(self) {
                return;
            }
            pump_for(people, Duration::from_millis(50)).await;
        }
        panic!("heard {:?} of {:?}", self.packets, self.here);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_hears_whom_it_admits_in_every_part_of_the_call_and_late_comers_too() {
    // One person on each shard.
    let server = Server::start_in_parts(2, 1).await;
    let mut early = Listener::open(&server);
    early.admit(1);
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    early.listen(&mut [&mut anna], |heard| heard.packets.get(&1) > Some(&20)).await;

    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    let mut late = Listener::open(&server);
    late.admit(2);
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    late.listen(&mut [&mut anna, &mut boris], |heard| heard.packets.get(&2) > Some(&20)).await;
    assert!(!late.packets.contains_key(&1), "she was not admitted");
    assert_eq!(late.here.len(), 2);
    early.packets.clear();
    early.listen(&mut [&mut anna, &mut boris], |heard| heard.packets.get(&1) > Some(&20)).await;
    assert!(!early.packets.contains_key(&2), "he was not admitted there");

    server.leave(2).await;
    late.listen(&mut [&mut anna, &mut boris], |heard| heard.here == [PersonId(1)]).await;
    drop(late);
    early.packets.clear();
    early.listen(&mut [&mut anna], |heard| heard.packets.get(&1) > Some(&20)).await;
    assert_eq!((server.media.counters().panics, server.media.counters().lost_copies), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_listen_loses_its_own_copies_and_nobody_elses() {
    let server = Server::start(1).await;
    let mut tap = Listener::open(&server);
    tap.admit(1);
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    tap.listen(&mut [&mut anna, &mut boris], |heard| heard.packets.get(&1) > Some(&5)).await;
    // It never looks again; the call goes on.
    boris.heard.clear();
    pump(&mut [&mut anna, &mut boris], "still heard", |all| all[0].hears(2) && all[1].hears(1)).await;
    pump_for(&mut [&mut anna, &mut boris], Duration::from_millis(500)).await;
    assert_eq!(server.media.counters().panics, 0);
    server.media.shutdown().await;
}
