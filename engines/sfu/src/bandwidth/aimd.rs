//! The delay-based rate: up by eight percent a second far from the limit, by a packet a round trip near
//! it, and down to a share of what arrives when a queue grows (draft-ietf-rmcat-gcc-02 §5.5).

use super::{Bitrate, Micros, delay::Usage};

/// Share of the acknowledged bitrate that is left after overuse (gcc-02 §5.5).
const BETA: f64 = 0.85;
/// Growth a second far from the known capacity.
const GROWTH: f64 = 1.08;
/// A rate may exceed what arrives by this factor and constant: more was never tried.
const LEAD: f64 = 1.5;
const LEAD_CONSTANT: Bitrate = Bitrate::kbps(10);
/// Added to the round trip: the time until a change shows (gcc-02 §5.5).
const RESPONSE: Micros = 100_000;
/// The packet that is added in each response time, in bits.
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// Additive growth is never slower than this many bits per second each second.
const MIN_GROWTH: f64 = 4_000.0;
/// After a decrease wait a round trip within these bounds before the next.
const MIN_WAIT: Micros = 10_000;
const MAX_WAIT: Micros = 200_000;
/// Longer pauses between updates do not grow the rate more.
const MAX_STEP: Micros = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// The rate and what is known of the link.
pub(crate) struct RateControl {
    rate: Bitrate,
    state: State,
    capacity: LinkCapacity,
    updated: Option<Micros>,
    decreased: Option<Micros>,
}

impl RateControl {
    pub(crate) fn new(start: Bitrate) -> Self {
        let capacity = LinkCapacity { estimate: None, deviation: MIN_DEVIATION };
        Self { rate: start, state: State::Hold, capacity, updated: None, decreased: None }
    }

    pub(crate) fn rate(&self) -> Bitrate {
        self.rate
    }

    /// When the rate last went down.
    pub(crate) fn decreased(&self) -> Option<Micros> {
        self.decreased
    }

    /// A measurement or an outer bound says so.
    pub(crate) fn set(&mut self, rate: Bitrate) {
        self.rate = rate;
    }

    /// Feedback came: what the queue does, what arrives, and the round trip.
    pub(crate) fn update(
        &mut self,
        usage: Usage,
        throughput: Option<Bitrate>,
        round_trip: Micros,
        now: Micros,
    ) {
        let elapsed = self.updated.replace(now).map_or(0, |before| (now - before).clamp(0, MAX_STEP));
        match usage {
            Usage::Over => self.decrease(throughput, round_trip, now),
            // The queue drains: what is sent now is less than the link takes.
            Usage::Under => self.state = State::Hold,
            Usage::Normal if self.state == State::Hold => self.state = State::Increase,
            Usage::Normal => self.increase(throughput, round_trip, elapsed),
        }
    }

    fn decrease(&mut self, throughput: Option<Bitrate>, round_trip: Micros, now: Micros) {
        self.state = State::Hold;
        let wait = round_trip.clamp(MIN_WAIT, MAX_WAIT);
        let Some(throughput) = throughput else {
            // Nothing measured yet, and already too much.
            if self.decreased.is_none_or(|before| now - before >= MAX_WAIT) {
                self.rate = self.rate.times(0.5);
                self.decreased = Some(now);
            }
            return;
        };
        let is_far_off = throughput < self.rate.times(0.5);
        if !is_far_off && self.decreased.is_some_and(|before| now - before < wait) {
            return;
        }
        let mut next = throughput.times(BETA);
        if next > self.rate
            && let Some(capacity) = self.capacity.estimate
        {
            next = Bitrate::from_f64(capacity * BETA);
        }
        self.capacity.overuse_at(throughput);
        if next < self.rate {
            self.rate = next;
        }
        self.decreased = Some(now);
    }

    fn increase(&mut self, throughput: Option<Bitrate>, round_trip: Micros, elapsed: Micros) {
        if throughput.is_some_and(|throughput| throughput.as_f64() > self.capacity.upper()) {
            self.capacity.estimate = None;
        }
        let seconds = elapsed as f64 / 1e6;
        let next = if self.capacity.estimate.is_some() {
            let response = (round_trip + RESPONSE) as f64 / 1e6;
            let growth = (PACKET_BITS / response).max(MIN_GROWTH);
            self.rate + Bitrate::from_f64(growth * seconds)
        } else {
            self.rate.times(GROWTH.powf(seconds)) + Bitrate::from_f64(1_000.0 * seconds)
        };
        let limit = throughput.map_or(next, |throughput| throughput.times(LEAD) + LEAD_CONSTANT);
        if self.rate < limit {
            self.rate = next.min(limit);
        }
    }
}

/// Where the link ran full before: a mean and how sure it is.
struct LinkCapacity {
    /// Bits per second.
    estimate: Option<f64>,
    /// Variance divided by the mean, in kbit/s.
    deviation: f64,
}

/// Share of a new sample.
const SAMPLE: f64 = 0.05;
const MIN_DEVIATION: f64 = 0.4;
const MAX_DEVIATION: f64 = 2.5;
/// Throughput this many standard deviations away tells of another link.
const DEVIATIONS: f64 = 3.0;

impl LinkCapacity {
    fn spread(&self, estimate: f64) -> f64 {
        (self.deviation * estimate / 1_000.0).sqrt() * 1_000.0
    }

    fn upper(&self) -> f64 {
        self.estimate.map_or(f64::INFINITY, |estimate| estimate + DEVIATIONS * self.spread(estimate))
    }

    fn lower(&self) -> f64 {
        self.estimate.map_or(0.0, |estimate| (estimate - DEVIATIONS * self.spread(estimate)).max(0.0))
    }

    fn overuse_at(&mut self, throughput: Bitrate) {
        let sample = throughput.as_f64();
        if sample < self.lower() {
            self.estimate = None;
        }
        let Some(before) = self.estimate else {
            self.estimate = Some(sample);
            return;
        };
        let estimate = before + SAMPLE * (sample - before);
        let error = (estimate - sample) / 1_000.0;
        let normal = (estimate / 1_000.0).max(1.0);
        self.deviation = (1.0 - SAMPLE) * self.deviation + SAMPLE * error * error / normal;
        self.deviation = self.deviation.clamp(MIN_DEVIATION, MAX_DEVIATION);
        self.estimate = Some(estimate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Micros = 50_000;

    #[test]
    fn it_grows_by_eight_percent_a_second_until_it_leads_what_arrives_by_half() {
        let mut control = RateControl::new(Bitrate::kbps(1_000));
        let arriving = Some(Bitrate::kbps(1_000));
        (0..=10).for_each(|tick| control.update(Usage::Normal, arriving, ROUND_TRIP, tick * 100_000));
        let after_a_second = control.rate().as_bps();
        assert!((1_060_000..1_090_000).contains(&after_a_second), "{after_a_second}");
        (10..200).for_each(|tick| control.update(Usage::Normal, arriving, ROUND_TRIP, tick * 100_000));
        assert_eq!(control.rate(), Bitrate::kbps(1_510));
    }

    #[test]
    fn overuse_takes_it_below_what_arrives_once_in_a_round_trip_and_it_then_feels_its_way() {
        let mut control = RateControl::new(Bitrate::kbps(2_000));
        let arriving = Some(Bitrate::kbps(1_900));
        control.update(Usage::Over, arriving, ROUND_TRIP, 0);
        assert_eq!(control.rate(), Bitrate::kbps(1_615));
        control.update(Usage::Over, Some(Bitrate::kbps(1_500)), ROUND_TRIP, 20_000);
        assert_eq!(control.rate(), Bitrate::kbps(1_615), "it had no time to show");
        control.update(Usage::Over, Some(Bitrate::kbps(300)), ROUND_TRIP, 30_000);
        assert_eq!(control.rate(), Bitrate::kbps(255), "far off does not wait");
        let mut control = RateControl::new(Bitrate::kbps(2_000));
        control.update(Usage::Over, arriving, ROUND_TRIP, 0);
        (1..=21).for_each(|tick| control.update(Usage::Normal, arriving, ROUND_TRIP, tick * 100_000));
        // 1,200 bytes in each 150 ms, for two seconds.
        let grown = control.rate().as_bps();
        assert!((1_730_000..1_750_000).contains(&grown), "{grown}");
    }
}
