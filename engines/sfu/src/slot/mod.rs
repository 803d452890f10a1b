//! A receive slot: one outgoing stream whose numbers go on while its content and its layers change.
//!
//! The SSRC stays for the life of the m-line; sequence numbers, timestamps and picture numbers continue over every
//! change, so a receiver sees one stream. An index of the media SSRC is sealed once, ever: retransmissions use the RTX
//! SSRC. The layer that is shown goes on until the key frame of the wanted one is here.

pub(crate) mod renumber;
mod resend;
#[cfg(test)]
mod tests;

use std::time::Instant;

use crate::{
    codec::{FrameInfo, Point, Points, dependency},
    encoding::{Encoding, SeenReport},
    room::Allotment,
    rtp::{MAX_EXTENSION, MAX_HEADER, Outgoing, ring::Packet},
    sdp::codecs::{Chosen, Codec},
    slab::MAX_DATAGRAM,
    srtp::{Outbound, replay::ReplayWindow},
    worker::{MediaKind, Mid},
};
use renumber::{Origin, Place, Renumbering, Shift};
use resend::ResendBudget;

/// In the first byte of the header (RFC 3550 §5.1).
const PADDING_BIT: u8 = 0x20;
/// What encryption adds at most.
const MAX_OVERHEAD: usize = 16;
/// RTP timestamps of two different pictures must differ.
const LEAST_STEP: u32 = 1;
/// Two sender reports that put a picture further than this (in seconds) from where it is expected are not believed.
const MOST_SKEW: i64 = 3;

/// A layer of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerChoice {
    /// Which of the track's encodings.
    pub(crate) encoding: usize,
    /// Which of that stream's layers, with all below them.
    pub(crate) point: Point,
}

/// How large the viewer shows the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Device pixels; zero in one of them: not seen.
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The higher the more it matters when bandwidth is short.
    pub(crate) priority: u8,
}

impl Wish {
    /// Of a viewer that never says: full size.
    pub(crate) const UNSAID: Self = Self { width: u16::MAX, height: u16::MAX, priority: 0 };

    /// Of other content in a slot whose viewer does say, until they do: begin small.
    const NOT_YET: Self = Self { width: 320, height: 180, priority: 0 };

    pub(crate) fn is_hidden(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// Where packets for a peer go: its keys and its transport-wide counter.
pub(crate) struct Sender<'a> {
    pub(crate) keys: &'a Outbound,
    pub(crate) transport_sequence: &'a mut u16,
}

/// The newest numbers that were sent.
#[derive(Clone, Copy)]
struct Last {
    timestamp: u32,
    at: Instant,
    picture: u16,
    base: u8,
    frame: u16,
}

/// One `recvonly` m-line.
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// What the client can play here, with its payload types.
    pub(crate) codecs: Vec<Chosen>,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) ordinal: usize,
    /// The m-line is still offered.
    pub(crate) open: bool,
    pub(crate) level_extension: Option<u8>,
    pub(crate) transport_extension: Option<u8>,
    pub(crate) descriptor_extension: Option<u8>,
    /// The track shown.
    pub(crate) track: Option<usize>,
    /// The track in whose list of subscribers this is.
    pub(crate) listed: Option<usize>,
    /// The track's codec with this client's payload types; `None` when the client cannot play it.
    pub(crate) playing: Option<Chosen>,
    pub(crate) wish: Wish,
    pub(crate) allotment: Allotment,
    /// The layer to show as soon as one can; `None` while nothing is to be sent.
    pub(crate) target: Option<LayerChoice>,
    /// The layer that is shown.
    current: Option<LayerChoice>,
    numbers: Renumbering,
    next_rtx: u64,
    last: Option<Last>,
    /// What is shown next has the timestamps of what was shown: the shift that they keep.
    along: Option<u32>,
    /// The picture id of the last picture that was left out.
    left_out: Option<u16>,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// The payload that is forwarded next is redundant audio (RFC 2198).
    pub(crate) sends_red: bool,
    sealed: ReplayWindow,
    budget: ResendBudget,
    /// Middle of the NTP time of our last sender report, and when it left.
    pub(crate) reported: Option<(u32, Instant)>,
}

impl Slot {
    /// As [`crate::peer::Peer::glance`].
    pub(crate) fn glance(&self) -> u64 {
        u64::from(self.ssrc)
            ^ u64::from(self.packets)
            ^ u64::from(self.track.is_some())
            ^ u64::from(self.playing.is_some())
            ^ u64::from(self.current.is_some())
            ^ u64::from(self.last.is_some())
            ^ u64::from(self.reported.is_some())
            ^ self.next_rtx
    }

    /// `ssrc`, `rtx_ssrc` and `sequence` are random.
    pub(crate) fn new(mid: Mid, kind: MediaKind, ordinal: usize, random: [u32; 3]) -> Self {
        let [ssrc, rtx_ssrc, sequence] = random;
        Self {
            mid,
            kind,
            codecs: Vec::new(),
            ssrc,
            rtx_ssrc,
            ordinal,
            open: true,
            level_extension: None,
            transport_extension: None,
            descriptor_extension: None,
            track: None,
            listed: None,
            playing: None,
            wish: Wish::UNSAID,
            allotment: Allotment::Unlimited,
            target: None,
            current: None,
            // In the lower half so that the first reorderings cannot wrap (RFC 3711 §3.3.1).
            numbers: Renumbering::new(u64::from(sequence & 0x7fff) + 1),
            next_rtx: u64::from(sequence >> 16 & 0x7fff) + 1,
            last: None,
            along: None,
            left_out: None,
            packets: 0,
            octets: 0,
            sends_red: false,
            sealed: ReplayWindow::default(),
            budget: ResendBudget::new(),
            reported: None,
        }
    }

    /// Shows another track, or nothing; `codec` is the track's.
    pub(crate) fn show(&mut self, track: Option<(usize, Codec)>) {
        self.track = track.map(|(index, _)| index);
        self.playing = track.and_then(|(_, codec)| self.chosen(codec));
        self.target = None;
        self.allotment = Allotment::Unlimited;
        if self.wish != Wish::UNSAID {
            self.wish = Wish::NOT_YET;
        }
        self.numbers.forget();
        self.along = None;
        self.stop();
    }

    /// Shows another sound whose timestamps are those of the one that is shown: it continues it to the sample.
    pub(crate) fn show_along(&mut self, track: usize, codec: Codec) {
        let along = self.along.or_else(|| self.numbers.last_shift().map(|shift| shift.timestamp));
        self.show(Some((track, codec)));
        self.along = along;
    }

    /// What to show as soon as its key frame is here; `None`: nothing any more, at once.
    pub(crate) fn aim(&mut self, target: Option<LayerChoice>) {
        self.target = target;
        if target.is_none() {
            self.stop();
        }
    }

    /// The client's payload types for a codec.
    pub(crate) fn chosen(&self, codec: Codec) -> Option<Chosen> {
        self.codecs.iter().copied().find(|chosen| chosen.codec == codec)
    }

    /// The next packet starts afresh, behind what was sent.
    pub(crate) fn stop(&mut self) {
        self.current = None;
    }

    /// The encoding that is shown.
    pub(crate) fn shown_encoding(&self) -> Option<usize> {
        self.current.map(|current| current.encoding)
    }

    /// The layer that is being sent.
    pub(crate) fn sent_layer(&self) -> Option<LayerChoice> {
        self.target.and(self.current)
    }

    /// Whether packets of this encoding are looked at: it is shown or waited for, or anything would do.
    pub(crate) fn listens_to(&self, encoding: usize) -> bool {
        let Some(target) = self.target else { return false };
        self.current.is_none_or(|current| current.encoding == encoding) || target.encoding == encoding
    }

    /// Whether a key frame of this encoding is waited for.
    pub(crate) fn awaits_keyframe(&self, encoding: usize) -> bool {
        let Some(target) = self.target.filter(|target| target.encoding == encoding) else { return false };
        self.kind == MediaKind::Video
            && self.current.is_none_or(|current| {
                current.encoding != encoding || current.point.spatial() < target.point.spatial()
            })
    }

    /// Writes a packet of one of the track's encodings; `None` when it is not (or must not be) sent.
    pub(crate) fn forward(
        &mut self,
        encoding: usize,
        packet: &Packet<'_>,
        encodings: &[Encoding],
        sender: &mut Sender<'_>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let chosen = self.playing?;
        let target = self.target?;
        let current = match self.current {
            Some(current) if current.encoding == encoding => current,
            before if self.may_begin(before, target, encoding, &packet.frame) => {
                self.begin(before, target, encoding, packet, encodings, now)
            }
            _ => return None,
        };
        let place = self.numbers.place(encoding, packet.extended)?;
        if !self.sealed.is_fresh(place.sequence) {
            return None;
        }
        let frame = &packet.frame;
        let mut point = current.point;
        if place.is_next && frame.starts && target.encoding == encoding && target.point != point {
            let is_nested = encodings.get(encoding).is_some_and(|encoding| encoding.is_nested);
            point = reached(point, target.point, frame, is_nested);
            self.current = Some(LayerChoice { encoding, point });
        }
        // Without picture numbers to close, a gap in the frames would look like a loss.
        let is_bound = chosen.codec == Codec::Vp8
            && frame.numbers.picture_at == 0
            && (packet.descriptor.is_empty() || self.descriptor_extension.is_none());
        if frame.present.contains(point) || is_bound {
            return self.write(chosen, point, packet, place, sender, now, out);
        }
        if place.is_next {
            self.leave_out(chosen.codec, packet, place);
            return None;
        }
        // Its number was kept for it: the receiver must not wait for what we do not send.
        self.write_filler(chosen, packet, place, sender, out)
    }

    /// Sound begins anywhere, video with a key frame: of the wanted encoding, or of any while nothing is shown.
    fn may_begin(
        &self,
        before: Option<LayerChoice>,
        target: LayerChoice,
        encoding: usize,
        frame: &FrameInfo,
    ) -> bool {
        match self.kind {
            MediaKind::Audio => before.is_none(),
            MediaKind::Video => frame.keyframe && (before.is_none() || target.encoding == encoding),
        }
    }

    /// Numbers go on where the last content ended; the clock goes on as time did.
    fn begin(
        &mut self,
        before: Option<LayerChoice>,
        target: LayerChoice,
        encoding: usize,
        packet: &Packet<'_>,
        encodings: &[Encoding],
        now: Instant,
    ) -> LayerChoice {
        let mut shift = Shift::default();
        if let Some(last) = self.last {
            let frame = dependency::frame_number(packet.descriptor).unwrap_or_default();
            shift.picture = last.picture.wrapping_add(1).wrapping_sub(packet.frame.numbers.picture);
            shift.base = last.base.wrapping_add(1).wrapping_sub(packet.frame.numbers.base);
            shift.frame = last.frame.wrapping_add(1).wrapping_sub(frame);
            let timestamp = match self.along.take().map(|shift| packet.timestamp.wrapping_add(shift)) {
                Some(along) if self.is_near(along, last, now) => along,
                _ => self.next_timestamp(last, before, encoding, packet, encodings, now),
            };
            shift.timestamp = timestamp.wrapping_sub(packet.timestamp);
        }
        self.numbers.begin(encoding, packet.extended, shift);
        self.left_out = None;
        let point = if target.encoding == encoding { target.point } else { Point::MAX };
        *self.current.insert(LayerChoice { encoding, point })
    }

    /// Where time has come to since the last packet.
    fn expected(&self, last: Last, now: Instant) -> u32 {
        let rate = f64::from(self.playing.map_or(1, |chosen| chosen.codec.clock_rate()));
        let elapsed = now.saturating_duration_since(last.at).as_secs_f64() * rate;
        last.timestamp.wrapping_add((elapsed as u64).max(u64::from(LEAST_STEP)) as u32)
    }

    /// Behind the last one, and believable.
    fn is_near(&self, timestamp: u32, last: Last, now: Instant) -> bool {
        let rate = i64::from(self.playing.map_or(1, |chosen| chosen.codec.clock_rate()));
        let skew = i64::from(timestamp.wrapping_sub(self.expected(last, now)) as i32);
        skew.abs() <= MOST_SKEW * rate && timestamp.wrapping_sub(last.timestamp) as i32 > 0
    }

    /// The first timestamp of other content: where the senders' reports put it on the clock of what was shown, or
    /// without them where time has come to.
    fn next_timestamp(
        &self,
        last: Last,
        before: Option<LayerChoice>,
        encoding: usize,
        packet: &Packet<'_>,
        encodings: &[Encoding],
        now: Instant,
    ) -> u32 {
        let rate = f64::from(self.playing.map_or(1, |chosen| chosen.codec.clock_rate()));
        let expected = self.expected(last, now);
        let report = |encoding: usize| encodings.get(encoding)?.report;
        let reports = before.and_then(|before| Some((report(before.encoding)?, report(encoding)?)));
        let Some((old, new)) = reports else { return expected };
        let aligned =
            translate(&new, &old, packet.timestamp, rate).wrapping_add(self.numbers.shift().timestamp);
        let skew = i64::from(aligned.wrapping_sub(expected) as i32);
        if skew.abs() > MOST_SKEW * rate as i64 {
            return expected;
        }
        // The same picture may have been shown already, from the other encoding.
        match aligned.wrapping_sub(last.timestamp) as i32 {
            ..=0 => last.timestamp.wrapping_add(LEAST_STEP),
            1.. => aligned,
        }
    }

    #[allow(clippy::too_many_arguments)] // Everything about one packet; a struct would be built for each.
    fn write(
        &mut self,
        chosen: Chosen,
        point: Point,
        packet: &Packet<'_>,
        place: Place,
        sender: &mut Sender<'_>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let frame = &packet.frame;
        let Place { sequence, shift, is_next } = place;
        let timestamp = packet.timestamp.wrapping_add(shift.timestamp);
        let outgoing = Outgoing {
            marker: ends_picture(packet, point),
            payload_type: match chosen.red_payload_type {
                Some(red) if self.sends_red => red,
                _ => chosen.payload_type,
            },
            sequence: sequence as u16,
            timestamp,
            ssrc: self.ssrc,
        };
        let header = self.write_header(&outgoing, packet, shift, sender, out)?;
        let end = header + packet.payload.len();
        let payload = out.get_mut(header..end)?;
        payload.copy_from_slice(packet.payload);
        frame.numbers.shift(payload, shift.picture, shift.base);
        self.sealed.accept(sequence);
        let length = sender.keys.seal_rtp(out, header, end, self.ssrc, sequence)?;
        self.numbers.take(sequence);
        if is_next {
            let numbers = frame.numbers;
            self.last = Some(Last {
                timestamp,
                at: now,
                picture: numbers.picture.wrapping_add(shift.picture),
                base: numbers.base.wrapping_add(shift.base),
                frame: dependency::frame_number(packet.descriptor)
                    .unwrap_or_default()
                    .wrapping_add(shift.frame),
            });
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        self.budget.earn();
        Some(length)
    }

    /// VP8 counts pictures without gaps: one that is left out gives its number to the next.
    fn leave_out(&mut self, codec: Codec, packet: &Packet<'_>, place: Place) {
        let numbers = packet.frame.numbers;
        let mut shift = place.shift;
        if codec == Codec::Vp8 && numbers.picture_at > 0 && self.left_out != Some(numbers.picture) {
            self.left_out = Some(numbers.picture);
            shift.picture = shift.picture.wrapping_sub(1);
        }
        self.numbers.leave_out(packet.extended, place.sequence, shift);
    }

    /// A packet without payload, which receivers count and throw away.
    fn write_filler(
        &mut self,
        chosen: Chosen,
        packet: &Packet<'_>,
        place: Place,
        sender: &mut Sender<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        let outgoing = Outgoing {
            marker: false,
            payload_type: chosen.payload_type,
            sequence: place.sequence as u16,
            timestamp: packet.timestamp.wrapping_add(place.shift.timestamp),
            ssrc: self.ssrc,
        };
        let empty = Packet { payload: &[], descriptor: &[], ..*packet };
        let header = self.write_header(&outgoing, &empty, place.shift, sender, out)?;
        self.sealed.accept(place.sequence);
        sender.keys.seal_rtp(out, header, header, self.ssrc, place.sequence)
    }

    fn write_header(
        &self,
        outgoing: &Outgoing,
        packet: &Packet<'_>,
        shift: Shift,
        sender: &mut Sender<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        if out.len() < MAX_DATAGRAM {
            return None;
        }
        if self.kind == MediaKind::Audio {
            // Written always when negotiated, so that all packets of the stream have one size of header.
            let level = [packet.level.unwrap_or(127)];
            return Some(match self.level_extension {
                Some(id) => outgoing.write(out, &[(id, &level)]),
                None => outgoing.write(out, &[]),
            });
        }
        let number = sender.transport_sequence.to_be_bytes();
        let transport = self.transport_extension.map(|id| (id, &number[..]));
        if transport.is_some() {
            *sender.transport_sequence = sender.transport_sequence.wrapping_add(1);
        }
        if let Some(id) = self.descriptor_extension.filter(|_| !packet.descriptor.is_empty()) {
            let mut copy = [0; MAX_EXTENSION];
            let copy = copy.get_mut(..packet.descriptor.len())?;
            copy.copy_from_slice(packet.descriptor);
            dependency::shift(copy, shift.frame);
            return Some(match transport {
                Some(transport) => outgoing.write(out, &[transport, (id, copy)]),
                None => outgoing.write(out, &[(id, copy)]),
            });
        }
        Some(outgoing.write(out, transport.as_slice()))
    }

    /// Whose packet has one of our numbers, which a NACK names.
    pub(crate) fn find(&self, sequence: u16) -> Option<Origin> {
        self.track?;
        self.numbers.find(sequence)
    }

    /// Writes a packet again, on the RTX SSRC (RFC 4588 §4). `None` when its time or the budget is over.
    pub(crate) fn resend(
        &mut self,
        origin: &Origin,
        packet: &Packet<'_>,
        sender: &mut Sender<'_>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        self.budget.spend(origin.sequence, now).then_some(())?;
        self.write_rtx(origin, packet, sender, out)
    }

    /// One of the newest packets, `back` before the last: what a probe may carry once more.
    pub(crate) fn recent(&self, back: u16) -> Option<Origin> {
        self.current?;
        self.numbers.recent(back)
    }

    /// Writes a packet on the RTX SSRC, whether or not it was lost.
    pub(crate) fn write_rtx(
        &mut self,
        origin: &Origin,
        packet: &Packet<'_>,
        sender: &mut Sender<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        let payload_type = self.playing?.rtx_payload_type?;
        let shift = origin.shift;
        let point =
            self.current.filter(|current| current.encoding == origin.encoding).map(|current| current.point);
        let outgoing = Outgoing {
            marker: ends_picture(packet, point.unwrap_or(Point::MAX)),
            payload_type,
            sequence: self.next_rtx as u16,
            timestamp: packet.timestamp.wrapping_add(shift.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let header = self.write_header(&outgoing, packet, shift, sender, out)?;
        let end = header + 2 + packet.payload.len();
        out.get_mut(header..header + 2)?.copy_from_slice(&(origin.sequence as u16).to_be_bytes());
        let payload = out.get_mut(header + 2..end)?;
        payload.copy_from_slice(packet.payload);
        packet.frame.numbers.shift(payload, shift.picture, shift.base);
        let index = self.next_rtx;
        self.next_rtx += 1;
        sender.keys.seal_rtp(out, header, end, self.rtx_ssrc, index)
    }

    fn padding_type(&self) -> Option<u8> {
        self.playing.or(self.codecs.first().copied())?.rtx_payload_type
    }

    /// Whether probes can be made of this slot's RTX stream.
    pub(crate) fn can_pad(&self) -> bool {
        self.open && self.transport_extension.is_some() && self.padding_type().is_some()
    }

    /// Writes padding alone on the RTX SSRC: 255 bytes, the most there can be (RFC 3550 §5.1).
    pub(crate) fn write_padding(&mut self, sender: &mut Sender<'_>, out: &mut [u8]) -> Option<usize> {
        let outgoing = Outgoing {
            marker: false,
            payload_type: self.padding_type()?,
            sequence: self.next_rtx as u16,
            timestamp: self.last.map_or(0, |last| last.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let header = self.write_header(&outgoing, &Packet::EMPTY, Shift::default(), sender, out)?;
        let end = header + usize::from(u8::MAX);
        out.get_mut(header..end)?.fill(0);
        *out.get_mut(end - 1)? = u8::MAX;
        *out.first_mut()? |= PADDING_BIT;
        let index = self.next_rtx;
        self.next_rtx += 1;
        sender.keys.seal_rtp(out, header, end, self.rtx_ssrc, index)
    }

    /// The slot's timestamp for one of the encoding's that is shown.
    pub(crate) fn map_timestamp(&self, timestamp: u32) -> Option<u32> {
        self.current?;
        Some(timestamp.wrapping_add(self.numbers.shift().timestamp))
    }
}

/// The picture ends for this viewer with the highest layer that they get.
fn ends_picture(packet: &Packet<'_>, point: Point) -> bool {
    packet.marker || (packet.frame.ends && packet.frame.point.spatial() == point.spatial())
}

/// Where to go from a point towards another with this frame: up where the frame allows it, down at once where nothing
/// is missed.
fn reached(from: Point, to: Point, frame: &FrameInfo, is_nested: bool) -> Point {
    if frame.keyframe {
        return to;
    }
    let may_switch = from.temporal() >= frame.switch_floor;
    let switch = if may_switch { frame.switch } else { Points::NONE };
    if to.is_within(from) && (to.spatial() == from.spatial() || is_nested) {
        return to;
    }
    // The fastest layer of the wanted size that this frame leads to.
    let best = (0..=to.temporal()).rev().map(|temporal| Point::new(to.spatial(), temporal));
    let best = best.into_iter().find(|point| switch.contains(*point));
    match best {
        Some(point) if to.spatial() != from.spatial() || point.temporal() > from.temporal() => point,
        _ => from,
    }
}

/// A timestamp of one stream on the clock of another of the same sender.
fn translate(from: &SeenReport, to: &SeenReport, timestamp: u32, rate: f64) -> u32 {
    let since_report = f64::from(timestamp.wrapping_sub(from.timestamp) as i32);
    let between = (from.ntp.wrapping_sub(to.ntp) as i64) as f64 / (1u64 << 32) as f64 * rate;
    to.timestamp.wrapping_add((since_report + between).round() as i64 as u32)
}

/// Header, extensions, RTX number, payload and tag always fit a slab entry: descriptor and payload share a ring entry.
const _: () =
    assert!(MAX_HEADER - MAX_EXTENSION + 2 + crate::rtp::ring::MAX_PACKET + MAX_OVERHEAD <= MAX_DATAGRAM);
