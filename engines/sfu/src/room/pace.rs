//! The room's pacing ticks: held video, probes and signs of life leave on them, for all peers at once.

use std::time::Duration;

use slab::Slab;

use super::{
    Context, Room,
    forward::{forward_held, reroute},
};
use crate::{
    bandwidth::pacer::TICK,
    peer::Peer,
    rtp::ring::Packet,
    slot::{Sender, Slot, renumber::Origin},
    track::Track,
};

/// A probe whose packets should be up to this large is made of padding alone: 255 bytes and the headers.
const MAX_PADDING: usize = 300;
/// Packets of padding to one peer in one tick: 30 Mbit/s of the smallest.
const MOST_PADDING: usize = 64;
/// Among so many of the newest packets the largest is sent again as a probe's payload.
const LOOK_BACK: u16 = 8;

impl Room {
    /// This peer has something to send on the next tick.
    pub(super) fn pace(&mut self, index: usize, context: &Context<'_>) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        if !std::mem::replace(&mut peer.is_paced, true) {
            self.paced.push(index);
        }
        if self.pace_at.is_none() {
            let into = (context.elapsed().as_nanos() % TICK.as_nanos()) as u64;
            self.pace_at = Some(context.now + TICK - Duration::from_nanos(into));
        }
    }

    /// The peer's place may be given to another.
    pub(super) fn stop_pacing(&mut self, index: usize) {
        self.paced.retain(|paced| *paced != index);
        self.flushes.drain(..self.next_flush);
        self.next_flush = 0;
        self.flushes.retain(|flush| *flush != index);
    }

    /// A tick came: what waits for it is written by [`Room::write_flushes`].
    pub(super) fn begin_flushes(&mut self, context: &Context<'_>) {
        if self.pace_at.is_some_and(|at| context.now >= at) {
            self.pace_at = None;
            self.flushes.append(&mut self.paced);
        }
    }

    /// Writes until the slab is full enough, or all; false when some are left.
    pub(super) fn write_flushes(&mut self, context: &mut Context<'_>, all: bool) -> bool {
        while let Some(&index) = self.flushes.get(self.next_flush) {
            if !all && !context.out.has_room() {
                return false;
            }
            self.next_flush += 1;
            self.flush(index, context);
        }
        self.flushes.clear();
        self.next_flush = 0;
        true
    }

    fn flush(&mut self, index: usize, context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        peer.is_paced = false;
        if peer.egress().is_none() {
            peer.downlink.pacer.clear();
            return;
        }
        let target = peer.downlink.target();
        while let Some(held) = peer.downlink.pacer.next(target, context.now) {
            if let Some(track) = forward_held(peer, held, tracks, context) {
                reroute(tracks, track);
            }
        }
        for _ in 0..MOST_PADDING {
            if !peer.downlink.lacks_padding(context.now) {
                break;
            }
            if pad(peer, tracks, context).is_none() {
                peer.downlink.pacer.end_probe();
                break;
            }
        }
        if peer.downlink.pacer.is_busy() {
            self.pace(index, context);
        }
    }
}

/// Sends one packet that carries nothing new; `None` when this peer has no stream for that.
fn pad(peer: &mut Peer, tracks: &Slab<Track>, context: &mut Context<'_>) -> Option<()> {
    let to = peer.egress()?;
    let is_large = peer.downlink.pacer.padding_size() > MAX_PADDING;
    let again = if is_large { largest(peer, tracks) } else { None };
    let place = match &again {
        Some((place, ..)) => *place,
        None => peer.slots.iter().position(Slot::can_pad)?,
    };
    let slot = peer.slots.get_mut(place)?;
    let number = peer.transport_sequence;
    let keys = &peer.keys.as_ref()?.outbound;
    let mut sender = Sender { keys, transport_sequence: &mut peer.transport_sequence };
    let length = context.out.write(to, |buffer| match &again {
        Some((_, origin, packet)) => slot.write_rtx(origin, packet, &mut sender, buffer),
        None => slot.write_padding(&mut sender, buffer),
    })?;
    peer.note_padding(number, length, context.now);
    Some(())
}

/// The largest of the newest packets of a video that plays, and its slot.
fn largest<'a>(peer: &Peer, tracks: &'a Slab<Track>) -> Option<(usize, Origin, Packet<'a>)> {
    let candidates =
        peer.slots.iter().enumerate().filter(|(_, slot)| slot.can_pad()).flat_map(|(at, slot)| {
            (0..LOOK_BACK).filter_map(move |back| {
                let origin = slot.recent(back)?;
                let encoding = tracks.get(slot.track?)?.encodings.get(origin.encoding)?;
                Some((at, origin, encoding.ring.get(origin.extended)?))
            })
        });
    let largest = candidates.max_by_key(|(_, _, packet)| packet.payload.len());
    // Padding alone is no smaller.
    largest.filter(|(_, _, packet)| packet.payload.len() > MAX_PADDING)
}
