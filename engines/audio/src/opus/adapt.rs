//! Settings of an encoder that follow what is lost on the way and what CPU there is.

use super::{Complexity, EncoderConfig};

/// Below this share FEC costs more than it saves.
const LOSS_WORTH_FEC: f32 = 0.01;
/// From here on a line is overfull rather than noisy, and less is sent.
const LOSS_OF_A_FULL_LINE: f32 = 0.10;
/// From here on frames in a row are lost, which FEC cannot bring back.
const LOSS_WORTH_DEEP: f32 = 0.10;
/// Speech below this is worse than its losses.
const LEAST_BITRATE: u32 = 16_000;
/// How much of a smaller loss is believed each time: a line is believed to be bad at once and good after a while.
const RELIEF: f32 = 0.2;
/// Calls with CPU to spare before the encoder tries harder again.
const CALM_CALLS: u8 = 5;

/// What was measured since the last time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Share of packets that the listener lost, 0 to 1.
    pub loss: f32,
    /// CPU time that encoding took, as a share of what it may take; above 1 is too much.
    pub busy: f32,
}

/// Decides about once a second. Never goes above what it was given at first.
#[derive(Clone, Debug)]
pub struct Adaptation {
    ceiling: EncoderConfig,
    loss: f32,
    complexity: Complexity,
    calm: u8,
}

impl Adaptation {
    /// `ceiling` holds when nothing is lost and there is CPU; `deep_redundancy` in it says how much may be spent on loss.
    #[must_use]
    pub const fn new(ceiling: EncoderConfig) -> Self {
        Self { ceiling, loss: 0.0, complexity: ceiling.complexity, calm: 0 }
    }

    /// What to encode with from now on.
    pub fn next(&mut self, observed: Observed) -> EncoderConfig {
        let loss = if observed.loss.is_finite() { observed.loss.clamp(0.0, 1.0) } else { 0.0 };
        self.loss = loss.max(self.loss + (loss - self.loss) * RELIEF);
        self.follow_cpu(observed.busy);
        let kept = (1.0 - 2.5 * (self.loss - LOSS_OF_A_FULL_LINE)).clamp(0.4, 1.0);
        let bitrate = (self.ceiling.bitrate as f32 * kept) as u32;
        EncoderConfig {
            bitrate: bitrate.max(LEAST_BITRATE.min(self.ceiling.bitrate)),
            complexity: self.complexity,
            fec: self.ceiling.fec && self.loss >= LOSS_WORTH_FEC,
            expected_loss: (self.loss * 100.0).round() as u8,
            deep_redundancy: if self.loss >= LOSS_WORTH_DEEP { self.ceiling.deep_redundancy } else { 0 },
            ..self.ceiling
        }
    }

    fn follow_cpu(&mut self, busy: f32) {
        let level = self.complexity.level();
        if busy > 0.9 {
            self.complexity = Complexity::new(level.saturating_sub(2));
            self.calm = 0;
        } else if busy < 0.6 {
            self.calm += 1;
            if self.calm >= CALM_CALLS {
                self.calm = 0;
                self.complexity = Complexity::new(level + 1).min(self.ceiling.complexity);
            }
        } else {
            self.calm = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_believed_at_once_and_a_good_one_after_a_while() {
        let mut adaptation = Adaptation::new(EncoderConfig { deep_redundancy: 50, ..EncoderConfig::voice() });
        let clean = adaptation.next(Observed { loss: 0.0, busy: 0.7 });
        assert_eq!((clean.fec, clean.bitrate, clean.deep_redundancy), (false, 32_000, 0));
        let bad = adaptation.next(Observed { loss: 0.3, busy: 0.7 });
        assert_eq!((bad.fec, bad.expected_loss, bad.bitrate, bad.deep_redundancy), (true, 30, 16_000, 50));
        let after = adaptation.next(Observed { loss: 0.0, busy: 0.7 });
        assert!(after.fec && after.expected_loss == 24);
        let mut last = after;
        for _ in 0..30 {
            last = adaptation.next(Observed { loss: 0.0, busy: 0.7 });
        }
        assert_eq!(last, clean);
    }

    #[test]
    fn too_little_cpu_costs_quality_at_once_and_comes_back_step_by_step() {
        let mut adaptation = Adaptation::new(EncoderConfig::voice());
        let level = |adaptation: &mut Adaptation, busy| {
            adaptation.next(Observed { loss: 0.0, busy }).complexity.level()
        };
        assert_eq!(level(&mut adaptation, 1.5), 3);
        assert_eq!(level(&mut adaptation, 1.5), 1);
        assert_eq!(level(&mut adaptation, 1.5), 0);
        let levels: Vec<_> = (0..30).map(|_| level(&mut adaptation, 0.1)).collect();
        assert_eq!((levels[3], levels[4], levels[29]), (0, 1, 5));
    }

    #[test]
    fn numbers_that_are_none_change_nothing() {
        let mut adaptation = Adaptation::new(EncoderConfig::voice());
        let config = adaptation.next(Observed { loss: f32::NAN, busy: f32::NAN });
        assert_eq!((config.expected_loss, config.complexity), (0, Complexity::USUAL));
    }
}
