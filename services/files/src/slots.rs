//! How many uploads run at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use voxlink_protocol::UserId;

/// On the whole server: each holds a connection, a quarter of a MiB and an open file.
const MOST: usize = 512;
/// Of one person: the files of one message and a little more.
const MOST_OF_ONE: usize = 12;

/// Counts running uploads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// A running upload; over when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    user: UserId,
}

impl Slots {
    /// `None`: too many.
    pub(crate) fn take(&self, user: UserId) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.entry(user).or_default();
        if all >= MOST || *own >= MOST_OF_ONE {
            if *own == 0 {
                taken.remove(&user);
            }
            return None;
        }
        *own += 1;
        Some(Slot { slots: self.clone(), user })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.user);
            }
        }
    }
}
