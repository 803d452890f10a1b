//! Which allocation something belongs to, by a key that the allocation itself holds: nine bytes for each of them
//! instead of another copy of the key.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Slots of allocations, by some key of theirs.
#[derive(Default)]
pub(crate) struct Slots(HashTable<Entry>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: u32,
    slot: u32,
}

impl Entry {
    fn new(key: &impl Hash, slot: usize) -> Self {
        // The upper half is the better one of this hash. A slab of more slots than 32 bits count fits no memory.
        let hash = (FxBuildHasher.hash_one(key) >> 32) as u32;
        Self { hash, slot: slot as u32 }
    }

    /// The table looks at the bits of both ends.
    fn spread(&self) -> u64 {
        u64::from(self.hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Slots {
    /// The slot under this key; `is_it` says whether an allocation truly holds it.
    pub(crate) fn find(&self, key: &impl Hash, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let wanted = Entry::new(key, 0);
        let found = |entry: &Entry| entry.hash == wanted.hash && is_it(entry.slot as usize);
        self.0.find(wanted.spread(), found).map(|entry| entry.slot as usize)
    }

    /// The key must not be there.
    pub(crate) fn insert(&mut self, key: &impl Hash, slot: usize) {
        let entry = Entry::new(key, slot);
        self.0.insert_unique(entry.spread(), entry, Entry::spread);
    }

    pub(crate) fn remove(&mut self, key: &impl Hash, slot: usize) {
        let entry = Entry::new(key, slot);
        if let Ok(found) = self.0.find_entry(entry.spread(), |other| *other == entry) {
            found.remove();
        }
    }
}
