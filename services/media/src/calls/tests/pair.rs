//! Two who are alone in a conversation's call, and the direct path between them.

use super::{direct::PAIR, *};
use crate::taps::Hears;

const CLARA: u64 = 3;

impl World {
    /// Into the conversation's call, media and all, with a client that may be connected directly or not.
    fn come(&mut self, user: u64, session: &str, peer: bool) -> (SocketId, Secret) {
        let token = self.call(user, session);
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        let who = json!({"server_id":PAIR,"user_id":user,"session_id":session,"token":token,"peer":peer});
        self.ask(socket, json!({"op":0,"d":who}));
        self.offer(socket, 1);
        let peer = self.peer(user);
        self.answered(peer, 1);
        self.heard(Event::Connected { peer });
        (socket, token)
    }

    fn go(&mut self, user: u64, session: &str) {
        let leave = LeaveSeat { user: UserId::new(user), guild: None, session_id: session.into() };
        assert!(self.calls.leave_seat(&leave));
    }

    /// Anna and Boris, told of each other; the epoch between them.
    fn paired(&mut self) -> (SocketId, SocketId, u64) {
        let (anna, _) = self.come(ANNA, "a", true);
        let (boris, _) = self.come(BORIS, "b", true);
        let told = self.told();
        assert_eq!(told.len(), 2, "{told:?}");
        (anna, boris, told[0].1["epoch"].as_u64().unwrap())
    }

    /// What was said of direct paths (ops 27 to 29) since the last look.
    fn told(&mut self) -> Vec<(SocketId, Value)> {
        let frames = self.seen().into_iter().filter_map(|seen| match seen {
            Seen::Frame(socket, value) if (27..=29).contains(&value["op"].as_u64().unwrap()) => {
                Some((socket, value["d"].clone()))
            }
            _ => None,
        });
        frames.collect()
    }

    fn fail(&mut self, socket: SocketId, epoch: u64) {
        self.ask(socket, json!({"op":29,"d":{"epoch":epoch,"state":"failed"}}));
    }

    /// Seconds until the two are told of each other again; the new epoch.
    fn until_paired(&mut self, most: u64) -> Option<(u64, u64)> {
        for second in 0..=most {
            let epochs: Vec<u64> =
                self.told().iter().filter_map(|(_, told)| told["epoch"].as_u64()).collect();
            if let Some(epoch) = epochs.first() {
                return Some((second, *epoch));
            }
            self.wait(1);
        }
        None
    }
}

fn ended(socket: SocketId, reason: &str) -> (SocketId, Value) {
    (socket, json!({"user_id": null, "reason": reason}))
}

fn candidate(epoch: u64) -> Value {
    json!({"op":28,"d":{"epoch":epoch,"candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdp_mid":"0","sdp_m_line_index":0,"username_fragment":"abcd"}}})
}

#[test]
fn two_who_are_alone_are_told_of_each_other_and_who_gives_way() {
    let mut world = World::new();
    let (anna, _) = world.come(ANNA, "a", true);
    assert_eq!(world.told(), []);
    let (boris, _) = world.come(BORIS, "b", true);
    assert_eq!(
        world.told(),
        [
            (anna, json!({"user_id": "2", "epoch": 1, "polite": false})),
            (boris, json!({"user_id": "1", "epoch": 1, "polite": true})),
        ]
    );
    world.wait(5);
    assert_eq!(world.told(), [], "once is enough");
}

#[test]
fn what_one_says_reaches_the_other_and_nobody_else_while_the_epoch_stands() {
    let mut world = World::new();
    let (anna, boris, epoch) = world.paired();
    let (stranger, _, _) = world.join(CLARA, "c");
    let offer = json!({"type": "offer", "sdp": "v=0"});
    world.ask(anna, json!({"op":28,"d":{"epoch":epoch,"description":offer}}));
    assert_eq!(world.told(), [(boris, json!({"epoch": epoch, "description": offer}))]);
    world.ask(boris, candidate(epoch));
    assert_eq!(world.told(), [(anna, candidate(epoch)["d"].clone())]);
    for state in ["up", "missing"] {
        world.ask(boris, json!({"op":29,"d":{"epoch":epoch,"state":state}}));
        assert_eq!(world.told(), [(anna, json!({"epoch": epoch, "state": state}))]);
    }

    world.ask(anna, candidate(epoch + 1));
    world.ask(stranger, candidate(epoch));
    world.fail(stranger, epoch);
    world.ask(SocketId(99), candidate(epoch));
    assert_eq!(world.told(), []);
}

#[test]
fn a_third_seat_ends_it_before_its_media_is_there_and_its_end_brings_it_back() {
    let mut world = World::new();
    let (anna, boris, epoch) = world.paired();
    world.call(CLARA, "c");
    assert_eq!(world.told(), [ended(anna, "third"), ended(boris, "third")]);
    world.ask(anna, candidate(epoch));
    world.wait(20);
    assert_eq!(world.told(), []);
    world.go(CLARA, "c");
    let (seconds, next) = world.until_paired(5).unwrap();
    assert!(seconds >= 2, "not at once: {seconds} s");
    assert_ne!(next, epoch);
}

#[test]
fn a_recording_needs_the_server_and_the_way_is_free_when_it_has_ended() {
    let mut world = World::new();
    let (anna, boris, _) = world.paired();
    let [tap, mixer] = [0, 1].map(|at| voxlink_sfu::Part((1 << 16) + at));
    world.calls.set_tap(PAIR, mixer, Some(Hears::WhatComes));
    assert_eq!(world.told(), [], "who hears a mix has nothing to mix while the two talk directly");
    world.calls.set_tap(PAIR, tap, Some(Hears::Everything));
    assert_eq!(world.told(), [ended(anna, "recorded"), ended(boris, "recorded")]);
    world.wait(20);
    assert_eq!(world.told(), []);
    world.calls.set_tap(PAIR, tap, None);
    assert!(world.until_paired(5).is_some());
}

#[test]
fn who_leaves_ends_it_and_who_comes_begins_anew() {
    let mut world = World::new();
    let (anna, _, epoch) = world.paired();
    world.fail(anna, epoch);
    world.told();
    world.go(BORIS, "b");
    assert_eq!(world.told(), []);
    let (boris, _) = world.come(BORIS, "b2", true);
    let told = world.told();
    assert_eq!((told.len(), told[1].0), (2, boris), "another session, perhaps another network");
    world.go(BORIS, "b2");
    assert_eq!(world.told(), [ended(anna, "left")]);
    world.go(ANNA, "a");
    assert!(world.calls.pairs.is_empty());
}

#[test]
fn a_session_that_begins_anew_on_its_seat_begins_a_new_path() {
    let mut world = World::new();
    let (anna, _, epoch) = world.paired();
    let (boris, _) = world.come(BORIS, "b", true);
    let told = world.told();
    assert_eq!(told[0], ended(anna, "left"));
    let (_, next) = world.until_paired(5).unwrap();
    assert!(next > epoch);
    world.ask(boris, candidate(next));
    assert_eq!(world.told(), [(anna, candidate(next)["d"].clone())]);
}

#[test]
fn who_hides_their_address_is_never_paired_and_may_change_their_mind() {
    let mut world = World::new();
    let (anna, _) = world.come(ANNA, "a", false);
    let (boris, _) = world.come(BORIS, "b", true);
    world.wait(60);
    assert_eq!(world.told(), []);
    world.ask(anna, json!({"op":27,"d":{"peer":true}}));
    assert_eq!(world.told().len(), 2);
    world.ask(boris, json!({"op":27,"d":{"peer":false}}));
    assert_eq!(world.told(), [ended(anna, "hidden"), ended(boris, "hidden")]);
    world.wait(60);
    world.ask(boris, json!({"op":27,"d":{"peer":true}}));
    assert!(world.until_paired(5).is_some());
}

#[test]
fn nobody_is_paired_in_a_room_of_a_guild() {
    let mut world = World::new();
    for (user, session) in [(ANNA, "a"), (BORIS, "b")] {
        let token = world.take(user, LOUNGE, session);
        world.sockets += 1;
        let socket = SocketId(world.sockets);
        let who = json!({"server_id":GUILD,"user_id":user,"session_id":session,"token":token,"peer":true});
        world.ask(socket, json!({"op":0,"d":who}));
        world.offer(socket, 1);
        let peer = world.peer(user);
        world.answered(peer, 1);
        world.heard(Event::Connected { peer });
        world.ask(socket, json!({"op":27,"d":{"peer":true}}));
    }
    world.wait(60);
    assert_eq!(world.told(), []);
}

#[test]
fn a_path_that_fails_is_tried_again_later_and_later() {
    let mut world = World::new();
    let (anna, boris, mut epoch) = world.paired();
    for rest in [30, 60, 120, 240, 480, 600, 600] {
        world.fail(anna, epoch);
        assert_eq!(world.told(), [ended(anna, "failed"), ended(boris, "failed")]);
        // Said twice, or by both, it counts once.
        world.fail(boris, epoch);
        let (seconds, next) = world.until_paired(700).unwrap();
        assert_eq!(seconds, rest);
        epoch = next;
    }
    // It holds for long: the next failure is like the first.
    world.wait(700);
    world.fail(anna, epoch);
    world.told();
    assert_eq!(world.until_paired(700).unwrap().0, 30);
}

#[test]
fn another_network_is_worth_a_try_soon_but_not_at_once() {
    let mut world = World::new();
    let (anna, _, epoch) = world.paired();
    world.fail(anna, epoch);
    world.told();
    world.ask(anna, json!({"op":27,"d":{"peer":true}}));
    assert_eq!(world.until_paired(700).unwrap().0, 1);
}

#[test]
fn who_was_away_hears_what_the_other_said_meanwhile() {
    let mut world = World::new();
    let (_, _, epoch) = world.paired();
    let (anna, token) = world.come(ANNA, "a", true);
    let (_, epoch) = world.until_paired(5).map(|(seconds, next)| (seconds, next.max(epoch))).unwrap();
    let boris = world.calls.seats[&UserId::new(BORIS)].live.as_ref().unwrap().socket.unwrap();
    world.calls.socket_closed(anna, Farewell::None, world.now);
    world.ask(boris, candidate(epoch));
    assert_eq!(world.told(), []);
    world.sockets += 1;
    let again = SocketId(world.sockets);
    world.ask(again, json!({"op":7,"d":{"server_id":PAIR,"session_id":"a","token":token,"seq_ack":0}}));
    let told = world.told();
    assert_eq!(told.last(), Some(&(again, candidate(epoch)["d"].clone())), "{told:?}");
    // Its own words go on being passed on.
    world.ask(again, candidate(epoch));
    assert_eq!(world.told(), [(boris, candidate(epoch)["d"].clone())]);
}
