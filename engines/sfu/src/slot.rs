//! A receive slot: one outgoing stream whose numbers go on while its content changes.
//!
//! The SSRC stays for the life of the m-line; sequence numbers and timestamps continue over a change
//! of content, so a receiver sees one stream. An index of the media SSRC is sealed once, ever:
//! retransmissions use the RTX SSRC.

use std::time::{Duration, Instant};

use crate::{
    rtp::{FIXED_HEADER, Outgoing, extend_sequence, ring::Kept},
    sdp::codecs::Chosen,
    slab::MAX_DATAGRAM,
    srtp::{Outbound, replay::ReplayWindow},
    worker::{MediaKind, Mid},
};

/// A packet is sent again this often at most.
const MAX_RESENDS: u8 = 8;
/// A NACK repeated within this time is the same loss.
const RESEND_INTERVAL: Duration = Duration::from_millis(20);
/// Resends may be a fifth of the stream, with some in hand for a burst.
const CREDIT_PER_PACKET: f32 = 0.2;
const INITIAL_CREDIT: f32 = 64.0;
const MAX_CREDIT: f32 = 128.0;
/// As long as the track's ring.
const RESEND_HISTORY: usize = 512;
/// What encryption adds at most.
const MAX_OVERHEAD: usize = 16;

/// How a track's numbers become the slot's.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    /// The first packet of the track that is shown.
    first: u64,
    /// Added to the track's sequence number.
    sequence: i64,
    /// Added to the track's timestamp.
    timestamp: u32,
}

#[derive(Clone, Copy)]
struct Resent {
    sequence: u64,
    count: u8,
    at: Instant,
}

/// Where packets for a peer go: its keys and its transport-wide counter.
pub(crate) struct Sender<'a> {
    pub(crate) keys: &'a Outbound,
    pub(crate) transport_sequence: &'a mut u16,
}

/// One `recvonly` m-line.
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    pub(crate) codec: Chosen,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) ordinal: usize,
    /// The m-line is still offered.
    pub(crate) open: bool,
    pub(crate) level_extension: Option<u8>,
    pub(crate) transport_extension: Option<u8>,
    /// The track shown.
    pub(crate) track: Option<usize>,
    mapping: Option<Mapping>,
    next_sequence: u64,
    next_rtx: u64,
    last: Option<(u32, Instant)>,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    sealed: ReplayWindow,
    resent: Vec<Resent>,
    credit: f32,
    /// Middle of the NTP time of our last sender report, and when it left.
    pub(crate) reported: Option<(u32, Instant)>,
}

impl Slot {
    /// `ssrc`, `rtx_ssrc` and `sequence` are random.
    pub(crate) fn new(mid: Mid, kind: MediaKind, codec: Chosen, ordinal: usize, random: [u32; 3]) -> Self {
        let [ssrc, rtx_ssrc, sequence] = random;
        Self {
            mid,
            kind,
            codec,
            ssrc,
            rtx_ssrc,
            ordinal,
            open: true,
            level_extension: None,
            transport_extension: None,
            track: None,
            mapping: None,
            // In the lower half so that the first reorderings cannot wrap (RFC 3711 §3.3.1).
            next_sequence: u64::from(sequence & 0x7fff) + 1,
            next_rtx: u64::from(sequence >> 16 & 0x7fff) + 1,
            last: None,
            packets: 0,
            octets: 0,
            sealed: ReplayWindow::default(),
            resent: Vec::new(),
            credit: INITIAL_CREDIT,
            reported: None,
        }
    }

    /// Shows another track, or nothing.
    pub(crate) fn show(&mut self, track: Option<usize>) {
        self.track = track;
        self.stop();
    }

    /// The next packet starts afresh, behind what was sent.
    pub(crate) fn stop(&mut self) {
        self.mapping = None;
    }

    /// Video was asked for and has not begun.
    pub(crate) fn awaits_keyframe(&self) -> bool {
        self.track.is_some() && self.mapping.is_none() && self.kind == MediaKind::Video
    }

    /// Writes a packet of the track; `None` when it is not (or must not be) sent.
    pub(crate) fn forward(
        &mut self,
        kept: &Kept,
        payload: &[u8],
        sender: &mut Sender<'_>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let mapping = match self.mapping {
            Some(mapping) => mapping,
            None if self.kind == MediaKind::Video && !kept.keyframe_start => return None,
            None => self.begin(kept, now),
        };
        if kept.extended < mapping.first {
            return None;
        }
        let sequence = kept.extended.checked_add_signed(mapping.sequence)?;
        if !self.sealed.is_fresh(sequence) {
            return None;
        }
        let timestamp = kept.timestamp.wrapping_add(mapping.timestamp);
        let outgoing = Outgoing {
            marker: kept.marker,
            payload_type: self.codec.payload_type,
            sequence: sequence as u16,
            timestamp,
            ssrc: self.ssrc,
        };
        let header = self.write_header(&outgoing, kept.level, sender, out)?;
        let end = header + payload.len();
        out.get_mut(header..end)?.copy_from_slice(payload);
        self.sealed.accept(sequence);
        let length = sender.keys.seal_rtp(out, header, end, self.ssrc, sequence)?;
        if sequence >= self.next_sequence {
            self.next_sequence = sequence + 1;
            self.last = Some((timestamp, now));
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        self.credit = (self.credit + CREDIT_PER_PACKET).min(MAX_CREDIT);
        Some(length)
    }

    /// Numbers go on where the last content ended; the clock goes on as time did.
    fn begin(&mut self, kept: &Kept, now: Instant) -> Mapping {
        let timestamp = match self.last {
            None => kept.timestamp,
            Some((last, at)) => {
                let elapsed =
                    now.saturating_duration_since(at).as_secs_f64() * f64::from(self.codec.clock_rate);
                last.wrapping_add((elapsed as u64).max(1) as u32)
            }
        };
        let mapping = Mapping {
            first: kept.extended,
            sequence: self.next_sequence as i64 - kept.extended as i64,
            timestamp: timestamp.wrapping_sub(kept.timestamp),
        };
        *self.mapping.insert(mapping)
    }

    fn write_header(
        &self,
        outgoing: &Outgoing,
        level: Option<u8>,
        sender: &mut Sender<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        if out.len() < MAX_DATAGRAM {
            return None;
        }
        if let Some(id) = self.transport_extension {
            let value = sender.transport_sequence.to_be_bytes();
            *sender.transport_sequence = sender.transport_sequence.wrapping_add(1);
            return Some(outgoing.write(out, Some((id, &value))));
        }
        // Written always when negotiated, so that all packets of the stream have one size of header.
        let level = [level.unwrap_or(127)];
        Some(outgoing.write(out, self.level_extension.map(|id| (id, &level[..]))))
    }

    /// The track's sequence number for one of ours that a NACK names.
    pub(crate) fn find(&self, sequence: u16) -> Option<(u64, u64)> {
        let mapping = self.mapping?;
        let ours = extend_sequence(self.next_sequence - 1, sequence);
        let theirs = ours.checked_add_signed(-mapping.sequence)?;
        (ours < self.next_sequence && theirs >= mapping.first).then_some((ours, theirs))
    }

    /// Writes a packet again, on the RTX SSRC (RFC 4588 §4). `None` when its time or the budget is over.
    pub(crate) fn resend(
        &mut self,
        ours: u64,
        kept: &Kept,
        payload: &[u8],
        sender: &mut Sender<'_>,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let mapping = self.mapping?;
        let payload_type = self.codec.rtx_payload_type?;
        self.allow_resend(ours, now).then_some(())?;
        let outgoing = Outgoing {
            marker: kept.marker,
            payload_type,
            sequence: self.next_rtx as u16,
            timestamp: kept.timestamp.wrapping_add(mapping.timestamp),
            ssrc: self.rtx_ssrc,
        };
        let header = self.write_header(&outgoing, None, sender, out)?;
        let end = header + 2 + payload.len();
        out.get_mut(header..header + 2)?.copy_from_slice(&(ours as u16).to_be_bytes());
        out.get_mut(header + 2..end)?.copy_from_slice(payload);
        let index = self.next_rtx;
        self.next_rtx += 1;
        sender.keys.seal_rtp(out, header, end, self.rtx_ssrc, index)
    }

    fn allow_resend(&mut self, ours: u64, now: Instant) -> bool {
        if self.credit < 1.0 {
            return false;
        }
        if self.resent.is_empty() {
            self.resent.resize(RESEND_HISTORY, Resent { sequence: 0, count: 0, at: now });
        }
        let entry = &mut self.resent[(ours % RESEND_HISTORY as u64) as usize];
        if entry.sequence != ours {
            *entry = Resent { sequence: ours, count: 0, at: now };
        }
        let again = entry.count > 0 && now.saturating_duration_since(entry.at) < RESEND_INTERVAL;
        if again || entry.count >= MAX_RESENDS {
            return false;
        }
        *entry = Resent { sequence: ours, count: entry.count + 1, at: now };
        self.credit -= 1.0;
        true
    }

    /// The slot's timestamp for one of the track's.
    pub(crate) fn map_timestamp(&self, timestamp: u32) -> Option<u32> {
        Some(timestamp.wrapping_add(self.mapping?.timestamp))
    }
}

/// Header, extension, RTX number, payload and tag always fit a slab entry.
const _: () = assert!(FIXED_HEADER + 8 + 2 + crate::rtp::ring::MAX_PACKET + MAX_OVERHEAD <= MAX_DATAGRAM);
