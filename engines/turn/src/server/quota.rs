//! Who has how much: allocations per user, per address and in all; bytes per second; answers to strangers.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};

use rustc_hash::FxHashMap;

use super::config::Limits;

/// The holder of an IPv6 address has the whole /64.
pub(crate) fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// How many allocations there are, and which ones each user has.
#[derive(Default)]
pub(crate) struct Quotas {
    users: FxHashMap<Arc<str>, Vec<usize>>,
    addresses: FxHashMap<IpAddr, usize>,
    total: usize,
}

impl Quotas {
    /// Whether one more fits; `kept` ports count as allocations of the user.
    pub(crate) fn has_room(&self, limits: &Limits, user: &str, ip: IpAddr, kept: usize) -> bool {
        self.total < limits.total
            && self.users.get(user).map_or(0, Vec::len) + kept < limits.per_user
            && self.addresses.get(&household(ip)).copied().unwrap_or_default() < limits.per_address
    }

    /// Counts an allocation; returns the user's shared name.
    pub(crate) fn add(&mut self, user: &str, ip: IpAddr, slot: usize) -> Arc<str> {
        self.total += 1;
        *self.addresses.entry(household(ip)).or_default() += 1;
        let name = self.users.get_key_value(user).map(|(name, _)| Arc::clone(name));
        let name = name.unwrap_or_else(|| Arc::from(user));
        self.users.entry(Arc::clone(&name)).or_default().push(slot);
        name
    }

    pub(crate) fn remove(&mut self, user: &str, ip: IpAddr, slot: usize) {
        self.total = self.total.saturating_sub(1);
        if let Some(slots) = self.users.get_mut(user) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.users.remove(user);
            }
        }
        let ip = household(ip);
        if let Some(count) = self.addresses.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&ip);
            }
        }
    }

    pub(crate) fn slots_of(&self, user: &str) -> Vec<usize> {
        self.users.get(user).cloned().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }
}

/// A token bucket of one second's bytes.
pub(crate) struct Bucket {
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn full(rate: u64, now: Instant) -> Self {
        Self { tokens: rate, filled: now }
    }

    /// Takes the bytes if they are there.
    pub(crate) fn take(&mut self, bytes: usize, rate: u64, now: Instant) -> bool {
        let bytes = bytes as u64;
        if self.tokens < bytes {
            let micros = now.saturating_duration_since(self.filled).as_micros();
            let earned = u128::from(rate) * micros / 1_000_000;
            self.tokens = u64::try_from(earned + u128::from(self.tokens)).unwrap_or(u64::MAX).min(rate);
            self.filled = now;
        }
        let has = self.tokens >= bytes;
        self.tokens -= if has { bytes } else { 0 };
        has
    }
}

/// 16,384 counters of 8 bytes: a spoofed source costs nothing that was not there. Sources that meet in one counter
/// share it.
const COUNTERS: usize = 16_384;

pub(crate) struct ReplyLimit {
    /// Which second, and how many answers in it.
    counters: Box<[(u32, u32)]>,
    hasher: Keyed,
    start: Instant,
}

/// SipHash under a key from the seed: nobody can aim at somebody else's counter.
struct Keyed([u8; 32]);

impl Keyed {
    fn hash(&self, ip: IpAddr) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        ip.hash(&mut hasher);
        usize::try_from(hasher.finish() >> 32).unwrap_or_default()
    }
}

impl ReplyLimit {
    pub(crate) fn new(seed: [u8; 32], start: Instant) -> Self {
        Self { counters: vec![(0, 0); COUNTERS].into_boxed_slice(), hasher: Keyed(seed), start }
    }

    pub(crate) fn allow(&mut self, ip: IpAddr, limit: u32, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.start).as_secs();
        let second = u32::try_from(second).unwrap_or(u32::MAX);
        let index = self.hasher.hash(household(ip)) % COUNTERS;
        let counter = &mut self.counters[index];
        if counter.0 != second {
            *counter = (second, 0);
        }
        counter.1 = counter.1.saturating_add(1);
        counter.1 <= limit
    }
}
