//! Estimator, pacer and allocator of one subscriber, put together.

use std::time::{Duration, Instant};

use super::{
    Bitrate, Estimator,
    allocate::{Allocator, Budget, Demand, least, wanted},
    pacer::Pacer,
};
use crate::rtcp::twcc::Feedback;

/// Without transport-wide feedback only reports of loss tell of the link. Begins with enough for one ordinary camera.
const UNMEASURED: Bitrate = Bitrate::kbps(2_000);
const LEAST_UNMEASURED: Bitrate = Bitrate::kbps(150);
const MOST_UNMEASURED: Bitrate = Bitrate::kbps(8_000);
/// The loss-based part of the published algorithm (draft-ietf-rmcat-gcc-02 §6): above a tenth lost the rate goes down by
/// half of that share, below a fiftieth it goes up by a twentieth; once in this time.
const MUCH_LOST: f64 = 0.1;
const LITTLE_LOST: f64 = 0.02;
const RISE: f64 = 1.05;
const BETWEEN_REPORTS: Duration = Duration::from_millis(500);
/// Until the first probes are answered the smallest layers are sent within this.
const UNSETTLED: Bitrate = Bitrate::kbps(2_000);
/// Probes begin, and cuts are noticed, within this.
const INTERVAL: Duration = Duration::from_millis(50);
/// Feedback brings [`Downlink::tick`] about by itself; when none came for this long the clock does.
const WITHOUT_FEEDBACK: Duration = Duration::from_millis(100);
/// Who has this much more than what all demands need, and loses less than that share, is looked at only so often.
const AMPLE: f64 = 1.3;
const FEW_LOST: f64 = 0.02;
const CONTENT: Duration = Duration::from_secs(1);
/// Loss beyond this does not reserve more for retransmissions.
const MAX_RESERVE: f64 = 0.3;
/// Up to this share losses end no video by themselves.
const BEARABLE: f64 = 0.25;

/// What a subscriber's link takes, when packets leave, and which.
pub(crate) struct Downlink {
    pub(crate) estimator: Estimator,
    pub(crate) pacer: Pacer,
    pub(crate) allocator: Allocator,
    /// The subscriber negotiated transport-wide feedback.
    pub(crate) is_measured: bool,
    /// What is sent to who negotiated none, and when that last changed.
    unmeasured: (Bitrate, Instant),
    /// The first measurement is there, at the start and after a cut.
    is_settled: bool,
    /// All demands were met in full, with this target or more: nothing changes until then.
    content: Option<(Bitrate, Instant)>,
    next_tick: Instant,
    start: Instant,
}

/// With the history's first two kilobytes it stays far within what a viewer may cost.
const _: () = assert!(size_of::<Downlink>() <= 2_048);

impl Downlink {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            estimator: Estimator::new(now),
            pacer: Pacer::new(now),
            allocator: Allocator::default(),
            is_measured: false,
            unmeasured: (UNMEASURED, now),
            is_settled: false,
            content: None,
            next_tick: now,
            start: now,
        }
    }

    /// What may be sent.
    pub(crate) fn target(&self) -> Bitrate {
        if self.is_measured { self.estimator.target() } else { self.unmeasured.0 }
    }

    /// What layers may use: the target without what losses will cost in retransmissions.
    fn budget(&self, demands: &[Demand<'_>]) -> Budget {
        let target = self.target();
        if !self.is_settled {
            return Budget { target, least: target.max(least(demands).min(UNSETTLED)) };
        }
        let loss = if self.is_measured { self.estimator.loss() } else { 0.0 };
        let target = target.times(1.0 - loss.min(MAX_RESERVE));
        // Losses without a queue are the link's own, unless they are most of what there is.
        let is_bearable = self.is_measured && loss < BEARABLE;
        Budget { target, least: if is_bearable { target.max(self.estimator.delay_based()) } else { target } }
    }

    /// Whether a video packet may leave at once.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        let target = self.target();
        self.pacer.admits(target, now)
    }

    /// A video packet left; `sequence` is its transport-wide number, when it has one.
    pub(crate) fn sent(&mut self, sequence: Option<u16>, size: usize, now: Instant) {
        let target = self.target();
        self.pacer.charge(size, target);
        self.note(sequence, size, now);
    }

    /// Padding left. It is beyond what the pacing rate allows, on purpose.
    pub(crate) fn padded(&mut self, sequence: Option<u16>, size: usize, now: Instant) {
        self.note(sequence, size, now);
    }

    fn note(&mut self, sequence: Option<u16>, size: usize, now: Instant) {
        if let Some(sequence) = sequence {
            let cluster = self.pacer.tag(size, now);
            self.estimator.sent(sequence, size, cluster, now);
        }
    }

    /// A running probe, or a link that fell silent, needs a packet now that nothing else provides.
    pub(crate) fn lacks_padding(&self, now: Instant) -> bool {
        self.pacer.probe_lacks(now) > 0 || (self.is_measured && self.estimator.wants_keep_alive(now))
    }

    /// Something must leave on the next pacing ticks.
    pub(crate) fn needs_ticks(&self, now: Instant) -> bool {
        self.pacer.is_busy() || (self.is_measured && self.estimator.wants_keep_alive(now))
    }

    /// When [`Downlink::tick`] is missed; `None` while nothing is being sent.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        (self.is_measured && self.estimator.is_in_use(now)).then(|| self.next_tick + WITHOUT_FEEDBACK)
    }

    /// Media goes another way from now on: what was learnt of the old one does not hold for it.
    pub(crate) fn path_changed(&mut self, now: Instant) {
        self.estimator = Estimator::starting_at(self.estimator.target().min(UNSETTLED), now);
        self.is_settled = false;
        self.pacer.end_probe();
    }

    /// A receiver report about video: its share of lost packets.
    pub(crate) fn video_report(&mut self, lost: f64, now: Instant) {
        let (rate, since) = self.unmeasured;
        if now.saturating_duration_since(since) < BETWEEN_REPORTS {
            return;
        }
        let change = match lost {
            lost if lost > MUCH_LOST => 1.0 - 0.5 * lost,
            lost if lost < LITTLE_LOST => RISE,
            _ => 1.0,
        };
        self.unmeasured = (rate.times(change).clamp(LEAST_UNMEASURED, MOST_UNMEASURED), now);
    }

    /// Feedback from the subscriber.
    pub(crate) fn feedback(&mut self, feedback: &Feedback<'_>, now: Instant) {
        let was_cut = self.estimator.is_cut();
        self.estimator.feedback(feedback, now);
        if was_cut && !self.estimator.is_cut() {
            self.is_settled = false;
        }
    }

    /// What happens by the clock; may be called as often as one likes.
    pub(crate) fn tick(&mut self, now: Instant) {
        if !self.is_measured || now < self.next_tick {
            return;
        }
        self.next_tick = now + INTERVAL;
        self.estimator.tick(now);
        if !self.pacer.is_probing()
            && let Some(cluster) = self.estimator.next_probe(now)
        {
            self.pacer.begin_probe(cluster, now);
        }
    }

    /// Shares the target out; [`Allocator::share`] then says what each demand gets.
    pub(crate) fn allocate(&mut self, demands: &[Demand<'_>], now: Instant) {
        let elapsed = now.saturating_duration_since(self.start).as_micros() as i64;
        if !self.is_settled && (!self.is_measured || self.estimator.is_settled()) {
            self.is_settled = true;
            self.allocator.begin_anew();
        }
        let budget = self.budget(demands);
        let all = wanted(demands);
        self.estimator.set_wanted(all);
        self.allocator.run(demands, budget, elapsed);
        let is_met = |demand: &Demand<'_>| {
            demand.layers.is_empty() || self.allocator.share(demand.key) == Some(demand.layers.len() - 1)
        };
        let is_content = self.is_settled && demands.iter().all(is_met);
        self.content = is_content.then(|| (all.times(AMPLE), now + CONTENT));
    }

    /// Sharing out again would change nothing: there was more than enough for everything, and still is.
    pub(crate) fn is_content(&self, now: Instant) -> bool {
        let (ample, until) = match self.content {
            Some(content) => content,
            None => return false,
        };
        now < until && self.target() >= ample && (!self.is_measured || self.estimator.loss() < FEW_LOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reports_nothing_but_loss_gets_less_until_it_is_bearable_and_more_when_there_is_none() {
        let start = Instant::now();
        let mut downlink = Downlink::new(start);
        let mut second = 0;
        let mut report = |downlink: &mut Downlink, lost: f64| {
            second += 1;
            downlink.video_report(lost, start + Duration::from_secs(second));
            downlink.target()
        };
        assert_eq!(report(&mut downlink, 0.05), UNMEASURED);
        let after: Vec<Bitrate> = (0..30).map(|_| report(&mut downlink, 0.4)).collect();
        assert!(after[0] < UNMEASURED && after[29] == LEAST_UNMEASURED);
        (0..200).for_each(|_| _ = report(&mut downlink, 0.0));
        assert_eq!(downlink.target(), MOST_UNMEASURED);
        // A flood of reports is one.
        let before = downlink.target();
        let at = start + Duration::from_secs(1_000);
        (0..100).for_each(|_| downlink.video_report(0.5, at));
        assert_eq!(downlink.target(), before.times(0.75));
    }
}
