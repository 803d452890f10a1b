//! What happens by the clock: handshakes, consent, reports, NACKs, transport feedback, speech that ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use slab::Slab;

use super::{
    Context, Room,
    assign::Anew,
    part::{Copied, Message, Stream},
};
use crate::{
    peer::{Connection, Peer},
    rtcp::write::Writer,
    track::Track,
    worker::{Event, MediaKind, Source},
};

/// The grid of peers' deadlines, and the resolution of NACKs.
pub(crate) const BUSY: Duration = Duration::from_millis(10);
/// Between a peer's ticks when nothing is due: the resolution of consent and keep-alive reports.
pub(crate) const IDLE: Duration = Duration::from_millis(250);
/// Between the room's chores while media flows.
pub(crate) const CHORES: Duration = Duration::from_millis(50);
/// Transport-wide feedback: what browsers themselves use at ordinary rates.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(80);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The first moment of the grid that is not before `at`. What is due later than [`BUSY`] is on a coarser one: one
/// wake-up then serves most of the room.
pub(super) fn on_grid(born: Instant, at: Instant, now: Instant) -> Instant {
    let step = if at > now + BUSY { CHORES } else { BUSY };
    let past = (at.saturating_duration_since(born).as_nanos() % step.as_nanos()) as u64;
    if past == 0 { at } else { at + step - Duration::from_nanos(past) }
}

impl Room {
    /// Runs what is due. Cheap when nothing is.
    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        self.begin_flushes(context);
        if self.hold_until.is_some_and(|hold| context.now >= hold) {
            self.end_batch(context);
        }
        if context.now < self.next_tick {
            return;
        }
        for index in 0..self.due.len() {
            if self.due[index].is_some_and(|due| due <= context.now) {
                // Whatever is asked for from here on is asked of the next tick.
                self.due[index] = Some(context.now + IDLE);
                if let Some(deadline) = self.tick_peer(index, context) {
                    self.wake_peer(index, deadline, context.now);
                }
            }
        }
        if context.now >= self.next_chores {
            self.chores(context);
        }
        let due = self.due.iter().flatten().min();
        self.next_tick = due.map_or(self.next_chores, |due| self.next_chores.min(*due));
    }

    /// One peer's handshake, consent, reports, NACKs and speech; when to look at it again.
    fn tick_peer(&mut self, index: usize, context: &mut Context<'_>) -> Option<Instant> {
        let handshake = self.tick_transport(index, context);
        let Self { id, peers, tracks, .. } = self;
        let peer = peers.get_mut(index)?;
        let mut deadline = context.now + IDLE;
        let mut is_sending = false;
        if peer.connection == Connection::Connected {
            feedback(peer, tracks, context);
            peer.downlink.tick(context.now);
            is_sending = peer.downlink.needs_ticks(context.now);
            deadline = deadline.min(peer.next_report);
            if let Some(at) = peer.downlink.deadline(context.now) {
                deadline = deadline.min(at);
            }
        }
        if let Some(wanted) = redundancy_wanted(peer, tracks, context.now) {
            context.events.push_back(Event::Redundancy { peer: peer.id, wanted });
        }
        if let Some(speaking) = peer.stop_speaking(context.now) {
            context.events.push_back(Event::Speaking { room: *id, peer: peer.id, speaking });
        }
        if peer.is_speaking() {
            deadline = deadline.min(context.now + FEEDBACK_INTERVAL);
        }
        if !peer.arrivals.is_empty() {
            deadline = deadline.min(peer.next_feedback);
        }
        let encodings = peer.tracks.iter().filter_map(|track| tracks.get(*track));
        if encodings.flat_map(|track| &track.encodings).any(|encoding| encoding.nacks.is_waiting()) {
            deadline = deadline.min(context.now + BUSY);
        }
        if is_sending {
            deadline = deadline.min(context.now + BUSY);
            self.pace(index, context);
        }
        Some(handshake.map_or(deadline, |handshake| deadline.min(handshake)).max(context.now + BUSY / 2))
    }

    /// What concerns all of the room.
    fn chores(&mut self, context: &mut Context<'_>) {
        self.next_chores = context.now + if self.busy { CHORES } else { IDLE };
        self.busy = false;
        if self.follow_speakers(context.now) {
            self.assign(Anew::Followers, context);
        }
        self.tick_layers(context);
        self.share_out(context);
        self.retry_keyframes();
        self.request_keyframes(context);
    }

    fn tick_transport(&mut self, index: usize, context: &mut Context<'_>) -> Option<Instant> {
        let peer = self.peers.get_mut(index)?;
        peer.transport.handle_timeout(context.now, context.out);
        self.transport_events(index, context);
        self.peers.get(index)?.transport.deadline()
    }

    /// A slot that still waits for its first key frame asks again; the interval per track bounds it.
    fn retry_keyframes(&mut self) {
        let Self { peers, tracks, .. } = self;
        let encodings = tracks.iter_mut().flat_map(|(_, track)| track.encodings.iter_mut().enumerate());
        let awaited = encodings.filter(|(_, encoding)| encoding.is_awaited && !encoding.wants_keyframe());
        for (index, encoding) in awaited {
            let mut awaited = false;
            let waits = encoding.subscribers.iter().any(|(peer, slot)| {
                let Some(peer) = peers.get(*peer) else { return false };
                let waits = peer.slots.get(*slot).is_some_and(|slot| slot.awaits_keyframe(index));
                awaited |= waits;
                waits && peer.connection == Connection::Connected
            });
            encoding.is_awaited = awaited;
            if waits {
                encoding.want_keyframe();
            }
        }
    }

    /// Asks publishers for the key frames that are wanted and not asked for too recently.
    pub(crate) fn request_keyframes(&mut self, context: &mut Context<'_>) {
        let Self { id, peers, tracks, .. } = self;
        let mut waiting = false;
        for (_, track) in
            tracks.iter_mut().filter(|(_, track)| track.live && track.kind() == MediaKind::Video)
        {
            let Some(peer) = peers.get_mut(track.owner) else { continue };
            let encodings = track.encodings.iter_mut().enumerate();
            for (index, encoding) in encodings.filter(|(_, encoding)| encoding.wants_keyframe()) {
                waiting = true;
                if peer.mirror_of.is_some() {
                    if encoding.take_keyframe_request(context.now).is_some() {
                        let of = Stream { peer: peer.id, source: track.source, encoding: index };
                        let message = Arc::new(Message::KeyFrame { of });
                        context.copies.push_back(Copied { room: *id, message });
                    }
                    continue;
                }
                if peer.egress().is_none() {
                    continue;
                }
                if let Some(ssrc) = encoding.take_keyframe_request(context.now) {
                    let mut compound = Writer::new();
                    compound.pli(peer.rtcp_ssrc, ssrc);
                    peer.send_rtcp(&compound, context.out);
                }
            }
        }
        if waiting {
            self.wake_chores(context.now + BUSY);
        }
    }
}

/// `Some` when the client must be told to send its microphone with redundancy, or without.
fn redundancy_wanted(peer: &mut Peer, tracks: &Slab<Track>, now: Instant) -> Option<bool> {
    let wanted = peer.tracks.iter().filter_map(|track| tracks.get(*track)).any(|track| {
        track.source == Source::Microphone
            && track.codec.red_payload_type.is_some()
            && track.encodings.iter().any(|encoding| encoding.protection.copies(now) > 0)
    });
    let changed = wanted != peer.asked_redundancy;
    peer.asked_redundancy = wanted;
    changed.then_some(wanted)
}

/// Everything a connected peer is told over RTCP now.
fn feedback(peer: &mut Peer, tracks: &mut Slab<Track>, context: &mut Context<'_>) {
    let feedback_due = context.now >= peer.next_feedback && !peer.arrivals.is_empty();
    let report_due = context.now >= peer.next_report;
    let has_gaps = (peer.tracks.iter().filter_map(|track| tracks.get(*track)))
        .any(|track| track.encodings.iter().any(|encoding| encoding.nacks.is_waiting()));
    if !(feedback_due || report_due || has_gaps) {
        return;
    }
    let mut compound = Writer::new();
    if report_due {
        peer.next_report = context.now + REPORT_INTERVAL;
        reports(peer, tracks, &mut compound, context);
    }
    for index in 0..peer.tracks.len() {
        let Some(track) = tracks.get_mut(peer.tracks[index]) else { continue };
        for encoding in &mut track.encodings {
            let ask = encoding.nacks.tick(peer.round_trip, context.now);
            if ask.gave_up {
                encoding.want_keyframe();
            }
            if let Some(ssrc) = encoding.ssrc.filter(|_| !ask.sequences.is_empty()) {
                let sender = peer.rtcp_ssrc;
                append(peer, &mut compound, context, |writer| {
                    writer.nack(sender, ssrc, ask.sequences.iter().copied())
                });
            }
        }
    }
    if feedback_due {
        peer.next_feedback = context.now + FEEDBACK_INTERVAL;
        let mut body = Vec::new();
        let sender = peer.rtcp_ssrc;
        let streams = peer.tracks.iter().filter_map(|track| tracks.get(*track));
        let media = streams.flat_map(|track| &track.encodings).find_map(|encoding| encoding.ssrc);
        let media = media.unwrap_or(sender);
        while peer.arrivals.next_body(&mut body).is_some() {
            append(peer, &mut compound, context, |writer| writer.transport_feedback(sender, media, &body));
        }
    }
    peer.send_rtcp(&compound, context.out);
}

/// Adds a packet, in another datagram when this one is full.
fn append(
    peer: &mut Peer,
    compound: &mut Writer,
    context: &mut Context<'_>,
    write: impl Fn(&mut Writer) -> bool,
) {
    if !write(compound) && !compound.is_empty() {
        peer.send_rtcp(compound, context.out);
        *compound = Writer::new();
        write(compound);
    }
}

/// A sender report for each slot that plays, a receiver report for what the peer sends.
fn reports(peer: &mut Peer, tracks: &mut Slab<Track>, compound: &mut Writer, context: &mut Context<'_>) {
    let mut lost = 0;
    let mut blocks = Vec::with_capacity(peer.tracks.len());
    for index in &peer.tracks {
        for encoding in tracks.get_mut(*index).into_iter().flat_map(|track| &mut track.encodings) {
            lost += encoding.reception.lost();
            blocks.extend(encoding.report_block(context.now));
        }
    }
    peer.stats.lost_in = lost;
    peer.note_transport_loss(context.now);
    let sender = peer.rtcp_ssrc;
    compound.receiver_report(sender, &blocks);
    compound.cname(sender, "voxlink");
    for index in 0..peer.slots.len() {
        let slot = &peer.slots[index];
        let Some(track) = slot.track.and_then(|track| tracks.get(track)) else { continue };
        let shown = slot.shown_encoding().and_then(|encoding| track.encodings.get(encoding));
        let Some(report) = shown.and_then(|encoding| encoding.report) else { continue };
        let (ntp, timestamp) = context.extrapolate(&report, track.codec.codec.clock_rate());
        let Some(timestamp) = slot.map_timestamp(timestamp) else { continue };
        let (ssrc, packets, octets) = (slot.ssrc, slot.packets, slot.octets);
        append(peer, compound, context, |writer| {
            writer.sender_report(ssrc, ntp, timestamp, packets, octets, &[])
        });
        peer.slots[index].reported = Some(((ntp >> 16) as u32, context.now));
    }
}
