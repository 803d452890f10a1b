//! Where clients' payloads go: out of relay sockets, to the shards of the SFU, to each other.

use std::{net::SocketAddr, sync::Arc};

use rustc_hash::FxHashMap;
use voxlink_turn::{HEAD_ROOM, LocalPeer, RelayId, Verdict};

use super::sockets::RelaySockets;
use crate::{
    counters::ShardCounters,
    parcel::{Mailbox, Parcel, Route},
};

/// What a frame of a stream may be padded with (RFC 8656 §12.5).
pub(super) const PADDING: usize = 3;

pub(super) struct Onward {
    pub(super) relays: RelaySockets,
    /// Which shard has which candidate.
    candidates: FxHashMap<SocketAddr, usize>,
    shards: Vec<(Arc<Mailbox>, Parcel<Route>)>,
    /// For other relayed addresses of ours: for which one, and from which address.
    pub(super) crossing: Parcel<(RelayId, SocketAddr)>,
    counters: Arc<ShardCounters>,
}

impl Onward {
    /// `sfu` names the candidates, each with its shard's place in `shards`.
    pub(super) fn new(
        relays: RelaySockets,
        sfu: &[(SocketAddr, usize)],
        shards: Vec<Arc<Mailbox>>,
        counters: Arc<ShardCounters>,
    ) -> Self {
        Self {
            relays,
            candidates: sfu.iter().copied().collect(),
            shards: shards.into_iter().map(|mailbox| (mailbox.clone(), mailbox.parcel())).collect(),
            crossing: Parcel::with_room(HEAD_ROOM, PADDING),
            counters,
        }
    }

    /// Does what was decided about a client's datagram. As on the open net, what cannot be sent is lost.
    pub(super) fn take(&mut self, verdict: Verdict, datagram: &[u8]) {
        match verdict {
            Verdict::Nothing => {}
            Verdict::Relay { relay, to, payload, dont_fragment } => {
                let Some(payload) = datagram.get(payload) else { return };
                match dont_fragment {
                    false => self.relays.send(relay, to, payload),
                    true => self.relays.send_whole(relay, to, payload),
                }
            }
            Verdict::ToLocal { from, to: LocalPeer::Listed(to), payload } => {
                let shard = self.candidates.get(&to).and_then(|shard| self.shards.get_mut(*shard));
                if let (Some((_, parcel)), Some(payload)) = (shard, datagram.get(payload)) {
                    let has_room = parcel.push(Route { from, to }, payload);
                    self.counters.lost_relayed.add(usize::from(!has_room));
                }
            }
            Verdict::ToLocal { from, to: LocalPeer::Relay(relay), payload } => {
                if let Some(payload) = datagram.get(payload) {
                    let has_room = self.crossing.push((relay, from), payload);
                    self.counters.lost_relayed.add(usize::from(!has_room));
                }
            }
        }
    }

    /// Lets go what waits for sockets and shards.
    pub(super) fn flush(&mut self) {
        self.relays.flush();
        for (mailbox, parcel) in &mut self.shards {
            self.counters.lost_relayed.add(mailbox.put(parcel));
        }
    }
}
