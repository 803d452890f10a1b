//! Which peers are in which rooms of this shard, and what went through a call: for its one line in the log.

use std::{collections::HashMap, time::Instant};

use voxlink_sfu::{PeerId, PeerStats, RoomId};

#[derive(Default)]
pub(super) struct Records {
    rooms: HashMap<RoomId, Record>,
    peers: HashMap<PeerId, RoomId>,
}

struct Record {
    began: Instant,
    peers: Vec<PeerId>,
    most_peers: usize,
    totals: PeerStats,
}

impl Records {
    pub(super) fn joined(&mut self, room: RoomId, peer: PeerId, now: Instant) {
        let record = self.rooms.entry(room).or_insert_with(|| Record {
            began: now,
            peers: Vec::new(),
            most_peers: 0,
            totals: PeerStats::default(),
        });
        record.peers.push(peer);
        record.most_peers = record.most_peers.max(record.peers.len());
        self.peers.insert(peer, room);
    }

    pub(super) fn room_of(&self, peer: PeerId) -> Option<RoomId> {
        self.peers.get(&peer).copied()
    }

    /// The peer is gone; the last one ends the call.
    pub(super) fn left(&mut self, peer: PeerId, stats: PeerStats, now: Instant) {
        let Some(room) = self.peers.remove(&peer) else { return };
        let Some(record) = self.rooms.get_mut(&room) else { return };
        record.peers.retain(|other| *other != peer);
        add(&mut record.totals, &stats);
        if record.peers.is_empty()
            && let Some(record) = self.rooms.remove(&room)
        {
            log_end(room, &record, false, now);
        }
    }

    /// The room crashed; who was in it.
    pub(super) fn crashed(&mut self, room: RoomId, now: Instant) -> Vec<PeerId> {
        let Some(record) = self.rooms.remove(&room) else { return Vec::new() };
        for peer in &record.peers {
            self.peers.remove(peer);
        }
        log_end(room, &record, true, now);
        record.peers
    }

    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().copied().collect()
    }
}

fn add(totals: &mut PeerStats, stats: &PeerStats) {
    totals.packets_in += stats.packets_in;
    totals.packets_out += stats.packets_out;
    totals.bytes_in += stats.bytes_in;
    totals.bytes_out += stats.bytes_out;
    totals.lost_in += stats.lost_in;
    totals.retransmitted += stats.retransmitted;
    totals.rejected += stats.rejected;
}

fn log_end(room: RoomId, record: &Record, crashed: bool, now: Instant) {
    let totals = &record.totals;
    tracing::info!(
        channel = room.0,
        seconds = now.duration_since(record.began).as_secs(),
        most_peers = record.most_peers,
        crashed,
        packets_in = totals.packets_in,
        packets_out = totals.packets_out,
        bytes_in = totals.bytes_in,
        bytes_out = totals.bytes_out,
        lost_in = totals.lost_in,
        retransmitted = totals.retransmitted,
        rejected = totals.rejected,
        "a call ended"
    );
}
