//! The send slab: datagrams written one after the other, handed out as GSO bursts.
//!
//! Packets for the same address that follow each other and have the same size become one send;
//! a shorter one may close it. The kernel takes at most 64 segments and 64 KiB in one.

use std::net::SocketAddr;

use crate::worker::Transmit;

/// Media stops being written here until the caller has drained: keeps the slab in the cache.
const SOFT_LIMIT: usize = 256 * 1024;
/// Nothing at all is written past this; only a caller that does not drain gets here.
const HARD_LIMIT: usize = 8 * 1024 * 1024;
/// Linux `UDP_MAX_SEGMENTS`.
const MAX_SEGMENTS: usize = 64;
/// What one UDP send may carry, with room for the IP and UDP headers.
const MAX_BURST: usize = 65_000;
/// The largest single datagram we write.
pub(crate) const MAX_DATAGRAM: usize = 1_600;

struct Burst {
    to: SocketAddr,
    start: usize,
    end: usize,
    segment: usize,
    count: usize,
    /// A shorter datagram was added: nothing may follow.
    closed: bool,
}

/// Datagrams waiting to be polled.
pub(crate) struct SendSlab {
    bytes: Vec<u8>,
    used: usize,
    bursts: Vec<Burst>,
    next: usize,
    /// Datagrams that did not fit.
    pub(crate) dropped: u64,
}

impl SendSlab {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; SOFT_LIMIT + MAX_DATAGRAM], used: 0, bursts: Vec::new(), next: 0, dropped: 0 }
    }

    /// Whether media may still be written before the caller drains.
    pub(crate) fn has_room(&self) -> bool {
        self.used < SOFT_LIMIT
    }

    /// Lets `write` fill the next free bytes; it returns how many it used, or `None` to write nothing.
    /// Returns that length.
    pub(crate) fn write(
        &mut self,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        if self.next == self.bursts.len() {
            self.bursts.clear();
            self.next = 0;
            self.used = 0;
        }
        let start = self.used;
        if start + MAX_DATAGRAM > self.bytes.len() {
            if start + MAX_DATAGRAM > HARD_LIMIT {
                self.dropped += 1;
                return None;
            }
            self.bytes.resize((self.bytes.len() * 2).min(HARD_LIMIT), 0);
        }
        let length = write(&mut self.bytes[start..start + MAX_DATAGRAM])?.min(MAX_DATAGRAM);
        if length == 0 {
            return None;
        }
        self.used = start + length;
        self.append(to, start, length);
        Some(length)
    }

    fn append(&mut self, to: SocketAddr, start: usize, length: usize) {
        if let Some(last) = self.bursts[self.next..].last_mut()
            && last.to == to
            && last.end == start
            && !last.closed
            && length <= last.segment
            && last.count < MAX_SEGMENTS
            && start + length - last.start <= MAX_BURST
        {
            last.end = start + length;
            last.count += 1;
            last.closed = length < last.segment;
            return;
        }
        self.bursts.push(Burst { to, start, end: start + length, segment: length, count: 1, closed: false });
    }

    /// True when everything written was handed out.
    pub(crate) fn is_drained(&self) -> bool {
        self.next == self.bursts.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Transmit<'_>> {
        let burst = self.bursts.get(self.next)?;
        self.next += 1;
        Some(Transmit {
            to: burst.to,
            bytes: &self.bytes[burst.start..burst.end],
            segment: (burst.count > 1).then_some(burst.segment),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(slab: &mut SendSlab, port: u16, length: usize) {
        slab.write(SocketAddr::from(([127, 0, 0, 1], port)), |_| Some(length));
    }

    #[test]
    fn equal_packets_for_one_address_leave_together_and_a_shorter_one_closes_the_burst() {
        let mut slab = SendSlab::new();
        for length in [100, 100, 60, 60] {
            put(&mut slab, 1, length);
        }
        put(&mut slab, 2, 60);
        let mut seen = Vec::new();
        while let Some(transmit) = slab.pop() {
            seen.push((transmit.to.port(), transmit.bytes.len(), transmit.segment));
        }
        assert_eq!(seen, [(1, 260, Some(100)), (1, 60, None), (2, 60, None)]);
    }

    #[test]
    fn a_burst_stays_within_64_segments_and_a_caller_that_never_drains_loses_packets_not_memory() {
        let mut slab = SendSlab::new();
        for _ in 0..20_000 {
            put(&mut slab, 1, 1_200);
        }
        assert!(slab.dropped > 0);
        while let Some(transmit) = slab.pop() {
            assert!(transmit.bytes.len() <= MAX_BURST);
        }
        put(&mut slab, 1, 1);
        assert!(slab.has_room());
    }
}
