//! Which packets may be sent again, and how often (RFC 4585 NACK): a lossy or hostile receiver must not cost more
//! than a fifth of its stream.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A packet is sent again this often at most.
const MAX_RESENDS: u8 = 8;
/// A NACK repeated within this time is the same loss.
const RESEND_INTERVAL: Duration = Duration::from_millis(20);
/// Resends may be a fifth of the stream, with some in hand for a burst.
const CREDIT_PER_PACKET: f32 = 0.2;
const INITIAL_CREDIT: f32 = 64.0;
const MAX_CREDIT: f32 = 128.0;
/// Packets sent again that are remembered: about as many as the credit may pay for at once.
const HISTORY: usize = 128;

#[derive(Clone, Copy)]
struct Resent {
    sequence: u64,
    count: u8,
    at: Instant,
}

/// What was sent again, and how much more may be.
pub(crate) struct ResendBudget {
    /// The newest last.
    resent: VecDeque<Resent>,
    credit: f32,
}

impl ResendBudget {
    pub(crate) fn new() -> Self {
        Self { resent: VecDeque::new(), credit: INITIAL_CREDIT }
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
        match self.resent.iter_mut().rev().find(|resent| resent.sequence == sequence) {
            Some(known) => {
                let again = now.saturating_duration_since(known.at) < RESEND_INTERVAL;
                if again || known.count >= MAX_RESENDS {
                    return false;
                }
                *known = Resent { sequence, count: known.count + 1, at: now };
            }
            None => {
                if self.resent.len() == HISTORY {
                    self.resent.pop_front();
                }
                self.resent.push_back(Resent { sequence, count: 1, at: now });
            }
        }
        self.credit -= 1.0;
        true
    }
}
