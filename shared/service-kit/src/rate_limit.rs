//! Limits per key: so many at once, then so many per second.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Keys kept at most; past that those without debt are dropped, then the half that owes least: who floods the memory
/// with new keys does not make it forget the ones that matter.
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
                let mut ends: Vec<Instant> = debts.values().copied().collect();
                let (_, median, _) = ends.select_nth_unstable(MOST_KEYS / 2);
                let median = *median;
                debts.retain(|_, free_at| *free_at > median);
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

    #[test]
    fn a_flood_of_new_keys_does_not_wash_a_debtor_away() {
        let limiter = RateLimiter::new(3, Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take(0, start), Ok(()));
        }
        for key in 1..=200_000 {
            assert_eq!(limiter.take(key, start), Ok(()));
        }
        assert!(limiter.take(0, start).is_err());
    }
}
