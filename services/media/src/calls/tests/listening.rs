//! Who hears the mix, and who each one.

use super::*;
use crate::mixer::{Rate, Wish};

/// What the mixer was told, and what op 30 said.
type Mixes = (Vec<(PeerId, Option<Wish>)>, Vec<(SocketId, Value)>);

impl World {
    fn listen(&mut self, socket: SocketId, d: Value) {
        self.ask(socket, json!({"op": 30, "d": d}));
    }

    fn opens_microphone(&mut self, socket: SocketId) {
        let d = json!({"microphone": true, "camera": false, "screen": false, "screen_audio": false});
        self.ask(socket, json!({"op": 20, "d": d}));
    }

    /// So many counts, two seconds apart, in which one peer lost this share of the sound.
    fn lose(&mut self, times: u32, peer: PeerId, loss: f32) {
        for _ in 0..times {
            self.now += Duration::from_secs(2);
            let quality = Quality { sound_loss: Some(loss), ..Quality::default() };
            self.calls.heard(Report::Measured(vec![(peer, quality)]), self.now);
        }
    }

    /// Since the last look.
    fn mixes(&mut self) -> Mixes {
        let (mut orders, mut told) = (Vec::new(), Vec::new());
        for seen in self.seen() {
            match seen {
                Seen::Mixer(Order::Listen { peer, wish, room }) => {
                    assert_eq!(room, super::super::room(LOUNGE));
                    orders.push((peer, wish));
                }
                Seen::Frame(socket, frame) if frame["op"] == 30 => told.push((socket, frame["d"].clone())),
                _ => {}
            }
        }
        (orders, told)
    }
}

fn wish(rate: Rate, loss: u8) -> Option<Wish> {
    Some(Wish { rate, loss, hears_self: false, without: Default::default() })
}

fn told(mode: &str, bitrate: Option<u32>) -> Value {
    json!({"mode": mode, "mixed": bitrate.is_some(), "bitrate": bitrate, "refused": null})
}

/// Three people with open microphones.
fn three() -> (World, [(SocketId, PeerId); 3]) {
    let mut world = World::new();
    let people = [(ANNA, "a"), (BORIS, "b"), (3, "c")].map(|(user, session)| {
        let (socket, peer, _) = world.join(user, session);
        world.opens_microphone(socket);
        (socket, peer)
    });
    world.seen();
    (world, people)
}

#[test]
fn who_says_nothing_hears_each_one_however_bad_the_line_is() {
    let (mut world, [(_, anna), ..]) = three();
    world.lose(20, anna, 0.6);
    assert_eq!(world.mixes(), (vec![], vec![]));
}

#[test]
fn who_asks_for_the_mix_gets_it_with_their_own_wishes_and_each_one_again() {
    let (mut world, [(socket, peer), ..]) = three();
    world.listen(socket, json!({"mode": "mixed", "without": ["2"], "bitrate": 16_000}));
    let without = [voxlink_sfu::PersonId(BORIS)].into();
    let expected = Some(Wish { rate: Rate::Low, loss: 0, hears_self: false, without });
    assert_eq!(world.mixes(), (vec![(peer, expected)], vec![(socket, told("mixed", Some(16_000)))]));
    // Said again, nothing happens.
    world.listen(socket, json!({"mode": "mixed", "without": [2], "bitrate": 16_000}));
    assert_eq!(world.mixes(), (vec![], vec![]));
    world.listen(socket, json!({"mode": "each"}));
    assert_eq!(world.mixes(), (vec![(peer, None)], vec![(socket, told("each", None))]));
}

#[test]
fn a_very_bad_line_leads_to_the_mix_and_a_good_one_back_after_a_while() {
    let (mut world, [(socket, peer), ..]) = three();
    world.listen(socket, json!({"mode": "automatic"}));
    assert_eq!(world.mixes(), (vec![], vec![(socket, told("automatic", None))]));
    world.lose(3, peer, 0.4);
    assert_eq!(world.mixes(), (vec![], vec![]), "the first count is the beginning of an interval");
    world.lose(1, peer, 0.4);
    let (orders, frames) = world.mixes();
    assert_eq!(orders, [(peer, wish(Rate::Low, 40))]);
    assert_eq!(frames, [(socket, told("automatic", Some(16_000)))]);
    world.lose(50, peer, 0.0);
    let (orders, frames) = world.mixes();
    assert_eq!(orders.last(), Some(&(peer, None)));
    assert_eq!(frames.last(), Some(&(socket, told("automatic", None))));
}

#[test]
fn who_hears_the_mix_asks_nobody_to_send_less() {
    let (mut world, [(socket, peer), ..]) = three();
    world.calls.give_up_seat(UserId::new(3), None);
    world.listen(socket, json!({"mode": "mixed"}));
    world.lose(10, peer, 0.4);
    let asked =
        world.seen().into_iter().any(|seen| matches!(seen, Seen::Frame(_, frame) if frame["op"] == 26));
    assert!(!asked);
}

#[test]
fn the_mixer_hears_of_the_end_of_a_session_and_a_new_one_begins_as_its_client_says() {
    let (mut world, [(socket, peer), ..]) = three();
    world.listen(socket, json!({"mode": "mixed"}));
    world.mixes();
    let token = world.take(ANNA, LOUNGE, "a");
    world.identify(ANNA, "a", &token);
    assert_eq!(world.mixes().0, [(peer, None)]);
}

#[test]
fn who_asks_before_their_media_is_there_gets_the_mix_once_it_is() {
    let mut world = World::new();
    let token = world.take(ANNA, LOUNGE, "a");
    let socket = world.identify(ANNA, "a", &token);
    world.listen(socket, json!({"mode": "mixed"}));
    assert_eq!(world.mixes().0, []);
    world.offer(socket, 1);
    let peer = *world.calls.peers.keys().next().unwrap();
    world.calls.heard(Report::Engine(Event::Connected { peer }), world.now);
    assert_eq!(world.mixes().0, [(peer, wish(Rate::Middle, 0))]);
}

#[test]
fn a_listener_for_whom_there_is_no_mix_is_told_and_asks_again_a_minute_later() {
    let (mut world, [(socket, peer), ..]) = three();
    world.listen(socket, json!({"mode": "mixed"}));
    world.mixes();
    world.calls.no_mix(peer, world.now);
    let refused = json!({"mode": "mixed", "mixed": false, "bitrate": null, "refused": "busy"});
    assert_eq!(world.mixes(), (vec![], vec![(socket, refused)]));
    world.lose(25, peer, 0.0);
    assert_eq!(world.mixes(), (vec![], vec![]));
    world.lose(10, peer, 0.0);
    let (orders, frames) = world.mixes();
    assert_eq!(orders, [(peer, wish(Rate::Middle, 0))]);
    assert_eq!(frames, [(socket, told("mixed", Some(32_000)))]);
}
