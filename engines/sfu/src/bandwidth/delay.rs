//! Is a queue growing on the way? Inter-group delay, its trend, and a threshold that adapts.
//!
//! draft-ietf-rmcat-gcc-02 §5.2–5.4 with the least-squares trend that took the place of the Kalman
//! filter (Carlucci et al., "Congestion Control for Web Real-Time Communication", 2017). One thing is
//! our own: a group's delay is the least of its packets, not the last one's. A forwarded frame leaves in
//! one burst, and how long its own tail takes grows with every larger layer without any queue being there.

use super::Micros;

/// Packets sent within this time belong together (gcc-02 §5.2).
const GROUP: Micros = 5_000;
/// A burst that the network made (gcc-02 §5.2) is at most this long.
const MAX_BURST: Micros = 100_000;
/// Arrival times that jump by more than this are another clock.
const CLOCK_JUMP: Micros = 3_000_000;
/// So many groups out of order: their clock went back.
const MAX_REORDERED: u8 = 3;
/// Groups that the trend is drawn through.
const WINDOW: usize = 20;
/// Share of the old value in the smoothed delay.
const SMOOTHING: f32 = 0.9;
/// The slope is multiplied by this and the number of groups, to be compared in milliseconds.
const GAIN: f32 = 4.0;
/// Groups beyond this number make the trend no surer.
const MAX_GROUPS: f32 = 60.0;
/// The threshold: first value, bounds and speeds (gcc-02 §5.4, table 1), in milliseconds.
const THRESHOLD: f32 = 12.5;
const MIN_THRESHOLD: f32 = 6.0;
const MAX_THRESHOLD: f32 = 600.0;
const THRESHOLD_UP: f32 = 0.0087;
const THRESHOLD_DOWN: f32 = 0.039;
/// A spike this far over the threshold does not move it.
const SPIKE: f32 = 15.0;
/// Over the threshold for this long is overuse (gcc-02 §5.4).
const OVERUSE_TIME: f32 = 10.0;
/// The threshold adapts over this many milliseconds at most in one step.
const MAX_STEP: f32 = 100.0;

/// What the queue does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// It grows.
    Over,
    /// It drains.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: Micros,
    last_sent: Micros,
    first_arrived: Micros,
    last_arrived: Micros,
    /// From sending to arrival, on two clocks.
    least_delay: Micros,
    /// Our clock when its feedback came.
    told: Micros,
}

/// From packets to the state of the queue.
pub(crate) struct DelayDetector {
    current: Option<Group>,
    before: Option<Group>,
    reordered: u8,
    groups: f32,
    /// In milliseconds.
    accumulated: f32,
    smoothed: f32,
    first_arrived: Micros,
    /// Arrival in milliseconds since the first, smoothed delay.
    window: [(f32, f32); WINDOW],
    filled: usize,
    threshold: f32,
    adapted: Option<Micros>,
    over_time: Option<f32>,
    over_count: u8,
    last_trend: f32,
    usage: Usage,
}

impl DelayDetector {
    pub(crate) fn new() -> Self {
        Self {
            current: None,
            before: None,
            reordered: 0,
            groups: 0.0,
            accumulated: 0.0,
            smoothed: 0.0,
            first_arrived: 0,
            window: [(0.0, 0.0); WINDOW],
            filled: 0,
            threshold: THRESHOLD,
            adapted: None,
            over_time: None,
            over_count: 0,
            last_trend: 0.0,
            usage: Usage::Normal,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that arrived, in the order of sending; times are on two clocks.
    pub(crate) fn packet(&mut self, sent: Micros, arrived: Micros, now: Micros) {
        let Some(group) = &mut self.current else {
            self.current = Some(Group::of(sent, arrived, now));
            return;
        };
        if sent < group.first_sent {
            return;
        }
        if group.takes(sent, arrived) {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrived = group.last_arrived.max(arrived);
            group.least_delay = group.least_delay.min(arrived - sent);
            group.told = now;
            return;
        }
        let finished = *group;
        self.current = Some(Group::of(sent, arrived, now));
        if let Some(before) = self.before.replace(finished) {
            self.compare(&before, &finished);
        }
    }

    fn compare(&mut self, before: &Group, group: &Group) {
        let arrived = group.last_arrived - before.last_arrived;
        if (arrived - (group.told - before.told)).abs() > CLOCK_JUMP {
            self.restart();
            return;
        }
        if arrived < 0 {
            self.reordered += 1;
            if self.reordered >= MAX_REORDERED {
                self.restart();
            }
            return;
        }
        self.reordered = 0;
        let sent = (group.last_sent - before.last_sent) as f32 / 1_000.0;
        let delta = (group.least_delay - before.least_delay) as f32 / 1_000.0;
        self.trend(delta, sent, group.last_arrived, group.told);
    }

    /// The other clock is another one now.
    fn restart(&mut self) {
        let threshold = self.threshold;
        *self = Self { threshold, ..Self::new() };
    }

    fn trend(&mut self, delta: f32, sent: f32, arrived: Micros, now: Micros) {
        if self.groups == 0.0 {
            self.first_arrived = arrived;
        }
        self.groups = (self.groups + 1.0).min(MAX_GROUPS * 4.0);
        self.accumulated += delta;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.filled == WINDOW {
            self.window.rotate_left(1);
            self.filled -= 1;
        }
        if let Some(place) = self.window.get_mut(self.filled) {
            *place = ((arrived - self.first_arrived) as f32 / 1_000.0, self.smoothed);
            self.filled += 1;
        }
        let slope = if self.filled == WINDOW { self.slope() } else { 0.0 };
        self.detect(slope, sent, now);
        self.rebase();
    }

    /// Keeps single precision fine: both axes only matter relative to the window.
    fn rebase(&mut self) {
        const FAR: f32 = 60_000.0;
        let newest = self.window.get(self.filled.wrapping_sub(1)).map_or(0.0, |point| point.0);
        if newest < FAR {
            return;
        }
        let shift = self.window[0].0;
        let lift = self.smoothed;
        self.first_arrived += (shift * 1_000.0) as Micros;
        for point in &mut self.window[..self.filled] {
            *point = (point.0 - shift, point.1 - lift);
        }
        self.accumulated -= lift;
        self.smoothed = 0.0;
    }

    /// Least squares through the window.
    fn slope(&self) -> f32 {
        let count = WINDOW as f32;
        let (x, y) = self.window.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (x, y) = (x / count, y / count);
        let (above, below) = self.window.iter().fold((0.0, 0.0), |(above, below), point| {
            let dx = point.0 - x;
            (above + dx * (point.1 - y), below + dx * dx)
        });
        if below == 0.0 { 0.0 } else { above / below }
    }

    fn detect(&mut self, slope: f32, sent: f32, now: Micros) {
        if self.groups < 2.0 {
            return;
        }
        let trend = self.groups.min(MAX_GROUPS) * slope * GAIN;
        if trend > self.threshold {
            let time = self.over_time.map_or(sent / 2.0, |time| time + sent);
            self.over_time = Some(time);
            self.over_count = self.over_count.saturating_add(1);
            if time > OVERUSE_TIME && self.over_count > 1 && slope >= self.last_trend {
                self.over_time = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_time = None;
            self.over_count = 0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_trend = slope;
        self.adapt(trend.abs(), now);
    }

    fn adapt(&mut self, trend: f32, now: Micros) {
        let elapsed = self.adapted.replace(now).map_or(0.0, |before| (now - before) as f32 / 1_000.0);
        if trend > self.threshold + SPIKE {
            return;
        }
        let speed = if trend < self.threshold { THRESHOLD_DOWN } else { THRESHOLD_UP };
        self.threshold += speed * (trend - self.threshold) * elapsed.clamp(0.0, MAX_STEP);
        self.threshold = self.threshold.clamp(MIN_THRESHOLD, MAX_THRESHOLD);
    }
}

impl Group {
    fn of(sent: Micros, arrived: Micros, now: Micros) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrived: arrived,
            last_arrived: arrived,
            least_delay: arrived - sent,
            told: now,
        }
    }

    /// Sent together, or brought together by the network.
    fn takes(&self, sent: Micros, arrived: Micros) -> bool {
        if sent - self.first_sent <= GROUP {
            return true;
        }
        let gap = arrived - self.last_arrived;
        let caught_up = gap - (sent - self.last_sent) < 0;
        caught_up && gap <= GROUP && arrived - self.first_arrived < MAX_BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups 20 ms apart whose delay grows by `growth` each; how many until it is called overuse.
    fn until_overuse(growth: Micros) -> Option<usize> {
        let mut detector = DelayDetector::new();
        (0..300).find(|count| {
            let sent = *count as Micros * 20_000;
            detector.packet(sent, sent + 7_000_000_000 + *count as Micros * growth, sent);
            detector.usage() == Usage::Over
        })
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_steady_delay_is_not() {
        assert!(until_overuse(2_000).is_some_and(|groups| groups < 30));
        assert_eq!(until_overuse(0), None);
        assert_eq!(until_overuse(-500), None);
    }

    #[test]
    fn a_receiver_whose_clock_jumps_is_read_anew() {
        let mut detector = DelayDetector::new();
        for count in 0..200i64 {
            let sent = count * 20_000;
            let jump = [0, 40_000_000, -90_000_000][(count / 70) as usize];
            detector.packet(sent, sent + 500_000_000 + jump, sent);
            assert_eq!(detector.usage(), Usage::Normal, "{count}");
        }
    }

    #[test]
    fn hours_of_steady_media_leave_the_trend_as_fine_as_the_first_minute() {
        let mut detector = DelayDetector::new();
        for count in 0..500_000i64 {
            // 100 parts per million of clock drift, as between two cheap crystals.
            detector.packet(count * 20_000, count * 20_002, count * 20_000);
            assert_eq!(detector.usage(), Usage::Normal);
        }
        let at = 500_000i64;
        let found = (0..40i64).any(|count| {
            let sent = (at + count) * 20_000;
            detector.packet(sent, (at + count) * 20_002 + count * 2_000, sent);
            detector.usage() == Usage::Over
        });
        assert!(found);
    }
}
