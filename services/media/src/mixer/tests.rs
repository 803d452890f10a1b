//! Calls that are listened to mixed, in virtual time.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION,
    opus::{Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_sfu::{Mix, Part, PeerId, PersonId, RoomId, Tap, TapEvent};

use super::{
    Rate, Wish,
    room::{MixedRoom, Word},
};

const ROOM: RoomId = RoomId(1);
const PART: Part = Part(0);
const ANNA: PeerId = PeerId(1);
const BORIS: PeerId = PeerId(2);
const CARLA: PeerId = PeerId(3);
const SECOND: usize = 50;
/// A fifth of a second: a tone is found in it, and nobody says a word that is shorter.
const WINDOW: usize = 9_600;

/// Anna, Boris and Carla, whose tones are these.
const TONES: [f64; 3] = [440.0, 660.0, 880.0];

struct Call {
    mixed: MixedRoom,
    people: Vec<(PeerId, Mix, Vec<Vec<u8>>)>,
    speaking: BTreeSet<PeerId>,
    /// Hears all mixes, for those who listen.
    tap: Tap,
    hears: HashMap<PeerId, PeerId>,
    got: BTreeMap<PeerId, Vec<(u32, Vec<u8>)>>,
    sent: usize,
    spare: usize,
    now: Instant,
}

impl Call {
    /// Three people in the call, of whom nobody speaks.
    fn new() -> Self {
        let now = Instant::now();
        let mut tap = Tap::of_sound(ROOM);
        tap.admit(PersonId(0), true, now);
        let mut call = Self {
            mixed: MixedRoom::new(ROOM, 1),
            people: Vec::new(),
            speaking: BTreeSet::new(),
            tap,
            hears: HashMap::new(),
            got: BTreeMap::new(),
            sent: 0,
            spare: 64,
            now,
        };
        for (peer, hertz) in [ANNA, BORIS, CARLA].into_iter().zip(TONES) {
            let mix = Mix::in_place_of(ROOM, peer, PersonId(peer.0));
            call.mixed.take(PART, &mix.introduce(), now);
            call.people.push((peer, mix, tone(hertz)));
        }
        call
    }

    fn listen(&mut self, peer: PeerId, rate: Rate, without: &[PeerId]) {
        let without = without.iter().map(|peer| PersonId(peer.0)).collect();
        self.mixed.listen(peer, Some(Wish { rate, loss: 0, hears_self: false, without }));
    }

    fn pass(&mut self, frames: usize) {
        for _ in 0..frames {
            for (peer, mix, packets) in &mut self.people {
                if self.speaking.contains(peer) {
                    let stamp = (self.sent * FRAME) as u32;
                    let copy = mix.packet(&packets[self.sent % packets.len()], stamp, 20, self.now);
                    self.mixed.take(PART, &copy, self.now);
                }
            }
            self.sent += 1;
            self.now += FRAME_DURATION;
            self.mixed.frame(self.spare, 0.0, self.now);
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some((part, word)) = self.mixed.poll() {
            assert_eq!(part, PART);
            match word {
                Word::Copy(copy) => self.tap.take(PART, &copy, self.now),
                Word::Hears(peer, Some(mix)) => _ = self.hears.insert(peer, mix),
                Word::Hears(peer, None) => _ = self.hears.remove(&peer),
            }
            while let Some(event) = self.tap.poll() {
                let TapEvent::Packet(packet) = event else { continue };
                for (listener, _) in self.hears.iter().filter(|(_, mix)| **mix == packet.peer) {
                    let got = self.got.entry(*listener).or_default();
                    got.push((packet.timestamp(), packet.payload().to_vec()));
                }
            }
        }
    }

    /// What a listener heard since the last look, a set of tones for each window; without a hole in time.
    fn heard(&mut self, listener: PeerId) -> Vec<BTreeSet<u32>> {
        let mut decoder = Decoder::new(Channels::Mono).unwrap();
        let (mut room, mut sound) = (vec![0.0; MAX_PACKET_SAMPLES], Vec::new());
        let mut next = None;
        for (stamp, packet) in self.got.remove(&listener).unwrap_or_default() {
            assert!(next.is_none_or(|next| next == stamp), "{next:?}, and then {stamp}");
            let samples = decoder.decode(&Packet::parse(&packet).unwrap(), &mut room).unwrap();
            sound.extend_from_slice(&room[..samples]);
            next = Some(stamp.wrapping_add(samples as u32));
        }
        sound.chunks_exact(WINDOW).map(tones).collect()
    }
}

/// A second of a tone as packets.
fn tone(hertz: f64) -> Vec<Vec<u8>> {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let sound: Vec<f32> = (0..48_000).map(|at| (0.2 * (f64::from(at) * step).sin()) as f32).collect();
    let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Mono)).unwrap();
    let mut packet = Vec::new();
    let mut encode = |frame: &[f32]| {
        encoder.encode(frame, &mut packet).unwrap();
        packet.clone()
    };
    sound.chunks_exact(FRAME).map(&mut encode).collect()
}

/// The same, on the left only.
fn left_tone(hertz: f64) -> Vec<Vec<u8>> {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let sample = |at: i32| [(0.2 * (f64::from(at) * step).sin()) as f32, 0.0];
    let sound: Vec<f32> = (0..48_000).flat_map(sample).collect();
    let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Stereo)).unwrap();
    let frames = sound.chunks_exact(2 * FRAME).map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    });
    frames.collect()
}

fn tones(sound: &[f32]) -> BTreeSet<u32> {
    let amplitude = |hertz: f64| {
        let step = hertz * std::f64::consts::TAU / 48_000.0;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, value) in sound.iter().enumerate() {
            real += f64::from(*value) * (at as f64 * step).cos();
            imaginary += f64::from(*value) * (at as f64 * step).sin();
        }
        (real * real + imaginary * imaginary).sqrt() * 2.0 / sound.len() as f64
    };
    TONES.into_iter().filter(|hertz| amplitude(*hertz) > 0.02).map(|hertz| hertz as u32).collect()
}

#[test]
fn nobody_hears_themself_from_their_first_word_to_their_last() {
    for rate in [Rate::Low, Rate::Middle, Rate::High] {
        let mut call = Call::new();
        call.speaking = [ANNA].into();
        call.listen(CARLA, rate, &[]);
        call.listen(BORIS, rate, &[]);
        call.pass(2 * SECOND);
        call.got.clear();
        assert_eq!(call.mixed.streams(), 1, "who does not speak shares one");
        // An odd number of frames, so that she begins in the middle of a longer packet.
        call.pass(7);
        call.speaking.insert(CARLA);
        call.pass(2 * SECOND);
        assert_eq!(call.mixed.streams(), 2);
        call.speaking.remove(&CARLA);
        call.pass(8 * SECOND);
        assert_eq!(call.mixed.streams(), 1, "she is silent for long");
        call.speaking.insert(CARLA);
        call.pass(SECOND);
        let hers = call.heard(CARLA);
        assert_eq!(hers.len(), (11 * SECOND + 7) / 10);
        assert!(hers.iter().all(|heard| *heard == [440].into()), "{rate:?}: {hers:?}");
        let his = call.heard(BORIS);
        assert!(his.iter().all(|heard| heard.contains(&440)), "{rate:?}: {his:?}");
        assert!(his.iter().filter(|heard| heard.contains(&880)).count() >= 13, "{rate:?}: {his:?}");
    }
}

#[test]
fn who_passes_from_one_rate_to_another_misses_nothing_and_hears_nothing_twice() {
    let mut call = Call::new();
    call.speaking = [ANNA].into();
    for round in 0..12 {
        let rate = [Rate::Low, Rate::High, Rate::Middle][round % 3];
        call.listen(BORIS, rate, &[]);
        call.pass(SECOND + round);
    }
    let heard = call.heard(BORIS);
    assert!(heard[1..].iter().all(|heard| *heard == [440].into()), "{heard:?}");
}

/// How much sound there is on both sides in what somebody got, and whether its last packet is of two channels.
fn sides(packets: Vec<(u32, Vec<u8>)>) -> ([f32; 2], Channels) {
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let (mut room, mut sides, mut channels) = (vec![0.0; 2 * MAX_PACKET_SAMPLES], [0.0; 2], Channels::Mono);
    for (_, packet) in packets {
        let packet = Packet::parse(&packet).unwrap();
        let samples = decoder.decode(&packet, &mut room).unwrap();
        for [left, right] in room[..2 * samples].as_chunks::<2>().0 {
            sides = [sides[0] + left.abs(), sides[1] + right.abs()];
        }
        channels = packet.channels();
    }
    (sides, channels)
}

#[test]
fn what_is_on_one_side_stays_there_where_there_is_room_for_two() {
    let mut call = Call::new();
    call.speaking = [ANNA].into();
    call.listen(BORIS, Rate::High, &[]);
    call.listen(CARLA, Rate::Middle, &[]);
    call.pass(SECOND);
    let (sides_of_a_voice, channels) = sides(call.got.remove(&BORIS).unwrap());
    assert_eq!(
        (sides_of_a_voice[0], channels),
        (sides_of_a_voice[1], Channels::Mono),
        "a voice is one channel"
    );
    call.people[0].2 = left_tone(440.0);
    call.pass(SECOND);
    call.got.clear();
    call.pass(SECOND);
    let ([left, right], channels) = sides(call.got.remove(&BORIS).unwrap());
    assert!(channels == Channels::Stereo && left > 20.0 * right, "{left} {right}");
    let ([left, right], channels) = sides(call.got.remove(&CARLA).unwrap());
    assert!(channels == Channels::Mono && left > 0.0 && left == right, "{left} {right}");
    // Voices alone again: some seconds later they take no more than one channel.
    call.people[0].2 = tone(440.0);
    call.pass(7 * SECOND);
    assert_eq!(sides(call.got.remove(&BORIS).unwrap()).1, Channels::Mono);
    let heard = call.heard(CARLA);
    assert!(heard.iter().all(|heard| *heard == [440].into()), "{heard:?}");
}

#[test]
fn whom_somebody_does_not_want_to_hear_is_left_out_for_them_alone() {
    let mut call = Call::new();
    call.speaking = [ANNA, BORIS].into();
    call.listen(CARLA, Rate::Middle, &[ANNA]);
    call.listen(BORIS, Rate::Middle, &[]);
    call.pass(2 * SECOND);
    let (hers, his) = (call.heard(CARLA), call.heard(BORIS));
    assert!(hers[2..].iter().all(|heard| *heard == [660].into()), "{hers:?}");
    assert!(his[2..].iter().all(|heard| *heard == [440].into()), "{his:?}");
}

#[test]
fn while_nobody_speaks_nothing_is_sent() {
    let mut call = Call::new();
    call.speaking = [ANNA].into();
    call.listen(BORIS, Rate::Middle, &[]);
    call.listen(ANNA, Rate::Low, &[]);
    call.pass(3 * SECOND);
    assert!(call.got[&ANNA].len() < SECOND, "she alone speaks: {}", call.got[&ANNA].len());
    call.speaking.clear();
    call.pass(3 * SECOND);
    call.got.clear();
    call.pass(3 * SECOND);
    assert_eq!(call.got.values().map(Vec::len).sum::<usize>(), 0);
    call.speaking.insert(CARLA);
    call.pass(SECOND);
    assert!(call.heard(BORIS)[1..].iter().all(|heard| *heard == [880].into()));
}

#[test]
fn without_a_spare_encoding_who_speaks_hears_each_one_rather_than_themself() {
    let mut call = Call::new();
    call.speaking = [ANNA].into();
    call.listen(CARLA, Rate::Middle, &[]);
    call.listen(BORIS, Rate::Middle, &[]);
    call.pass(2 * SECOND);
    call.spare = 0;
    assert!(call.mixed.take_refused().is_empty());
    call.speaking.insert(CARLA);
    call.pass(SECOND);
    assert_eq!(call.mixed.take_refused(), [CARLA]);
    assert_eq!(call.hears.keys().collect::<Vec<_>>(), [&BORIS]);
    assert!(call.heard(CARLA).iter().all(|heard| *heard == [440].into()));
}

#[test]
fn who_leaves_the_mix_hears_each_one_at_once() {
    let mut call = Call::new();
    call.listen(BORIS, Rate::Middle, &[]);
    call.pass(SECOND);
    assert!(call.hears.contains_key(&BORIS) && !call.mixed.is_idle());
    call.mixed.listen(BORIS, None);
    call.deliver();
    assert!(call.hears.is_empty() && call.mixed.is_idle());
    call.pass(1);
    assert_eq!(call.mixed.streams(), 0);
}
