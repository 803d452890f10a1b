//! Limits per key: so many at once, then so many per second.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Keys kept at most; past that those that are full again are dropped, then all of them.
const MOST_KEYS: usize = 65_536;

/// A leaky bucket per key (GCRA): `burst` at once, one more every `period`.
#[derive(Debug)]
pub struct RateLimiter<K> {
    period: Duration,
    burst: u32,
    /// For each key the time at which its bucket will be empty of debt.
    debts: Mutex<HashMap<K, Instant>>,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// `burst` ≥ 1 at once, then one every `period`.
    #[must_use]
    pub fn new(burst: u32, period: Duration) -> Self {
        Self { period, burst: burst.max(1), debts: Mutex::default() }
    }

    /// Takes one; or says how long to wait.
    ///
    /// # Errors
    /// The time until one would be had.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut debts = self.debts.lock().unwrap_or_else(PoisonError::into_inner);
        if debts.len() >= MOST_KEYS {
            debts.retain(|_, free_at| *free_at > now);
            if debts.len() >= MOST_KEYS {
                debts.clear();
            }
        }
        let free_at = debts.get(&key).copied().filter(|at| *at > now).unwrap_or(now);
        let debt = free_at.duration_since(now) + self.period;
        let most = self.period * self.burst;
        if debt > most {
            return Err(debt - most);
        }
        debts.insert(key, free_at + self.period);
        Ok(())
    }

    /// Forgets a key's debt (a login that succeeded).
    pub fn forgive(&self, key: &K) {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let limiter = RateLimiter::new(3, Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take("anna", start), Ok(()));
        }
        assert_eq!(limiter.take("anna", start), Err(Duration::from_secs(10)));
        assert_eq!(limiter.take("boris", start), Ok(()));
        assert_eq!(limiter.take("anna", start + Duration::from_secs(10)), Ok(()));
        assert!(limiter.take("anna", start + Duration::from_secs(10)).is_err());
    }
}
