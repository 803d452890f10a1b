//! Datagrams that go from one thread of media to another in memory, many at once: filled by one, emptied by the other,
//! and its buffers used again.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Datagrams in one parcel: what a relay or shard gathers in tens of milliseconds. What comes on top is dropped, as it
/// would be on a full socket.
const MOST_DATAGRAMS: usize = 4_096;
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Datagrams and what is said of each, in one slab.
#[derive(Debug)]
pub(crate) struct Parcel<Label> {
    slab: Vec<u8>,
    entries: Vec<(Label, Range<usize>)>,
    /// Bytes left free before and behind each datagram.
    room: [usize; 2],
}

impl<Label> Parcel<Label> {
    /// Leaves so many bytes free before and behind each datagram, for headers that are written in place.
    pub(crate) fn with_room(before: usize, behind: usize) -> Self {
        Self { slab: Vec::new(), entries: Vec::new(), room: [before, behind] }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// False when it is full.
    pub(crate) fn push(&mut self, label: Label, bytes: &[u8]) -> bool {
        let [before, behind] = self.room;
        let size = before + bytes.len() + behind;
        if self.entries.len() >= MOST_DATAGRAMS || self.slab.len() + size > MOST_BYTES {
            return false;
        }
        let start = self.slab.len();
        self.slab.resize(start + before, 0);
        self.slab.extend_from_slice(bytes);
        self.slab.resize(start + size, 0);
        self.entries.push((label, start..start + size));
        true
    }

    /// A datagram with the room around it.
    pub(crate) fn slot_mut(&mut self, index: usize) -> Option<(&Label, &mut [u8])> {
        let (label, range) = self.entries.get(index)?;
        Some((label, self.slab.get_mut(range.clone())?))
    }

    /// Keeps the buffers.
    pub(crate) fn clear(&mut self) {
        self.slab.clear();
        self.entries.clear();
    }

    /// Moves all of the other in behind what is here, as far as it fits; how many did not.
    fn append(&mut self, other: &mut Self) -> usize {
        let mut lost = 0;
        for (label, range) in other.entries.drain(..) {
            let bytes = other.slab.get(range).unwrap_or_default();
            if self.entries.len() >= MOST_DATAGRAMS || self.slab.len() + bytes.len() > MOST_BYTES {
                lost += 1;
                continue;
            }
            let start = self.slab.len();
            self.slab.extend_from_slice(bytes);
            self.entries.push((label, start..self.slab.len()));
        }
        other.slab.clear();
        lost
    }
}

/// From whom and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
}

/// How the thread that empties a mailbox is woken.
type Wake = Box<dyn Fn() + Send + Sync>;

/// Where parcels wait for the one thread that takes them. Its lock is taken once for many datagrams, and never with
/// another.
pub(crate) struct Mailbox {
    waiting: Mutex<Parcel<Route>>,
    /// Whether it is worth to take the lock.
    is_filled: AtomicBool,
    room: [usize; 2],
    wake: OnceLock<Wake>,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    /// Whoever empties it finds so many bytes free before and behind each datagram.
    pub(crate) fn with_room(before: usize, behind: usize) -> Arc<Self> {
        let waiting = Mutex::new(Parcel::with_room(before, behind));
        let is_filled = AtomicBool::new(false);
        Arc::new(Self { waiting, is_filled, room: [before, behind], wake: OnceLock::new() })
    }

    /// Called when something waits where nothing did; once, by whoever empties it.
    pub(crate) fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second one would mean two who empty it.
        let _first = self.wake.set(Box::new(wake));
    }

    /// An empty parcel to fill for it.
    pub(crate) fn parcel(&self) -> Parcel<Route> {
        Parcel::with_room(self.room[0], self.room[1])
    }

    /// Puts all of it in and leaves it empty; how many found no room.
    pub(crate) fn put(&self, parcel: &mut Parcel<Route>) -> usize {
        if parcel.is_empty() {
            return 0;
        }
        let (was_empty, lost) = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let was_empty = waiting.is_empty();
            self.is_filled.store(true, Ordering::Release);
            if was_empty {
                std::mem::swap(&mut *waiting, parcel);
                (was_empty, 0)
            } else {
                (was_empty, waiting.append(parcel))
            }
        };
        if was_empty && let Some(wake) = self.wake.get() {
            wake();
        }
        lost
    }

    /// Takes all that waits, in exchange for an empty parcel.
    pub(crate) fn take(&self, parcel: &mut Parcel<Route>) {
        parcel.clear();
        // Whoever fills it while nothing waits wakes us after that.
        if !self.is_filled.load(Ordering::Acquire) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_filled.store(false, Ordering::Release);
        std::mem::swap(&mut *waiting, parcel);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    fn route(number: u16) -> Route {
        Route { from: ([127, 0, 0, 1], number).into(), to: ([127, 0, 0, 2], number).into() }
    }

    #[test]
    fn what_was_put_in_comes_out_in_its_order_with_room_around_it() {
        let mailbox = Mailbox::with_room(4, 3);
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = wakes.clone();
        mailbox.set_wake(move || _ = counted.fetch_add(1, Relaxed));
        let mut parcel = mailbox.parcel();
        for (number, text) in [(1, "one"), (2, "")] {
            assert!(parcel.push(route(number), text.as_bytes()));
        }
        assert_eq!(mailbox.put(&mut parcel), 0);
        assert!(parcel.is_empty());
        assert!(parcel.push(route(3), b"three"));
        assert_eq!(mailbox.put(&mut parcel), 0);
        assert_eq!(wakes.load(Relaxed), 1, "whoever was woken takes all");
        mailbox.take(&mut parcel);
        for (index, (number, text)) in [(1, "one"), (2, ""), (3, "three")].into_iter().enumerate() {
            let (label, slot) = parcel.slot_mut(index).unwrap();
            assert_eq!(*label, route(number));
            assert_eq!(slot.len(), 4 + text.len() + 3);
            assert_eq!(&slot[4..4 + text.len()], text.as_bytes());
        }
        assert_eq!(parcel.len(), 3);
        mailbox.take(&mut parcel);
        assert!(parcel.is_empty());
    }

    #[test]
    fn a_reader_that_does_not_keep_up_loses_what_is_newest() {
        let mailbox = Mailbox::with_room(0, 0);
        let mut lost = 0;
        for _ in 0..3 {
            let mut parcel = mailbox.parcel();
            for number in 0..2_000 {
                assert!(parcel.push(route(number), &[1; 100]));
            }
            lost += mailbox.put(&mut parcel);
        }
        assert_eq!(lost, 6_000 - MOST_DATAGRAMS);
        let mut parcel = mailbox.parcel();
        mailbox.take(&mut parcel);
        assert_eq!(parcel.len(), MOST_DATAGRAMS);
        while parcel.push(route(1), &[1; 2_000]) {}
        assert!(!parcel.push(route(1), b""), "a parcel is bounded as well");
    }
}
