//! What a direction does to packets.

use std::time::Duration;

/// A part of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// `None` unless `percent` is from 0 to 100.
    #[must_use]
    pub fn from_percent(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then_some(Self(percent / 100.0))
    }

    /// From 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0
    }
}

/// Bits per second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u64);

impl Rate {
    /// `None` for zero, which is no rate: cut the link instead.
    #[must_use]
    pub fn from_kilobits(kilobits: u32) -> Option<Self> {
        (kilobits > 0).then_some(Self(u64::from(kilobits) * 1_000))
    }

    /// How long this many bytes are on the wire.
    #[must_use]
    pub fn time_for(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 / self.0 as f64)
    }

    /// How many bytes pass in this time.
    #[must_use]
    pub fn bytes_in(self, time: Duration) -> usize {
        (time.as_secs_f64() * self.0 as f64 / 8.0) as usize
    }
}

/// The two-state model of Gilbert (1960): nothing is lost in the good state, everything in the bad one.
/// Bursts are `1 / recover` packets long in the mean, and the loss is `fall / (fall + recover)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Chance of each packet in the good state to begin a burst.
    pub fall: Share,
    /// Chance of each packet in the bad state to end it.
    pub recover: Share,
}

/// One direction of the link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Lost packets, each by its own chance.
    pub loss: Share,
    /// Loss in bursts, besides `loss`.
    pub bursts: Option<Bursts>,
    /// What every packet takes at least.
    pub delay: Duration,
    /// Up to this much more, evenly spread; packets keep their order.
    pub jitter: Duration,
    /// Packets that are held back, so that later ones overtake them.
    pub reorder: Share,
    /// What the narrowest place lets through; `None`: everything.
    pub rate: Option<Rate>,
    /// What may wait there, in time at `rate`. More is dropped at its tail.
    pub queue: Duration,
    /// Nothing passes.
    pub is_cut: bool,
}

impl Settings {
    /// A queue of routers at home: long enough to be felt, short enough not to be a bug.
    pub const USUAL_QUEUE: Duration = Duration::from_millis(200);
}

impl Default for Settings {
    /// A perfect wire.
    fn default() -> Self {
        Self {
            loss: Share::default(),
            bursts: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: Share::default(),
            rate: None,
            queue: Self::USUAL_QUEUE,
            is_cut: false,
        }
    }
}
