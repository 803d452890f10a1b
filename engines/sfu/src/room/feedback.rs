//! RTCP from clients: reports, retransmission and key frame requests.

use std::{sync::Arc, time::Duration};

use slab::Slab;

use super::{
    Context, Room,
    part::{self, Copied, Message},
    to_ntp,
};
use crate::{
    encoding::{Encoding, SeenReport},
    peer::Peer,
    rtcp::{self, Packet, ReportBlock, twcc},
    slot::Sender,
    track::Track,
    worker::{MediaKind, RoomId},
};

/// A clock that moved by more than this was set: start anew.
const CLOCK_JUMP: i64 = 1 << 32;

impl Room {
    /// A compound packet from one of this peer's addresses, decrypted in place.
    pub(crate) fn handle_rtcp(&mut self, index: usize, packet: &mut [u8], context: &mut Context<'_>) {
        let Self { id, peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        let admitted = peer.admit(packet.len(), context.now);
        let opened = peer.keys.as_mut().filter(|_| admitted).and_then(|keys| keys.inbound.open_rtcp(packet));
        let Some(compound) = opened.and_then(|length| packet.get(..length)) else {
            peer.stats.rejected += 1;
            return;
        };
        peer.note_authentic();
        let mut wants_keyframe = false;
        for packet in rtcp::packets(compound) {
            wants_keyframe |= handle_packet(peer, tracks, packet, *id, context);
        }
        // Here what it needs is at hand; the peer's own tick only has to come when no feedback does.
        peer.downlink.tick(context.now);
        if peer.downlink.needs_ticks(context.now) {
            self.pace(index, context);
        }
        if wants_keyframe {
            self.wake_chores(context.now);
        }
    }
}

/// True when a key frame is wanted.
fn handle_packet(
    peer: &mut Peer,
    tracks: &mut Slab<Track>,
    packet: Packet<'_>,
    room: RoomId,
    context: &mut Context<'_>,
) -> bool {
    match packet {
        Packet::SenderReport { ssrc, ntp, timestamp, reports } => {
            sender_report(peer, tracks, ssrc, ntp, timestamp, room, context);
            reports.for_each(|block| report_block(peer, tracks, &block, context));
        }
        Packet::ReceiverReport { reports } => {
            reports.for_each(|block| report_block(peer, tracks, &block, context));
        }
        Packet::Nack { media, items } => {
            for sequence in items.flat_map(rtcp::nack_sequences) {
                resend(peer, tracks, media, sequence, context);
            }
        }
        Packet::Pli { media } => return want_keyframe(peer, tracks, media),
        // Each entry is an SSRC and a word with the request's number.
        Packet::Fir { entries } => {
            let wanted = entries.step_by(2).map(|media| want_keyframe(peer, tracks, media));
            return wanted.fold(false, std::ops::BitOr::bitor);
        }
        Packet::TransportFeedback { body } => {
            let Some(feedback) = twcc::Feedback::parse(body) else {
                peer.stats.rejected += 1;
                return false;
            };
            peer.reported.0 += u64::from(feedback.total());
            peer.reported.1 += u64::from(feedback.lost());
            peer.downlink.feedback(&feedback, context.now);
        }
        Packet::Other => {}
    }
    false
}

fn sender_report(
    peer: &mut Peer,
    tracks: &mut Slab<Track>,
    ssrc: u32,
    ntp: u64,
    timestamp: u32,
    room: RoomId,
    context: &mut Context<'_>,
) {
    let stream = peer.streams.get(&ssrc).filter(|stream| !stream.is_rtx);
    let Some(stream) = stream.copied() else { return };
    let Some(track) = tracks.get_mut(stream.track) else { return };
    let (source, is_copied) = (track.source, track.is_copied(stream.encoding));
    let Some(encoding) = track.encodings.get_mut(stream.encoding) else { return };
    let arrived = context.arrived();
    let fresh = context.ntp(arrived).wrapping_sub(ntp) as i64;
    let offset = match peer.clock_offset {
        Some(offset) if fresh.wrapping_sub(offset).unsigned_abs() < CLOCK_JUMP as u64 => offset,
        _ => *peer.clock_offset.insert(fresh),
    };
    let report = SeenReport { sender_ntp: ntp, ntp: ntp.wrapping_add_signed(offset), timestamp, at: arrived };
    encoding.report = Some(report);
    if is_copied {
        let of = part::Stream { peer: peer.id, source, encoding: stream.encoding };
        let message = Arc::new(Message::Report { of, report, start: context.start });
        context.copies.push_back(Copied { room, message });
    }
}

fn report_block(peer: &mut Peer, tracks: &Slab<Track>, block: &ReportBlock, context: &Context<'_>) {
    let Some(slot) = peer.slot_by_ssrc.get(block.ssrc).and_then(|slot| peer.slots.get(slot)) else {
        return;
    };
    if slot.kind == MediaKind::Audio {
        peer.downlink.estimator.sound_report(f64::from(block.fraction_lost) / 256.0, context.now);
        // What was lost on the publisher's way is no fault of this one.
        let encodings = slot.track.and_then(|track| tracks.get(track)).map(|track| &track.encodings);
        let gaps = encodings.into_iter().flatten().map(|encoding| encoding.gaps.lately(context.now));
        let lost = block.fraction_lost.saturating_sub(gaps.max().unwrap_or_default());
        peer.protection.note(lost, context.now);
        peer.sound_loss.note(lost, context.now);
    } else {
        peer.downlink.video_report(f64::from(block.fraction_lost) / 256.0, context.now);
    }
    let Some((sent, at)) = slot.reported else { return };
    if block.last_report != sent {
        return;
    }
    let held = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
    if let Some(round_trip) = context.arrived().saturating_duration_since(at).checked_sub(held) {
        peer.note_round_trip(round_trip);
    }
}

/// False when this peer is shown nothing that could be asked for one.
fn want_keyframe(peer: &Peer, tracks: &mut Slab<Track>, media: u32) -> bool {
    let slot = peer.slot_by_ssrc.get(media).and_then(|slot| peer.slots.get(slot));
    let Some(slot) = slot.filter(|slot| slot.kind == MediaKind::Video) else { return false };
    // Who waits for another encoding's key frame is asked for already.
    let shown = slot.track.zip(slot.shown_encoding());
    let encoding = shown.and_then(|(track, encoding)| tracks.get_mut(track)?.encodings.get_mut(encoding));
    encoding.map(Encoding::want_keyframe).is_some()
}

fn resend(peer: &mut Peer, tracks: &mut Slab<Track>, media: u32, sequence: u16, context: &mut Context<'_>) {
    let Some(to) = peer.egress() else { return };
    let Some(slot) = peer.slot_by_ssrc.get(media).and_then(|slot| peer.slots.get_mut(slot)) else { return };
    // Numbers on the RTX stream are not ours to answer.
    if slot.ssrc != media {
        return;
    }
    let Some(track) = slot.track.and_then(|track| tracks.get(track)) else { return };
    let Some(origin) = slot.find(sequence) else { return };
    let encoding = track.encodings.get(origin.encoding);
    let Some(packet) = encoding.and_then(|encoding| encoding.ring.get(origin.extended)) else { return };
    let Some(keys) = &peer.keys else { return };
    let number = peer.transport_sequence;
    let mut sender = Sender { keys: &keys.outbound, transport_sequence: &mut peer.transport_sequence };
    let written =
        context.out.write(to, |buffer| slot.resend(&origin, &packet, &mut sender, context.now, buffer));
    if let Some(length) = written {
        peer.stats.retransmitted += 1;
        peer.note_video(number, length, context.now);
    }
}

impl Context<'_> {
    /// A publisher's report moved to now: NTP time and RTP timestamp of the same instant.
    pub(crate) fn extrapolate(&self, report: &SeenReport, clock_rate: u32) -> (u64, u32) {
        let elapsed = self.now.saturating_duration_since(report.at);
        let ticks = elapsed.as_secs_f64() * f64::from(clock_rate);
        (report.ntp.wrapping_add(to_ntp(elapsed)), report.timestamp.wrapping_add(ticks as u64 as u32))
    }
}
