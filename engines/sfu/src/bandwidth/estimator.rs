//! One subscriber's target bitrate, from what was sent and what its feedback says.
//!
//! Google Congestion Control as published (draft-ietf-rmcat-gcc-02) with the successors of its parts: the
//! lower of a delay-based and a loss-based rate, both fed by transport-wide feedback, raised by probes.

use std::time::{Duration, Instant};

use super::{
    Bitrate, Micros,
    aimd::RateControl,
    delay::{DelayDetector, Usage},
    history::History,
    loss::LossEstimator,
    probe::{Cluster, Prober},
    throughput::Throughput,
};
use crate::rtcp::twcc::{Feedback, Report};

/// What is assumed before anything was measured.
pub(crate) const START: Bitrate = Bitrate::kbps(500);
/// Not lower: a link that takes less carries no video, and probes must stay possible.
const MIN: Bitrate = Bitrate::kbps(50);
/// Not higher: what a room can send to one person.
const MAX: Bitrate = Bitrate::kbps(30_000);
/// Who never answers gets this much: the smallest layers of a few people.
const UNANSWERED: Bitrate = Bitrate::kbps(300);
/// Feedback that fell silent leaves at least this much.
const SILENT: Bitrate = Bitrate::kbps(150);
/// Packets without any answer for this long: the way there or back is cut.
const SILENCE: Micros = 1_500_000;
/// While it is cut the target halves in each of these.
const FADE: Micros = 1_000_000;
/// Share of the old target that is taken up when the answers return, until a probe has confirmed it.
const RETURN: f64 = 0.5;
/// While it is cut one packet leaves in each of these at least, so that its return is noticed.
const KEEP_ALIVE: Micros = 100_000;
/// Probing waits this long after the rate went down, and for queues shorter than this.
const CALM: Micros = 1_000_000;
const CALM_QUEUE: Micros = 50_000;
/// Nothing sent for this long: what was known of queues is history.
const IDLE: Micros = 1_000_000;
/// Losses above this share are the work of a queue when packets wait longer than this at the same time.
const FULL_LOSS: f64 = 0.1;
const FULL_QUEUE: Micros = 50_000;
/// A trend without a queue of this length is the jitter of a busy receiver.
const LEAST_QUEUE: Micros = 10_000;
/// Weight of a new report of sound, and how long it counts.
const SOUND_GAIN: f64 = 0.5;
const SOUND_AGE: Micros = 6_000_000;
/// And nothing for this long: of losses too.
const FORGET_LOSS: Micros = 4_000_000;
/// Before the first measurement (RFC 8836's typical path).
const FIRST_ROUND_TRIP: Micros = 100_000;
/// One tick of an arrival time, and of a message's reference time.
const TICK: Micros = 250;
const REFERENCE: Micros = 64_000;
/// The reference time has 24 bits.
const REFERENCE_BITS: u32 = 24;
/// Two thousand years of reference times: multiplied by their length they still fit.
const FARTHEST: i64 = 1 << 40;

/// The estimator.
pub(crate) struct Estimator {
    start: Instant,
    history: History,
    delay: DelayDetector,
    throughput: Throughput,
    control: RateControl,
    loss: LossEstimator,
    prober: Prober,
    queue: QueueDelay,
    round_trip: Micros,
    /// The newest reference time, without the wrap.
    reference: Option<i64>,
    target: Bitrate,
    wanted: Bitrate,
    last_sent: Micros,
    /// The first packet since the last answer.
    unanswered: Option<Micros>,
    /// The target when the answers stopped, and when that was.
    cut: Option<(Bitrate, Micros)>,
    /// Losses among what left earlier do not count.
    counts_from: Micros,
    was_answered: bool,
    /// Share of the sound's packets that was lost, and when that was last heard of.
    sound_loss: f64,
    sound_told: Option<Micros>,
    /// Reports of packets that were never sent, or too long ago.
    pub(crate) ignored: u64,
}

impl Estimator {
    pub(crate) fn new(now: Instant) -> Self {
        Self::starting_at(START, now)
    }

    /// Nothing was measured yet, and this is what is assumed.
    pub(crate) fn starting_at(rate: Bitrate, now: Instant) -> Self {
        Self {
            start: now,
            history: History::new(),
            delay: DelayDetector::new(),
            throughput: Throughput::new(),
            control: RateControl::new(rate),
            loss: LossEstimator::new(),
            prober: Prober::new(rate),
            queue: QueueDelay::default(),
            round_trip: FIRST_ROUND_TRIP,
            reference: None,
            target: rate,
            wanted: Bitrate::ZERO,
            last_sent: 0,
            unanswered: None,
            cut: None,
            counts_from: 0,
            was_answered: false,
            sound_loss: 0.0,
            sound_told: None,
            ignored: 0,
        }
    }

    fn micros(&self, now: Instant) -> Micros {
        now.saturating_duration_since(self.start).as_micros() as Micros
    }

    /// What may be sent, retransmissions and padding included.
    pub(crate) fn target(&self) -> Bitrate {
        self.target
    }

    /// What may be sent as far as queues tell, whatever is lost.
    pub(crate) fn delay_based(&self) -> Bitrate {
        if self.cut.is_some() { self.target } else { self.control.rate() }
    }

    /// Share of packets lost over the last seconds.
    pub(crate) fn loss(&self) -> f64 {
        self.loss.share()
    }

    /// From sending to feedback; `None` before the first.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.was_answered.then(|| Duration::from_micros(self.round_trip.unsigned_abs()))
    }

    /// How long packets wait somewhere on the way, beyond the shortest time of the last minute or two.
    pub(crate) fn queue_delay(&self) -> Duration {
        Duration::from_micros(self.queue.smoothed.max(0).unsigned_abs())
    }

    /// Something was measured, or it is clear that nothing will be.
    pub(crate) fn is_settled(&self) -> bool {
        self.cut.is_some() || (self.was_answered && self.prober.is_settled())
    }

    /// Nothing answers.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// What would be sent if the link took it: probes go up to there.
    pub(crate) fn set_wanted(&mut self, wanted: Bitrate) {
        self.wanted = wanted.min(MAX);
    }

    /// A packet left. `cluster` is the probe it is part of, 0 for none.
    pub(crate) fn sent(&mut self, sequence: u16, size: usize, cluster: u8, now: Instant) {
        let now = self.micros(now);
        self.history.record(sequence, size, cluster, now);
        self.last_sent = now;
        self.unanswered.get_or_insert(now);
    }

    /// The subscriber's feedback.
    pub(crate) fn feedback(&mut self, feedback: &Feedback<'_>, now: Instant) {
        let now = self.micros(now);
        let reference = self.unwrap_reference(feedback.reference());
        if self.cut.is_some() && feedback.lost() < feedback.total() {
            self.answers_return(now);
        }
        let mut newest = None;
        let mut shortest = Micros::MAX;
        let mut found = None;
        for report in feedback.reports() {
            match report {
                Report::Lost { first, count } => {
                    let Self { history, loss, counts_from, .. } = self;
                    history.lost(first, count, now, |sent, size| {
                        newest = newest.max(Some(sent));
                        if sent >= *counts_from {
                            loss.lost(size);
                        }
                    });
                }
                Report::Arrived { sequence, ticks } => {
                    let Some(extended) = self.history.extend(sequence) else {
                        self.ignored += 1;
                        continue;
                    };
                    let Some(acked) = self.history.arrived(extended, now) else { continue };
                    let arrived = reference * REFERENCE + Micros::from(ticks) * TICK;
                    newest = newest.max(Some(acked.sent));
                    shortest = shortest.min(now - acked.sent);
                    if acked.sent >= self.counts_from {
                        self.loss.arrived(acked.size, acked.was_lost);
                    }
                    self.throughput.arrived(arrived, acked.size);
                    self.queue.note(arrived - acked.sent, now);
                    if acked.cluster == 0 {
                        self.delay.packet(acked.sent, arrived, now);
                    } else {
                        found = self.prober.arrived(&acked, arrived).or(found);
                    }
                }
            }
        }
        if shortest < Micros::MAX {
            self.was_answered = true;
            self.unanswered = None;
            self.round_trip = shortest;
            self.reference = Some(reference);
        }
        if let Some(newest) = newest {
            self.update(newest, found, now);
        }
    }

    fn update(&mut self, newest: Micros, found: Option<Bitrate>, now: Micros) {
        let before = self.control.rate();
        // A queue that is full does not grow: nothing but its length and what it drops tell of it.
        let is_heard = self.sound_told.is_some_and(|told| now - told < SOUND_AGE);
        let sound = if is_heard { self.sound_loss } else { 0.0 };
        let is_full = self.loss.share().max(sound) > FULL_LOSS && self.queue.smoothed > FULL_QUEUE;
        let usage = match self.delay.usage() {
            _ if is_full => Usage::Over,
            Usage::Over if self.queue.smoothed < LEAST_QUEUE => Usage::Normal,
            usage => usage,
        };
        self.control.update(usage, self.throughput.value(), self.round_trip, now);
        if let Some(found) = found.filter(|_| usage != Usage::Over) {
            self.control.set(self.control.rate().max(found));
            self.prober.conclude(found, self.wanted, before, now);
        }
        self.control.set(self.control.rate().clamp(MIN, MAX));
        self.loss.update(newest, self.control.rate());
        let rate = self.control.rate();
        self.target = self.loss.bound().map_or(rate, |bound| bound.min(rate)).max(MIN);
    }

    /// The message's reference time without the wrap after twelve days; may go back a little.
    fn unwrap_reference(&self, reference: u32) -> i64 {
        match self.reference {
            Some(last) if last.abs() < FARTHEST => {
                let shift = u32::BITS - REFERENCE_BITS;
                let difference = (reference.wrapping_sub(last as u32) << shift) as i32 >> shift;
                last + i64::from(difference)
            }
            // Only a clock that leaps with every message gets that far.
            None | Some(_) => i64::from(reference),
        }
    }

    /// A receiver report of a sound stream, which no transport-wide feedback tells of: its share of lost packets.
    pub(crate) fn sound_report(&mut self, lost: f64, now: Instant) {
        self.sound_told = Some(self.micros(now));
        self.sound_loss += SOUND_GAIN * (lost - self.sound_loss);
    }

    /// Something was sent within the time in which an answer to it counts, or is still missing.
    pub(crate) fn is_in_use(&self, now: Instant) -> bool {
        self.cut.is_some() || self.micros(now) - self.last_sent < SILENCE + IDLE
    }

    /// What happens by the clock. Cheap.
    pub(crate) fn tick(&mut self, now: Instant) {
        let now = self.micros(now);
        self.history.grow();
        let Some(since) = self.unanswered.filter(|since| now - since > SILENCE) else { return };
        let (before, at) = *self.cut.get_or_insert((self.target, since + SILENCE));
        self.prober.cancel();
        self.target = if self.was_answered {
            let faded = before.times(0.5f64.powf((now - at) as f64 / FADE as f64));
            faded.max(SILENT).min(before)
        } else {
            UNANSWERED.min(before)
        };
    }

    /// The link is there again: what was lost meanwhile says nothing of it.
    fn answers_return(&mut self, now: Micros) {
        let Some((before, _)) = self.cut.take() else { return };
        self.counts_from = now;
        self.loss.forget();
        self.delay = DelayDetector::new();
        self.throughput = Throughput::new();
        self.control.set(before.times(RETURN).max(self.target));
        self.target = self.control.rate();
        self.prober.request(before);
    }

    /// A probe to begin now; asked for while none is running.
    pub(crate) fn next_probe(&mut self, now: Instant) -> Option<Cluster> {
        let now = self.micros(now);
        if self.cut.is_some() {
            return None;
        }
        if now - self.last_sent > IDLE {
            // All was paused: whatever queue there was has drained.
            self.delay = DelayDetector::new();
            self.queue.smoothed = 0;
        }
        if now - self.last_sent > FORGET_LOSS {
            self.loss.forget();
            self.target = self.control.rate();
        }
        let is_calm = self.delay.usage() == Usage::Normal
            && self.queue.smoothed < CALM_QUEUE
            && self.control.decreased().is_none_or(|at| now - at > CALM);
        self.prober.next(self.target, self.wanted, is_calm, now)
    }

    /// Nothing was sent for a while, and only an answer can tell that the link is there.
    pub(crate) fn wants_keep_alive(&self, now: Instant) -> bool {
        self.cut.is_some() && self.micros(now) - self.last_sent >= KEEP_ALIVE
    }
}

/// The one-way delay above its minimum: the two clocks need not agree.
#[derive(Default)]
struct QueueDelay {
    /// Least in this period and in the one before.
    least: Option<(Micros, Micros)>,
    since: Micros,
    smoothed: Micros,
}

/// Clocks drift apart by six milliseconds in this time at most (100 parts per million).
const PERIOD: Micros = 60_000_000;
/// Who jumps by more has another clock now.
const CLOCK_JUMP: Micros = 3_000_000;
/// Share of a new packet, as a shift.
const GAIN: u32 = 3;

impl QueueDelay {
    fn note(&mut self, delay: Micros, now: Micros) {
        if self.least.is_some_and(|(least, _)| (delay - least - self.smoothed).abs() > CLOCK_JUMP) {
            *self = Self { since: now, ..Self::default() };
        }
        let (current, before) = self.least.unwrap_or((delay, delay));
        let least = current.min(delay);
        self.least = Some((least, before));
        if now - self.since > PERIOD {
            self.since = now;
            self.least = Some((delay, least));
        }
        let base = least.min(before);
        self.smoothed += (delay - base - self.smoothed) >> GAIN;
    }
}
