//! Media from clients: bind, open, account, keep.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    Context, Room,
    assign::Anew,
    part::{Copied, Message, Stream},
    stage::{PRE_ROLL, Verdict},
    tick,
};
use crate::{
    codec::{FrameInfo, dependency},
    encoding::{Encoding, News},
    peer::{ExtensionIds, Peer, Stream as Incoming, WHOLE_ROOM},
    rtp::{
        Header, MAX_EXTENSION, extend_sequence, payload_length,
        red::Red,
        ring::{Packet, Refused},
    },
    slot::Slot,
    track::Track,
    worker::{Event, MediaKind, RoomId, Source},
};

/// A packet that proved authentic.
struct Opened<'a> {
    header: Header,
    stream: Incoming,
    /// Roll-over counter and sequence number on its own SSRC.
    index: u64,
    payload: &'a [u8],
    level: Option<u8>,
    /// The dependency descriptor, empty when there is none.
    descriptor: &'a [u8],
}

impl Room {
    /// An RTP packet from one of this peer's addresses, decrypted in place.
    pub(crate) fn handle_rtp(&mut self, index: usize, packet: &mut [u8], context: &mut Context<'_>) {
        let Self { peers, tracks, budget, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        peer.stats.packets_in += 1;
        peer.stats.bytes_in += packet.len() as u64;
        // A person's own limit first: what one sends too much is not counted against the others.
        let admitted =
            peer.admit(packet.len(), context.now) && budget.admit(WHOLE_ROOM, packet.len(), context.now);
        let opened = match admitted {
            true => open(peer, tracks, packet, context),
            false => None,
        };
        let Some(opened) = opened else {
            peer.stats.rejected += 1;
            return;
        };
        let feedback = peer.next_feedback.max(context.now);
        self.busy = true;
        self.wake_peer(index, feedback, context.now);
        self.wake_chores(context.now + tick::CHORES);
        self.take(index, &opened, context);
    }

    fn take(&mut self, index: usize, opened: &Opened<'_>, context: &mut Context<'_>) {
        let (Some(peer), Some(track)) = (self.peers.get_mut(index), self.tracks.get_mut(opened.stream.track))
        else {
            return;
        };
        let (chosen, live, source) = (track.codec, track.live, track.source);
        let codec = chosen.codec;
        let is_video = track.kind() == MediaKind::Video;
        let Some(encoding) = track.encodings.get_mut(opened.stream.encoding) else { return };
        let (extended, payload) = if opened.stream.is_rtx {
            // Probes on the RTX stream are padding only.
            let Some((number, payload)) = opened.payload.split_first_chunk::<2>() else { return };
            let Some(highest) = encoding.reception.highest() else { return };
            (extend_sequence(highest, u16::from_be_bytes(*number)), payload)
        } else {
            let timestamp = opened.header.timestamp;
            encoding.reception.received(opened.index, timestamp, codec.clock_rate(), context.elapsed());
            (opened.index, opened.payload)
        };
        if !live {
            return;
        }
        let frame = match (is_video, opened.descriptor) {
            (false, _) => FrameInfo::OPAQUE,
            (true, []) => FrameInfo::of_payload(codec, payload),
            (true, descriptor) => described(encoding, descriptor),
        };
        // Browsers probe by sending old packets again: what is repaired says nothing about what is being sent.
        let news = match opened.stream.is_rtx {
            true => News::default(),
            false => {
                let timestamp = opened.header.timestamp;
                encoding.note(&frame, timestamp, codec.clock_rate(), payload.len(), context.now)
            }
        };
        // Rarely.
        track.routes_changed |= news.begins;
        if source == Source::Microphone
            && let Some(speaking) = opened.level.and_then(|level| peer.note_level(level, context.now))
        {
            context.events.push_back(Event::Speaking { room: self.id, peer: peer.id, speaking });
        }
        let red = chosen.red_payload_type == Some(opened.header.payload_type);
        let taken = Taken {
            red_over: red.then_some(chosen.payload_type),
            is_repair: opened.stream.is_rtx,
            news,
            is_mirrored: false,
        };
        let packet = Packet {
            extended,
            timestamp: opened.header.timestamp,
            marker: opened.header.marker,
            level: opened.level,
            frame,
            payload,
            descriptor: opened.descriptor,
        };
        self.send_on((opened.stream.track, opened.stream.encoding), &packet, taken, context);
        let tracks = self.tracks.get(opened.stream.track);
        let encoding = tracks.and_then(|track| track.encodings.get(opened.stream.encoding));
        if encoding.is_some_and(|encoding| encoding.nacks.is_waiting()) {
            self.wake_peer(index, context.now + tick::BUSY, context.now);
        }
    }

    /// Keeps a packet and puts it on its way to those who are shown its stream, here and in other parts of the room.
    pub(super) fn send_on(
        &mut self,
        place: (usize, usize),
        packet: &Packet<'_>,
        taken: Taken,
        context: &mut Context<'_>,
    ) {
        let Some(track) = self.tracks.get_mut(place.0) else { return };
        let (source, owner, clock_rate) = (track.source, track.owner, track.codec.codec.clock_rate());
        let mut news = taken.news;
        if taken.is_mirrored
            && !taken.is_repair
            && let Some(encoding) = track.encodings.get_mut(place.1)
        {
            let length = packet.payload.len();
            news = encoding.note(&packet.frame, packet.timestamp, clock_rate, length, context.now);
            track.routes_changed |= news.begins;
        }
        if news.begins {
            self.wake_chores(context.now + tick::BUSY);
        }
        let verdict = match source {
            Source::Microphone => self.stage.note(place.0, packet.level, context.now),
            Source::Camera | Source::Screen | Source::ScreenAudio | Source::Sound | Source::Mixed => {
                Verdict::Heard
            }
        };
        if verdict == Verdict::Begins && self.stage.is_crowded() {
            // There are fewer slots than microphones: those who are heard get them.
            self.assign(Anew::Everybody, context);
        }
        let Self { id, peers, tracks, fresh, .. } = self;
        let Some(track) = tracks.get_mut(place.0) else { return };
        let is_copied = track.is_copied(place.1);
        let Some(encoding) = track.encodings.get_mut(place.1) else { return };
        if encoding.subscribers.is_empty() && !is_copied {
            return;
        }
        let is_heard = verdict != Verdict::Unheard;
        let resumes = if is_heard { encoding.unheard_from.take() } else { None };
        if resumes.is_some() || (news.stood_still && source.kind() == MediaKind::Audio) {
            // A gap of our making must not look like loss. And what begins anew goes on where time is: with timestamps
            // that stood still it would look late, and receivers would keep what follows for so long.
            for (peer, slot) in &encoding.subscribers {
                let slot = peers.get_mut(*peer).and_then(|peer| peer.slots.get_mut(*slot));
                slot.into_iter().for_each(Slot::stop);
            }
        }
        let Some(owner) = peers.get_mut(owner) else { return };
        let of = Stream { peer: owner.id, source, encoding: place.1 };
        let copying = is_copied.then_some(Copying { copies: &mut *context.copies, room: *id, of });
        let mut intake = Intake { encoding, place, fresh, now: context.now, is_heard, taken, copying };
        if let Some(first) = resumes {
            intake.catch_up(first.max(packet.extended.saturating_sub(PRE_ROLL)), packet.extended);
        }
        match taken.red_over {
            Some(payload_type) => match intake.take_apart(packet, payload_type) {
                Some(recovered) => owner.stats.recovered += recovered,
                None => owner.stats.rejected += 1,
            },
            None => _ = intake.keep(packet, source.kind() == MediaKind::Video),
        }
    }
}

/// How a packet came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Redundant audio over this payload type.
    red_over: Option<u8>,
    /// It came by retransmission.
    is_repair: bool,
    news: News,
    /// Another part of the room received it, and asks for what is missing.
    is_mirrored: bool,
}

impl Taken {
    /// As another part of the room sent it on.
    pub(super) fn mirrored(is_repair: bool) -> Self {
        Self { red_over: None, is_repair, news: News::default(), is_mirrored: true }
    }
}

/// Where copies for the other parts of the room go.
struct Copying<'a> {
    copies: &'a mut VecDeque<Copied>,
    room: RoomId,
    of: Stream,
}

/// An encoding that takes packets in, and the list of those that have something to send on.
struct Intake<'a> {
    encoding: &'a mut Encoding,
    /// Track and encoding.
    place: (usize, usize),
    fresh: &'a mut Vec<(usize, usize)>,
    now: Instant,
    /// False for a microphone that is not sent on now.
    is_heard: bool,
    taken: Taken,
    /// Another part of the room wants it too.
    copying: Option<Copying<'a>>,
}

impl Intake<'_> {
    /// Puts packets on their way that were only kept when they came.
    fn catch_up(&mut self, first: u64, end: u64) {
        for extended in first..end {
            if self.encoding.ring.get(extended).is_some() {
                self.send(extended);
            }
        }
    }

    fn send(&mut self, extended: u64) {
        if self.encoding.pending.is_empty() {
            self.encoding.pending_since = Some(self.now);
            self.fresh.push(self.place);
        }
        self.encoding.pending.push(extended);
    }

    /// Keeps a packet and puts it on its way; false when it was here before or cannot be kept.
    fn keep(&mut self, packet: &Packet<'_>, is_video: bool) -> bool {
        let encoding = &mut *self.encoding;
        if is_video && !self.taken.is_mirrored && encoding.nacks.received(packet.extended, self.now) {
            encoding.want_keyframe();
        }
        match encoding.ring.insert(packet) {
            Ok(()) => {}
            Err(Refused::Duplicate | Refused::Unfit) => return false,
        }
        if packet.frame.keyframe {
            encoding.keyframe_arrived();
        }
        encoding.frame_ended = packet.marker;
        if let Some(Copying { copies, room, of }) = &mut self.copying {
            let message = Message::packet(*of, packet, self.taken.is_repair, self.now);
            copies.push_back(Copied { room: *room, message: Arc::new(message) });
        }
        if self.encoding.subscribers.is_empty() {
            return true;
        }
        let encoding = &mut *self.encoding;
        match self.is_heard {
            true => self.send(packet.extended),
            false => _ = encoding.unheard_from.get_or_insert(packet.extended),
        }
        true
    }

    /// Redundant audio: first what was lost before this packet, then its own frame, as if all had come by themselves.
    /// Returns how many were lost; `None` when it is malformed.
    fn take_apart(&mut self, packet: &Packet<'_>, payload_type: u8) -> Option<u64> {
        let mut recovered = 0;
        let red = Red::parse(packet.payload)?;
        let older = red.older();
        for (back, block) in (1..=older.len() as u64).rev().zip(older) {
            let Some(extended) = packet.extended.checked_sub(back) else { continue };
            let is_ours = block.payload_type == payload_type && !block.payload.is_empty();
            if !is_ours || !self.encoding.ring.is_missing(extended) {
                continue;
            }
            let timestamp = packet.timestamp.wrapping_sub(block.age);
            let lost = Packet { extended, timestamp, marker: false, payload: block.payload, ..*packet };
            if self.keep(&lost, false) {
                self.encoding.reception.recovered();
                recovered += 1;
            }
        }
        self.keep(&Packet { payload: red.primary.payload, ..*packet }, false);
        Some(recovered)
    }
}

/// What the descriptor says of the frame; the payload may be encrypted and is not looked at.
fn described(encoding: &mut Encoding, descriptor: &[u8]) -> FrameInfo {
    let Some(read) = dependency::read(descriptor, encoding.structure.as_deref()) else {
        return FrameInfo::OPAQUE;
    };
    if read.structure.is_some() {
        encoding.structure = read.structure;
    }
    read.frame
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
        None => by_name(peer, tracks, packet, &header)?,
    };
    let track = tracks.get_mut(stream.track)?;
    let fits = match stream.is_rtx {
        true => track.codec.rtx_payload_type == Some(header.payload_type),
        false => track.codec.is_media(header.payload_type),
    };
    if !fits {
        return None;
    }
    let encoding = track.encodings.get_mut(stream.encoding)?;
    let (index, length) = peer.keys.as_mut()?.inbound.open_rtp(packet, &header)?;
    if known.is_none() {
        // Authentic, so the SSRC is this m-line's, or this encoding's, from now on.
        peer.streams.insert(header.ssrc, stream);
        match stream.is_rtx {
            true => encoding.rtx_ssrc = Some(header.ssrc),
            false => encoding.start_stream(header.ssrc),
        }
    }
    peer.note_authentic();
    let packet: &'a [u8] = &packet[..length];
    if let Some(value) = peer.extensions.transport.and_then(|id| header.extension(packet, id))
        && let Ok(number) = value.try_into()
    {
        peer.arrivals.record(u16::from_be_bytes(number), context.now);
    }
    let level = peer.extensions.level.and_then(|id| header.extension(packet, id)?.first().copied());
    let descriptor = peer.extensions.descriptor.and_then(|id| header.extension(packet, id));
    let descriptor = descriptor.filter(|value| value.len() <= MAX_EXTENSION).unwrap_or_default();
    let end = header.length + payload_length(&header, packet)?;
    Some(Opened { header, stream, index, payload: packet.get(header.length..end)?, level, descriptor })
}

/// An SSRC that was not signalled: the extensions for mid and rid say whose it is, once for each encoding. Browsers
/// leave them out after the first report that they get.
fn by_name(peer: &Peer, tracks: &slab::Slab<Track>, packet: &[u8], header: &Header) -> Option<Incoming> {
    let ExtensionIds { mid, stream, repaired_stream, .. } = peer.extensions;
    let value = |id: Option<u8>| header.extension(packet, id?);
    let mid = value(mid)?;
    let (index, track) = (peer.tracks.iter())
        .filter_map(|index| Some((*index, tracks.get(*index)?)))
        .find(|(_, track)| track.mid.as_bytes() == mid)?;
    let is_rtx = track.codec.rtx_payload_type == Some(header.payload_type);
    let rid = value(if is_rtx { repaired_stream } else { stream });
    let is_named = |encoding: &Encoding| match &encoding.rid {
        None => true,
        Some(known) => rid == Some(known.as_bytes()),
    };
    let encoding = track.encodings.iter().position(is_named)?;
    let found = track.encodings.get(encoding)?;
    let taken = if is_rtx { found.rtx_ssrc.is_some() } else { found.ssrc.is_some() };
    (!taken).then_some(Incoming { track: index, encoding, is_rtx })
}
