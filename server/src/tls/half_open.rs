//! How many connections may be in the middle of their handshake: it costs us work and memory before anybody has said
//! who they are.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use voxlink_service_kit::http::Origin;

/// At once, and from one address (or /64). A handshake takes a round trip or two: this is hundreds in a second even from
/// behind one proxy.
const MOST: usize = 1_024;
const MOST_FROM_ONE: usize = 128;

/// Connections closed because there were too many, since the start.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// How many were refused since the start.
pub(crate) fn refused() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// Counts them. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct HalfOpen(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    all: usize,
    by_origin: HashMap<Origin, usize>,
}

/// One of them, for as long as it lives.
#[derive(Debug)]
pub(super) struct Entered {
    counted: HalfOpen,
    origin: Origin,
}

impl HalfOpen {
    /// `None` when there are too many: the connection is to be closed.
    pub(super) fn enter(&self, from: IpAddr) -> Option<Entered> {
        let origin = Origin::from(from);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = counted.by_origin.get(&origin).copied().unwrap_or_default();
        if counted.all >= MOST || same >= MOST_FROM_ONE {
            REFUSED.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        counted.all += 1;
        counted.by_origin.insert(origin, same + 1);
        Some(Entered { counted: self.clone(), origin })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counted = self.counted.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.all -= 1;
        if let Some(same) = counted.by_origin.get_mut(&self.origin) {
            *same -= 1;
            if *same == 0 {
                counted.by_origin.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places_and_what_ends_makes_room() {
        let half_open = HalfOpen::default();
        let from = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut held: Vec<Entered> = (0..MOST_FROM_ONE).filter_map(|_| half_open.enter(from(1))).collect();
        assert!(half_open.enter(from(1)).is_none());
        assert!(half_open.enter(from(2)).is_some());
        held.pop();
        assert!(half_open.enter(from(1)).is_some());
        for last in 2..=10 {
            held.extend((0..MOST_FROM_ONE).filter_map(|_| half_open.enter(from(last))));
        }
        assert_eq!(held.len(), MOST);
        assert!(half_open.enter(from(200)).is_none());
        drop(held);
        assert!(half_open.0.lock().is_ok_and(|counted| counted.all == 0 && counted.by_origin.is_empty()));
    }
}
