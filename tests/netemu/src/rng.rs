//! Chance that repeats: splitmix64 (Steele, Lea, Flood 2014), the same numbers on every machine.

/// 2^53: every `f64` below one that this makes is exact.
const STEPS: f64 = 9_007_199_254_740_992.0;

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    // Not an iterator: there is no end to it.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// At least 0, below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / STEPS
    }
}
