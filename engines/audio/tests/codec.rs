//! Encoder and decoder as one.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::{lies_at, packets, segmental_snr, speech, tone};
use voxlink_audio::{
    Channels, FRAME,
    level::Level,
    opus::{
        Application, CodecError, Complexity, Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES, Packet,
    },
};

fn decode(packets: &[Vec<u8>], channels: Channels) -> Vec<f32> {
    let mut decoder = Decoder::new(channels).unwrap();
    let mut sound = Vec::new();
    for packet in packets {
        let mut frame = vec![0.0; MAX_PACKET_SAMPLES * channels.count()];
        let samples = decoder.decode(&Packet::parse(packet).unwrap(), &mut frame).unwrap();
        sound.extend_from_slice(&frame[..samples * channels.count()]);
    }
    sound
}

#[test]
fn what_is_said_is_heard() {
    let said = speech(48_000 * 4);
    let config = EncoderConfig { bitrate: 64_000, dtx: false, ..EncoderConfig::voice() };
    let heard = decode(&packets(&said, config), Channels::Mono);
    assert_eq!(heard.len(), said.len());
    let ratio = segmental_snr(&said, &heard[lies_at(&said, &heard)..]);
    assert!(ratio > 8.0, "{ratio}");
}

#[test]
fn left_and_right_stay_apart_and_mono_is_heard_on_both_sides() {
    let (left, right) = (tone(440.0, 0.5, 48_000), tone(660.0, 0.25, 48_000));
    let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
    let heard = decode(&packets(&both, EncoderConfig::mix(Channels::Stereo)), Channels::Stereo);
    let side = |at: usize| -> Vec<f32> { heard.iter().skip(at + 48_000).step_by(2).copied().collect() };
    assert!((Level::of(&side(0)).decibels() - Level::of(&left).decibels()).abs() < 0.5);
    assert!((Level::of(&side(1)).decibels() - Level::of(&right).decibels()).abs() < 0.5);
    let one = decode(&packets(&left, EncoderConfig::mix(Channels::Mono)), Channels::Stereo);
    assert!(one.as_chunks::<2>().0.iter().all(|[l, r]| (l - r).abs() < 1e-6));
}

#[test]
fn silence_costs_next_to_nothing_with_dtx() {
    let packets = packets(&vec![0.0; 48_000 * 2], EncoderConfig::voice());
    let marks = packets.iter().filter(|packet| Packet::parse(packet).unwrap().is_dtx()).count();
    assert!(marks > 80, "{marks} of {}", packets.len());
}

#[test]
fn settings_change_while_it_runs() {
    let said = speech(48_000);
    let mut encoder = Encoder::new(EncoderConfig { dtx: false, ..EncoderConfig::voice() }).unwrap();
    let mut lengths = [0; 2];
    let mut packet = Vec::new();
    for (length, bitrate) in lengths.iter_mut().zip([16_000, 96_000]) {
        let config = EncoderConfig { bitrate, complexity: Complexity::LEAST, ..encoder.config() };
        encoder.set(EncoderConfig { application: Application::Music, ..config }).unwrap();
        for frame in said.chunks_exact(FRAME) {
            *length += encoder.encode(frame, &mut packet).unwrap();
            assert!(Packet::parse(&packet).is_ok_and(|packet| packet.samples() == FRAME), "one at a time");
        }
    }
    assert!((1_500..2_600).contains(&lengths[0]) && lengths[1] > 3 * lengths[0], "{lengths:?}");
    assert_eq!(encoder.config().application, Application::Voice, "that cannot change");
    assert_eq!(encoder.lookahead(), Ok(312));
}

#[test]
fn a_lost_frame_is_in_the_packet_behind_it() {
    let said = speech(48_000 * 2);
    let config = EncoderConfig { expected_loss: 30, dtx: false, ..EncoderConfig::voice() };
    let packets = packets(&said, config);
    let lost = (20..packets.len() - 1).find(|at| Packet::parse(&packets[at + 1]).unwrap().has_fec()).unwrap();
    let heard = decode(&packets, Channels::Mono);
    let with = |recover: bool| {
        let mut decoder = Decoder::new(Channels::Mono).unwrap();
        let mut frame = vec![0.0; FRAME];
        for packet in &packets[..lost] {
            decoder.decode(&Packet::parse(packet).unwrap(), &mut frame).unwrap();
        }
        match recover {
            true => decoder.recover(&Packet::parse(&packets[lost + 1]).unwrap(), &mut frame).unwrap(),
            false => decoder.conceal(&mut frame).unwrap(),
        }
        segmental_snr(&heard[lost * FRAME..][..FRAME], &frame)
    };
    assert!(with(true) > with(false), "{} {}", with(true), with(false));
}

#[test]
fn deep_redundancy_brings_back_what_fec_cannot() {
    let said = speech(48_000 * 3);
    let config = EncoderConfig {
        deep_redundancy: 50,
        expected_loss: 30,
        bitrate: 64_000,
        dtx: false,
        ..EncoderConfig::voice()
    };
    let packets = packets(&said, config);
    let (from, to) = (60, 70);
    let next = Packet::parse(&packets[to]).unwrap();
    assert!(next.has_extensions());
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let mut frame = vec![0.0; FRAME];
    for packet in &packets[..from] {
        decoder.decode(&Packet::parse(packet).unwrap(), &mut frame).unwrap();
    }
    let mut gap = vec![0.0; (to - from) * FRAME];
    decoder.recover_deeply(&next, &mut gap).unwrap();
    // Concealment has faded to nothing by then; DRED still speaks.
    assert!(Level::of(&gap[7 * FRAME..]).decibels() > -45.0, "{:?}", Level::of(&gap[7 * FRAME..]));
    let plain = packets_without_redundancy(&said);
    let refused = decoder.recover_deeply(&Packet::parse(&plain).unwrap(), &mut gap);
    assert_eq!(refused, Err(CodecError::Broken));
}

fn packets_without_redundancy(said: &[f32]) -> Vec<u8> {
    packets(&said[..48_000], EncoderConfig::voice()).remove(30)
}

#[test]
fn libopus_keeps_as_much_for_redundancy_as_its_binding_has_room_for() {
    assert!(opusic_c::dred::dred_packet_size() <= opusic_c::dred::DRED_PACKET_SIZE);
}

#[test]
fn what_is_no_frame_is_refused() {
    let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Stereo)).unwrap();
    for length in [0, 1, 962, 1_919, 1_921, 11_520] {
        let refused = encoder.encode(&vec![0.0; length], &mut Vec::new());
        assert_eq!(refused, Err(CodecError::Samples { samples: length / 2 }), "{length}");
    }
    let mut decoder = Decoder::new(Channels::Mono).unwrap();
    let packet = packets(&tone(440.0, 0.5, FRAME), EncoderConfig::voice()).remove(0);
    let parsed = Packet::parse(&packet).unwrap();
    assert_eq!(decoder.decode(&parsed, &mut [0.0; 959]), Err(CodecError::Samples { samples: 960 }));
    for length in [0, 1, 119, 121, MAX_PACKET_SAMPLES + 120] {
        let refused = decoder.conceal(&mut vec![0.0; length]);
        assert_eq!(refused, Err(CodecError::Samples { samples: length }));
    }
}

/// Bytes that a parser lets pass are still only bytes to libopus.
#[test]
fn broken_packets_never_panic() {
    let mut chance = support::Chance::new(99);
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let good = packets(&speech(48_000), EncoderConfig::voice());
    let mut room = vec![0.0; MAX_PACKET_SAMPLES * 2];
    let mut understood = 0;
    for round in 0..4_000 {
        let mut bytes = good[round % good.len()].clone();
        match chance.below(3) {
            0 => bytes = (0..chance.below(200)).map(|_| chance.next() as u8).collect(),
            1 => bytes.truncate(chance.below(bytes.len() as u64 + 1) as usize),
            _ => {
                for _ in 0..=chance.below(6) {
                    let at = chance.below(bytes.len() as u64) as usize;
                    bytes[at] = chance.next() as u8;
                }
            }
        }
        let Ok(packet) = Packet::parse(&bytes) else { continue };
        understood += 1;
        let _one = decoder.decode(&packet, &mut room);
        let _two = decoder.recover(&packet, &mut room[..FRAME * 2]);
        let _three = decoder.recover_deeply(&packet, &mut room[..FRAME * 4]);
        assert!(room.iter().all(|value| !value.is_nan()));
    }
    assert!(understood > 1_000, "{understood}");
}
