//! What was sent to one subscriber and not forgotten yet: eight bytes a packet in a ring.
//!
//! The ring grows by the clock, never while a packet is written: a viewer of one camera costs 1 KiB.

use super::Micros;
use crate::rtp::extend_sequence;

/// Entries at first: a second of an ordinary camera.
const INITIAL: usize = 128;
/// Entries at most: a second of 40 Mbit/s.
const MAX: usize = 4_096;
/// Feedback later than this is of no use; entries younger than this should not be overwritten.
const KEEP: Micros = 1_000_000;
/// After a silence this long everything before it is forgotten: times are kept in 32 bits of microseconds.
const FORGET: Micros = 60_000_000;
/// Extended numbers start one cycle up, so that no reordering goes below zero.
const FIRST: u64 = 1 << 16;

/// What is known of the fate of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// The number was used up without a packet.
    #[default]
    Void,
    Flying,
    Lost,
    Arrived,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The low 32 bits of the time.
    at: u32,
    size: u16,
    fate: Fate,
    cluster: u8,
}

const _: () = assert!(size_of::<Entry>() == 8);

/// A packet that feedback tells of for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) sent: Micros,
    pub(crate) size: u16,
    /// The probe it was part of; 0 is none.
    pub(crate) cluster: u8,
    /// Feedback had told of its loss before.
    pub(crate) was_lost: bool,
}

/// The ring.
pub(crate) struct History {
    entries: Vec<Entry>,
    /// The extended number of the next packet.
    next: u64,
    /// The oldest number that is still known.
    oldest: u64,
    last: Micros,
    /// Something young was overwritten.
    is_crowded: bool,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), next: FIRST, oldest: FIRST, last: 0, is_crowded: false }
    }

    fn place(&self, extended: u64) -> usize {
        (extended % self.entries.len().max(1) as u64) as usize
    }

    /// A packet with this transport-wide number was written.
    pub(crate) fn record(&mut self, sequence: u16, size: usize, cluster: u8, now: Micros) {
        if self.entries.is_empty() {
            self.entries.resize(INITIAL, Entry::default());
            self.next += u64::from(sequence);
            self.oldest = self.next;
        }
        if now - self.last > FORGET {
            self.oldest = self.next;
        }
        self.last = now;
        let extended = extend_sequence(self.next, sequence);
        if extended < self.next {
            return;
        }
        // Numbers that no packet was written for leave voids, one ring of them at most.
        let capacity = self.entries.len() as u64;
        for skipped in self.next.max(extended.saturating_sub(capacity))..extended {
            self.put(skipped, Entry::default(), now);
        }
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        self.put(extended, Entry { at: now as u32, size, fate: Fate::Flying, cluster }, now);
        self.next = extended + 1;
        self.oldest = self.oldest.max(self.next.saturating_sub(capacity));
    }

    fn put(&mut self, extended: u64, entry: Entry, now: Micros) {
        let place = self.place(extended);
        let Some(old) = self.entries.get_mut(place) else { return };
        if old.fate == Fate::Flying && i64::from((now as u32).wrapping_sub(old.at)) < KEEP {
            self.is_crowded = true;
        }
        *old = entry;
    }

    /// Makes room when young packets were overwritten. Called by the clock.
    pub(crate) fn grow(&mut self) {
        if !std::mem::take(&mut self.is_crowded) || self.entries.len() >= MAX {
            return;
        }
        let mut larger = vec![Entry::default(); self.entries.len() * 2];
        let capacity = larger.len() as u64;
        for extended in self.oldest..self.next {
            if let (Some(entry), Some(place)) =
                (self.entries.get(self.place(extended)), larger.get_mut((extended % capacity) as usize))
            {
                *place = *entry;
            }
        }
        self.entries = larger;
    }

    /// The extended form of a number from feedback; `None` when no such packet is known.
    pub(crate) fn extend(&self, sequence: u16) -> Option<u64> {
        let extended = extend_sequence(self.next.checked_sub(1)?, sequence);
        (self.oldest..self.next).contains(&extended).then_some(extended)
    }

    /// Feedback says that it arrived; `None` when that is no news.
    pub(crate) fn arrived(&mut self, extended: u64, now: Micros) -> Option<Acked> {
        let place = self.place(extended);
        let entry = self.entries.get_mut(place)?;
        let was_lost = match entry.fate {
            Fate::Flying => false,
            Fate::Lost => true,
            Fate::Void | Fate::Arrived => return None,
        };
        entry.fate = Fate::Arrived;
        let sent = now - i64::from((now as u32).wrapping_sub(entry.at));
        Some(Acked { sent, size: entry.size, cluster: entry.cluster, was_lost })
    }

    /// Feedback says that these did not arrive; calls back with time and size of each that is news.
    pub(crate) fn lost(&mut self, first: u16, count: u16, now: Micros, mut news: impl FnMut(Micros, u16)) {
        let Some(newest) = self.next.checked_sub(1) else { return };
        let first = extend_sequence(newest, first);
        let end = (first + u64::from(count)).min(self.next);
        for extended in first.max(self.oldest)..end {
            let place = self.place(extended);
            if let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.fate == Fate::Flying) {
                entry.fate = Fate::Lost;
                news(now - i64::from((now as u32).wrapping_sub(entry.at)), entry.size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_news_once_and_a_lost_one_may_still_arrive() {
        let mut history = History::new();
        for (sequence, at) in [(65_534, 1_000), (65_535, 2_000), (0, 3_000), (2, 4_000)] {
            history.record(sequence, 100, 7, at);
        }
        let mut lost = Vec::new();
        history.lost(65_535, 4, 10_000, |at, _| lost.push(at));
        assert_eq!(lost, [2_000, 3_000, 4_000], "1 was never written");
        let extended = history.extend(0).expect("known");
        let acked = Acked { sent: 3_000, size: 100, cluster: 7, was_lost: true };
        assert_eq!(history.arrived(extended, 11_000), Some(acked));
        assert_eq!(history.arrived(extended, 11_000), None);
        assert_eq!(history.extend(3), None, "not sent yet");
        assert_eq!(history.extend(60_000), None, "before the first");
    }

    #[test]
    fn a_fast_stream_gets_a_longer_ring_up_to_its_bound_and_a_slow_one_does_not() {
        let fill = |gap: Micros| {
            let mut history = History::new();
            for count in 0..100_000u32 {
                history.record(count as u16, 1_200, 0, i64::from(count) * gap);
                if count % 16 == 0 {
                    history.grow();
                }
            }
            history.entries.len()
        };
        assert_eq!((fill(10_000), fill(3_000), fill(10)), (INITIAL, 512, MAX));
    }

    #[test]
    fn growing_loses_nothing_and_an_hour_of_silence_forgets_all() {
        let mut history = History::new();
        (0..300).for_each(|sequence| history.record(sequence, 1, 0, 5_000));
        history.grow();
        (300..700).for_each(|sequence| history.record(sequence, 1, 0, 5_000));
        let known = (0..700).filter(|sequence| history.extend(*sequence).is_some()).count();
        assert_eq!(known, 2 * INITIAL);
        history.record(700, 1, 0, 3_600_000_000);
        assert_eq!((history.extend(699), history.extend(700).is_some()), (None, true));
    }
}
