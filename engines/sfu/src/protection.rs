//! How much redundancy one leg needs, from the loss that its receiver tells of.
//!
//! Raised by the first report of loss, lowered only after a calm while: loss comes in bursts, and a listener notices the
//! switch that came too late, not the one that came back too late.

use std::time::{Duration, Instant};

/// Shares of 1/256, as in reports (RFC 3550 §6.4.1). 3 %: below that, concealment goes unnoticed.
const SOME_LOSS: u8 = 8;
/// 10 %: two packets in a row are lost every other second.
const MUCH_LOSS: u8 = 26;
/// Longer than the five seconds between browsers' reports about sound, by two missing ones.
const CALM: Duration = Duration::from_secs(15);

/// A leg's memory of loss.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Protection {
    some: Option<Instant>,
    much: Option<Instant>,
}

impl Protection {
    /// A report says that this share, in 1/256, was lost.
    pub(crate) fn note(&mut self, fraction_lost: u8, now: Instant) {
        if fraction_lost >= SOME_LOSS {
            self.some = Some(now);
        }
        if fraction_lost >= MUCH_LOSS {
            self.much = Some(now);
        }
    }

    /// How often a frame should be sent again with later ones.
    pub(crate) fn copies(&self, now: Instant) -> usize {
        let lately = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < CALM);
        usize::from(lately(self.some)) + usize::from(lately(self.much))
    }
}

/// The worst share of the last few reports: those of two ways never cover the same moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak(Option<(u8, Instant)>);

/// A browser reports about sound every five seconds; about that much later its report is read.
const REPORTS_APART: Duration = Duration::from_secs(6);

impl Peak {
    /// A report's share, in 1/256.
    pub(crate) fn note(&mut self, share: u8, now: Instant) {
        if share >= self.lately(now) {
            self.0 = Some((share, now));
        }
    }

    /// The worst of the last six seconds.
    pub(crate) fn lately(&self, now: Instant) -> u8 {
        match self.0 {
            Some((share, at)) if now.saturating_duration_since(at) < REPORTS_APART => share,
            _ => 0,
        }
    }
}

/// The worst share that receiver reports told of lately; of none it knows that there was none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reported(Option<(u8, Instant)>);

impl Reported {
    /// A report's share, in 1/256.
    pub(crate) fn note(&mut self, share: u8, now: Instant) {
        if self.lately(now).is_none_or(|worst| share >= worst) {
            self.0 = Some((share, now));
        }
    }

    /// The worst of the last six seconds.
    pub(crate) fn lately(&self, now: Instant) -> Option<u8> {
        let recent = |(_, at): &(u8, Instant)| now.saturating_duration_since(*at) < REPORTS_APART;
        self.0.filter(recent).map(|(share, _)| share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_comes_with_the_first_loss_and_goes_after_a_calm_while() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut protection = Protection::default();
        protection.note(SOME_LOSS - 1, at(0));
        assert_eq!(protection.copies(at(0)), 0);
        protection.note(77, at(1));
        assert_eq!(protection.copies(at(1)), 2);
        protection.note(10, at(10));
        protection.note(0, at(12));
        assert_eq!(protection.copies(at(15)), 2);
        assert_eq!(protection.copies(at(16)), 1, "much loss is long ago");
        assert_eq!(protection.copies(at(25)), 0);
    }

    #[test]
    fn the_worst_report_is_remembered_for_a_while_and_silence_is_no_report() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut reported = Reported::default();
        assert_eq!(reported.lately(at(0)), None);
        reported.note(20, at(0));
        reported.note(0, at(5));
        assert_eq!(reported.lately(at(5)), Some(20));
        reported.note(0, at(10));
        assert_eq!(reported.lately(at(10)), Some(0));
        assert_eq!(reported.lately(at(20)), None);
    }
}
