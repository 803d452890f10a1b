//! Data both ways (RFC 8656 §11, §12). Nothing is copied: the client's way answers where the payload stands, the peer's
//! way writes a header before it.

use std::{net::SocketAddr, ops::Range, time::Instant};

use crate::stun::{
    COOKIE, HEADER, Message,
    attributes::{self as a, Family},
};

use super::{
    Server,
    api::{ClientKey, HEAD_ROOM, RelayId, ToClient, Transport, Verdict},
    policy::Passage,
};

/// Payload that still fits into a datagram with the header of a Data indication.
const MAX_PAYLOAD: usize = 65_507 - HEAD_ROOM;

impl Server {
    pub(super) fn channel_data(&mut self, now: Instant, client: &ClientKey, datagram: &[u8]) -> Verdict {
        let &[high, low, length_high, length_low, ref rest @ ..] = datagram else { return self.garbage() };
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        // What follows is padding (RFC 8656 §12.5).
        if length > rest.len() {
            return self.garbage();
        }
        let number = u16::from_be_bytes([high, low]);
        let Some(slot) = self.slot_of(client) else { return self.unpermitted() };
        let peer = self.allocations.get(slot).and_then(|held| held.peer_of(number, now));
        let Some(peer) = peer else { return self.unpermitted() };
        self.relay(now, slot, peer, 4..4 + length, false)
    }

    pub(super) fn send_indication(
        &mut self,
        now: Instant,
        client: &ClientKey,
        message: &Message<'_>,
    ) -> Verdict {
        let (Some(peer), Some(payload), 1, 1) =
            (message.peer, message.data.clone(), message.peers, message.data_count)
        else {
            return self.garbage();
        };
        // Indications get no answer.
        if message.is_malformed || !message.unknown.kinds().is_empty() {
            return self.garbage();
        }
        let Some(slot) = self.slot_of(client) else { return self.unpermitted() };
        self.relay(now, slot, peer, payload, message.dont_fragment)
    }

    fn unpermitted(&mut self) -> Verdict {
        self.counters.no_permission += 1;
        Verdict::Nothing
    }

    /// From a client to a peer, if permission, policy and rates agree.
    fn relay(
        &mut self,
        now: Instant,
        slot: usize,
        peer: SocketAddr,
        payload: Range<usize>,
        dont_fragment: bool,
    ) -> Verdict {
        let Some(held) = self.allocations.get(slot) else { return Verdict::Nothing };
        let relay = held.relay(Family::of(peer.ip()), now).filter(|_| held.permits(peer.ip(), now));
        let Some((relay, from)) = relay else { return self.unpermitted() };
        let Some(passage) = self.policy.passage(peer, |peer| self.relay_at(peer)) else {
            self.counters.forbidden_peer += 1;
            return Verdict::Nothing;
        };
        let Some(held) = self.allocations.get_mut(slot) else { return Verdict::Nothing };
        if !held.bucket.take(payload.len(), self.config.limits.allocation_rate, now)
            || !self.total_bucket.take(payload.len(), self.config.limits.total_rate, now)
        {
            self.counters.rate_limited += 1;
            return Verdict::Nothing;
        }
        held.up += payload.len() as u64;
        match passage {
            Passage::Outside => Verdict::Relay { relay, to: peer, payload, dont_fragment },
            Passage::Local(to) => Verdict::ToLocal { from, to, payload },
        }
    }

    /// A datagram of `length` bytes came to a relayed address. The header is written at the end of `head`, which stands
    /// right before the payload. `None`: nobody wants it.
    pub fn handle_peer(
        &mut self,
        now: Instant,
        relay: RelayId,
        from: SocketAddr,
        length: usize,
        head: &mut [u8; HEAD_ROOM],
    ) -> Option<ToClient> {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let slot = self.slot_behind(relay)?;
        let held = self.allocations.get_mut(slot)?;
        let is_live = held.relay(Family::of(from.ip()), now).is_some_and(|(id, _)| id == relay);
        if !is_live || !held.permits(from.ip(), now) {
            self.counters.no_permission += 1;
            return None;
        }
        if length > MAX_PAYLOAD {
            self.counters.garbage += 1;
            return None;
        }
        if !held.bucket.take(length, self.config.limits.allocation_rate, now)
            || !self.total_bucket.take(length, self.config.limits.total_rate, now)
        {
            self.counters.rate_limited += 1;
            return None;
        }
        held.down += length as u64;
        let padding = length.next_multiple_of(4) - length;
        let client = held.client;
        if let Some(number) = held.channel_of(from, now) {
            let [number, length] = [number, u16::try_from(length).unwrap_or(u16::MAX)].map(u16::to_be_bytes);
            head[HEAD_ROOM - 4..HEAD_ROOM - 2].copy_from_slice(&number);
            head[HEAD_ROOM - 2..].copy_from_slice(&length);
            let padding = if client.transport == Transport::Udp { 0 } else { padding };
            return Some(ToClient { client, prefix: 4, padding });
        }
        self.next_transaction = self.next_transaction.wrapping_add(1);
        let prefix = write_data_header(head, from, length, self.next_transaction);
        Some(ToClient { client, prefix, padding })
    }
}

/// A Data indication (RFC 8656 §11.3) whose payload follows; returns its length.
fn write_data_header(head: &mut [u8; HEAD_ROOM], from: SocketAddr, length: usize, number: u64) -> usize {
    /// Data, as an indication.
    const DATA_INDICATION: u16 = 0x0017;
    let mut transaction = [0; 12];
    transaction[4..].copy_from_slice(&number.to_be_bytes());
    let mut address = [0; 20];
    let address = {
        let used = a::write_xor_address(from, &transaction, &mut address);
        &address[..used]
    };
    let prefix = HEADER + 4 + address.len() + 4;
    let message_length = u16::try_from(prefix - HEADER + length.next_multiple_of(4)).unwrap_or(u16::MAX);
    let out = &mut head[HEAD_ROOM - prefix..];
    out[..2].copy_from_slice(&DATA_INDICATION.to_be_bytes());
    out[2..4].copy_from_slice(&message_length.to_be_bytes());
    out[4..8].copy_from_slice(&COOKIE);
    out[8..HEADER].copy_from_slice(&transaction);
    let header = |kind: u16, length: usize| {
        let [k, l] = [kind, u16::try_from(length).unwrap_or(u16::MAX)].map(u16::to_be_bytes);
        [k[0], k[1], l[0], l[1]]
    };
    out[HEADER..HEADER + 4].copy_from_slice(&header(a::XOR_PEER_ADDRESS, address.len()));
    out[HEADER + 4..HEADER + 4 + address.len()].copy_from_slice(address);
    out[prefix - 4..].copy_from_slice(&header(a::DATA, length));
    prefix
}
