//! Media from clients: bind, open, account, keep.

use super::{Context, Room, tick};
use crate::{
    peer::{Peer, Stream},
    rtp::{Header, extend_sequence, payload_length, ring::Refused, vp8},
    track::Track,
    worker::{Event, MediaKind, Source},
};

/// A packet that proved authentic.
struct Opened<'a> {
    header: Header,
    stream: Stream,
    /// Roll-over counter and sequence number on its own SSRC.
    index: u64,
    payload: &'a [u8],
    level: Option<u8>,
}

impl Room {
    /// An RTP packet from one of this peer's addresses, decrypted in place.
    pub(crate) fn handle_rtp(&mut self, index: usize, packet: &mut [u8], context: &mut Context<'_>) {
        let Self { peers, tracks, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        peer.stats.packets_in += 1;
        peer.stats.bytes_in += packet.len() as u64;
        let opened = match peer.admit(packet.len(), context.now) {
            true => open(peer, tracks, packet, context),
            false => None,
        };
        let Some(opened) = opened else {
            peer.stats.rejected += 1;
            return;
        };
        self.busy = true;
        self.wake_by(context.now + tick::BUSY);
        self.take(index, &opened, context);
    }

    fn take(&mut self, index: usize, opened: &Opened<'_>, context: &mut Context<'_>) {
        let (Some(peer), Some(track)) = (self.peers.get_mut(index), self.tracks.get_mut(opened.stream.track))
        else {
            return;
        };
        let (extended, payload) = if opened.stream.is_rtx {
            // Probes on the RTX stream are padding only.
            let Some((number, payload)) = opened.payload.split_first_chunk::<2>() else { return };
            let Some(highest) = track.ring.highest() else { return };
            (extend_sequence(highest, u16::from_be_bytes(*number)), payload)
        } else {
            let elapsed = context.elapsed();
            track.reception.received(opened.index, opened.header.timestamp, track.codec.clock_rate, elapsed);
            (opened.index, opened.payload)
        };
        if !track.live {
            return;
        }
        let is_video = track.kind() == MediaKind::Video;
        if is_video && track.nacks.received(extended, context.now) {
            track.want_keyframe();
        }
        let keyframe = is_video && vp8::starts_keyframe(payload);
        let header = &opened.header;
        match track.ring.insert(extended, header.timestamp, header.marker, opened.level, keyframe, payload) {
            Ok(()) => {}
            Err(Refused::Duplicate | Refused::Unfit) => return,
        }
        if keyframe {
            track.keyframe_arrived();
        }
        if !track.subscribers.is_empty() {
            if track.pending.is_empty() {
                track.pending_since = Some(context.now);
                self.fresh.push(opened.stream.track);
            }
            track.pending.push(extended);
            track.frame_ended = header.marker;
        }
        if track.source == Source::Microphone
            && let Some(speaking) = opened.level.and_then(|level| peer.note_level(level, context.now))
        {
            context.events.push_back(Event::Speaking { room: self.id, peer: peer.id, speaking });
        }
    }
}

/// Finds the stream, checks and decrypts. `None`: foreign, forged, replayed, or of another payload type.
fn open<'a>(
    peer: &mut Peer,
    tracks: &mut slab::Slab<Track>,
    packet: &'a mut [u8],
    context: &mut Context<'_>,
) -> Option<Opened<'a>> {
    let header = Header::parse(packet)?;
    let known = peer.streams.get(&header.ssrc).copied();
    let stream = match known {
        Some(stream) => stream,
        None => by_mid(peer, tracks, packet, &header)?,
    };
    let track = tracks.get_mut(stream.track)?;
    let expected = if stream.is_rtx { track.codec.rtx_payload_type } else { Some(track.codec.payload_type) };
    if expected != Some(header.payload_type) {
        return None;
    }
    let (index, length) = peer.keys.as_mut()?.inbound.open_rtp(packet, &header)?;
    if known.is_none() {
        // Authentic, so the SSRC is this m-line's from now on.
        peer.streams.insert(header.ssrc, stream);
        match stream.is_rtx {
            true => track.rtx_ssrc = Some(header.ssrc),
            false => track.start_stream(header.ssrc),
        }
    }
    peer.transport.media_arrived();
    let packet: &'a [u8] = &packet[..length];
    if let Some(value) = peer.extensions.transport.and_then(|id| header.extension(packet, id))
        && let Ok(number) = value.try_into()
    {
        peer.arrivals.record(u16::from_be_bytes(number), context.now);
    }
    let level = peer.extensions.level.and_then(|id| header.extension(packet, id)?.first().copied());
    let end = header.length + payload_length(&header, packet)?;
    Some(Opened { header, stream, index, payload: &packet[header.length..end], level })
}

/// An SSRC that was not signalled: the mid extension says whose it is, once for each m-line.
fn by_mid(peer: &Peer, tracks: &slab::Slab<Track>, packet: &[u8], header: &Header) -> Option<Stream> {
    let mid = header.extension(packet, peer.extensions.mid?)?;
    let (track, found) = (peer.tracks.iter())
        .filter_map(|index| Some((*index, tracks.get(*index)?)))
        .find(|(_, track)| track.mid.as_bytes() == mid)?;
    let is_rtx = found.codec.rtx_payload_type == Some(header.payload_type);
    let taken = if is_rtx { found.rtx_ssrc.is_some() } else { found.ssrc.is_some() };
    (!taken).then_some(Stream { track, is_rtx })
}
