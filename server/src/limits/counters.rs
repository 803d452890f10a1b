//! So many per window and key, in bounded memory.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Keys kept at most, about 4 MiB: past that those whose window is over are dropped, then the half that
/// ends first: who floods the memory with new keys does not make it forget the ones that matter.
const MOST_KEYS: usize = 65_536;

/// A number of uses per window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) uses: u32,
    pub(super) per: Duration,
}

impl Limit {
    pub(super) const fn new(uses: u32, per: Duration) -> Self {
        Self { uses, per }
    }
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether this use was within the limit.
    pub(super) allowed: bool,
    /// How many more are.
    pub(super) remaining: u32,
    /// When the window ends.
    pub(super) reset_after: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Instant,
    used: u32,
}

/// A window begins with the first use and ends after its time, as v10's do.
#[derive(Debug)]
pub(super) struct Counters<K>(Mutex<HashMap<K, Window>>);

impl<K> Default for Counters<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Counters<K> {
    /// Takes one use.
    pub(super) fn take(&self, key: K, limit: Limit, now: Instant) -> Standing {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_KEYS && !windows.contains_key(&key) {
            windows.retain(|_, window| window.ends > now);
            if windows.len() >= MOST_KEYS {
                let mut ends: Vec<Instant> = windows.values().map(|window| window.ends).collect();
                let (_, median, _) = ends.select_nth_unstable(MOST_KEYS / 2);
                let median = *median;
                windows.retain(|_, window| window.ends > median);
            }
        }
        let fresh = Window { ends: now + limit.per, used: 0 };
        let window = windows.entry(key).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        let allowed = window.used < limit.uses;
        window.used += u32::from(allowed);
        Standing { allowed, remaining: limit.uses - window.used, reset_after: window.ends - now }
    }

    /// How a key stands, without a use.
    pub(super) fn look(&self, key: &K, limit: Limit, now: Instant) -> Standing {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.get(key).filter(|window| window.ends > now);
        let (used, reset_after) =
            window.map_or((0, Duration::ZERO), |window| (window.used, window.ends - now));
        Standing { allowed: used < limit.uses, remaining: limit.uses.saturating_sub(used), reset_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_the_first_use() {
        let counters = Counters::default();
        let (limit, start) = (Limit::new(2, Duration::from_secs(5)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let standing = |allowed, remaining, seconds| Standing {
            allowed,
            remaining,
            reset_after: Duration::from_secs(seconds),
        };
        assert_eq!(counters.take("anna", limit, at(0)), standing(true, 1, 5));
        assert_eq!(counters.take("anna", limit, at(3)), standing(true, 0, 2));
        assert_eq!(counters.take("anna", limit, at(4)), standing(false, 0, 1));
        assert_eq!(counters.look(&"anna", limit, at(4)), standing(false, 0, 1));
        assert_eq!(counters.take("boris", limit, at(4)), standing(true, 1, 5));
        assert_eq!(counters.take("anna", limit, at(5)), standing(true, 1, 5));
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let counters = Counters::default();
        let (limit, now) = (Limit::new(1, Duration::from_secs(5)), Instant::now());
        for key in 0..3 * MOST_KEYS {
            counters.take(key, limit, now);
        }
        assert!(counters.0.lock().is_ok_and(|windows| windows.len() <= MOST_KEYS));
    }
}
