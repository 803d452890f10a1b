//! How much arrives at the subscriber: the acknowledged bitrate.

use super::{Bitrate, Micros};

/// Arrivals are summed over this many parts of this length: half a second, some fifteen frames.
const BUCKETS: usize = 8;
const BUCKET: Micros = 62_500;

/// A sliding window over the receiver's clock.
pub(crate) struct Throughput {
    bytes: [u32; BUCKETS],
    /// The newest part, counted from the clock's zero, and how many in a row are known before it.
    newest: Option<Micros>,
    filled: usize,
    value: Option<Bitrate>,
}

impl Throughput {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; BUCKETS], newest: None, filled: 0, value: None }
    }

    /// `None` until half a second was seen. A pause is no measurement: the value before it stays.
    pub(crate) fn value(&self) -> Option<Bitrate> {
        self.value
    }

    /// A packet that arrived.
    pub(crate) fn arrived(&mut self, at: Micros, bytes: u16) {
        let bucket = at.div_euclid(BUCKET);
        let newest = *self.newest.get_or_insert(bucket);
        let ahead = bucket - newest;
        if ahead.unsigned_abs() > BUCKETS as u64 {
            // A pause, or a clock that was set.
            *self = Self { newest: Some(bucket), value: self.value, ..Self::new() };
        } else if ahead > 0 {
            self.advance(newest, ahead);
        }
        // What comes out of order counts as if it came now.
        if let Some(sum) = self.bytes.get_mut(bucket.max(newest).rem_euclid(BUCKETS as Micros) as usize) {
            *sum = sum.saturating_add(u32::from(bytes));
        }
    }

    fn advance(&mut self, newest: Micros, by: Micros) {
        self.filled += by as usize;
        if self.filled >= BUCKETS {
            self.filled = BUCKETS;
            let sum = self.bytes.iter().map(|bytes| u64::from(*bytes)).sum();
            self.value = Some(Bitrate::of(sum, BUCKETS as Micros * BUCKET));
        }
        for next in 1..=by {
            if let Some(sum) = self.bytes.get_mut((newest + next).rem_euclid(BUCKETS as Micros) as usize) {
                *sum = 0;
            }
        }
        self.newest = Some(newest + by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(throughput: &mut Throughput, at: &mut Micros, gap: Micros, count: usize) -> u64 {
        for _ in 0..count {
            *at += gap;
            throughput.arrived(*at, 1_250);
        }
        throughput.value().map_or(0, |value| value.as_bps() / 1_000)
    }

    #[test]
    fn a_steady_stream_reads_as_what_it_is_and_a_change_is_seen_within_a_second() {
        let (mut throughput, mut at) = (Throughput::new(), -777_000);
        let fast = feed(&mut throughput, &mut at, 5_000, 400);
        assert!((1_900..2_100).contains(&fast), "{fast}");
        let slow = feed(&mut throughput, &mut at, 33_333, 20);
        assert!((270..330).contains(&slow), "{slow}");
    }

    #[test]
    fn a_pause_or_a_jump_of_the_clock_is_no_measurement() {
        let (mut throughput, mut at) = (Throughput::new(), 0);
        let fast = feed(&mut throughput, &mut at, 5_000, 400);
        for jump in [3_600_000_000, -7_200_000_000] {
            at += jump;
            assert_eq!(feed(&mut throughput, &mut at, 5_000, 20), fast);
        }
    }
}
