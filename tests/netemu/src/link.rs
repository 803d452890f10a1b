//! One direction: a queue before the narrow place, then chance, then the way itself.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use crate::{rng::Rng, settings::Settings};

/// How long a packet is held back for others to overtake it, at most: two voice packets.
const HELD_BACK: Duration = Duration::from_millis(40);
/// The queue holds this much whatever its time says: two full packets, or nothing would ever pass a slow link.
const LEAST_QUEUE: usize = 2 * 1_500;
/// Packets under way at once. A gigabit with 100 ms of delay has fewer.
const MOST_UNDER_WAY: usize = 16_384;

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Came in.
    pub sent: u64,
    /// Came out.
    pub delivered: u64,
    /// Bytes that came out.
    pub delivered_bytes: u64,
    /// Lost by chance, alone or in bursts.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Dropped because the link was cut.
    pub cut: u64,
    /// Held back for others to overtake.
    pub reordered: u64,
}

struct UnderWay {
    due: Instant,
    /// Packets that are due at once come out as they went in.
    number: u64,
    packet: Vec<u8>,
}

impl PartialEq for UnderWay {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for UnderWay {}
impl PartialOrd for UnderWay {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for UnderWay {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// One direction of a bad network. Feed it with [`Link::send`], drain it with [`Link::receive`] when
/// [`Link::next_due`] says so; time must not go backwards.
pub struct Link {
    settings: Settings,
    rng: Rng,
    in_burst: bool,
    waiting: VecDeque<(Instant, Vec<u8>)>,
    waiting_bytes: usize,
    /// The narrow place is taken until then.
    busy_until: Option<Instant>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    /// No packet that keeps its order is due before this one.
    last_due: Option<Instant>,
    next_number: u64,
    counters: Counters,
}

impl Link {
    /// A direction whose chances `seed` decides.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            rng: Rng::new(seed),
            in_burst: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            busy_until: None,
            under_way: BinaryHeap::new(),
            last_due: None,
            next_number: 0,
            counters: Counters::default(),
        }
    }

    /// What it does now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Does something else from now on; also to what waits, not to what is under way.
    pub fn set(&mut self, settings: Settings, now: Instant) {
        self.serve(now);
        self.settings = settings;
        if settings.bursts.is_none() {
            self.in_burst = false;
        }
        self.serve(now);
    }

    /// What became of packets so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// A packet goes in.
    pub fn send(&mut self, packet: Vec<u8>, now: Instant) {
        self.serve(now);
        self.counters.sent += 1;
        if self.settings.is_cut {
            self.counters.cut += 1;
            return;
        }
        let room =
            self.settings.rate.map_or(usize::MAX, |rate| rate.bytes_in(self.settings.queue).max(LEAST_QUEUE));
        let is_full = self.waiting_bytes.saturating_add(packet.len()) > room;
        if is_full || self.waiting.len() + self.under_way.len() >= MOST_UNDER_WAY {
            self.counters.overflowed += 1;
            return;
        }
        self.waiting_bytes += packet.len();
        self.waiting.push_back((now, packet));
        self.serve(now);
    }

    /// The next packet that has arrived by now.
    pub fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.serve(now);
        while self.under_way.peek().is_some_and(|Reverse(first)| first.due <= now) {
            let Reverse(UnderWay { packet, .. }) = self.under_way.pop()?;
            if self.settings.is_cut {
                self.counters.cut += 1;
                continue;
            }
            self.counters.delivered += 1;
            self.counters.delivered_bytes += packet.len() as u64;
            return Some(packet);
        }
        None
    }

    /// When [`Link::receive`] should be asked again; `None` while nothing is under way.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let arrival = self.under_way.peek().map(|Reverse(first)| first.due);
        let service = self.busy_until.filter(|_| !self.waiting.is_empty());
        match (arrival, service) {
            (Some(arrival), Some(service)) => Some(arrival.min(service)),
            (either, other) => either.or(other),
        }
    }

    /// Takes out of the queue what the narrow place has had time for.
    fn serve(&mut self, now: Instant) {
        while self.busy_until.is_none_or(|busy| busy <= now) {
            let Some((arrived, packet)) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= packet.len();
            let start = self.busy_until.map_or(arrived, |busy| busy.max(arrived));
            let departs = match self.settings.rate {
                Some(rate) => start + rate.time_for(packet.len()),
                None => start,
            };
            self.busy_until = Some(departs);
            self.travel(packet, departs);
        }
    }

    fn travel(&mut self, packet: Vec<u8>, departs: Instant) {
        if self.is_lost() {
            self.counters.lost += 1;
            return;
        }
        let due = departs + self.settings.delay + self.settings.jitter.mul_f64(self.rng.fraction());
        let is_held_back = self.rng.fraction() < self.settings.reorder.fraction();
        let due = if is_held_back {
            self.counters.reordered += 1;
            due + HELD_BACK.mul_f64(self.rng.fraction())
        } else {
            let due = self.last_due.map_or(due, |last| last.max(due));
            *self.last_due.insert(due)
        };
        let number = self.next_number;
        self.next_number += 1;
        self.under_way.push(Reverse(UnderWay { due, number, packet }));
    }

    fn is_lost(&mut self) -> bool {
        if let Some(bursts) = self.settings.bursts {
            let change = if self.in_burst { bursts.recover } else { bursts.fall };
            self.in_burst ^= self.rng.fraction() < change.fraction();
        }
        // The chance is taken in any case: another setting must not shift the fate of later packets.
        let by_chance = self.rng.fraction() < self.settings.loss.fraction();
        self.in_burst || by_chance
    }
}
