//! A link for timelines: a bottleneck with a queue, delay, jitter, random and bursty loss, and cuts.

use std::{collections::VecDeque, time::Duration};

use voxlink_netemu::Rng;

use super::{Bitrate, Micros};

/// What the link is like now; may be changed at any time.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) rate: Bitrate,
    pub(super) delay: Duration,
    /// Up to this much more, without reordering.
    pub(super) jitter: Duration,
    pub(super) loss: f64,
    /// Losses come in runs of this mean length.
    pub(super) burst: f64,
    /// What would wait longer than this in the queue is dropped.
    pub(super) queue: Duration,
    pub(super) is_cut: bool,
}

impl Shape {
    /// An ordinary home connection.
    pub(super) fn of(kilobits: u64) -> Self {
        Self {
            rate: Bitrate::kbps(kilobits),
            delay: Duration::from_millis(25),
            jitter: Duration::from_millis(2),
            loss: 0.0,
            burst: 1.0,
            queue: Duration::from_millis(500),
            is_cut: false,
        }
    }
}

/// One direction of a path.
pub(super) struct Link<T> {
    pub(super) shape: Shape,
    random: Rng,
    busy_until: Micros,
    last_arrival: Micros,
    is_losing: bool,
    flying: VecDeque<(Micros, T)>,
}

impl<T> Link<T> {
    pub(super) fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            random: Rng::new(seed),
            busy_until: 0,
            last_arrival: 0,
            is_losing: false,
            flying: VecDeque::new(),
        }
    }

    /// How long a packet sent now would wait.
    pub(super) fn waiting(&self, now: Micros) -> Micros {
        (self.busy_until - now).max(0)
    }

    pub(super) fn send(&mut self, now: Micros, size: usize, packet: T) {
        let shape = self.shape;
        let waiting = self.waiting(now);
        if shape.is_cut || waiting > shape.queue.as_micros() as Micros {
            return;
        }
        self.busy_until = now + waiting + (size as u64 * 8_000_000 / shape.rate.as_bps()) as Micros;
        if self.loses() {
            return;
        }
        let jitter = (self.random.fraction() * shape.jitter.as_micros() as f64) as Micros;
        let arrival = self.busy_until + shape.delay.as_micros() as Micros + jitter;
        self.last_arrival = self.last_arrival.max(arrival);
        self.flying.push_back((self.last_arrival, packet));
    }

    /// Two states: losing everything, or nothing (Gilbert).
    fn loses(&mut self) -> bool {
        let Shape { loss, burst, .. } = self.shape;
        let roll = self.random.fraction();
        self.is_losing = match self.is_losing {
            true if burst > 1.0 => roll >= 1.0 / burst,
            _ if burst > 1.0 => roll < loss / (burst * (1.0 - loss)),
            _ => roll < loss,
        };
        self.is_losing
    }

    pub(super) fn receive(&mut self, now: Micros) -> Option<T> {
        self.flying.front().filter(|(at, _)| *at <= now)?;
        self.flying.pop_front().map(|(_, packet)| packet)
    }
}
