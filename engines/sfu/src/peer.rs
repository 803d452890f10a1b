//! One client in a room: its transport and keys, what it sends, its slots, its counters.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use crate::{
    api::Part,
    bandwidth::Downlink,
    protection::{Protection, Reported},
    rtcp::{twcc, write::Writer},
    sdp::fragment::BundleTag,
    slab::SendSlab,
    slot::Slot,
    srtp::{Inbound, Outbound},
    transport::Transport,
    worker::{Follow, Gates, PeerId, PeerStats, PersonId, Source, SourceSet, Wanted},
};

/// 30 Mbit/s: more than camera, screen and sound of one person need. With packets of 150 bytes that limit alone would
/// let 25,000 through.
const ONE_PERSON: Limits = Limits { bytes: 30_000_000 / 8, packets: 6_000 };
/// Of all people of a room together: a hundred cameras at 2 Mbit/s and as many voices.
pub(crate) const WHOLE_ROOM: Limits = Limits { bytes: 250_000_000 / 8, packets: 40_000 };
/// Addresses that count as one peer's at a time: interfaces times address families.
pub(crate) const MAX_ADDRESSES: usize = 8;
/// Levels are -dBov (RFC 6464 §3): speech at a microphone is around 20 to 45, a quiet room over 55.
pub(crate) const LOUD: u8 = 50;
/// Two loud packets make speech, one may be a click.
const LOUD_PACKETS: u8 = 2;
/// Between words nobody stops speaking.
const HANGOVER: Duration = Duration::from_millis(350);
/// Of fewer packets in a second, one lost by chance would be too large a share.
const ENOUGH_REPORTED: u64 = 30;
/// Weight of a new round trip in the average.
const ROUND_TRIP_GAIN: f64 = 0.25;

/// Which of a peer's streams an SSRC belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) track: usize,
    pub(crate) encoding: usize,
    pub(crate) is_rtx: bool,
}

/// Which slot an SSRC of ours is of, in the order of SSRCs.
#[derive(Default)]
pub(crate) struct SlotIndex(Vec<(u32, u16)>);

impl SlotIndex {
    pub(crate) fn of(slots: &[Slot]) -> Self {
        let all = slots.iter().zip(0..).flat_map(|(slot, at)| [(slot.ssrc, at), (slot.rtx_ssrc, at)]);
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        Self(all)
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<usize> {
        let at = self.0.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc).ok()?;
        self.0.get(at).map(|(_, slot)| usize::from(*slot))
    }
}

/// Keys of both directions.
pub(crate) struct Keys {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

/// The offer's ids of the extensions that clients send.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) level: Option<u8>,
    pub(crate) transport: Option<u8>,
    /// The rid of a media packet, and that of a retransmission.
    pub(crate) stream: Option<u8>,
    pub(crate) repaired_stream: Option<u8>,
    pub(crate) descriptor: Option<u8>,
}

/// Whether the caller was told that media may flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Connecting,
    Connected,
    Disconnected,
}

/// A client.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// Whose it is: nobody's slots get their own media.
    pub(crate) person: PersonId,
    /// Its transport is in this part of the room, and here are copies of what it sends.
    pub(crate) mirror_of: Option<Part>,
    /// For viewers: whom they follow.
    pub(crate) follow: Option<Follow>,
    /// Hears this mix, while there is one, in place of each one.
    pub(crate) mix: Option<PeerId>,
    /// Named in the answer to an ICE restart by fragment.
    pub(crate) bundle: Option<BundleTag>,
    pub(crate) gates: Gates,
    pub(crate) sources: SourceSet,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) connection: Connection,
    /// Where media goes while it may: kept beside the transport because every packet asks.
    pub(crate) route: Option<SocketAddr>,
    /// Nothing authentic came yet, so that the transport may still have to repeat its last flight.
    is_shaking_hands: bool,
    pub(crate) dtls_failed: bool,
    pub(crate) keys: Option<Keys>,
    pub(crate) addresses: Vec<SocketAddr>,
    /// The client's own fragment: another one in an offer means an ICE restart.
    pub(crate) remote_fragment: String,
    pub(crate) fingerprint: crate::dtls::Fingerprint,
    pub(crate) offers: u64,
    pub(crate) extensions: ExtensionIds,
    pub(crate) tracks: Vec<usize>,
    pub(crate) streams: FxHashMap<u32, Stream>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) slot_by_ssrc: SlotIndex,
    pub(crate) slots_changed: bool,
    /// It is shown something else since bandwidth was last shared out to it.
    pub(crate) is_shown_anew: bool,
    pub(crate) wanted: Wanted,
    /// The SSRC of our reports and requests to this peer.
    pub(crate) rtcp_ssrc: u32,
    pub(crate) transport_sequence: u16,
    pub(crate) downlink: Downlink,
    /// The room's pacing ticks serve this peer.
    pub(crate) is_paced: bool,
    pub(crate) arrivals: twcc::Recorder,
    pub(crate) next_feedback: Instant,
    pub(crate) next_report: Instant,
    pub(crate) round_trip: Option<Duration>,
    /// Added to the client's NTP times to get the server's.
    pub(crate) clock_offset: Option<i64>,
    /// What it last reported lost of the sounds that it is sent.
    pub(crate) sound_loss: Reported,
    /// Packets that the client's transport-wide feedback reported, and those missing.
    pub(crate) reported: (u64, u64),
    /// As of the last second.
    reported_before: (u64, u64),
    /// What the way to the client needs.
    pub(crate) protection: Protection,
    /// The client was told to send redundant sound.
    pub(crate) asked_redundancy: bool,
    pub(crate) stats: PeerStats,
    budget: Budget,
    speech: Speech,
    /// When it last stopped speaking.
    spoke: Option<Instant>,
}

/// What is made once for a peer.
pub(crate) struct NewPeer {
    pub(crate) id: PeerId,
    pub(crate) person: PersonId,
    pub(crate) follow: Option<Follow>,
    pub(crate) gates: Gates,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) remote_fragment: String,
    pub(crate) fingerprint: crate::dtls::Fingerprint,
    pub(crate) rtcp_ssrc: u32,
}

impl Peer {
    pub(crate) fn new(new: NewPeer, now: Instant) -> Self {
        Self {
            id: new.id,
            person: new.person,
            mirror_of: None,
            follow: new.follow,
            mix: None,
            bundle: None,
            gates: new.gates,
            sources: SourceSet::default(),
            transport: new.transport,
            connection: Connection::Connecting,
            route: None,
            is_shaking_hands: true,
            dtls_failed: false,
            keys: None,
            addresses: Vec::new(),
            remote_fragment: new.remote_fragment,
            fingerprint: new.fingerprint,
            offers: 0,
            extensions: ExtensionIds::default(),
            tracks: Vec::new(),
            streams: FxHashMap::default(),
            slots: Vec::new(),
            slot_by_ssrc: SlotIndex::default(),
            slots_changed: true,
            is_shown_anew: false,
            wanted: Wanted::default(),
            rtcp_ssrc: new.rtcp_ssrc,
            transport_sequence: 0,
            downlink: Downlink::new(now),
            is_paced: false,
            arrivals: twcc::Recorder::new(now),
            next_feedback: now,
            next_report: now,
            round_trip: None,
            clock_offset: None,
            sound_loss: Reported::default(),
            reported: (0, 0),
            reported_before: (0, 0),
            protection: Protection::default(),
            asked_redundancy: false,
            stats: PeerStats::default(),
            budget: Budget::new(now),
            speech: Speech::default(),
            spoke: None,
        }
    }

    /// Whether this source may be forwarded now.
    pub(crate) fn may_send(&self, source: Source) -> bool {
        match source {
            Source::Microphone => self.sources.microphone && self.gates.may_speak && !self.gates.muted,
            Source::ScreenAudio => self.sources.screen_audio && self.gates.may_speak && self.gates.may_stream,
            Source::Camera => self.sources.camera && self.gates.may_stream,
            Source::Screen => self.sources.screen && self.gates.may_stream,
            // What the server makes comes from no transport.
            Source::Sound | Source::Mixed => false,
        }
    }

    /// Where media goes, when there are keys and consent.
    pub(crate) fn egress(&self) -> Option<SocketAddr> {
        self.route
    }

    /// Something authentic came: both sides have their keys.
    pub(crate) fn note_authentic(&mut self) {
        if std::mem::take(&mut self.is_shaking_hands) {
            self.transport.media_arrived();
        }
    }

    /// Counts a datagram against the peer's share; false: drop it.
    pub(crate) fn admit(&mut self, bytes: usize, now: Instant) -> bool {
        self.budget.admit(ONE_PERSON, bytes, now)
    }

    /// Reads what writing to this peer reads: nothing is meant by it, but that it is in the caches afterwards.
    pub(crate) fn glance(&self) -> u64 {
        u64::from(self.route.is_some())
            ^ u64::from(self.gates.deafened)
            ^ u64::from(self.keys.is_some())
            ^ u64::from(self.transport_sequence)
            ^ self.stats.packets_out
            ^ u64::from(self.is_paced)
            ^ self.slots.len() as u64
    }

    /// An audio packet left.
    pub(crate) fn note_audio(&mut self, length: usize) {
        self.stats.packets_out += 1;
        self.stats.bytes_out += length as u64;
    }

    /// A video packet left. `number` is the transport-wide counter from before it was written.
    pub(crate) fn note_video(&mut self, number: u16, length: usize, now: Instant) {
        self.stats.packets_out += 1;
        self.stats.bytes_out += length as u64;
        let was_used = number != self.transport_sequence;
        self.downlink.sent(was_used.then_some(number), length, now);
    }

    /// Padding left, or a packet of the ring once more for its size; `number` as in [`Peer::note_sent`].
    pub(crate) fn note_padding(&mut self, number: u16, length: usize, now: Instant) {
        self.stats.packets_out += 1;
        self.stats.bytes_out += length as u64;
        let was_used = number != self.transport_sequence;
        self.downlink.padded(was_used.then_some(number), length, now);
    }

    /// Seals a compound packet into the slab.
    pub(crate) fn send_rtcp(&mut self, compound: &Writer, slab: &mut SendSlab) {
        let (Some(to), Some(keys)) = (self.egress(), self.keys.as_mut()) else { return };
        if compound.is_empty() {
            return;
        }
        slab.write(to, |buffer| {
            let plain = compound.bytes();
            buffer.get_mut(..plain.len())?.copy_from_slice(plain);
            keys.outbound.seal_rtcp(buffer, plain.len())
        });
    }

    /// A round trip was measured.
    pub(crate) fn note_round_trip(&mut self, measured: Duration) {
        let old = self.round_trip.unwrap_or(measured).as_secs_f64();
        let new = old + (measured.as_secs_f64() - old) * ROUND_TRIP_GAIN;
        self.round_trip = Some(Duration::from_secs_f64(new));
    }

    /// Once a second: what the transport-wide feedback said of the way to the client, whoever's media it was.
    pub(crate) fn note_transport_loss(&mut self, now: Instant) {
        let (total, lost) = self.reported;
        let (total_before, lost_before) = std::mem::replace(&mut self.reported_before, self.reported);
        let (total, lost) = (total - total_before, lost - lost_before);
        if total >= ENOUGH_REPORTED {
            self.protection.note((lost * 256 / total).min(255) as u8, now);
        }
    }

    /// Takes a microphone level; `Some` when the peer begins to speak.
    pub(crate) fn note_level(&mut self, level: u8, now: Instant) -> Option<bool> {
        self.speech.note(level & 0x7f <= LOUD, now)
    }

    /// `Some(false)` when the peer has stopped speaking, or must not be heard.
    pub(crate) fn stop_speaking(&mut self, now: Instant) -> Option<bool> {
        let silenced = !self.may_send(Source::Microphone);
        let stopped = self.speech.stop(silenced, now);
        if stopped.is_some() {
            self.spoke = Some(now);
        }
        stopped
    }

    /// Another part of the room says so.
    pub(crate) fn set_speaking(&mut self, speaking: bool, now: Instant) {
        if self.speech.speaking && !speaking {
            self.spoke = Some(now);
        }
        self.speech.speaking = speaking;
    }

    /// Whether the peer is speaking, or has been within this time.
    pub(crate) fn spoke_within(&self, time: Duration, now: Instant) -> bool {
        self.is_speaking() || self.spoke.is_some_and(|spoke| now.saturating_duration_since(spoke) < time)
    }

    /// Whether the peer is speaking.
    pub(crate) fn is_speaking(&self) -> bool {
        self.speech.speaking
    }
}

/// What may come in within a second.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    bytes: u64,
    packets: u64,
}

/// What came in within this second.
pub(crate) struct Budget {
    since: Instant,
    bytes: u64,
    packets: u64,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, packets: 0 }
    }

    /// Counts a datagram; false: drop it.
    pub(crate) fn admit(&mut self, limits: Limits, bytes: usize, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.bytes += bytes as u64;
        self.packets += 1;
        self.bytes <= limits.bytes && self.packets <= limits.packets
    }
}

#[derive(Default)]
struct Speech {
    loud: u8,
    last_loud: Option<Instant>,
    speaking: bool,
}

impl Speech {
    fn note(&mut self, is_loud: bool, now: Instant) -> Option<bool> {
        if !is_loud {
            self.loud = 0;
            return None;
        }
        self.last_loud = Some(now);
        self.loud = self.loud.saturating_add(1);
        let begins = !self.speaking && self.loud >= LOUD_PACKETS;
        self.speaking |= begins;
        begins.then_some(true)
    }

    fn stop(&mut self, silenced: bool, now: Instant) -> Option<bool> {
        let quiet = self.last_loud.is_none_or(|last| now.saturating_duration_since(last) >= HANGOVER);
        let ends = self.speaking && (silenced || quiet);
        if ends {
            *self = Self::default();
        }
        ends.then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_needs_two_loud_packets_and_ends_after_the_hangover() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut speech = Speech::default();
        assert_eq!(speech.note(true, at(0)), None);
        assert_eq!(speech.note(false, at(20)), None);
        assert_eq!(speech.note(true, at(40)), None);
        assert_eq!(speech.note(true, at(60)), Some(true));
        assert_eq!(speech.note(true, at(80)), None);
        assert_eq!(speech.stop(false, at(400)), None);
        assert_eq!(speech.stop(false, at(430)), Some(false));
        assert_eq!(speech.stop(false, at(440)), None);
    }

    #[test]
    fn a_flood_is_cut_to_the_budget_of_its_second() {
        let start = Instant::now();
        for limits in [ONE_PERSON, WHOLE_ROOM] {
            let mut budget = Budget::new(start);
            let admitted = (0..100_000).filter(|_| budget.admit(limits, 1_200, start)).count() as u64;
            assert_eq!(admitted, limits.bytes / 1_200);
            assert!(budget.admit(limits, 1_200, start + Duration::from_secs(1)));
            let mut budget = Budget::new(start);
            let small = (0..100_000).filter(|_| budget.admit(limits, 100, start)).count() as u64;
            assert_eq!(small, limits.packets);
        }
    }
}
