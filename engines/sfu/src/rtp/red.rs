//! Redundant audio (RFC 2198): a packet that carries older frames again, before its own.
//!
//! Redundancy is made and used up on each leg by itself: what a client sends is taken apart where it arrives, so that
//! the ring holds plain frames, and what a listener on a lossy link gets is put together from the ring.

use super::ring::Ring;

/// Frames that came before in one packet, at most: more arrives too late to be played.
const MAX_OLDER: usize = 8;
/// One bit "another follows", seven of payload type, 14 of age, ten of length (RFC 2198 §3).
const OLDER_HEADER: usize = 4;
const MAX_AGE: u32 = (1 << 14) - 1;
const MAX_OLDER_LENGTH: usize = (1 << 10) - 1;
/// What we put together fits an Ethernet frame with all headers; redundancy stops there.
pub(crate) const MAX_PACKED: usize = 1_200;

/// A frame within a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) payload_type: u8,
    /// How much older than the packet, in timestamp units.
    pub(crate) age: u32,
    pub(crate) payload: &'a [u8],
}

/// A packet taken apart; the lengths are checked against it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Red<'a> {
    headers: &'a [u8],
    older: &'a [u8],
    /// The packet's own frame.
    pub(crate) primary: Block<'a>,
}

impl<'a> Red<'a> {
    /// `None` when headers or frames are cut short, or there are more than [`MAX_OLDER`] of them.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut header_length = 0;
        let mut older_length = 0;
        let mut rest = payload;
        while let Some((header, after)) =
            rest.split_first_chunk::<OLDER_HEADER>().filter(|(h, _)| h[0] & 0x80 != 0)
        {
            header_length += OLDER_HEADER;
            older_length += length_of(header);
            rest = after;
        }
        let (last, frames) = rest.split_first()?;
        if last & 0x80 != 0 || header_length > MAX_OLDER * OLDER_HEADER || older_length > frames.len() {
            return None;
        }
        let (older, primary) = frames.split_at(older_length);
        let primary = Block { payload_type: *last, age: 0, payload: primary };
        Some(Self { headers: payload.get(..header_length)?, older, primary })
    }

    /// The older frames, oldest first; each follows the one before it, and the last one the packet's own.
    pub(crate) fn older(&self) -> impl ExactSizeIterator<Item = Block<'a>> {
        let mut frames = self.older;
        let (headers, _) = self.headers.as_chunks::<OLDER_HEADER>();
        headers.iter().map(move |header| {
            let (payload, rest) = frames.split_at(length_of(header).min(frames.len()));
            frames = rest;
            let age = u32::from(header[1]) << 6 | u32::from(header[2]) >> 2;
            Block { payload_type: header[0] & 0x7f, age, payload }
        })
    }
}

fn length_of(header: &[u8; OLDER_HEADER]) -> usize {
    usize::from(header[2] & 0x03) << 8 | usize::from(header[3])
}

/// Puts a packet of the ring behind up to `copies` that came before it; returns the length.
/// `None` when it does not even fit alone.
pub(crate) fn pack(
    ring: &Ring,
    extended: u64,
    copies: usize,
    payload_type: u8,
    out: &mut [u8],
) -> Option<usize> {
    let packet = ring.get(extended)?;
    let primary = packet.payload;
    let mut older: [Option<Block<'_>>; MAX_OLDER] = [None; MAX_OLDER];
    let mut length = 1 + primary.len();
    for (place, back) in older.iter_mut().zip(1..=copies as u64) {
        let Some(before) = extended.checked_sub(back).and_then(|number| ring.get(number)) else { break };
        let (age, payload) = (packet.timestamp.wrapping_sub(before.timestamp), before.payload);
        let fits = length + OLDER_HEADER + payload.len() <= MAX_PACKED.min(out.len());
        if age == 0 || age > MAX_AGE || payload.len() > MAX_OLDER_LENGTH || !fits {
            break;
        }
        length += OLDER_HEADER + payload.len();
        *place = Some(Block { payload_type, age, payload });
    }
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        at += bytes.len();
        Some(())
    };
    let oldest_first = || older.iter().rev().flatten();
    for block in oldest_first() {
        let length = block.payload.len() as u32;
        let bits = u32::from(0x80 | block.payload_type) << 24 | block.age << 10 | length;
        put(&bits.to_be_bytes())?;
    }
    put(&[payload_type])?;
    for block in oldest_first() {
        put(block.payload)?;
    }
    put(primary)?;
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::FrameInfo, rtp::ring::Packet};

    fn put(ring: &mut Ring, extended: u64, timestamp: u32, payload: &[u8]) {
        let frame = FrameInfo::OPAQUE;
        let packet =
            Packet { extended, timestamp, marker: false, level: None, frame, payload, descriptor: &[] };
        ring.insert(&packet).expect("fits");
    }

    /// Frames of 20 ms whose bytes are their number, in a ring; some are missing.
    fn ring(numbers: impl IntoIterator<Item = u64>) -> Ring {
        let mut ring = Ring::new(64);
        for number in numbers {
            put(&mut ring, number, number as u32 * 960, &vec![number as u8; number as usize]);
        }
        ring
    }

    #[test]
    fn what_is_put_together_is_taken_apart_again() {
        let mut out = [0; 1_500];
        let length = pack(&ring(1..=9), 9, 2, 111, &mut out).expect("fits");
        let red = Red::parse(&out[..length]).expect("our own");
        let older: Vec<_> = red.older().map(|block| (block.age, block.payload.to_vec())).collect();
        assert_eq!(older, [(1_920, vec![7; 7]), (960, vec![8; 8])]);
        assert_eq!(red.primary, Block { payload_type: 111, age: 0, payload: &[9; 9] });
        assert!(red.older().all(|block| block.payload_type == 111));
    }

    #[test]
    fn redundancy_ends_at_a_gap_and_where_the_packet_is_full() {
        let mut out = [0; 1_500];
        let mut older = |ring: &Ring, number| {
            let length = pack(ring, number, 4, 111, &mut out).expect("fits");
            assert!(length <= MAX_PACKED);
            Red::parse(&out[..length]).expect("our own").older().len()
        };
        assert_eq!(older(&ring([1, 2, 4, 5, 6]), 6), 2);
        assert_eq!(older(&ring([7]), 7), 0);
        let mut large = Ring::new(64);
        for number in 0..3 {
            put(&mut large, number, number as u32 * 960, &[7; 500]);
        }
        assert_eq!(older(&large, 2), 1);
        // After a silence the frame before is too old to be told of.
        let mut sparse = Ring::new(64);
        put(&mut sparse, 1, 0, &[1]);
        put(&mut sparse, 2, 20_000, &[2]);
        assert_eq!(older(&sparse, 2), 0);
    }

    #[test]
    fn what_is_cut_short_or_lies_about_lengths_is_refused() {
        let mut out = [0; 1_500];
        let length = pack(&ring(1..=9), 9, 2, 111, &mut out).expect("fits");
        assert!((0..9).all(|end| Red::parse(&out[..end]).is_none()), "headers");
        assert!(Red::parse(&out[..length - 9]).is_some(), "an empty frame of its own");
        assert!(Red::parse(&out[..length - 10]).is_none());
        assert!(Red::parse(&[0xEF; 200]).is_none(), "headers without end");
        assert!(
            Red::parse(&[0xEF, 0, 0, 0].repeat(9).iter().copied().chain([111, 1]).collect::<Vec<_>>())
                .is_none()
        );
    }
}
