//! People who reach this shard through another thread of ours, the relay's or that of TCP: what they send comes in
//! memory, and answers go back so.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use crate::parcel::{Mailbox, Parcel, Route};

/// Who was silent for this long is not known any more: consent checks come every few seconds (RFC 7675).
const FORGOTTEN: Duration = Duration::from_secs(60);

pub(super) struct Relayed {
    /// From that thread.
    inbox: Arc<Mailbox>,
    /// To it; none where there is no such thread.
    outbox: Option<Arc<Mailbox>>,
    /// By the address that it says they have: which of our candidates they spoke to last, and when.
    known: FxHashMap<SocketAddr, (SocketAddr, Instant)>,
    leaving: Parcel<Route>,
    swept: Instant,
}

impl Relayed {
    pub(super) fn new(inbox: Arc<Mailbox>, outbox: Option<Arc<Mailbox>>, now: Instant) -> Self {
        let leaving = outbox.as_ref().unwrap_or(&inbox).parcel();
        Self { inbox, outbox, known: FxHashMap::default(), leaving, swept: now }
    }

    /// Takes what came into the parcel, and remembers who sent it.
    pub(super) fn take(&mut self, parcel: &mut Parcel<Route>, now: Instant) {
        parcel.clear();
        if self.outbox.is_none() {
            return;
        }
        self.inbox.take(parcel);
        for index in 0..parcel.len() {
            if let Some((route, _)) = parcel.slot_mut(index) {
                self.known.insert(route.from, (route.to, now));
            }
        }
        if now.saturating_duration_since(self.swept) >= FORGOTTEN {
            self.swept = now;
            self.known.retain(|_, (_, heard)| now.saturating_duration_since(*heard) < FORGOTTEN);
        }
    }

    /// Queues what the engine sends to one of these addresses; how many datagrams were queued and how many lost, or `None`
    /// when the address is somebody else's.
    pub(super) fn send(
        &mut self,
        to: SocketAddr,
        bytes: &[u8],
        segment: Option<usize>,
    ) -> Option<(usize, usize)> {
        if self.known.is_empty() {
            return None;
        }
        let (from, _) = *self.known.get(&to)?;
        let (mut sent, mut lost) = (0, 0);
        for part in bytes.chunks(segment.filter(|size| *size > 0).unwrap_or(bytes.len()).max(1)) {
            match self.leaving.push(Route { from, to }, part) {
                true => sent += 1,
                false => lost += 1,
            }
        }
        Some((sent, lost))
    }

    /// Hands over what is queued; how many were lost.
    pub(super) fn flush(&mut self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.put(&mut self.leaving))
    }
}
