//! Clients that hold real keys and mean harm, beside clients that do not: what they reach, and who notices.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{
    Packet, RIDS, Setup, World, frame,
    raw::{self, OPUS, RED, Raw, VP8, nack, picture_loss},
};
use voxlink_sfu::{PeerId, Source, SourceSet};

const BOTH: SourceSet = SourceSet { microphone: true, camera: true, screen: false, screen_audio: false };

fn rejected(world: &World, peer: PeerId) -> u64 {
    world.worker.stats(peer).unwrap().rejected
}

/// A picture in each of a camera's three encodings: 70, 140 and 240 kbit/s at thirty a second.
fn three_pictures(world: &mut World, client: usize, picture: u16, is_key: bool) {
    for (at, rid) in RIDS.into_iter().enumerate() {
        let mut payload = vec![0x90, 0xC0];
        payload.extend((picture | 0x8000).to_be_bytes());
        payload.extend([picture as u8, u8::from(!is_key), 0, 0, 0x9D, 1, 0x2A]);
        payload.extend([320u16 << at, 180u16 << at].map(u16::to_le_bytes).concat());
        payload.resize([300, 600, 1_000][at], at as u8);
        let source = Source::Camera;
        let packet = Packet { source, rid: Some(rid), payload: &payload, marker: true, descriptor: None };
        world.send_packet(client, &packet);
    }
}

#[test]
fn fifty_viewers_who_each_ask_a_thousand_times_a_second_get_two_key_frames_a_second() {
    let mut world = World::new();
    let camera = world.join_as(1, Setup { simulcast: true, ..Setup::PLAIN });
    let mut viewers: Vec<Raw> = (1..=50).map(|number| Raw::join(&mut world, number, 1)).collect();
    raw::connect(&mut world, &mut viewers);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    let slots: Vec<u32> = viewers.iter().map(Raw::video_slot).collect();
    let before = world.clients[camera].keyframe_requests;
    for milli in 0..2_000u16 {
        if milli % 40 == 0 {
            three_pictures(&mut world, camera, milli / 40, milli == 0);
        }
        for (viewer, slot) in viewers.iter_mut().zip(&slots) {
            viewer.report(&mut world, &picture_loss(*slot));
        }
        world.step();
    }
    let client = &world.clients[camera];
    assert!(client.keyframe_requests > before, "the first of them is heard");
    for (rid, asked) in &client.keyframes_asked {
        for three in asked.windows(3) {
            assert!(three[2] - three[0] >= Duration::from_millis(990), "{rid:?}: {asked:?}");
        }
    }
}

/// The bytes that a viewer is sent of a camera, 150 packets a second of it for fifteen seconds.
fn bytes_to_a_viewer(asks_again: bool) -> u64 {
    let mut world = World::new();
    let camera = world.join(1);
    let mut viewers = [Raw::join(&mut world, 1, 1)];
    raw::connect(&mut world, &mut viewers);
    world.connect_all();
    world.set_sources(camera, &[Source::Camera]);
    world.run(Duration::from_millis(50));
    let [viewer] = &mut viewers;
    let slot = viewer.video_slot();
    let mut newest = None;
    for milli in 0..15_000u32 {
        if milli % 20 == 0 {
            for packet in 0..3 {
                let payload = &frame(milli == 0, milli)[..100];
                world.send_marked(camera, Source::Camera, payload, packet == 2);
            }
        }
        for packet in viewer.receive(&mut world) {
            if packet[1] & 0x7f == VP8 {
                newest = Some(u16::from_be_bytes([packet[2], packet[3]]));
            }
        }
        // Everything of the last three seconds, every few milliseconds: each number several hundred times.
        if let Some(newest) = newest.filter(|_| asks_again && milli % 5 == 0) {
            let firsts = (0..26u16).map(|back| newest.wrapping_sub(17 * (back + 1)));
            viewer.report(&mut world, &nack(slot, firsts));
        }
        world.step();
    }
    let stats = world.worker.stats(viewer.id).unwrap();
    assert!(stats.packets_out >= 2_000, "{stats:?}");
    assert_eq!(stats.retransmitted > 0, asks_again, "{stats:?}");
    stats.bytes_out
}

#[test]
fn who_asks_for_everything_hundreds_of_times_is_sent_a_quarter_more_at_most() {
    let (fair, greedy) = (bytes_to_a_viewer(false), bytes_to_a_viewer(true));
    assert!(greedy * 4 <= fair * 5, "{greedy} bytes instead of {fair}");
}

/// Two who speak and one who listens, and an attacker beside them.
struct Call {
    world: World,
    raws: [Raw; 2],
    listener: usize,
    /// Of the second one's voice.
    sequence: u16,
}

impl Call {
    fn new() -> Self {
        let mut world = World::new();
        let listener = world.join(4);
        let mut raws = [Raw::join(&mut world, 1, 1), Raw::join(&mut world, 2, 1)];
        raw::connect(&mut world, &mut raws);
        world.connect_all();
        for raw in &raws {
            world.worker.set_sources(raw.id, BOTH, world.now);
        }
        world.run(Duration::from_millis(50));
        let mut call = Self { world, raws, listener, sequence: 0 };
        call.go_on();
        call
    }

    /// The second one says ten words, and all are heard: the call is unharmed.
    fn go_on(&mut self) {
        let first = self.sequence;
        for word in first..first + 10 {
            let [_, honest] = &mut self.raws;
            let packet = honest.packet(OPUS, honest.ssrc, word, &[b'w', b'o', b'r', b'd', word as u8]);
            let sealed = honest.seal(&packet);
            honest.say(&mut self.world, sealed);
            self.world.run(Duration::from_millis(20));
        }
        self.sequence += 10;
        let words: BTreeSet<u8> =
            self.heard().iter().filter(|said| said.starts_with(b"word")).map(|said| said[4]).collect();
        assert_eq!(words.range(first as u8..).count(), 10, "the others go on");
    }

    /// The attacker sends, under a name that says what.
    fn attack(&mut self, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        let count = datagrams.into_iter().map(|datagram| self.raws[0].say(&mut self.world, datagram)).count();
        assert!(count > 0);
        self.world.run(Duration::from_millis(20));
    }

    fn rejected(&self) -> [u64; 2] {
        [0, 1].map(|at: usize| rejected(&self.world, self.raws[at].id))
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.world.clients[self.listener].got.iter().map(|got| got.payload.clone()).collect()
    }
}

#[test]
fn forged_cut_and_repeated_packets_are_dropped_and_counted_one_by_one() {
    let mut call = Call::new();
    let [evil, _] = &mut call.raws;
    let packets: Vec<Vec<u8>> = (0..20)
        .map(|sequence| {
            let packet = evil.packet(OPUS, evil.ssrc, sequence, b"evil");
            evil.seal(&packet)
        })
        .collect();
    let forged = packets.iter().map(|packet| {
        let mut forged = packet.clone();
        *forged.last_mut().unwrap() ^= 1;
        forged
    });
    let forged: Vec<_> = forged.collect();
    call.attack(forged);
    assert_eq!(call.rejected(), [20, 0], "a bad tag");
    call.attack(packets.iter().map(|packet| packet[..packet.len() - 5].to_vec()));
    assert_eq!(call.rejected(), [40, 0], "cut short");
    assert!(!call.heard().contains(&b"evil".to_vec()));
    call.attack(packets.clone());
    assert_eq!(call.rejected(), [40, 0], "as they are meant to be");
    let heard = call.heard().iter().filter(|said| *said == b"evil").count();
    assert_eq!(heard, 20);
    call.attack(packets.clone());
    assert_eq!(call.rejected(), [60, 0], "replayed");
    assert_eq!(call.heard().iter().filter(|said| *said == b"evil").count(), heard);
    call.go_on();
    assert_eq!(call.world.worker.drops().rejected, 60);
}

#[test]
fn authentic_packets_that_are_malformed_are_dropped_and_counted() {
    let mut call = Call::new();
    let [evil, _] = &mut call.raws;
    let (voice, picture) = (evil.ssrc, evil.ssrc + 1);
    let mut plain = vec![
        evil.packet(77, voice, 1, b"a payload type of nobody"),
        evil.packet(VP8, voice, 2, b"a picture in the voice"),
        evil.packet(OPUS, picture, 3, b"a voice in the picture"),
        evil.packet(RED, voice, 4, &[0xEF, 0, 3, 0xFF, 0x6F]),
        evil.packet(RED, voice, 5, &[0xEF; 80]),
        evil.packet(RED, voice, 6, &[]),
    ];
    for padding in [0, 200] {
        let mut packet = evil.packet(OPUS, voice, 7 + padding, &[9, 9, padding as u8]);
        packet[0] |= 0x20;
        plain.push(packet);
    }
    let count = plain.len() as u64;
    let sealed: Vec<_> = plain.iter().map(|packet| evil.seal(packet)).collect();
    call.attack(sealed);
    assert_eq!(call.rejected(), [count, 0]);
    // Transport-wide feedback that contradicts itself.
    call.raws[0].report(&mut call.world, &[0x8F, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 0]);
    call.world.run(Duration::from_millis(20));
    assert_eq!(call.rejected(), [count + 1, 0]);
    call.go_on();
}

#[test]
fn nobody_speaks_for_another_by_address_or_by_ssrc() {
    let mut call = Call::new();
    let [evil, honest] = &mut call.raws;
    // Its own keys from the address of another, as whoever can spoof addresses would.
    let packet = evil.packet(OPUS, evil.ssrc, 1, b"evil");
    let sealed = evil.seal(&packet);
    honest.say(&mut call.world, sealed);
    // The SSRC of another, under its own keys and address.
    let packet = evil.packet(OPUS, honest.ssrc, 200, b"evil");
    let sealed = evil.seal(&packet);
    // A packet of another, as it was overheard, from its own address and from nobody's.
    let overheard = honest.packet(OPUS, honest.ssrc, 300, b"evil");
    let overheard = honest.seal(&overheard);
    let ignored = call.world.worker.drops().ignored;
    call.attack([sealed, overheard.clone()]);
    assert_eq!(call.rejected(), [2, 1]);
    let nobody = "203.0.113.99:9".parse().unwrap();
    call.world.fly(nobody, support::SERVER.parse().unwrap(), overheard);
    call.world.run(Duration::from_millis(20));
    assert_eq!(call.world.worker.drops().ignored, ignored + 1);
    assert!(!call.heard().contains(&b"evil".to_vec()));
    call.go_on();
    // Who has left is still counted.
    call.world.worker.leave(call.raws[0].id, call.world.now);
    assert_eq!(call.world.worker.drops().rejected, 3);
}

#[test]
fn packets_out_of_order_are_no_attack() {
    let mut call = Call::new();
    let [evil, _] = &mut call.raws;
    // In order at first, then each eight of them backwards.
    let order: Vec<u16> = (0..16).chain((16..96).map(|number| number ^ 7)).collect();
    let sealed: Vec<_> = order
        .into_iter()
        .map(|sequence| {
            let packet = evil.packet(OPUS, evil.ssrc, sequence, &[b'n', sequence as u8]);
            evil.seal(&packet)
        })
        .collect();
    for some in sealed.chunks(8) {
        call.attack(some.to_vec());
    }
    assert_eq!(call.rejected(), [0, 0]);
    let numbers: BTreeSet<u8> =
        call.heard().iter().filter(|said| said.len() == 2).map(|said| said[1]).collect();
    assert_eq!(numbers.len(), 96);
    call.go_on();
}

#[test]
fn a_handshake_from_an_address_that_no_check_has_proven_gets_no_answer_at_all() {
    let mut world = World::new();
    let mut raws = [Raw::join(&mut world, 1, 1)];
    let elsewhere = "203.0.113.77:7".parse().unwrap();
    world.mailboxes.insert(elsewhere, Vec::new());
    let hello = raws[0].handshake(world.now);
    assert!(hello.iter().all(|datagram| datagram[0] == 22) && !hello.is_empty());
    for datagram in &hello {
        raws[0].say(&mut world, datagram.clone());
        world.fly(elsewhere, support::SERVER.parse().unwrap(), datagram.clone());
    }
    world.run(Duration::from_secs(3));
    assert!(world.mailboxes.values().all(Vec::is_empty), "{:?}", world.mailboxes);
    assert_eq!(world.worker.drops().ignored, 2 * hello.len() as u64);
    // Nor does it once the client's own address is proven, and the race is won by who is invited.
    raws[0].check(&mut world);
    world.run(Duration::from_millis(20));
    for datagram in &hello {
        world.fly(elsewhere, support::SERVER.parse().unwrap(), datagram.clone());
    }
    raw::connect(&mut world, &mut raws);
    assert!(world.mailboxes[&elsewhere].is_empty());
}

#[test]
fn with_a_certificate_that_was_not_signalled_no_media_flows_either_way() {
    let mut world = World::new();
    let listener = world.join(2);
    let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
    let other = dimpl::certificate::generate_self_signed_certificate().unwrap().fingerprint_str();
    let mut raws = [Raw::join_as(&mut world, 1, 2, certificate, &other)];
    world.connect_all();
    world.set_sources(listener, &[Source::Microphone]);
    world.worker.set_sources(raws[0].id, BOTH, world.now);
    raws[0].check(&mut world);
    for milli in 0..2_000u16 {
        raw::turn(&mut world, &mut raws);
        if milli % 20 == 0 {
            world.send(listener, Source::Microphone, &[1, 2, 3]);
            let [evil] = &mut raws;
            let packet = evil.packet(OPUS, evil.ssrc, milli / 20, b"evil");
            let sealed = evil.forger.as_mut().and_then(|forger| forger.seal_rtp(&packet)).unwrap_or(packet);
            evil.say(&mut world, sealed);
        }
    }
    let stats = world.worker.stats(raws[0].id).unwrap();
    assert!(!world.has_connected(raws[0].id));
    assert!(stats.packets_out == 0 && stats.rejected >= 90, "{stats:?}");
    assert!(world.clients[listener].got.is_empty());
}

/// What one viewer saw and heard of one other.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    layers: BTreeSet<u8>,
    pictures: usize,
    key_frames: usize,
    lost: u64,
    words: usize,
}

/// Two people and, if asked for, a third whose link takes 200 kbit/s each way. All show and say; the first one's view.
fn a_call_of_two(with_a_narrow_third: bool) -> Seen {
    let mut world = World::new();
    let setup = Setup { simulcast: true, ..Setup::PLAIN };
    let people = if with_a_narrow_third { 3 } else { 2 };
    (0..people).for_each(|_| _ = world.join_as(2, setup));
    world.connect_all();
    if with_a_narrow_third {
        let address = world.clients[2].address;
        world.narrow.insert(address, (200_000, world.now));
        world.narrow_up.insert(address, (200_000, world.now));
    }
    for person in 0..people {
        world.set_sources(person, &[Source::Microphone, Source::Camera]);
    }
    let mut asked = vec![0; people];
    // The first two seconds are for everyone's first key frames, which all three ask for.
    let (mut from, mut keys) = (0, 0);
    for picture in 0..300u16 {
        if picture == 60 {
            from = world.clients[0].got.len();
            keys = world.clients[1].keyframes_asked.get(&Some("f".to_owned())).map_or(0, Vec::len);
        }
        for (person, before) in asked.iter_mut().enumerate() {
            let now = world.clients[person].keyframe_requests;
            three_pictures(&mut world, person, picture, picture == 0 || now > *before);
            *before = now;
            for half in 0..2 {
                world.send(person, Source::Microphone, &[person as u8, half, picture as u8]);
            }
        }
        world.run(Duration::from_millis(33));
    }
    if let Some(third) = world.clients.get(2) {
        let large = third.got.iter().filter(|got| got.payload.len() >= 1_000).count();
        assert!(large < 300, "{large} large pictures of 600 do not fit its link");
    }
    let second = world.clients[1].id;
    let slots = &world.clients[0].slots;
    let is_of_second = |mid: &str| {
        let content = slots.iter().find(|slot| &*slot.mid == mid).and_then(|slot| slot.content);
        content.is_some_and(|content| content.peer == second)
    };
    let got: Vec<_> = world.clients[0].got[from..].iter().filter(|got| is_of_second(&got.mid)).collect();
    let pictures: Vec<_> = got.iter().filter(|got| got.payload.len() > 100).collect();
    let asked = world.clients[1].keyframes_asked.get(&Some("f".to_owned())).map_or(0, Vec::len);
    Seen {
        layers: pictures.iter().map(|got| *got.payload.last().unwrap()).collect(),
        pictures: pictures.len(),
        key_frames: asked - keys,
        lost: pictures.windows(2).map(|two| two[1].sequence - two[0].sequence - 1).sum(),
        words: got.iter().filter(|got| got.payload.len() == 3).count(),
    }
}

#[test]
fn who_has_a_narrow_link_changes_nothing_for_the_others() {
    let alone = a_call_of_two(false);
    assert!(alone.layers == [2].into() && alone.lost == 0 && alone.pictures >= 230, "{alone:?}");
    assert_eq!(a_call_of_two(true), alone);
}
