//! Which shard each peer is on. A call lives on one shard; past so many people others take a part of it each.

use std::collections::HashMap;

use voxlink_protocol::ChannelId;
use voxlink_sfu::{Part, PeerId};

use super::{Calls, Output, room};
use crate::{shard::Command, taps::Hears};

/// Where everybody is.
pub(super) struct Places {
    shards: usize,
    /// People of one call on one shard before another one takes part.
    part: usize,
    peers: HashMap<PeerId, usize>,
    /// How many of each call are on each shard.
    rooms: HashMap<ChannelId, Vec<usize>>,
    /// Who listens to each call from inside the server.
    taps: HashMap<ChannelId, Vec<(Part, Hears)>>,
}

impl Places {
    pub(super) fn new(shards: usize, part: usize) -> Self {
        Self {
            shards: shards.max(1),
            part: part.max(1),
            peers: HashMap::new(),
            rooms: HashMap::new(),
            taps: HashMap::new(),
        }
    }

    /// Where a call begins.
    fn home(&self, channel: ChannelId) -> usize {
        // Snowflakes count up in their low bits; a multiplication spreads them (Knuth, TAOCP 6.4).
        let spread = channel.get().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        usize::try_from(spread).unwrap_or_default() % self.shards
    }

    fn of(&self, peer: PeerId) -> Option<usize> {
        self.peers.get(&peer).copied()
    }

    /// Somebody inside the server needs all that is sent in this call.
    pub(super) fn is_recorded(&self, channel: ChannelId) -> bool {
        self.taps.get(&channel).is_some_and(|taps| taps.iter().any(|(_, hears)| *hears == Hears::Everything))
    }

    /// The shards that have part in a call.
    fn parts(&self, channel: ChannelId) -> Vec<usize> {
        let counts = self.rooms.get(&channel).into_iter().flat_map(|counts| counts.iter().enumerate());
        counts.filter(|(_, count)| **count > 0).map(|(shard, _)| shard).collect()
    }

    /// Gives a peer the home shard while that has room, else the one with the fewest of the call.
    fn place(&mut self, channel: ChannelId, peer: PeerId) -> usize {
        let home = self.home(channel);
        let counts = self.rooms.entry(channel).or_insert_with(|| vec![0; self.shards]);
        let in_use = counts.iter().enumerate().filter(|(_, count)| **count > 0 && **count < self.part);
        let shard = match in_use.min_by_key(|(shard, count)| (*shard != home, **count)) {
            _ if counts[home] < self.part => home,
            Some((shard, _)) => shard,
            None => {
                let fewest = counts.iter().enumerate().min_by_key(|(shard, count)| (**count, *shard));
                fewest.map_or(home, |(shard, _)| shard)
            }
        };
        counts[shard] += 1;
        self.peers.insert(peer, shard);
        shard
    }

    fn leave(&mut self, channel: ChannelId, peer: PeerId) -> Option<usize> {
        let shard = self.peers.remove(&peer)?;
        if let Some(counts) = self.rooms.get_mut(&channel) {
            counts[shard] = counts[shard].saturating_sub(1);
            if counts.iter().all(|count| *count == 0) {
                self.rooms.remove(&channel);
            }
        }
        Some(shard)
    }
}

impl Calls {
    /// Tells the shard that the command's peer is on, or comes to; the parts of a call hear of each other.
    pub(super) fn tell_shard(&mut self, channel: ChannelId, command: Command) {
        let before = self.places.parts(channel);
        let shard = match (&command, command.peer()) {
            (Command::Join { .. }, Some(peer)) => self.places.place(channel, peer),
            // It may be known to no shard any more, after a crash.
            (Command::Leave { .. }, Some(peer)) => match self.places.leave(channel, peer) {
                Some(shard) => shard,
                None => return,
            },
            (_, Some(peer)) => match self.places.of(peer) {
                Some(shard) => shard,
                None => return,
            },
            (_, None) => self.places.home(channel),
        };
        self.outputs.push_back(Output::Shard(shard, command));
        let after = self.places.parts(channel);
        let is_shared = before.len().max(after.len()) > 1 || self.places.taps.contains_key(&channel);
        if before != after && is_shared {
            self.introduce_parts(channel);
        }
    }

    /// Somebody listens to a call from inside the server, or no more.
    pub(crate) fn set_tap(&mut self, channel: ChannelId, tap: Part, hears: Option<Hears>) {
        let taps = self.places.taps.entry(channel).or_default();
        match hears {
            Some(hears) => taps.push((tap, hears)),
            None => taps.retain(|(one, _)| *one != tap),
        }
        if taps.is_empty() {
            self.places.taps.remove(&channel);
        }
        self.introduce_parts(channel);
        self.settle_pair(channel);
    }

    /// Tells each shard of a call who has the other parts of it.
    fn introduce_parts(&mut self, channel: ChannelId) {
        let all = self.places.parts(channel);
        for shard in &all {
            let others = all.iter().filter(|other| *other != shard);
            let others = others.filter_map(|other| u32::try_from(*other).ok().map(Part));
            let taps = self.places.taps.get(&channel).into_iter().flatten().map(|(tap, _)| *tap);
            let spread = Command::Spread { room: room(channel), others: others.chain(taps).collect() };
            self.outputs.push_back(Output::Shard(*shard, spread));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stays_on_its_shard_until_it_is_large_and_then_fills_the_others_evenly() {
        let mut places = Places::new(3, 4);
        let channel = ChannelId::new(7);
        let home = places.home(channel);
        let shards: Vec<usize> = (0..16).map(|peer| places.place(channel, PeerId(peer))).collect();
        assert!(shards[..4].iter().all(|shard| *shard == home));
        let count = |shard: usize, of: &[usize]| of.iter().filter(|one| **one == shard).count();
        assert!((0..3).all(|shard| count(shard, &shards[..12]) == 4), "{shards:?}");
        assert_eq!(places.parts(channel), [0, 1, 2]);
        for peer in 0..16 {
            assert_eq!(places.leave(channel, PeerId(peer)), Some(shards[peer as usize]));
        }
        assert!(places.rooms.is_empty() && places.peers.is_empty());
        assert_eq!(places.leave(channel, PeerId(1)), None);
    }
}
