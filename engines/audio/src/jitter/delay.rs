//! How long sound has to wait so that almost all of it is there in time.

use std::time::Duration;

use crate::FRAME_DURATION;

/// Packets are sorted by how late they came, in steps of ten milliseconds.
const STEPS: usize = 100;
const STEP: Duration = Duration::from_millis(10);
/// How much of the past is forgotten with each packet: half of it in seven seconds.
const FORGOTTEN: f32 = 0.002;
/// Packets that may come too late.
const TOO_LATE: f32 = 0.02;
/// How much of a difference to a smaller delay is made good with each packet.
const RELIEF: f32 = 0.005;

#[derive(Debug)]
pub(super) struct Delay {
    least: Duration,
    most: Duration,
    /// The share of packets in each step.
    shares: [f32; STEPS],
    current: Duration,
}

impl Delay {
    pub(super) fn new(least: Duration, most: Duration) -> Self {
        let mut shares = [0.0; STEPS];
        shares[0] = 1.0;
        Self { least, most: most.max(least), shares, current: least }
    }

    pub(super) const fn now(&self) -> Duration {
        self.current
    }

    /// A frame came this much after the fastest would have.
    pub(super) fn note(&mut self, late: Duration) {
        let step = (late.as_millis() / STEP.as_millis()).min(STEPS as u128 - 1) as usize;
        for share in &mut self.shares {
            *share *= 1.0 - FORGOTTEN;
        }
        if let Some(share) = self.shares.get_mut(step) {
            *share += FORGOTTEN;
        }
        let wanted = self.wanted();
        if wanted > self.current {
            self.current = wanted;
        } else {
            self.current -= (self.current - wanted).mul_f32(RELIEF);
        }
    }

    /// The delay within which all but [`TOO_LATE`] came, and a frame more, since sound is taken a frame at a time.
    fn wanted(&self) -> Duration {
        let mut beyond = 0.0;
        let step = (0..STEPS).rev().find(|step| {
            beyond += self.shares.get(*step).copied().unwrap_or_default();
            beyond > TOO_LATE
        });
        let covered = STEP * (step.unwrap_or(0) as u32 + 1);
        (covered + FRAME_DURATION).clamp(self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_waited_for_and_a_good_one_no_longer_than_needed() {
        let milliseconds = Duration::from_millis;
        let mut delay = Delay::new(milliseconds(40), milliseconds(500));
        (0..100).for_each(|_| delay.note(milliseconds(3)));
        assert_eq!(delay.now(), milliseconds(40));
        (0..50).for_each(|at| delay.note(milliseconds(if at % 2 == 0 { 85 } else { 5 })));
        assert_eq!(delay.now(), milliseconds(110));
        (0..100).for_each(|_| delay.note(Duration::from_secs(9)));
        assert_eq!(delay.now(), milliseconds(500), "no longer than may be");
        (0..10_000).for_each(|_| delay.note(milliseconds(3)));
        assert!(delay.now() < milliseconds(41));
    }
}
