//! Each parser that meets the network as a function over bytes, for `fuzz/` (cargo-fuzz) and for `fuzz.rs` (every test
//! run): one place says what must hold whatever arrives, and both start from the inputs in `fuzz/corpus`.
//!
//! Only with the feature `fuzzing` or in tests; no part of the library's face.

mod forger;
mod offers;
pub(crate) mod room;

use crate::{
    codec::{FrameInfo, dependency},
    framing::{self, Frame},
    rtcp::{self, Packet, twcc},
    rtp::{self, red::Red},
    sdp::{codecs::Codec, fragment::IceFragment},
    srtp::{Profile, client_keys, server_keys},
    stun::{BindingRequest, password_key},
};

pub use forger::Forger;
pub use offers::sdp_offer;
pub use room::authentic_packets;

/// Reads an input and says whether it was understood, at least in part. It panics where an invariant does not hold.
pub type Target = fn(&[u8]) -> bool;

/// All of them by the names of their folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 15] = [
    ("rtp_header", rtp_header),
    ("rtcp", rtcp),
    ("transport_feedback", transport_feedback),
    ("dependency_descriptor", dependency_descriptor),
    ("vp8", vp8),
    ("vp9", vp9),
    ("h264", h264),
    ("av1", av1),
    ("red", red),
    ("stun", stun),
    ("framed", framed),
    ("sdp_offer", sdp_offer),
    ("ice_fragment", ice_fragment),
    ("srtp", srtp),
    ("authentic_packets", authentic_packets),
];

/// A header and its extensions: nothing lies outside of the packet, and what we write of it we read again.
pub fn rtp_header(packet: &[u8]) -> bool {
    let Some(header) = rtp::Header::parse(packet) else { return false };
    assert!(header.length <= packet.len());
    if let Some(length) = rtp::payload_length(&header, packet) {
        assert!(header.length + length <= packet.len());
    }
    let outgoing = rtp::Outgoing {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
    };
    for id in 1..=255 {
        let Some(value) = header.extension(packet, id) else { continue };
        let mut written = [0; rtp::MAX_HEADER];
        let length = outgoing.write(&mut written, &[(id, value)]);
        let again = rtp::Header::parse(&written[..length]).expect("our own header is valid");
        assert_eq!((again.length, again.sequence, again.ssrc), (length, header.sequence, header.ssrc));
        assert_eq!(again.extension(&written[..length], id), Some(value));
    }
    true
}

/// A compound packet: every list in it ends with it.
pub fn rtcp(compound: &[u8]) -> bool {
    let mut count = 0;
    for packet in rtcp::packets(compound) {
        count += 1;
        match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports } => {
                assert!(reports.count() <= 31, "five bits count them");
            }
            Packet::Nack { items, .. } => {
                let asked = items.flat_map(rtcp::nack_sequences).count();
                assert!(asked <= 17 * compound.len() / 4);
            }
            Packet::Fir { entries } => assert!(entries.count() <= compound.len() / 4),
            Packet::TransportFeedback { body } => _ = transport_feedback(body),
            Packet::Pli { .. } | Packet::Other => {}
        }
    }
    assert!(count <= compound.len() / 4);
    count > 0
}

/// Transport-wide feedback: it tells of as many packets as it says, and as many losses.
pub fn transport_feedback(body: &[u8]) -> bool {
    let Some(feedback) = twcc::Feedback::parse(body) else { return false };
    let (mut told, mut lost) = (0, 0);
    for report in feedback.reports() {
        let count = match report {
            twcc::Report::Lost { count, .. } => {
                lost += u32::from(count);
                count
            }
            twcc::Report::Arrived { .. } => 1,
        };
        told += u32::from(count);
    }
    assert_eq!((told, lost), (u32::from(feedback.total()), u32::from(feedback.lost())));
    true
}

/// Descriptors of one stream, each behind a byte with its length: key frames need a structure, numbers shift and stay.
pub fn dependency_descriptor(stream: &[u8]) -> bool {
    let mut structure = None;
    let mut understood = false;
    for descriptor in pieces(stream) {
        if let Some(read) = dependency::read(descriptor, structure.as_deref()) {
            assert!(!read.frame.keyframe || read.structure.is_some());
            structure = read.structure.or(structure);
            understood = true;
        }
        let mut shifted = descriptor.to_vec();
        dependency::shift(&mut shifted, 7);
        let number = dependency::frame_number(descriptor).map(|number| number.wrapping_add(7));
        assert_eq!(dependency::frame_number(&shifted), number);
        assert_eq!(shifted.get(3..), descriptor.get(3..));
    }
    understood
}

/// A VP8 payload, see [`payload`].
pub fn vp8(bytes: &[u8]) -> bool {
    payload(Codec::Vp8, bytes)
}

/// A VP9 payload, see [`payload`].
pub fn vp9(bytes: &[u8]) -> bool {
    payload(Codec::Vp9, bytes)
}

/// An H264 payload, see [`payload`].
pub fn h264(bytes: &[u8]) -> bool {
    payload(Codec::H264, bytes)
}

/// An AV1 payload, see [`payload`].
pub fn av1(bytes: &[u8]) -> bool {
    payload(Codec::Av1, bytes)
}

/// A payload's own words about its frame: shifting its numbers by nothing changes nothing, and by something nothing else
/// that forwarding looks at.
fn payload(codec: Codec, bytes: &[u8]) -> bool {
    let frame = FrameInfo::of_payload(codec, bytes);
    let mut shifted = bytes.to_vec();
    frame.numbers.shift(&mut shifted, 0, 0);
    assert_eq!(shifted, bytes);
    frame.numbers.shift(&mut shifted, 3, 5);
    let again = FrameInfo::of_payload(codec, &shifted);
    assert_eq!((again.keyframe, again.point, again.size), (frame.keyframe, frame.point, frame.size));
    assert_eq!(
        again.numbers.base,
        if frame.numbers.base_at > 0 { frame.numbers.base.wrapping_add(5) } else { 0 }
    );
    frame != FrameInfo::OPAQUE
}

/// Redundant audio: all frames and their headers are within the packet.
pub fn red(bytes: &[u8]) -> bool {
    let Some(red) = Red::parse(bytes) else { return false };
    let frames: usize = red.older().map(|block| block.payload.len()).sum();
    assert!(frames + red.primary.payload.len() < bytes.len() && red.older().len() <= 8);
    true
}

/// A binding request: nobody is believed without the password, and both answers fit and are well-formed.
pub fn stun(message: &[u8]) -> bool {
    let Some(request) = BindingRequest::parse(message) else { return false };
    let password = password_key("a password that no input knows");
    assert!(!request.is_authentic(&password));
    for address in ["192.0.2.1:5000", "[2001:db8::1]:5000"] {
        let mut answer = [0; 128];
        let length = request.answer(address.parse().expect("an address"), &password, &mut answer);
        assert!(length <= answer.len() && length.is_multiple_of(4));
        assert_eq!(usize::from(u16::from_be_bytes([answer[2], answer[3]])) + 20, length);
        assert!(BindingRequest::parse(&answer[..length]).is_none(), "no answer is a request");
        // RFC 8445 §7.3: no amplifier, even for who knows the password.
        assert!(length <= 3 * message.len());
    }
    let mut answer = [0; 128];
    assert!(request.answer_role_conflict(&password, &mut answer) <= answer.len());
    true
}

/// A stream of framed datagrams behind a byte that says in how large pieces it arrives: it is cut alike however that is,
/// and never more is waited for than the longest frame.
pub fn framed(input: &[u8]) -> bool {
    let Some((&size, stream)) = input.split_first() else { return false };
    let (whole, end) = cut(stream, stream.len().max(1));
    assert_eq!(cut(stream, usize::from(size).max(1)), (whole.clone(), end));
    let length: usize = whole.iter().map(|datagram| framing::HEADER + datagram.len()).sum();
    assert!(length <= stream.len());
    !whole.is_empty()
}

/// The datagrams, and whether the stream broke.
fn cut(stream: &[u8], at_once: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut received, mut datagrams) = (Vec::new(), Vec::new());
    for piece in stream.chunks(at_once) {
        received.extend_from_slice(piece);
        loop {
            match framing::next(&received, framing::LONGEST) {
                Frame::Whole(length) => {
                    datagrams.push(received[framing::HEADER..framing::HEADER + length].to_vec());
                    received.drain(..framing::HEADER + length);
                }
                Frame::NeedsAtLeast(count) => {
                    assert!(count > received.len() && count <= framing::HEADER + framing::LONGEST);
                    break;
                }
                Frame::TooLong => return (datagrams, true),
            }
        }
    }
    (datagrams, false)
}

/// A trickled fragment: what is kept of it is short.
pub fn ice_fragment(bytes: &[u8]) -> bool {
    let fragment = IceFragment::parse(&String::from_utf8_lossy(bytes));
    assert!(
        fragment.as_ref().is_ok_and(|read| (4..=256).contains(&read.fragment.len())) || fragment.is_err()
    );
    fragment.is_ok()
}

/// A packet as it stands is not believed; sealed by the client it is opened once, as it was.
pub fn srtp(bytes: &[u8]) -> bool {
    let Some((&first, packet)) = bytes.split_first() else { return false };
    let profile = [Profile::Aes256Gcm, Profile::Aes128Gcm, Profile::Aes128CmSha1_80][usize::from(first) % 3];
    let material: Vec<u8> = (0..100).collect();
    let (Some((mut inbound, _)), Some((_, mut client))) =
        (server_keys(profile, &material), client_keys(profile, &material))
    else {
        return false;
    };
    let mut sealed = packet.to_vec();
    assert!(inbound.open_rtcp(&mut sealed).is_none());
    let length = packet.len();
    sealed = [packet, &[0; 32]].concat();
    if let Some(end) = client.seal_rtcp(&mut sealed, length)
        && length >= 8
    {
        let mut again = sealed[..end].to_vec();
        assert_eq!(inbound.open_rtcp(&mut sealed[..end]), Some(length));
        assert_eq!(sealed[..length], *packet);
        assert_eq!(inbound.open_rtcp(&mut again), None, "a replay");
    }
    let Some(header) = rtp::Header::parse(packet) else { return false };
    assert!(inbound.open_rtp(&mut packet.to_vec(), &header).is_none());
    sealed = [packet, &[0; 32]].concat();
    let index = u64::from(header.sequence);
    let Some(end) = client.seal_rtp(&mut sealed, header.length, length, header.ssrc, index) else {
        return false;
    };
    let mut again = sealed[..end].to_vec();
    assert_eq!(inbound.open_rtp(&mut sealed[..end], &header), Some((index, length)));
    assert_eq!(sealed[..length], *packet);
    assert_eq!(inbound.open_rtp(&mut again, &header), None, "a replay");
    true
}

/// Pieces of an input, each behind a byte with its length; the last one may be cut short.
fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first()?;
        let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        Some(piece)
    })
}
