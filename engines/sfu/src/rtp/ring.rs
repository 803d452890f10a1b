//! The last packets of one encoding: what forwarding reads and retransmission answers from.

use crate::codec::FrameInfo;

/// No RTP packet over this is kept: what fits an Ethernet frame.
pub(crate) const MAX_PACKET: usize = 1_500;
const EMPTY: u64 = u64::MAX;

/// What is needed of a packet besides its payload.
#[derive(Clone, Copy, Debug)]
struct Kept {
    extended: u64,
    timestamp: u32,
    marker: bool,
    /// RFC 6464 byte, when the packet had one.
    level: Option<u8>,
    /// What the packet says about its frame.
    frame: FrameInfo,
    length: u16,
    descriptor: u16,
}

/// A packet to keep, and one that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) extended: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) level: Option<u8>,
    pub(crate) frame: FrameInfo,
    pub(crate) payload: &'a [u8],
    /// The dependency descriptor, empty when there is none.
    pub(crate) descriptor: &'a [u8],
}

impl Packet<'_> {
    /// Nothing of any track.
    pub(crate) const EMPTY: Self = Self {
        extended: 0,
        timestamp: 0,
        marker: false,
        level: None,
        frame: FrameInfo::OPAQUE,
        payload: &[],
        descriptor: &[],
    };
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Seen before: its first copy was forwarded.
    Duplicate,
    /// Older than everything kept, or over [`MAX_PACKET`].
    Unfit,
}

/// A fixed number of slots, allocated when the first packet arrives.
pub(crate) struct Ring {
    capacity: usize,
    entries: Vec<Kept>,
    bytes: Vec<u8>,
    highest: Option<u64>,
}

impl Ring {
    /// `capacity` packets, a power of two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Vec::new(), bytes: Vec::new(), highest: None }
    }

    /// Forgets everything and gives its memory back: another stream starts, or nobody watches this one.
    pub(crate) fn clear(&mut self) {
        self.entries = Vec::new();
        self.bytes = Vec::new();
        self.highest = None;
    }

    /// Whether it holds memory.
    pub(crate) fn is_allocated(&self) -> bool {
        !self.entries.is_empty()
    }

    fn slot(&self, extended: u64) -> usize {
        (extended % self.capacity as u64) as usize
    }

    /// Keeps a packet, once. The caller sends it on only when this says `Ok`.
    pub(crate) fn insert(&mut self, packet: &Packet<'_>) -> Result<(), Refused> {
        let (payload, descriptor) = (packet.payload, packet.descriptor);
        let length = payload.len() + descriptor.len();
        let is_old = self
            .highest
            .is_some_and(|highest| packet.extended.saturating_add(self.capacity as u64) <= highest);
        if length > MAX_PACKET || is_old {
            return Err(Refused::Unfit);
        }
        if self.entries.is_empty() {
            let empty = Kept {
                extended: EMPTY,
                timestamp: 0,
                marker: false,
                level: None,
                frame: FrameInfo::OPAQUE,
                length: 0,
                descriptor: 0,
            };
            self.entries.resize(self.capacity, empty);
            self.bytes.resize(self.capacity * MAX_PACKET, 0);
        }
        let slot = self.slot(packet.extended);
        if self.entries[slot].extended == packet.extended {
            return Err(Refused::Duplicate);
        }
        self.entries[slot] = Kept {
            extended: packet.extended,
            timestamp: packet.timestamp,
            marker: packet.marker,
            level: packet.level,
            frame: packet.frame,
            length: payload.len() as u16,
            descriptor: descriptor.len() as u16,
        };
        let bytes = &mut self.bytes[slot * MAX_PACKET..slot * MAX_PACKET + length];
        bytes[..payload.len()].copy_from_slice(payload);
        bytes[payload.len()..].copy_from_slice(descriptor);
        self.highest = Some(self.highest.map_or(packet.extended, |highest| highest.max(packet.extended)));
        Ok(())
    }

    /// Not here, and neither too old to be taken nor from before the stream began.
    pub(crate) fn is_missing(&self, extended: u64) -> bool {
        let recent = |highest| extended + self.capacity as u64 > highest;
        self.highest.is_some_and(recent) && self.get(extended).is_none()
    }

    /// The packet, when it is still here.
    pub(crate) fn get(&self, extended: u64) -> Option<Packet<'_>> {
        let slot = self.slot(extended);
        let kept = self.entries.get(slot).filter(|kept| kept.extended == extended)?;
        let bytes = self.bytes.get(slot * MAX_PACKET..(slot + 1) * MAX_PACKET)?;
        let (payload, rest) = bytes.split_at(usize::from(kept.length));
        Some(Packet {
            extended,
            timestamp: kept.timestamp,
            marker: kept.marker,
            level: kept.level,
            frame: kept.frame,
            payload,
            descriptor: &rest[..usize::from(kept.descriptor)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(extended: u64, payload: &'a [u8], descriptor: &'a [u8]) -> Packet<'a> {
        let frame = FrameInfo::OPAQUE;
        Packet { extended, timestamp: 0, marker: false, level: None, frame, payload, descriptor }
    }

    #[test]
    fn a_packet_is_taken_once_and_forgotten_after_a_full_turn() {
        let mut ring = Ring::new(4);
        for extended in [10, 12, 11] {
            assert_eq!(ring.insert(&packet(extended, &[extended as u8], &[7])), Ok(()));
        }
        assert_eq!(ring.insert(&packet(11, &[0], &[])), Err(Refused::Duplicate));
        let kept = ring.get(11).expect("kept");
        assert_eq!((kept.payload, kept.descriptor), (&[11][..], &[7][..]));
        assert_eq!(ring.insert(&packet(15, &[15], &[])), Ok(()));
        assert!(ring.get(11).is_none());
        assert_eq!(ring.insert(&packet(11, &[0], &[])), Err(Refused::Unfit));
        assert_eq!(ring.insert(&packet(16, &[0; MAX_PACKET], &[1])), Err(Refused::Unfit));
        ring.clear();
        assert!(!ring.is_allocated() && ring.get(12).is_none());
    }
}
