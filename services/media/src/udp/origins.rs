//! Which of our addresses each peer talks to, so that answers leave from there.
//!
//! A browser drops an answer that comes from another address than it asked, and a machine with several would choose
//! by its routes. A table of fixed size: a stranger can push an entry out, the peer's next packet puts it back, and
//! until then the kernel chooses.

use std::{
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
};

use rustc_hash::FxBuildHasher;

/// Peers remembered, a power of two: about 200 KiB for a shard.
const SLOTS: usize = 4096;

pub(super) struct Origins {
    slots: Box<[Option<(SocketAddr, IpAddr)>]>,
}

impl Origins {
    pub(super) fn new() -> Self {
        Self { slots: vec![None; SLOTS].into_boxed_slice() }
    }

    pub(super) fn remember(&mut self, peer: SocketAddr, local: IpAddr) {
        self.slots[slot(peer)] = Some((peer, local));
    }

    pub(super) fn of(&self, peer: SocketAddr) -> Option<IpAddr> {
        self.slots[slot(peer)].filter(|(known, _)| *known == peer).map(|(_, local)| local)
    }
}

fn slot(peer: SocketAddr) -> usize {
    FxBuildHasher.hash_one(peer) as usize % SLOTS
}
