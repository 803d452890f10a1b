//! Which packets of an incoming video stream are missing, and when to ask for them again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// More missing packets than this and a key frame is cheaper.
const MAX_MISSING: usize = 256;
/// Reordering within this time is not loss.
const REORDER_WAIT: Duration = Duration::from_millis(10);
/// Asked for this often; with the retry interval, about a second.
const MAX_TRIES: u8 = 10;
/// Retry no faster than this, whatever the round trip.
const MIN_RETRY: Duration = Duration::from_millis(60);
/// Used until a round trip was measured.
const DEFAULT_RETRY: Duration = Duration::from_millis(90);

struct Missing {
    extended: u64,
    next: Instant,
    tries: u8,
}

/// The gaps of one stream.
#[derive(Default)]
pub(crate) struct NackGenerator {
    highest: Option<u64>,
    missing: VecDeque<Missing>,
}

/// What a tick asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Rising.
    pub(crate) sequences: Vec<u16>,
    /// Some packets will never come: the picture needs a key frame.
    pub(crate) gave_up: bool,
}

impl NackGenerator {
    /// A packet arrived, by itself or inside RTX. True when the gap is too large to repair.
    pub(crate) fn received(&mut self, extended: u64, now: Instant) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(extended);
            return false;
        };
        if extended <= highest {
            if let Ok(at) = self.missing.binary_search_by_key(&extended, |missing| missing.extended) {
                self.missing.remove(at);
            }
            return false;
        }
        self.highest = Some(extended);
        if extended - highest > MAX_MISSING as u64 {
            self.missing.clear();
            return true;
        }
        for extended in highest + 1..extended {
            if self.missing.len() == MAX_MISSING {
                self.missing.pop_front();
            }
            self.missing.push_back(Missing { extended, next: now + REORDER_WAIT, tries: 0 });
        }
        false
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Forgets all gaps: nobody watches, or another stream begins.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// What to ask for now.
    pub(crate) fn tick(&mut self, round_trip: Option<Duration>, now: Instant) -> Ask {
        let retry = round_trip.unwrap_or(DEFAULT_RETRY).max(MIN_RETRY);
        let mut ask = Ask::default();
        self.missing.retain_mut(|missing| {
            if missing.next > now {
                return true;
            }
            if missing.tries == MAX_TRIES {
                ask.gave_up = true;
                return false;
            }
            missing.tries += 1;
            missing.next = now + retry;
            ask.sequences.push(missing.extended as u16);
            true
        });
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_asked_for_after_the_reorder_wait_and_until_it_is_filled() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut nacks = NackGenerator::default();
        for extended in [10, 11, 14] {
            nacks.received(extended, at(0));
        }
        assert_eq!(nacks.tick(None, at(5)).sequences, []);
        assert_eq!(nacks.tick(None, at(10)).sequences, [12, 13]);
        assert_eq!(nacks.tick(None, at(50)).sequences, []);
        nacks.received(13, at(60));
        assert_eq!(nacks.tick(None, at(110)).sequences, [12]);
        nacks.received(12, at(120));
        assert!(!nacks.is_waiting());
    }

    #[test]
    fn a_packet_that_never_comes_is_given_up_and_a_huge_jump_asks_for_nothing() {
        let start = Instant::now();
        let mut nacks = NackGenerator::default();
        nacks.received(1, start);
        nacks.received(3, start);
        let mut asked = 0;
        let gave_up = (0..20).any(|second| {
            let ask = nacks.tick(None, start + Duration::from_secs(second + 1));
            asked += ask.sequences.len();
            ask.gave_up
        });
        assert!(gave_up);
        assert_eq!(asked, usize::from(MAX_TRIES));
        assert!(nacks.received(5_000, start));
        assert!(!nacks.is_waiting());
    }
}
