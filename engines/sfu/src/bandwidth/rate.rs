//! Bits per second as a type, and a meter of what a stream really uses.

use std::time::Duration;

use super::Micros;

/// A rate in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// So many bits per second.
    pub const fn bps(bits: u64) -> Self {
        Self(bits)
    }

    /// So many thousand bits per second.
    pub const fn kbps(kilobits: u64) -> Self {
        Self(kilobits * 1_000)
    }

    /// In bits per second.
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// What so many bytes within this time come to.
    pub(crate) fn of(bytes: u64, within: Micros) -> Self {
        Self(bytes.saturating_mul(8_000_000) / within.max(1).unsigned_abs())
    }

    /// How many bytes fit into this time.
    pub(crate) fn bytes_in(self, time: Duration) -> u64 {
        self.0.saturating_mul(time.as_micros() as u64) / 8_000_000
    }

    /// A multiple; never below zero.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor) as u64)
    }

    pub(crate) fn as_f64(self) -> f64 {
        self.0 as f64
    }

    pub(crate) fn from_f64(bits: f64) -> Self {
        Self(bits as u64)
    }

    pub(crate) fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Add for Bitrate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Bitrate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::ZERO, |sum, rate| sum + rate)
    }
}
