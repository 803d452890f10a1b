//! The loss-based rate: how much of the loss is the link's own, and how much comes of sending too fast.
//!
//! The model of libwebrtc's second loss-based estimator: a link with some inherent loss delivers
//! everything up to its bandwidth and nothing beyond. The bandwidth is the one, among a few near the
//! current one, that makes the last seconds of losses most likely. Random loss of a radio therefore
//! does not starve a stream as the rule of draft-ietf-rmcat-gcc-02 §6 would (above 10 % it halves and halves).

use super::{Bitrate, Micros};

/// An observation is at least this long.
const OBSERVATION: Micros = 250_000;
/// Observations that are weighed, and how old they may be.
const WINDOW: usize = 20;
const OLDEST: Micros = 6_000_000;
/// Before this many there is no opinion.
const MIN_OBSERVATIONS: usize = 3;
/// Weight of an observation against the next one.
const AGE: f64 = 0.9;
/// Candidates as shares of the current bandwidth.
const CANDIDATES: [f64; 3] = [1.02, 1.0, 0.95];
/// How much more likely a higher bandwidth is held to be: by kbit/s and by its logarithm.
const BIAS: f64 = 0.0002;
const LOG_BIAS: f64 = 0.02;
/// Above this loss nothing is held to be more likely by itself.
const BIAS_LOSS: f64 = 0.2;
/// Inherent loss: first guess, least, and most at a bandwidth: `OFFSET + BALANCE / bandwidth`.
const FIRST_INHERENT: f64 = 0.01;
const MIN_INHERENT: f64 = 0.001;
const MAX_INHERENT: f64 = 0.98;
const OFFSET: f64 = 0.05;
const BALANCE: f64 = 100_000.0;
const NEWTON_STEP: f64 = 0.75;
/// More loss than the link's own by this share: growing would be wrong.
const DOUBT: f64 = 0.02;
/// A lossy estimate grows by this much in one observation at most.
const MAX_GROWTH: f64 = 1.3;

#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    /// When its newest packet left.
    at: Micros,
    packets: u16,
    lost: u16,
    /// Bits per second while it lasted.
    rate: f32,
}

/// What the losses of the last seconds say.
pub(crate) struct LossEstimator {
    window: [Observation; WINDOW],
    filled: usize,
    packets: u32,
    lost: u32,
    bytes: u64,
    began: Option<Micros>,
    /// Bits per second; `None` while losses bound nothing.
    estimate: Option<f64>,
    inherent: f64,
    average: f64,
}

impl LossEstimator {
    pub(crate) fn new() -> Self {
        Self {
            window: [Observation::default(); WINDOW],
            filled: 0,
            packets: 0,
            lost: 0,
            bytes: 0,
            began: None,
            estimate: None,
            inherent: FIRST_INHERENT,
            average: 0.0,
        }
    }

    /// The bound, when there is one.
    pub(crate) fn bound(&self) -> Option<Bitrate> {
        self.estimate.map(Bitrate::from_f64)
    }

    /// Share of packets lost over the last seconds, the newest weighing most.
    pub(crate) fn share(&self) -> f64 {
        self.average
    }

    /// What was lost until now was an outage, not a property of the link.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// A packet's fate became known.
    pub(crate) fn arrived(&mut self, bytes: u16, was_lost: bool) {
        self.bytes += u64::from(bytes);
        match was_lost {
            true => self.lost = self.lost.saturating_sub(1),
            false => self.packets += 1,
        }
    }

    /// As [`LossEstimator::arrived`].
    pub(crate) fn lost(&mut self, bytes: u16) {
        self.bytes += u64::from(bytes);
        self.packets += 1;
        self.lost += 1;
    }

    /// Feedback was taken in whose newest packet left at `newest`. `delay_based` is the other estimate.
    pub(crate) fn update(&mut self, newest: Micros, delay_based: Bitrate) {
        let began = *self.began.get_or_insert(newest);
        let length = newest - began;
        if length < OBSERVATION || self.packets == 0 {
            return;
        }
        if self.filled == WINDOW {
            self.window.rotate_left(1);
            self.filled -= 1;
        }
        if let Some(place) = self.window.get_mut(self.filled) {
            *place = Observation {
                at: newest,
                packets: u16::try_from(self.packets).unwrap_or(u16::MAX),
                lost: u16::try_from(self.lost).unwrap_or(u16::MAX),
                rate: (self.bytes as f64 * 8e6 / length as f64) as f32,
            };
            self.filled += 1;
        }
        (self.packets, self.lost, self.bytes, self.began) = (0, 0, 0, Some(newest));
        let old = self.window.iter().take(self.filled).take_while(|one| newest - one.at > OLDEST).count();
        self.window.rotate_left(old);
        self.filled -= old;
        self.average = self.average_loss();
        if self.filled >= MIN_OBSERVATIONS {
            self.estimate(delay_based.as_f64());
        } else if old > 0 {
            // Hardly anything was sent for a while: what was known is history.
            self.estimate = None;
        }
    }

    /// Newest first, with weights.
    fn weighed(&self) -> impl Iterator<Item = (f64, Observation)> {
        let mut weight = 1.0;
        self.window.iter().take(self.filled).rev().map(move |one| {
            let now = weight;
            weight *= AGE;
            (now, *one)
        })
    }

    fn average_loss(&self) -> f64 {
        let (lost, packets) = self.weighed().fold((0.0, 0.0), |(lost, packets), (weight, one)| {
            (lost + weight * f64::from(one.lost), packets + weight * f64::from(one.packets))
        });
        if packets == 0.0 { 0.0 } else { lost / packets }
    }

    fn estimate(&mut self, delay_based: f64) {
        let current = self.estimate.unwrap_or(delay_based).min(delay_based).max(1.0);
        let candidates = CANDIDATES.map(|share| share * current).into_iter().chain([delay_based]);
        let mut best = (f64::NEG_INFINITY, current, self.inherent);
        for bandwidth in candidates.filter(|bandwidth| *bandwidth <= delay_based) {
            let inherent = self.newton(bandwidth);
            let likelihood = self.likelihood(bandwidth, inherent);
            if likelihood > best.0 {
                best = (likelihood, bandwidth, inherent);
            }
        }
        let (_, mut bandwidth, inherent) = best;
        // Losses above the link's own: this is no time to grow.
        if bandwidth > current && self.average > inherent + DOUBT && self.estimate.is_some() {
            bandwidth = current;
        }
        self.inherent = inherent;
        if self.estimate.is_some() && self.average > MIN_INHERENT {
            bandwidth = bandwidth.min(current * MAX_GROWTH);
        }
        let bounded = bandwidth.min(self.instant_bound());
        self.estimate = (bounded < delay_based).then_some(bounded);
    }

    /// However the losses came about, more than this may not be sent into them.
    fn instant_bound(&self) -> f64 {
        if self.average > OFFSET { BALANCE / (self.average - OFFSET) } else { f64::INFINITY }
    }

    fn clamp_inherent(inherent: f64, bandwidth: f64) -> f64 {
        inherent.clamp(MIN_INHERENT, (OFFSET + BALANCE / bandwidth).clamp(MIN_INHERENT, MAX_INHERENT))
    }

    /// The probability that a packet is lost when this much is sent.
    fn probability(bandwidth: f64, inherent: f64, rate: f64) -> f64 {
        let beyond = if rate > bandwidth { (rate - bandwidth) / rate } else { 0.0 };
        (inherent + (1.0 - inherent) * beyond).clamp(1e-6, 1.0 - 1e-6)
    }

    /// One step towards the inherent loss that fits best.
    fn newton(&self, bandwidth: f64) -> f64 {
        let inherent = Self::clamp_inherent(self.inherent, bandwidth);
        let (mut first, mut second) = (0.0, 0.0);
        for (weight, one) in self.weighed() {
            let loss = Self::probability(bandwidth, inherent, f64::from(one.rate));
            let lost = f64::from(one.lost);
            let received = f64::from(one.packets.saturating_sub(one.lost));
            first += weight * (lost / loss - received / (1.0 - loss));
            second -= weight * (lost / (loss * loss) + received / ((1.0 - loss) * (1.0 - loss)));
        }
        if second == 0.0 {
            return inherent;
        }
        Self::clamp_inherent(inherent - NEWTON_STEP * first / second, bandwidth)
    }

    fn likelihood(&self, bandwidth: f64, inherent: f64) -> f64 {
        let kilobits = bandwidth / 1_000.0;
        let sway = if self.average < BIAS_LOSS { 1.0 } else { 0.0 };
        let bias = sway * (BIAS * kilobits + LOG_BIAS * (1.0 + kilobits).ln());
        self.weighed().fold(0.0, |sum, (weight, one)| {
            let loss = Self::probability(bandwidth, inherent, f64::from(one.rate));
            let lost = f64::from(one.lost);
            let received = f64::from(one.packets.saturating_sub(one.lost));
            sum + weight * (lost * loss.ln() + received * (1.0 - loss).ln() + bias * f64::from(one.packets))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds of a stream on a link; what the estimator says at the end, in kbit/s.
    fn after(kilobits: u64, delivers: impl Fn(u32) -> bool) -> Option<u64> {
        let mut estimator = LossEstimator::new();
        let gap = 1_200 * 8_000 / kilobits as Micros;
        for count in 0..(10_000_000 / gap) as u32 {
            match delivers(count) {
                true => estimator.arrived(1_200, false),
                false => estimator.lost(1_200),
            }
            estimator.update(Micros::from(count) * gap, Bitrate::kbps(kilobits));
        }
        estimator.bound().map(|bound| bound.as_bps() / 1_000)
    }

    #[test]
    fn a_clean_link_is_not_bounded_and_a_little_loss_hardly() {
        assert_eq!(after(2_000, |_| true), None);
        assert!(after(2_000, |count| count % 50 != 0).is_none_or(|bound| bound > 1_500));
    }

    #[test]
    fn random_loss_bounds_by_its_share_and_never_starves() {
        let tenth = after(3_000, |count| count % 10 != 0).expect("bounded");
        assert!((1_200..=2_100).contains(&tenth), "{tenth}");
        let third = after(3_000, |count| count % 10 >= 3).expect("bounded");
        assert!((250..=410).contains(&third), "{third}");
    }

    #[test]
    fn an_outage_that_is_forgotten_bounds_nothing() {
        let mut estimator = LossEstimator::new();
        for count in 0..1_000 {
            estimator.lost(1_200);
            estimator.update(count * 5_000, Bitrate::kbps(2_000));
        }
        assert!(estimator.bound().is_some() && estimator.share() > 0.99);
        estimator.forget();
        assert_eq!((estimator.bound(), estimator.share()), (None, 0.0));
    }
}
