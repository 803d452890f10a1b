//! The last packets of one track: what forwarding reads and retransmission answers from.

/// No RTP packet over this is kept: what fits an Ethernet frame.
pub(crate) const MAX_PACKET: usize = 1_500;
const EMPTY: u64 = u64::MAX;

/// What is needed of a packet besides its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) extended: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// RFC 6464 byte, when the packet had one.
    pub(crate) level: Option<u8>,
    pub(crate) keyframe_start: bool,
    length: u16,
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

    pub(crate) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Forgets everything: another stream starts.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.highest = None;
    }

    fn slot(&self, extended: u64) -> usize {
        (extended % self.capacity as u64) as usize
    }

    /// Keeps a packet, once. The caller sends it on only when this says `Ok`.
    pub(crate) fn insert(
        &mut self,
        extended: u64,
        timestamp: u32,
        marker: bool,
        level: Option<u8>,
        keyframe_start: bool,
        payload: &[u8],
    ) -> Result<(), Refused> {
        if payload.len() > MAX_PACKET
            || self.highest.is_some_and(|highest| extended + self.capacity as u64 <= highest)
        {
            return Err(Refused::Unfit);
        }
        if self.entries.is_empty() {
            let empty = Kept {
                extended: EMPTY,
                timestamp: 0,
                marker: false,
                level: None,
                keyframe_start: false,
                length: 0,
            };
            self.entries.resize(self.capacity, empty);
            self.bytes.resize(self.capacity * MAX_PACKET, 0);
        }
        let slot = self.slot(extended);
        if self.entries[slot].extended == extended {
            return Err(Refused::Duplicate);
        }
        self.entries[slot] =
            Kept { extended, timestamp, marker, level, keyframe_start, length: payload.len() as u16 };
        self.bytes[slot * MAX_PACKET..slot * MAX_PACKET + payload.len()].copy_from_slice(payload);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        Ok(())
    }

    /// The packet, when it is still here.
    pub(crate) fn get(&self, extended: u64) -> Option<(Kept, &[u8])> {
        let slot = self.slot(extended);
        let kept = *self.entries.get(slot)?;
        let start = slot * MAX_PACKET;
        (kept.extended == extended).then(|| (kept, &self.bytes[start..start + usize::from(kept.length)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_taken_once_and_forgotten_after_a_full_turn() {
        let mut ring = Ring::new(4);
        for extended in [10, 12, 11] {
            assert_eq!(ring.insert(extended, 0, false, None, false, &[extended as u8]), Ok(()));
        }
        assert_eq!(ring.insert(11, 0, false, None, false, &[0]), Err(Refused::Duplicate));
        assert_eq!(ring.get(11).map(|(_, payload)| payload[0]), Some(11));
        assert_eq!(ring.insert(15, 0, false, None, false, &[15]), Ok(()));
        assert!(ring.get(11).is_none());
        assert_eq!(ring.insert(11, 0, false, None, false, &[0]), Err(Refused::Unfit));
        assert_eq!(ring.insert(16, 0, false, None, false, &[0; MAX_PACKET + 1]), Err(Refused::Unfit));
    }
}
