//! Layers of one stream: what a viewer of a part of them gets.

use super::*;
use crate::{
    codec::dependency::tests::{delta, key_l1t3},
    rtp::{Header, ring::Packet},
    srtp::{Inbound, tests::both_directions},
    worker::MediaKind,
};

const TRANSPORT: u8 = 3;
const DESCRIPTOR: u8 = 13;

/// A slot, what it shows, and the client that reads it.
struct Viewer {
    slot: Slot,
    encodings: Vec<Encoding>,
    keys: Outbound,
    client: Inbound,
    counter: u16,
    now: Instant,
}

#[derive(Debug)]
struct Seen {
    index: u64,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
    descriptor: Option<Vec<u8>>,
}

impl Viewer {
    fn new(codec: Codec, encodings: usize) -> Self {
        let mut slot = Slot::new("1".into(), MediaKind::Video, 0, [7, 8, 9]);
        slot.codecs =
            vec![Chosen { codec, payload_type: 96, rtx_payload_type: Some(97), red_payload_type: None }];
        (slot.transport_extension, slot.descriptor_extension) = (Some(TRANSPORT), Some(DESCRIPTOR));
        slot.show(Some((0, codec)));
        let (keys, client) = both_directions();
        let encodings = (0..encodings).map(|_| Encoding::new(MediaKind::Video, None)).collect();
        Self { slot, encodings, keys, client, counter: 0, now: Instant::now() }
    }

    fn aim(&mut self, encoding: usize, spatial: u8, temporal: u8) {
        self.slot.aim(Some(LayerChoice { encoding, point: Point::new(spatial, temporal) }));
    }

    fn packet<'a>(
        &mut self,
        codec: Codec,
        extended: u64,
        payload: &'a [u8],
        descriptor: &'a [u8],
    ) -> Packet<'a> {
        let frame = match descriptor {
            [] => FrameInfo::of_payload(codec, payload),
            descriptor => {
                let known = self.encodings[0].structure.as_deref();
                let read = dependency::read(descriptor, known).expect("valid");
                if read.structure.is_some() {
                    self.encodings[0].structure = read.structure;
                }
                read.frame
            }
        };
        let timestamp = extended as u32 * 3_000;
        Packet { extended, timestamp, marker: true, level: None, frame, payload, descriptor }
    }

    fn give(&mut self, encoding: usize, packet: &Packet<'_>) -> Option<Seen> {
        let mut out = vec![0; MAX_DATAGRAM];
        let mut sender = Sender { keys: &self.keys, transport_sequence: &mut self.counter };
        let length = self.slot.forward(encoding, packet, &self.encodings, &mut sender, self.now, &mut out)?;
        out.truncate(length);
        let header = Header::parse(&out).expect("RTP");
        let (index, length) =
            self.client.open_rtp(&mut out, &header).expect("authentic and never the same again");
        Some(Seen {
            index,
            marker: header.marker,
            timestamp: header.timestamp,
            payload: out[header.length..length].to_vec(),
            descriptor: header.extension(&out, DESCRIPTOR).map(<[u8]>::to_vec),
        })
    }
}

/// A VP8 picture of L1T3: number, temporal layer, whether it builds on the base layer alone.
fn vp8(number: u16, temporal: u8, is_sync: bool, is_key: bool) -> Vec<u8> {
    let id = (number | 0x8000).to_be_bytes();
    let layer = temporal << 6 | if is_sync { 0x20 } else { 0 };
    vec![0x90, 0xE0, id[0], id[1], (number / 4) as u8, layer, u8::from(!is_key), 0, 0, 0xAB]
}

/// T0, T2, T1, T2, where the first of each layer after a base picture builds on that alone.
fn pattern(number: u16) -> (u8, bool) {
    match number % 4 {
        0 => (0, false),
        1 => (2, true),
        2 => (1, true),
        _ => (2, false),
    }
}

fn picture_of(payload: &[u8]) -> u16 {
    u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff
}

#[test]
fn temporal_layers_are_left_out_and_come_back_where_the_stream_allows_it() {
    let mut viewer = Viewer::new(Codec::Vp8, 1);
    viewer.aim(0, 0, 0);
    let mut seen = Vec::new();
    for number in 0..48u16 {
        if number == 17 {
            viewer.aim(0, 0, 3);
        }
        if number == 33 {
            viewer.aim(0, 0, 1);
        }
        let (temporal, is_sync) = pattern(number);
        let payload = vp8(number, temporal, is_sync, number == 0);
        let packet = viewer.packet(Codec::Vp8, 500 + u64::from(number), &payload, &[]);
        seen.extend(viewer.give(0, &packet).map(|seen| (number, seen)));
    }
    let numbers: Vec<u16> = seen.iter().map(|(number, _)| *number).collect();
    let base: Vec<u16> = (0..=16).step_by(4).collect();
    // 17 is T2 and would need T1, which 18 brings; 21 is the next T2 that builds on the base alone.
    let up: Vec<u16> = [18, 20].into_iter().chain(21..=32).collect();
    let down: Vec<u16> = (34..48).step_by(2).collect();
    assert_eq!(numbers, [base, up, down].concat());
    for pair in seen.windows(2) {
        let [(_, before), (_, after)] = pair else { unreachable!() };
        assert_eq!(after.index, before.index + 1, "no gap in the sequence");
        assert_eq!(picture_of(&after.payload), picture_of(&before.payload) + 1, "no gap in the pictures");
        assert!(after.timestamp > before.timestamp);
    }
    assert!(
        seen.iter().all(|(number, seen)| seen.payload[4] == (number / 4) as u8),
        "the base index is untouched"
    );
}

#[test]
fn a_late_packet_of_a_layer_that_is_left_out_is_filled_in_so_that_nobody_waits_for_it() {
    let mut viewer = Viewer::new(Codec::Vp8, 1);
    viewer.aim(0, 0, 0);
    let key = vp8(0, 0, false, true);
    let late = vp8(1, 2, true, false);
    let base = vp8(4, 0, false, false);
    let packet = viewer.packet(Codec::Vp8, 10, &key, &[]);
    let first = viewer.give(0, &packet).expect("sent");
    let packet = viewer.packet(Codec::Vp8, 14, &base, &[]);
    let second = viewer.give(0, &packet).expect("sent");
    assert_eq!(second.index, first.index + 4, "three packets are missing");
    let packet = viewer.packet(Codec::Vp8, 11, &late, &[]);
    let filler = viewer.give(0, &packet).expect("in its place");
    assert_eq!((filler.index, filler.payload.len()), (first.index + 1, 0));
    assert!(viewer.give(0, &packet).is_none(), "once");
}

#[test]
fn the_dependency_descriptor_decides_over_random_payload() {
    let mut viewer = Viewer::new(Codec::Av1, 1);
    viewer.aim(0, 0, 1);
    let mut numbers = Vec::new();
    for number in 0..16u16 {
        let payload: Vec<u8> = (0..50).map(|at| (number as u8).wrapping_mul(31) ^ at).collect();
        let descriptor = match (number, number % 4) {
            (0, _) => key_l1t3(number),
            (_, 0) => delta(1, number),
            (_, 2) => delta(2, number),
            _ => delta(3, number),
        };
        if number == 8 {
            viewer.aim(0, 0, 3);
        }
        let packet = viewer.packet(Codec::Av1, u64::from(number), &payload, &descriptor);
        if let Some(seen) = viewer.give(0, &packet) {
            assert_eq!((seen.payload, seen.descriptor), (payload, Some(descriptor)), "as it was");
            numbers.push(number);
        }
    }
    assert_eq!(numbers, [&[0, 2, 4, 6][..], &(8..16).collect::<Vec<_>>()].concat());
}

/// A VP9 frame of two spatial layers in the non-flexible mode.
fn vp9(number: u16, spatial: u8, is_key: bool) -> Vec<u8> {
    let id = (number | 0x8000).to_be_bytes();
    let inter = if is_key { 0 } else { 0x40 };
    let below = u8::from(spatial > 0);
    vec![0xAC | inter, id[0], id[1], spatial << 1 | below, number as u8, 0xCD, 0xCD]
}

#[test]
fn a_lower_spatial_layer_ends_its_pictures_itself_and_the_upper_comes_with_a_key_frame() {
    let mut viewer = Viewer::new(Codec::Vp9, 1);
    viewer.aim(0, 0, 3);
    let mut seen = Vec::new();
    for number in 0..12u16 {
        if number == 4 {
            viewer.aim(0, 1, 3);
            assert!(viewer.slot.awaits_keyframe(0));
        }
        if number == 9 {
            viewer.aim(0, 0, 3);
        }
        for spatial in 0..2 {
            let payload = vp9(number, spatial, number % 6 == 0);
            let mut packet =
                viewer.packet(Codec::Vp9, u64::from(number * 2 + u16::from(spatial)), &payload, &[]);
            packet.marker = spatial == 1;
            seen.extend(viewer.give(0, &packet).map(|seen| (number, spatial, seen.marker, seen.index)));
        }
    }
    let layers: Vec<_> = seen.iter().map(|(number, spatial, ..)| (*number, *spatial)).collect();
    let low = |numbers: std::ops::Range<u16>| numbers.map(|number| (number, 0u8));
    let both = (6..9).flat_map(|number| [(number, 0), (number, 1)]);
    assert_eq!(layers, low(0..6).chain(both).chain(low(9..12)).collect::<Vec<_>>());
    for (number, spatial, marker, _) in &seen {
        assert_eq!(*marker, !(6..9).contains(number) || *spatial == 1, "picture {number}");
    }
    assert!(seen.windows(2).all(|pair| pair[1].3 == pair[0].3 + 1));
}

#[test]
fn pictures_of_another_encoding_follow_on_in_number_and_on_the_senders_own_clock() {
    let mut viewer = Viewer::new(Codec::Vp8, 2);
    let start = viewer.now;
    for (encoding, timestamp) in viewer.encodings.iter_mut().zip([0u32, 500_000]) {
        encoding.report = Some(SeenReport { sender_ntp: 0, ntp: 7 << 32, timestamp, at: start });
    }
    viewer.aim(0, 0, 3);
    let mut last = None;
    for number in 0..3u16 {
        let payload = vp8(30 + number, 0, false, number == 0);
        let packet = viewer.packet(Codec::Vp8, u64::from(number), &payload, &[]);
        last = viewer.give(0, &packet);
    }
    let last = last.expect("sent");
    viewer.aim(1, 0, 3);
    let payload = vp8(900, 0, false, false);
    let mut packet = viewer.packet(Codec::Vp8, 70, &payload, &[]);
    packet.timestamp = 500_000 + 9_000;
    assert!(viewer.give(1, &packet).is_none(), "no key frame yet");
    let payload = vp8(901, 0, false, true);
    let mut packet = viewer.packet(Codec::Vp8, 71, &payload, &[]);
    packet.timestamp = 500_000 + 12_000;
    let next = viewer.give(1, &packet).expect("begins");
    assert_eq!((next.index, picture_of(&next.payload)), (last.index + 1, 33));
    assert_eq!(next.timestamp, 12_000, "where the first encoding would be");
    // The first encoding's packets, late, have no more place.
    let payload = vp8(33, 0, false, false);
    let packet = viewer.packet(Codec::Vp8, 3, &payload, &[]);
    assert!(viewer.give(0, &packet).is_none());
}
