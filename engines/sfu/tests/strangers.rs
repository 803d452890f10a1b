//! Publishers and viewers without our signalling: what they are answered, and what they get.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::time::{Duration, Instant};

use support::{ROOM, World, candidates, frame, number, open_gates};
use voxlink_sfu::{
    Follow, Gates, IceFragment, Newcomer, OfferError, PeerId, PersonId, Role, Source, Worker, WorkerConfig,
};

const ANNA: PersonId = PersonId(100);
const VIEWER: PersonId = PersonId(7);

/// Offers in the shape of programs that we do not run in tests, reconstructed from what they are known to send (no
/// recordings: fingerprints, credentials and SSRCs are made up).
const OFFERS: [(&str, &str, bool); 6] = [
    ("Firefox publishes", include_str!("offers/firefox-publish.sdp"), true),
    ("Firefox watches", include_str!("offers/firefox-watch.sdp"), false),
    ("Safari publishes", include_str!("offers/safari-publish.sdp"), true),
    ("libdatachannel publishes", include_str!("offers/libdatachannel-publish.sdp"), true),
    ("webrtcbin publishes", include_str!("offers/webrtcbin-publish.sdp"), true),
    ("aiortc watches", include_str!("offers/aiortc-watch.sdp"), false),
];

fn answer(offer: &str, role: Role) -> Result<String, OfferError> {
    let now = Instant::now();
    let config = WorkerConfig { candidates: candidates(), seed: [3; 32] };
    let mut worker = Worker::new(config, now);
    let offer = offer.replace("\r\n", "\n").replace('\n', "\r\n");
    let new =
        Newcomer { room: ROOM, peer: PeerId(1), person: ANNA, offer: &offer, role, gates: open_gates() };
    worker.admit(new, now).map(|answer| answer.sdp)
}

#[test]
fn offers_of_firefox_safari_obs_and_others_are_answered_and_their_parser_agrees() {
    for (who, offer, publishes) in OFFERS {
        let role = if publishes { Role::Publisher } else { Role::Viewer(Follow::Stage) };
        let answer = answer(offer, role).unwrap_or_else(|error| panic!("{who}: {error:?}"));
        for text in [offer, answer.as_str()] {
            let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
            webrtc_sdp::parse_sdp(&text, false).unwrap_or_else(|error| panic!("{who}: {error}\n{text}"));
        }
        let direction = if publishes { "a=recvonly" } else { "a=sendonly" };
        assert_eq!(answer.matches(direction).count(), 2, "{who}:\n{answer}");
        let lines = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!(lines(&answer), lines(offer), "{who}: one m-line for each (RFC 3264 §6)");
        assert!(answer.contains("a=setup:passive") && answer.contains("a=ice-lite"), "{who}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_words() {
    let firefox = OFFERS[0].1;
    let refused = |offer: &str, role| answer(offer, role).unwrap_err();
    assert!(matches!(refused(firefox, Role::Viewer(Follow::Stage)), OfferError::Unusable(_)));
    assert!(matches!(refused(OFFERS[1].1, Role::Publisher), OfferError::Unusable(_)));
    let unbundled = firefox.replace("a=group:BUNDLE 0 1", "");
    let OfferError::Malformed(words) = refused(&unbundled, Role::Publisher) else { panic!("no words") };
    assert!(words.contains("BUNDLE"), "{words}");
    let passive = firefox.replace("a=setup:actpass", "a=setup:passive");
    assert!(matches!(refused(&passive, Role::Publisher), OfferError::Malformed(_)));
    // An m-line outside of the bundle is refused by itself.
    let half = firefox.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    let answer = answer(&half, Role::Publisher).unwrap();
    assert!(answer.contains("a=group:BUNDLE 0\r\n") && answer.contains("m=video 0 "), "{answer}");
}

/// A voice packet and a frame every 20 ms; frames are numbered from `first`.
fn stream(world: &mut World, from: usize, first: u32, frames: u32) {
    for count in 0..frames {
        world.send(from, Source::Screen, &frame(count % 20 == 0, first + count));
        world.send(from, Source::ScreenAudio, &[9; 5]);
        world.run(Duration::from_millis(20));
    }
}

fn frames(world: &World, index: usize) -> Vec<u32> {
    let video = world.clients[index].got.iter().filter(|got| got.payload.len() == 900);
    video.map(|got| number(&got.payload)).collect()
}

fn voices(world: &World, index: usize, payload: u8) -> usize {
    let audio = world.clients[index].got.iter().filter(|got| got.payload.len() == 5);
    audio.filter(|got| got.payload[0] == payload).count()
}

#[test]
fn a_publisher_is_its_persons_screen_for_others_and_not_for_themselves() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    // The first client's person: joined clients are their own person, by their peer's number.
    let person = PersonId(world.clients[0].id.0);
    let obs = world.admit(person, Role::Publisher);
    world.connect_all();
    world.set_sources(obs, &[Source::Screen, Source::ScreenAudio]);
    world.run(Duration::from_millis(50));
    stream(&mut world, obs, 0, 60);
    world.run(Duration::from_millis(200));
    assert_eq!(frames(&world, 1).len(), 60);
    assert_eq!(voices(&world, 1, 9), 60);
    assert_eq!((frames(&world, 0).len(), voices(&world, 0, 9)), (0, 0), "nobody hears their own stream");
    let shown: Vec<_> = world.clients[1].slots.iter().filter_map(|slot| slot.content).collect();
    assert!(shown.iter().all(|content| content.peer == world.clients[obs].id));
    assert_eq!(shown.len(), 2);
}

#[test]
fn a_viewer_follows_the_stage_over_speakers_and_a_screen() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    let obs = world.admit(ANNA, Role::Publisher);
    let wall = world.admit(VIEWER, Role::Viewer(Follow::Stage));
    world.connect_all();
    for index in 0..2 {
        world.set_sources(index, &[Source::Microphone, Source::Camera]);
    }
    world.run(Duration::from_millis(50));
    // First the one speaks for a while, then the other; both show their cameras all the time.
    let speak = |world: &mut World, who: usize, first: u32, count: u32| {
        for at in 0..count {
            for index in 0..2 {
                world.send(index, Source::Camera, &frame(at % 20 == 0, index as u32 * 10_000 + first + at));
            }
            world.send(who, Source::Microphone, &[who as u8; 5]);
            world.run(Duration::from_millis(20));
        }
    };
    speak(&mut world, 0, 0, 150);
    world.clients[wall].got.clear();
    speak(&mut world, 0, 200, 50);
    assert!(frames(&world, wall).iter().all(|number| *number < 10_000), "the first speaker is seen");
    assert!(voices(&world, wall, 0) >= 48 && voices(&world, wall, 1) == 0);
    speak(&mut world, 1, 300, 150);
    world.clients[wall].got.clear();
    speak(&mut world, 1, 500, 50);
    assert!(frames(&world, wall).iter().all(|number| *number >= 10_000), "the second one is");
    assert!(voices(&world, wall, 1) >= 48 && voices(&world, wall, 0) == 0);
    // A screen comes before any camera, its sound after any voice.
    world.set_sources(obs, &[Source::Screen, Source::ScreenAudio]);
    world.run(Duration::from_millis(50));
    stream(&mut world, obs, 50_000, 100);
    world.clients[wall].got.clear();
    stream(&mut world, obs, 51_000, 50);
    assert!(frames(&world, wall).iter().all(|number| *number >= 51_000) && frames(&world, wall).len() >= 48);
    assert!(voices(&world, wall, 9) >= 48, "nobody speaks any more");
    // One stream for the receiver all along.
    let sequences: Vec<u64> = world.clients[wall]
        .got
        .iter()
        .filter(|got| got.payload.len() == 900)
        .map(|got| got.sequence)
        .collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
}

#[test]
fn a_viewer_of_a_person_gets_their_screen_or_else_their_camera_and_nobody_elses() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    let person = PersonId(world.clients[1].id.0);
    let obs = world.admit(person, Role::Publisher);
    let wall = world.admit(VIEWER, Role::Viewer(Follow::Person(person)));
    world.connect_all();
    for index in 0..2 {
        world.set_sources(index, &[Source::Microphone, Source::Camera]);
    }
    world.run(Duration::from_millis(50));
    for count in 0..60 {
        for index in 0..2 {
            world.send(index, Source::Camera, &frame(count % 20 == 0, index as u32 * 10_000 + count));
            world.send(index, Source::Microphone, &[index as u8; 5]);
        }
        world.run(Duration::from_millis(20));
    }
    assert!(frames(&world, wall).len() > 50 && frames(&world, wall).iter().all(|number| *number >= 10_000));
    assert!(voices(&world, wall, 1) > 50 && voices(&world, wall, 0) == 0);
    world.set_sources(obs, &[Source::Screen, Source::ScreenAudio]);
    world.run(Duration::from_millis(50));
    stream(&mut world, obs, 50_000, 60);
    let seen = frames(&world, wall);
    assert_eq!(seen.iter().filter(|number| **number >= 50_000).count(), 60);
    assert!(voices(&world, wall, 9) > 50);
    // A moderator deafens the viewer's person.
    let gates = Gates { deafened: true, ..open_gates() };
    world.worker.set_gates(world.clients[wall].id, gates, world.now);
    world.clients[wall].got.clear();
    stream(&mut world, obs, 60_000, 20);
    assert_eq!(voices(&world, wall, 9), 0);
    assert!(!frames(&world, wall).is_empty());
}

#[test]
fn a_fragment_with_new_credentials_restarts_ice_and_an_old_one_does_not() {
    let mut world = World::new();
    let wall = world.admit(VIEWER, Role::Viewer(Follow::Stage));
    world.connect_all();
    let peer = world.clients[wall].id;
    let fragment = |name: &str| {
        let text = format!("a=ice-ufrag:{name}\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n");
        IceFragment::parse(&text).unwrap()
    };
    let first = world.worker.restart_ice(peer, &fragment("one1")).unwrap().sdp;
    assert_eq!(world.worker.restart_ice(peer, &fragment("one1")).unwrap().sdp, first, "asked again");
    let second = world.worker.restart_ice(peer, &fragment("two2")).unwrap().sdp;
    assert_ne!(first, second);
    for line in [
        "a=ice-lite",
        "m=audio 9 ",
        "a=mid:",
        "a=candidate:1 1 udp ",
        "tcptype passive",
        "a=end-of-candidates",
    ] {
        assert!(second.contains(line), "{line}: {second}");
    }
    world.worker.leave(peer, world.now);
    assert!(matches!(world.worker.restart_ice(peer, &fragment("tri3")), Err(OfferError::UnknownPeer)));
}

#[test]
fn obs_sends_h264_and_is_told_when_that_is_not_taken() {
    match answer(include_str!("offers/obs-publish.sdp"), Role::Publisher) {
        Ok(answer) => assert!(answer.contains("a=rtpmap:96 H264/90000"), "{answer}"),
        Err(refused) => assert!(matches!(refused, OfferError::Unusable(_)), "{refused:?}"),
    }
}
