//! Writing fresh packets to subscribers: all of one subscriber's behind each other, for GSO.

use std::time::Duration;

use super::{Context, Job, Room};
use crate::{slab::SendSlab, slot::Sender, worker::MediaKind};

/// A frame's packets come within a few milliseconds; waiting this long for its end fills bursts (measured).
const HOLD: Duration = Duration::from_micros(1_500);

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
        self.next_job < self.jobs.len()
    }

    /// Writes jobs until the slab is full enough, or all of them.
    pub(crate) fn write_jobs(&mut self, context: &mut Context<'_>, all: bool) {
        while let Some(&job) = self.jobs.get(self.next_job) {
            if !all && !context.out.has_room() {
                return;
            }
            self.next_job += 1;
            self.write_job(job, context);
        }
        self.jobs.clear();
        self.next_job = 0;
    }

    fn write_job(&mut self, job: Job, context: &mut Context<'_>) {
        let (Some(track), Some(peer)) = (self.tracks.get_mut(job.track), self.peers.get_mut(job.peer)) else {
            return;
        };
        let Some(encoding) = track.encodings.get(job.encoding) else { return };
        let Some(to) = peer.egress() else { return };
        let Some(slot) = peer.slots.get_mut(job.slot).filter(|slot| slot.track == Some(job.track)) else {
            return;
        };
        let Some(keys) = &peer.keys else { return };
        if slot.kind == MediaKind::Audio && peer.gates.deafened {
            return;
        }
        let mut sender = Sender { keys: &keys.outbound, transport_sequence: &mut peer.transport_sequence };
        let out: &mut SendSlab = context.out;
        let shown = slot.shown_encoding();
        for extended in &encoding.sending {
            let Some(packet) = encoding.ring.get(*extended) else { continue };
            let written = out.write(to, |buffer| {
                slot.forward(job.encoding, &packet, &track.encodings, &mut sender, context.now, buffer)
            });
            if let Some(length) = written {
                peer.stats.packets_out += 1;
                peer.stats.bytes_out += length as u64;
            }
        }
        track.routes_changed |= slot.shown_encoding() != shown && track.encodings.len() > 1;
    }
}
