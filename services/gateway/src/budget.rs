//! How many ops a connection may send.

use std::time::{Duration, Instant};

/// docs/protocol/gateway.md: 120 ops a minute, then close code 4008.
const OPS: u32 = 120;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts one connection's ops.
#[derive(Debug)]
pub(crate) struct OpBudget {
    window: Instant,
    used: u32,
}

impl OpBudget {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { window: now, used: 0 }
    }

    /// False when this op is one too many.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.window) >= WINDOW {
            *self = Self::new(now);
        }
        self.used += 1;
        self.used <= OPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_121st_op_within_a_minute_is_one_too_many() {
        let start = Instant::now();
        let mut budget = OpBudget::new(start);
        assert!((0..120).all(|_| budget.take(start + Duration::from_secs(59))));
        assert!(!budget.take(start + Duration::from_secs(59)));
        assert!(budget.take(start + Duration::from_secs(60)));
    }
}
