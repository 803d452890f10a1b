//! What a shard has to say to others that hold parts of its rooms.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock, Weak},
};

use voxlink_sfu::{Copied, Part, RoomId};

use super::{Command, ShardHandle};
use crate::taps::{self, Listeners};

/// Copies that wait for a shard whose queue is full; past this media is dropped, as it would be on a full socket.
const MOST_WAITING: usize = 512;

/// The other shards, and what waits for each.
pub(super) struct Neighbours {
    me: Part,
    all: Weak<OnceLock<Vec<ShardHandle>>>,
    listeners: Arc<Listeners>,
    rooms: HashMap<RoomId, Vec<Part>>,
    waiting: HashMap<Part, VecDeque<Command>>,
}

impl Neighbours {
    pub(super) fn new(
        index: usize,
        all: Weak<OnceLock<Vec<ShardHandle>>>,
        listeners: Arc<Listeners>,
    ) -> Self {
        let me = Part(u32::try_from(index).unwrap_or(u32::MAX));
        Self { me, all, listeners, rooms: HashMap::new(), waiting: HashMap::new() }
    }

    /// These hold the other parts of a room; none: there are none any more.
    pub(super) fn set(&mut self, room: RoomId, others: Vec<Part>) {
        match others.is_empty() {
            true => _ = self.rooms.remove(&room),
            false => _ = self.rooms.insert(room, others),
        }
        let rooms = &self.rooms;
        let is_here = |part: &Part| rooms.values().any(|others| others.contains(part));
        self.waiting.retain(|part, _| !taps::is_tap(*part) || is_here(part));
    }

    /// Puts a copy into the queue of each other part. Returns how many of them lost it.
    pub(super) fn push(&mut self, copy: &Copied) -> usize {
        let mut lost = 0;
        for part in self.rooms.get(&copy.room).into_iter().flatten() {
            let waiting = self.waiting.entry(*part).or_default();
            if copy.is_media() && waiting.len() >= MOST_WAITING {
                lost += 1;
                continue;
            }
            waiting.push_back(Command::Copy { from: self.me, copy: copy.clone() });
        }
        lost
    }

    /// Hands over what waits; true when some is left because a queue is full.
    pub(super) fn flush(&mut self) -> bool {
        if self.waiting.values().all(VecDeque::is_empty) {
            return false;
        }
        let Some(all) = self.all.upgrade() else { return false };
        let Some(all) = all.get() else { return true };
        let mut is_left = false;
        for (part, waiting) in self.waiting.iter_mut().filter(|(_, waiting)| !waiting.is_empty()) {
            if taps::is_tap(*part) {
                // One that does not keep up is not waited for: what is left goes with the next packets.
                hand_over(&self.listeners, *part, waiting);
                continue;
            }
            let Some(shard) = usize::try_from(part.0).ok().and_then(|index| all.get(index)) else {
                waiting.clear();
                continue;
            };
            while let Some(command) = waiting.pop_front() {
                if let Err(command) = shard.offer(command) {
                    waiting.push_front(command);
                    is_left = true;
                    break;
                }
            }
            shard.waker.wake();
        }
        is_left
    }
}

/// Gives a listener what waits for it, as far as it has room.
fn hand_over(listeners: &Listeners, to: Part, waiting: &mut VecDeque<Command>) {
    while let Some(command) = waiting.pop_front() {
        let Command::Copy { from, copy } = command else { continue };
        if let Err((from, copy)) = listeners.offer(to, (from, copy)) {
            waiting.push_front(Command::Copy { from, copy });
            return;
        }
    }
}
