//! The dispatches of one session that a resume may still ask for: handles, not copies, and bounded.

use std::collections::VecDeque;

use crate::dispatch::{Body, Kind};

/// docs/protocol/gateway.md: a ring holds this many dispatches.
pub(crate) const MOST_EVENTS: usize = 2048;
/// Bytes one session may keep alive.
const MOST_COST: usize = 8 << 20;
/// Acknowledged dispatches that are kept all the same: a client may have counted a heartbeat ahead of its own state.
const KEPT_ACKNOWLEDGED: u64 = 64;

/// Numbered dispatches, the newest [`MOST_EVENTS`] at most.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    entries: VecDeque<Body>,
    /// The number of the newest dispatch; 0 before the first.
    last: u64,
    cost: usize,
}

impl Ring {
    /// The number of the newest dispatch; 0 before the first.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// Bytes that this ring keeps alive.
    pub(crate) const fn cost(&self) -> usize {
        self.cost
    }

    /// Adds a dispatch; the oldest go when there is no room.
    pub(crate) fn push(&mut self, body: Body) {
        self.last += 1;
        self.cost += body.cost();
        self.entries.push_back(body);
        while self.entries.len() > MOST_EVENTS || (self.cost > MOST_COST && self.entries.len() > 1) {
            self.drop_oldest();
        }
    }

    /// True when everything after `seq` is still here.
    pub(crate) fn reaches_back_to(&self, seq: u64) -> bool {
        seq <= self.last && self.last - seq <= self.entries.len() as u64
    }

    /// The dispatch with this number, if it is still here.
    pub(crate) fn get(&self, seq: u64) -> Option<&Body> {
        let from_end = usize::try_from(self.last.checked_sub(seq)?).ok()?;
        let index = self.entries.len().checked_sub(from_end + 1)?;
        self.entries.get(index)
    }

    /// The client has everything up to `seq`.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        let unacknowledged = self.last.saturating_sub(seq);
        let keep = unacknowledged + KEPT_ACKNOWLEDGED;
        while self.entries.len() as u64 > keep {
            self.drop_oldest();
        }
        // What a session begins with is large and is not kept to be on the safe side.
        let acknowledged = (self.entries.len() as u64).saturating_sub(unacknowledged);
        let known = self.entries.iter().take(usize::try_from(acknowledged).unwrap_or(usize::MAX));
        let large = |body: &Body| matches!(body.kind, Kind::READY | Kind::GUILD_CREATE);
        let begun = known.enumerate().filter(|(_, body)| large(body)).map(|(index, _)| index + 1).last();
        for _ in 0..begun.unwrap_or(0) {
            self.drop_oldest();
        }
        if self.entries.capacity() > 4 * KEPT_ACKNOWLEDGED as usize
            && self.entries.len() <= KEPT_ACKNOWLEDGED as usize
        {
            self.entries.shrink_to_fit();
        }
    }

    /// Gives up the older half.
    pub(crate) fn halve(&mut self) {
        for _ in 0..self.entries.len().div_ceil(2) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(gone) = self.entries.pop_front() {
            self.cost -= gone.cost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(events: u64) -> Ring {
        let mut ring = Ring::default();
        for number in 1..=events {
            ring.push(Body::new(Kind::TYPING_START, &number, 1));
        }
        ring
    }

    #[test]
    fn a_ring_reaches_back_as_far_as_it_holds() {
        let ring = ring(3000);
        assert_eq!(ring.last(), 3000);
        assert!(ring.reaches_back_to(3000));
        assert!(ring.reaches_back_to(3000 - 2048));
        assert!(!ring.reaches_back_to(3000 - 2049));
        assert!(!ring.reaches_back_to(3001));
        assert!(ring.get(953).is_some() && ring.get(952).is_none() && ring.get(3001).is_none());
    }

    #[test]
    fn what_the_client_has_is_let_go_but_for_the_newest_64() {
        let mut ring = ring(500);
        let before = ring.cost();
        ring.acknowledge(400);
        assert!(ring.cost() < before);
        assert!(ring.reaches_back_to(336) && !ring.reaches_back_to(335));
        ring.push(Body::new(Kind::GUILD_CREATE, &0, 1));
        ring.acknowledge(400);
        assert!(ring.reaches_back_to(400));
        ring.acknowledge(501);
        assert!(!ring.reaches_back_to(500), "a guild that arrived is not kept");
        ring.acknowledge(900); // a client that lies loses only its own
        assert!(ring.reaches_back_to(501));
        ring.halve();
        assert!(ring.reaches_back_to(501));
    }
}
