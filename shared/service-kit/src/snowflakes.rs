//! Makes ids that grow, even when the clock does not.

use std::sync::atomic::{AtomicU64, Ordering};

use voxlink_protocol::{Snowflake, Timestamp};

/// One node's source of ids. Never repeats and never goes back while it lives; start it with
/// [`Snowflakes::not_before`] the newest stored id, so that a clock set back across a restart does no harm.
#[derive(Debug)]
pub struct Snowflakes {
    node: u16,
    last: AtomicU64,
}

impl Snowflakes {
    /// Ids of this node (0 to 1,023) that are all greater than `newest`.
    #[must_use]
    pub const fn not_before(node: u16, newest: Snowflake) -> Self {
        Self { node, last: AtomicU64::new(newest.0) }
    }

    /// The next id: of this millisecond, or just after the last one when the clock lags.
    pub fn next(&self, now: Timestamp) -> Snowflake {
        let fresh = Snowflake::compose(now.0, self.node, 0).0;
        let step = |last: u64| {
            let candidate = fresh.max(last + 1);
            // A full millisecond runs over into the next one, still under this node's number.
            let same_node = (candidate >> 12) & 0x3FF == u64::from(self.node);
            if same_node {
                candidate
            } else {
                Snowflake::compose(Snowflake(candidate).unix_ms() + 1, self.node, 0).0
            }
        };
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = step(last);
            match self.last.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Snowflake(next),
                Err(current) => last = current,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_within_a_millisecond_over_its_end_and_when_the_clock_goes_back() {
        let ids = Snowflakes::not_before(7, Snowflake(0));
        let now = Timestamp(1_795_000_000_000);
        let mut last = ids.next(now);
        for step in 0..10_000_u64 {
            let next = ids.next(Timestamp(if step % 3 == 0 { now.0 - 1000 } else { now.0 }));
            assert!(next > last);
            assert_eq!((next.0 >> 12) & 0x3FF, 7);
            last = next;
        }
    }
}
