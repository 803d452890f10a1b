//! Probes: a few packets sent faster than the target, to learn whether the link takes them.
//!
//! Two at the start (three and six times the start rate), then further ones while they succeed; later
//! whenever more is wanted than the target gives, with longer pauses after one that found nothing.

use super::{Bitrate, Micros, history::Acked};

/// A probe lasts this long and has at least this many packets.
pub(crate) const MIN_TIME: Micros = 15_000;
pub(crate) const MIN_PACKETS: u32 = 5;
/// First probes as multiples of the start rate.
const FIRST: [f64; 2] = [3.0, 6.0];
/// A probe that reached this share of its rate is followed by one at this multiple of the result.
const SUCCESS: f64 = 0.7;
const FURTHER: f64 = 2.0;
/// No result after this long is a result.
const TIMEOUT: Micros = 1_000_000;
/// Between probes for what is wanted; doubled up to the longest after each that found nothing.
const PAUSE: Micros = 1_500_000;
const LONGEST_PAUSE: Micros = 5_000_000;
/// Wanted is probed with a margin, so that the estimate ends above it.
const MARGIN: f64 = 1.1;
/// Share of the packets and bytes of a probe that must have arrived to count.
const ENOUGH: f64 = 0.8;
/// When the link takes less than this share of what was sent, it was full: stay below that.
const FULL: f64 = 0.9;
const BELOW_FULL: f64 = 0.95;
/// Arrivals packed tighter than this multiple of the sending rate are an artefact.
const MAX_RATIO: f64 = 2.0;
/// Longer ones are no burst any more.
const MAX_SPAN: Micros = 1_000_000;

/// What is to be sent as one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Never 0.
    pub(crate) id: u8,
    pub(crate) rate: Bitrate,
}

#[derive(Clone, Copy, Debug, Default)]
struct Measure {
    id: u8,
    rate: Bitrate,
    packets: u32,
    bytes: u64,
    first_sent: Micros,
    last_sent: Micros,
    first_arrived: Micros,
    last_arrived: Micros,
    last_sent_size: u16,
    first_arrived_size: u16,
}

/// Clusters that feedback may still tell of.
const LIVE: usize = 4;

/// When to probe, and what came of it.
pub(crate) struct Prober {
    start: Bitrate,
    queue: [Option<Bitrate>; 2],
    measures: [Measure; LIVE],
    last_id: u8,
    /// The newest cluster and when it was handed out.
    waiting: Option<(u8, Micros)>,
    has_started: bool,
    pause: Micros,
    ended: Micros,
}

impl Prober {
    pub(crate) fn new(start: Bitrate) -> Self {
        Self {
            start,
            queue: [None; 2],
            measures: [Measure::default(); LIVE],
            last_id: 0,
            waiting: None,
            has_started: false,
            pause: PAUSE,
            ended: 0,
        }
    }

    /// The first probes were answered, or it is clear that they will not be.
    pub(crate) fn is_settled(&self) -> bool {
        self.has_started && self.waiting.is_none() && self.queue == [None; 2]
    }

    /// Probes at this rate next, whatever the pause; twice, as one may meet other traffic.
    pub(crate) fn request(&mut self, rate: Bitrate) {
        self.queue = [Some(rate); 2];
        self.waiting = None;
        self.pause = PAUSE;
    }

    /// Nothing is sent any more that could be answered.
    pub(crate) fn cancel(&mut self) {
        self.queue = [None; 2];
        self.waiting = None;
    }

    /// The probe to begin now, if any; the sender has none running.
    pub(crate) fn next(
        &mut self,
        target: Bitrate,
        wanted: Bitrate,
        is_calm: bool,
        now: Micros,
    ) -> Option<Cluster> {
        if !self.has_started && wanted > Bitrate::ZERO {
            self.has_started = true;
            self.queue = FIRST.map(|times| Some(self.start.times(times)));
        }
        if self.waiting.is_some_and(|(_, since)| now - since > TIMEOUT) {
            self.waiting = None;
            self.fail(now);
        }
        if self.queue == [None; 2] && self.waiting.is_none() && is_calm && now - self.ended >= self.pause {
            let goal = wanted.times(MARGIN);
            if wanted > target {
                self.queue[0] = Some(target.times(FURTHER).min(goal));
            }
        }
        let rate = self.queue[0].take()?;
        self.queue.swap(0, 1);
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.waiting = Some((self.last_id, now));
        self.measures[usize::from(self.last_id) % LIVE] =
            Measure { id: self.last_id, rate, ..Measure::default() };
        Some(Cluster { id: self.last_id, rate })
    }

    fn fail(&mut self, now: Micros) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.ended = now;
    }

    /// A packet of a probe arrived; the rate that the link took, once enough of them have.
    pub(crate) fn arrived(&mut self, acked: &Acked, arrived: Micros) -> Option<Bitrate> {
        let measure = &mut self.measures[usize::from(acked.cluster) % LIVE];
        if acked.cluster == 0 || measure.id != acked.cluster {
            return None;
        }
        if measure.packets == 0 {
            measure.first_sent = acked.sent;
            measure.first_arrived = arrived;
            measure.first_arrived_size = acked.size;
        }
        if acked.sent >= measure.last_sent {
            measure.last_sent = acked.sent;
            measure.last_sent_size = acked.size;
        }
        if arrived < measure.first_arrived {
            measure.first_arrived = arrived;
            measure.first_arrived_size = acked.size;
        }
        measure.first_sent = measure.first_sent.min(acked.sent);
        measure.last_arrived = if measure.packets == 0 { arrived } else { measure.last_arrived.max(arrived) };
        measure.packets += 1;
        measure.bytes += u64::from(acked.size);
        measure.result()
    }

    /// Feedback was taken in; `found` is the newest result in it, `before` the rate that was held until then.
    pub(crate) fn conclude(&mut self, found: Bitrate, wanted: Bitrate, before: Bitrate, now: Micros) {
        let Some((id, _)) = self.waiting.take() else { return };
        let probed = self.measures[usize::from(id) % LIVE].rate;
        self.ended = now;
        if found < probed.times(SUCCESS) {
            if found <= before {
                self.fail(now);
            }
            return;
        }
        self.pause = PAUSE;
        if wanted > found && self.queue == [None; 2] {
            self.queue[0] = Some(found.times(FURTHER).min(wanted.times(MARGIN)));
        }
    }
}

impl Measure {
    fn result(&self) -> Option<Bitrate> {
        let least = self.rate.as_f64() * MIN_TIME as f64 / 8e6;
        if f64::from(self.packets) < f64::from(MIN_PACKETS) * ENOUGH || (self.bytes as f64) < least * ENOUGH {
            return None;
        }
        let (sending, arriving) = (self.last_sent - self.first_sent, self.last_arrived - self.first_arrived);
        let valid = 1..=MAX_SPAN;
        if !valid.contains(&sending) || !valid.contains(&arriving) {
            return None;
        }
        let sent = Bitrate::of(self.bytes - u64::from(self.last_sent_size), sending);
        let arrived = Bitrate::of(self.bytes - u64::from(self.first_arrived_size), arriving);
        if arrived.as_f64() > sent.as_f64() * MAX_RATIO {
            return None;
        }
        Some(if arrived < sent.times(FULL) { arrived.times(BELOW_FULL) } else { sent.min(arrived) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a probe of 1,200-byte packets over a link of this rate; the last result.
    fn probe(prober: &mut Prober, cluster: Cluster, link: Bitrate, start: Micros) -> Option<Bitrate> {
        let gap = 1_200 * 8_000_000 / cluster.rate.as_bps() as Micros;
        let service = 1_200 * 8_000_000 / link.as_bps() as Micros;
        let count = (MIN_TIME / gap + 1).max(Micros::from(MIN_PACKETS));
        (0..count)
            .filter_map(|at| {
                let sent = start + at * gap;
                let acked = Acked { sent, size: 1_200, cluster: cluster.id, was_lost: false };
                prober.arrived(&acked, 5_000_000 + start + at * gap.max(service))
            })
            .last()
    }

    #[test]
    fn the_start_is_probed_at_three_and_six_times_and_on_while_it_succeeds() {
        let mut prober = Prober::new(Bitrate::kbps(500));
        let wanted = Bitrate::kbps(9_000);
        let mut target = Bitrate::kbps(500);
        let mut rates = Vec::new();
        for round in 0..40 {
            let now = round * 100_000;
            let Some(cluster) = prober.next(target, wanted, true, now) else { continue };
            rates.push(cluster.rate.as_bps() / 1_000);
            if let Some(found) = probe(&mut prober, cluster, Bitrate::kbps(5_000), now) {
                prober.conclude(found, wanted, target, now);
                target = target.max(found);
            }
        }
        assert_eq!(rates[..3], [1_500, 3_000, 6_000]);
        let found = target.as_bps();
        assert!((4_500_000..=5_000_000).contains(&found), "{found}");
        assert!(rates.len() < 7, "{rates:?}");
    }

    #[test]
    fn nothing_is_probed_when_nothing_is_wanted_or_the_queue_grows() {
        let mut prober = Prober::new(Bitrate::kbps(500));
        let target = Bitrate::kbps(2_000);
        assert_eq!(prober.next(target, Bitrate::ZERO, true, 0), None, "nobody is shown anything");
        while prober.next(target, Bitrate::kbps(1), true, 0).is_some() {}
        let mut later = |wanted, calm| {
            (1..10).any(|second| prober.next(target, wanted, calm, second * 2_000_000).is_some())
        };
        assert!(!later(Bitrate::kbps(1_900), true));
        assert!(!later(Bitrate::kbps(9_000), false));
        assert!(later(Bitrate::kbps(9_000), true));
    }

    #[test]
    fn arrivals_in_one_heap_and_probes_that_were_lost_say_nothing() {
        let mut prober = Prober::new(Bitrate::kbps(500));
        let cluster = prober.next(Bitrate::kbps(500), Bitrate::kbps(1), true, 0).expect("the first");
        let acked = |at: Micros| Acked { sent: at, size: 1_200, cluster: cluster.id, was_lost: false };
        assert!((0..5).all(|at| prober.arrived(&acked(at * 5_000), 77).is_none()), "no time passed");
        assert!(prober.arrived(&Acked { cluster: 9, ..acked(1) }, 5).is_none(), "no such probe");
    }
}
