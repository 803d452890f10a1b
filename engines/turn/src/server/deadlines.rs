//! What happens by itself: allocations and reservations that end.

use std::{collections::BTreeSet, time::Instant};

use super::{
    Server,
    api::{Ended, Output},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Allocation(usize),
    Reservation([u8; 8]),
}

/// Exactly one entry for each allocation and reservation.
#[derive(Default)]
pub(crate) struct Deadlines {
    entries: BTreeSet<(Instant, Due)>,
    announced: Option<Instant>,
}

impl Deadlines {
    pub(crate) fn add(&mut self, at: Instant, due: Due) {
        self.entries.insert((at, due));
    }

    pub(crate) fn remove(&mut self, at: Instant, due: Due) {
        self.entries.remove(&(at, due));
    }

    /// The moment to be woken at, if it is another than was said last.
    pub(crate) fn announce(&mut self) -> Option<Instant> {
        let first = self.entries.first().map(|(at, _)| *at);
        if first == self.announced {
            return None;
        }
        self.announced = first;
        first
    }

    pub(crate) fn woken(&mut self) {
        self.announced = None;
    }

    fn pop(&mut self, now: Instant) -> Option<Due> {
        self.entries.first().is_some_and(|(at, _)| *at <= now).then(|| self.entries.pop_first())?.map(|e| e.1)
    }
}

impl Server {
    /// Ends what is over.
    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Allocation(slot) => self.expire(now, slot),
                Due::Reservation(token) => {
                    if let Some(reservation) = self.reservations.remove(&token) {
                        self.outputs.push_back(Output::CloseRelay(reservation.relay));
                    }
                }
            }
        }
    }

    /// Ends the relays of an allocation that are over, and the allocation with the last one.
    fn expire(&mut self, now: Instant, slot: usize) {
        let Some(held) = self.allocations.get(slot) else { return };
        let over: Vec<_> = held.relays.iter().flatten().filter(|relay| relay.expires <= now).collect();
        if over.len() == held.relays.iter().flatten().count() {
            return self.remove(slot, Ended::Expired);
        }
        let over: Vec<_> = over.into_iter().map(|relay| relay.family).collect();
        over.into_iter().for_each(|family| self.close_relay(slot, family));
        self.reschedule(slot);
    }

    /// Puts an allocation where its first relay ends.
    pub(super) fn reschedule(&mut self, slot: usize) {
        let Some(held) = self.allocations.get_mut(slot) else { return };
        self.deadlines.remove(held.deadline, Due::Allocation(slot));
        if let Some(first) = held.relays.iter().flatten().map(|relay| relay.expires).min() {
            held.deadline = first;
        }
        self.deadlines.add(held.deadline, Due::Allocation(slot));
    }
}
