//! When video leaves: at once while a frame is of ordinary size, spread over shared ticks when it is not.
//!
//! A leaky bucket in bytes that video fills and the pacing rate empties. What waits are handles of packets in their
//! encoding's ring, never copies. Retransmissions fill the bucket but do not wait; audio does neither.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    Bitrate,
    probe::{Cluster, MIN_PACKETS, MIN_TIME},
};

/// All waiting packets of a worker's subscribers leave on ticks of this length: no timer for each.
pub(crate) const TICK: Duration = Duration::from_millis(5);
/// Pacing rate as a multiple of the target (libwebrtc's pacing factor).
const FACTOR: f64 = 2.5;
/// So much of the pacing rate may leave at once: a frame of a stream that just fits, at 16 a second or more. Less would
/// cut the bursts that one send carries (GSO).
const BURST: Duration = Duration::from_millis(25);
/// Nothing waits longer than about this: the rate goes up instead, and nobody owes more than this makes good.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// Packets that may wait: what the ring of a simulcast encoding keeps. Past that the oldest leaves at once.
const MAX_HELD: usize = 256;
/// A probe that could not be sent in this time is over.
const MAX_PROBE: Duration = Duration::from_millis(200);

/// A packet of a track that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) slot: u16,
    pub(crate) encoding: u16,
    pub(crate) size: u16,
    pub(crate) track: u32,
    /// In the encoding's ring.
    pub(crate) extended: u64,
}

#[derive(Clone, Copy)]
struct Probe {
    cluster: Cluster,
    since: Instant,
    bytes: u64,
    packets: u32,
}

/// One subscriber's bucket, queue and running probe.
pub(crate) struct Pacer {
    /// Bytes sent that the pacing rate has not made good.
    debt: u64,
    since: Instant,
    queue: VecDeque<Held>,
    queued: u64,
    /// What empties the longest queue since it was last empty within [`MAX_WAIT`].
    hurry: Bitrate,
    probe: Option<Probe>,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self { debt: 0, since: now, queue: VecDeque::new(), queued: 0, hurry: Bitrate::ZERO, probe: None }
    }

    fn rate(&self, target: Bitrate) -> Bitrate {
        target.times(FACTOR).max(self.hurry)
    }

    /// Lets time pass; returns how many bytes may be owed now.
    fn settle(&mut self, target: Bitrate, now: Instant) -> u64 {
        let rate = self.rate(target);
        let paid = rate.bytes_in(now.saturating_duration_since(self.since));
        if paid > 0 {
            self.debt = self.debt.saturating_sub(paid);
            self.since = now;
        }
        rate.bytes_in(BURST)
    }

    /// Whether a video packet may leave at once; if not it must be held.
    pub(crate) fn admits(&mut self, target: Bitrate, now: Instant) -> bool {
        self.queue.is_empty() && {
            let burst = self.settle(target, now);
            self.debt < burst
        }
    }

    /// Video was sent, or sent again.
    pub(crate) fn charge(&mut self, bytes: usize, target: Bitrate) {
        let most = self.rate(target).bytes_in(MAX_WAIT).max(bytes as u64);
        self.debt = self.debt.saturating_add(bytes as u64).min(most);
    }

    /// Puts a packet behind those that wait; when there are too many, the oldest comes back: it leaves now.
    pub(crate) fn hold(&mut self, held: Held) -> Option<Held> {
        let evicted = if self.queue.len() >= MAX_HELD { self.pop() } else { None };
        self.queue.push_back(held);
        self.queued += u64::from(held.size);
        self.hurry = self.hurry.max(Bitrate::of(self.queued, MAX_WAIT.as_micros() as i64));
        evicted
    }

    fn pop(&mut self) -> Option<Held> {
        let held = self.queue.pop_front()?;
        self.queued = self.queued.saturating_sub(u64::from(held.size));
        if self.queue.is_empty() {
            self.hurry = Bitrate::ZERO;
        }
        Some(held)
    }

    /// The next packet whose turn has come. What it takes must be charged before the next call.
    pub(crate) fn next(&mut self, target: Bitrate, now: Instant) -> Option<Held> {
        if self.queue.is_empty() {
            return None;
        }
        let burst = self.settle(target, now);
        if self.debt < burst || self.probe_lacks(now) > 0 { self.pop() } else { None }
    }

    /// Whether packets wait.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The track is gone, and another may get its number.
    pub(crate) fn forget(&mut self, track: u32) {
        self.queue.retain(|held| held.track != track);
        self.queued = self.queue.iter().map(|held| u64::from(held.size)).sum();
        if self.queue.is_empty() {
            self.hurry = Bitrate::ZERO;
        }
    }

    /// Nothing of what waits will be sent.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        (self.queued, self.hurry) = (0, Bitrate::ZERO);
        self.probe = None;
    }

    /// Begins a probe: from now on everything sent is part of it, until it is complete.
    pub(crate) fn begin_probe(&mut self, cluster: Cluster, now: Instant) {
        self.probe = Some(Probe { cluster, since: now, bytes: 0, packets: 0 });
    }

    /// A probe is being sent.
    pub(crate) fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether the ticks must go on for this subscriber.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_waiting() || self.probe.is_some()
    }

    /// The running probe's number for what is sent now, 0 when there is none; `bytes` are counted for it.
    pub(crate) fn tag(&mut self, bytes: usize, now: Instant) -> u8 {
        let Some(probe) = &mut self.probe else { return 0 };
        probe.bytes += bytes as u64;
        probe.packets += 1;
        let id = probe.cluster.id;
        let least = probe.cluster.rate.bytes_in(Duration::from_micros(MIN_TIME.unsigned_abs()));
        if (probe.packets >= MIN_PACKETS && probe.bytes >= least)
            || now.saturating_duration_since(probe.since) > MAX_PROBE
        {
            self.probe = None;
        }
        id
    }

    /// Bytes that are still to be sent now to keep the probe's rate; padding when nothing else waits.
    pub(crate) fn probe_lacks(&self, now: Instant) -> u64 {
        let Some(probe) = &self.probe else { return 0 };
        let due = probe.cluster.rate.bytes_in(now.saturating_duration_since(probe.since)) + 1;
        due.saturating_sub(probe.bytes)
    }

    /// The size that each of the probe's packets should have, so that a slow one does not fill the queue.
    pub(crate) fn padding_size(&self) -> usize {
        let Some(probe) = &self.probe else { return 0 };
        let least = probe.cluster.rate.bytes_in(Duration::from_micros(MIN_TIME.unsigned_abs()));
        (least / u64::from(MIN_PACKETS)) as usize
    }

    /// Padding cannot be made now: the probe is over.
    pub(crate) fn end_probe(&mut self) {
        self.probe = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u16 = 1_200;

    fn held(extended: u64) -> Held {
        Held { slot: 0, encoding: 0, size: SIZE, track: 0, extended }
    }

    /// Offers a frame of so many packets; how many left at once.
    fn offer(pacer: &mut Pacer, target: Bitrate, packets: u64, now: Instant) -> usize {
        let admitted = |pacer: &mut Pacer, extended| {
            let admits = pacer.admits(target, now);
            match admits {
                true => pacer.charge(usize::from(SIZE), target),
                false => _ = pacer.hold(held(extended)),
            }
            admits
        };
        (0..packets).filter(|extended| admitted(pacer, *extended)).count()
    }

    #[test]
    fn a_frame_of_a_stream_that_fits_leaves_at_once_and_a_key_frame_over_ticks() {
        let start = Instant::now();
        let target = Bitrate::kbps(2_000);
        let mut pacer = Pacer::new(start);
        assert_eq!(offer(&mut pacer, target, 6, start), 6);
        let now = start + Duration::from_millis(33);
        // 40 packets at five Mbit/s: 75 ms.
        let at_once = offer(&mut pacer, target, 40, now);
        assert!((12..=15).contains(&at_once), "{at_once}");
        let mut ticks = 0;
        let mut most = 0;
        while pacer.is_waiting() {
            ticks += 1;
            let mut sent = 0;
            while pacer.next(target, now + TICK * ticks).is_some() {
                pacer.charge(usize::from(SIZE), target);
                sent += 1;
            }
            most = most.max(sent);
        }
        assert!((9..=12).contains(&ticks) && most <= 4, "{ticks} ticks, {most} at most");
    }

    #[test]
    fn nothing_waits_much_longer_than_a_quarter_of_a_second_whatever_the_target() {
        let start = Instant::now();
        let target = Bitrate::kbps(50);
        let mut pacer = Pacer::new(start);
        offer(&mut pacer, target, 200, start);
        let mut ticks = 0;
        while pacer.is_waiting() {
            ticks += 1;
            while pacer.next(target, start + TICK * ticks).is_some() {
                pacer.charge(usize::from(SIZE), target);
            }
        }
        assert!(TICK * ticks <= MAX_WAIT + TICK, "{ticks}");
        assert_eq!(offer(&mut pacer, target, 1_000, start + Duration::from_secs(60)), 1);
        assert_eq!(pacer.queue.len(), MAX_HELD);
    }

    #[test]
    fn a_probe_asks_for_its_rate_and_ends_when_it_is_sent() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.begin_probe(Cluster { id: 3, rate: Bitrate::kbps(3_000) }, start);
        let mut sent = 0;
        for tick in 0..20 {
            let now = start + TICK * tick;
            while pacer.probe_lacks(now) > 0 {
                assert_eq!(pacer.tag(usize::from(SIZE), now), 3);
                sent += 1;
            }
        }
        // 15 ms at 3 Mbit/s are 5,625 bytes.
        assert_eq!(sent, 5);
        assert!(!pacer.is_busy());
        assert_eq!(pacer.tag(1, start), 0);
    }
}
