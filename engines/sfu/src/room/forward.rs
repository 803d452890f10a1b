//! Writing fresh packets to subscribers: all of one subscriber's behind each other, for GSO.

use std::time::Duration;

use super::{Context, Job, Room};
use slab::Slab;

use crate::{
    bandwidth::pacer::Held,
    peer::Peer,
    rtp::{red, ring::Packet},
    slab::SendSlab,
    slot::{Sender, Slot},
    track::Track,
    worker::{MediaKind, Source},
};

/// A frame's packets come within a few milliseconds; waiting this long for its end fills bursts (measured).
const HOLD: Duration = Duration::from_micros(1_500);
/// Subscribers that are looked at together before anything is written to them: since their last packet they have left the
/// processor's caches, and fetches of several overlap where those of one follow each other.
const AHEAD: usize = 8;

impl Room {
    /// Turns what arrived into jobs. Packets of an unfinished frame may wait up to [`HOLD`].
    pub(crate) fn end_batch(&mut self, context: &mut Context<'_>) {
        // The caller did not drain: finish the last batch before its packets are mixed with new ones.
        self.write_jobs(context, true);
        self.hold_until = None;
        self.listed = false;
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.retain(|&(track, index)| {
            let Some(owner) = self.tracks.get_mut(track) else { return false };
            let is_video = owner.kind() == MediaKind::Video;
            let Some(encoding) = owner.encodings.get_mut(index) else { return false };
            let Some(since) = encoding.pending_since else { return false };
            if is_video && !encoding.frame_ended && context.now < since + HOLD {
                self.hold_until = Some(self.hold_until.map_or(since + HOLD, |hold| hold.min(since + HOLD)));
                return true;
            }
            encoding.pending_since = None;
            encoding.sending.clear();
            std::mem::swap(&mut encoding.sending, &mut encoding.pending);
            let subscribers = encoding.subscribers.iter();
            self.jobs.extend(subscribers.map(|&(peer, slot)| Job { peer, slot, track, encoding: index }));
            false
        });
        // The same allocation, batch after batch.
        self.fresh = fresh;
        self.jobs.sort_unstable();
    }

    /// Whether there is something to write.
    pub(crate) fn has_jobs(&self) -> bool {
        self.next_job < self.jobs.len() || self.next_flush < self.flushes.len()
    }

    /// Writes jobs until the slab is full enough, or all of them.
    pub(crate) fn write_jobs(&mut self, context: &mut Context<'_>, all: bool) {
        // What waits is older than what came now.
        if !self.write_flushes(context, all) {
            return;
        }
        while let Some(&job) = self.jobs.get(self.next_job) {
            if !all && !context.out.has_room() {
                return;
            }
            if self.next_job.is_multiple_of(AHEAD) {
                self.look_ahead();
            }
            self.next_job += 1;
            self.write_job(job, context);
        }
        self.jobs.clear();
        self.next_job = 0;
    }

    fn look_ahead(&self) {
        let mut seen = 0;
        for job in self.jobs.iter().skip(self.next_job).take(AHEAD) {
            let Some(peer) = self.peers.get(job.peer) else { continue };
            seen ^= peer.glance() ^ peer.slots.get(job.slot).map_or(0, Slot::glance);
        }
        std::hint::black_box(seen);
    }

    fn write_job(&mut self, job: Job, context: &mut Context<'_>) {
        let Self { peers, tracks, packed, .. } = self;
        let (Some(track), Some(peer)) = (tracks.get(job.track), peers.get_mut(job.peer)) else { return };
        let Some(encoding) = track.encodings.get(job.encoding) else { return };
        let Some(slot) = peer.slots.get(job.slot).filter(|slot| slot.track == Some(job.track)) else {
            return;
        };
        let is_video = slot.kind == MediaKind::Video;
        if peer.egress().is_none() || (!is_video && peer.gates.deafened) {
            return;
        }
        let mut must_pace = false;
        let mut switched = Vec::new();
        for &extended in &encoding.sending {
            if !is_video {
                forward_sound(peer, job.slot, track, job.encoding, extended, packed.as_mut_slice(), context);
                continue;
            }
            if peer.downlink.admits(context.now) {
                if forward(peer, job.slot, track, job.encoding, extended, context) {
                    switched.push(job.track);
                }
                continue;
            }
            let Some(packet) = encoding.ring.get(extended) else { continue };
            let held = Held {
                slot: job.slot as u16,
                encoding: job.encoding as u16,
                size: packet.payload.len() as u16,
                track: job.track as u32,
                extended,
            };
            must_pace = true;
            if let Some(oldest) = peer.downlink.pacer.hold(held) {
                switched.extend(forward_held(peer, oldest, tracks, context));
            }
        }
        for track in switched {
            reroute(tracks, track);
        }
        if must_pace {
            self.pace(job.peer, context);
        }
    }
}

/// A slot shows another encoding than before: packets of the old one need not go to it any more.
pub(super) fn reroute(tracks: &mut Slab<Track>, track: usize) {
    if let Some(track) = tracks.get_mut(track) {
        track.routes_changed |= track.encodings.len() > 1;
    }
}

/// Writes one packet of a picture to a peer's slot, now. True when the slot began to show another encoding with it.
fn forward(
    peer: &mut Peer,
    slot: usize,
    track: &Track,
    encoding: usize,
    extended: u64,
    context: &mut Context<'_>,
) -> bool {
    let Some(to) = peer.egress() else { return false };
    let (Some(slot), Some(keys)) = (peer.slots.get_mut(slot), &peer.keys) else { return false };
    let ring = track.encodings.get(encoding).map(|encoding| &encoding.ring);
    let Some(packet) = ring.and_then(|ring| ring.get(extended)) else { return false };
    let shown = slot.shown_encoding();
    let number = peer.transport_sequence;
    let mut sender = Sender { keys: &keys.outbound, transport_sequence: &mut peer.transport_sequence };
    let out: &mut SendSlab = context.out;
    let written = out.write(to, |buffer| {
        slot.forward(encoding, &packet, &track.encodings, &mut sender, context.now, buffer)
    });
    let is_other = slot.shown_encoding() != shown;
    if let Some(length) = written {
        peer.note_video(number, length, context.now);
    }
    is_other
}

/// As [`forward`], for sound: with copies of what was sent before it when the receiver loses packets (RFC 2198).
fn forward_sound(
    peer: &mut Peer,
    slot: usize,
    track: &Track,
    encoding: usize,
    extended: u64,
    packed: &mut [u8],
    context: &mut Context<'_>,
) {
    let Some(to) = peer.egress() else { return };
    let (Some(slot), Some(keys)) = (peer.slots.get_mut(slot), &peer.keys) else { return };
    let Some(ring) = track.encodings.get(encoding).map(|encoding| &encoding.ring) else { return };
    let Some(plain) = ring.get(extended) else { return };
    let opus = slot.playing.filter(|playing| playing.red_payload_type.is_some());
    let copies = if opus.is_some() { peer.protection.copies(context.now) } else { 0 };
    // Who hears a mix has little room, and its packets may be twice as long.
    let copies = if track.source == Source::Mixed { copies.min(1) } else { copies };
    let red = opus
        .filter(|_| copies > 0)
        .and_then(|opus| red::pack(ring, extended, copies, opus.payload_type, &mut *packed));
    slot.sends_red = red.is_some();
    let payload = red.and_then(|length| packed.get(..length)).unwrap_or(plain.payload);
    let packet = Packet { payload, ..plain };
    let mut sender = Sender { keys: &keys.outbound, transport_sequence: &mut peer.transport_sequence };
    let out: &mut SendSlab = context.out;
    let written = out.write(to, |buffer| {
        slot.forward(encoding, &packet, &track.encodings, &mut sender, context.now, buffer)
    });
    if let Some(length) = written {
        peer.note_audio(length);
    }
}

/// As [`forward`], for a packet that waited: the slot may show something else by now. The track, when its slot began
/// to show another encoding.
pub(super) fn forward_held(
    peer: &mut Peer,
    held: Held,
    tracks: &Slab<Track>,
    context: &mut Context<'_>,
) -> Option<usize> {
    let (slot, index) = (usize::from(held.slot), held.track as usize);
    let track = tracks.get(index)?;
    peer.slots.get(slot).filter(|slot| slot.track == Some(index))?;
    forward(peer, slot, track, usize::from(held.encoding), held.extended, context).then_some(index)
}
