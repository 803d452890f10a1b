//! Which packets may be sent again, and how often (RFC 4585 NACK): a lossy or hostile receiver must not cost more
//! than a fifth of its stream.

use std::time::{Duration, Instant};

/// A packet is sent again this often at most.
const MAX_RESENDS: u8 = 8;
/// A NACK repeated within this time is the same loss.
const RESEND_INTERVAL: Duration = Duration::from_millis(20);
/// Resends may be a fifth of the stream, with some in hand for a burst.
const CREDIT_PER_PACKET: f32 = 0.2;
const INITIAL_CREDIT: f32 = 64.0;
const MAX_CREDIT: f32 = 128.0;
/// As long as a ring.
const HISTORY: usize = 512;

#[derive(Clone, Copy)]
struct Resent {
    sequence: u64,
    count: u8,
    at: Instant,
}

/// What was sent again, and how much more may be.
pub(crate) struct ResendBudget {
    resent: Vec<Resent>,
    credit: f32,
}

impl ResendBudget {
    pub(crate) fn new() -> Self {
        Self { resent: Vec::new(), credit: INITIAL_CREDIT }
    }

    /// A packet was sent for the first time.
    pub(crate) fn earn(&mut self) {
        self.credit = (self.credit + CREDIT_PER_PACKET).min(MAX_CREDIT);
    }

    /// Whether this packet may be sent again now; counts it when it may.
    pub(crate) fn spend(&mut self, sequence: u64, now: Instant) -> bool {
        if self.credit < 1.0 {
            return false;
        }
        if self.resent.is_empty() {
            self.resent.resize(HISTORY, Resent { sequence: 0, count: 0, at: now });
        }
        let entry = &mut self.resent[(sequence % HISTORY as u64) as usize];
        if entry.sequence != sequence {
            *entry = Resent { sequence, count: 0, at: now };
        }
        let again = entry.count > 0 && now.saturating_duration_since(entry.at) < RESEND_INTERVAL;
        if again || entry.count >= MAX_RESENDS {
            return false;
        }
        *entry = Resent { sequence, count: entry.count + 1, at: now };
        self.credit -= 1.0;
        true
    }
}
