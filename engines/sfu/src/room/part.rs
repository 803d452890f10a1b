//! A room that is too large for one worker has a part on each of several. A part owns its peers; of the others it has
//! *mirrors*: peers without a transport whose tracks are filled with copies of what their own part received.
//!
//! A packet crosses once for each part that wants it, in plaintext and already taken apart, whatever the number of
//! viewers there. What viewers ask for goes back: encodings that somebody watches, key frames. Messages about a member
//! carry their whole state and may be repeated; a lost packet is a loss like any other.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use super::{Context, Room, assign::Anew, ingress::Taken, tick, to_ntp};
use crate::{
    api::Part,
    encoding::SeenReport,
    peer::{NewPeer, Peer},
    rtp::ring::Packet,
    sdp::codecs::{Chosen, Codec},
    slab::SendSlab,
    stun::BindingRequest,
    track::Track,
    transport::{Check, Credentials, Transport, TransportEvent},
    worker::{Gates, MediaKind, Mid, PeerId, PersonId, Rid, RoomId, Source},
};

/// What one part of a room has to say to the others. Opaque: hand it to each of them by `Worker::take_copy`.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The room.
    pub room: RoomId,
    pub(crate) message: Arc<Message>,
}

impl Copied {
    /// Media, which may be lost when a worker does not keep up; anything else must arrive.
    pub fn is_media(&self) -> bool {
        matches!(*self.message, Message::Packet(_))
    }
}

/// A source of a member.
#[derive(Clone, Debug)]
pub(crate) struct Mirrored {
    pub(crate) source: Source,
    mid: Mid,
    pub(crate) codec: Chosen,
    pub(crate) rids: Vec<Rid>,
    pub(crate) live: bool,
}

impl Mirrored {
    /// A sound that the server makes.
    pub(crate) fn sound(source: Source) -> Self {
        let codec =
            Chosen { codec: Codec::Opus, payload_type: 0, rtx_payload_type: None, red_payload_type: None };
        Self { source, mid: Mid::from("mix"), codec, rids: Vec::new(), live: true }
    }
}

/// A packet that was received, decrypted, and is no duplicate.
#[derive(Debug)]
pub(crate) struct MirroredPacket {
    pub(crate) of: Stream,
    pub(crate) packet: Packet<'static>,
    pub(crate) is_repair: bool,
    /// When it was received.
    pub(crate) at: Instant,
    pub(crate) payload: Box<[u8]>,
    descriptor: Box<[u8]>,
}

/// Which stream of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) peer: PeerId,
    pub(crate) source: Source,
    pub(crate) encoding: usize,
}

#[derive(Debug)]
pub(crate) enum Message {
    /// All of a member, whenever something changed.
    Member {
        peer: PeerId,
        person: PersonId,
        speaking: bool,
        tracks: Vec<Mirrored>,
    },
    Gone {
        peer: PeerId,
    },
    Speaking {
        peer: PeerId,
        speaking: bool,
    },
    Packet(Box<MirroredPacket>),
    /// A sender report, and the zero of the clock it was moved onto.
    Report {
        of: Stream,
        report: SeenReport,
        start: Instant,
    },
    /// To the part that owns the peer: a bit for each encoding that somebody watches here.
    Wanted {
        peer: PeerId,
        source: Source,
        encodings: u32,
    },
    /// To the part that owns the peer.
    KeyFrame {
        of: Stream,
    },
}

impl Message {
    /// A copy of a packet that was kept.
    pub(crate) fn packet(of: Stream, packet: &Packet<'_>, is_repair: bool, at: Instant) -> Self {
        Self::Packet(Box::new(MirroredPacket {
            of,
            packet: Packet {
                extended: packet.extended,
                timestamp: packet.timestamp,
                marker: packet.marker,
                level: packet.level,
                frame: packet.frame,
                payload: &[],
                descriptor: &[],
            },
            is_repair,
            at,
            payload: packet.payload.into(),
            descriptor: packet.descriptor.into(),
        }))
    }
}

/// The transport of a mirror: nothing goes in or out.
struct Absent(Credentials);

impl Transport for Absent {
    fn credentials(&self) -> &Credentials {
        &self.0
    }

    fn restart(&mut self, _credentials: Credentials) -> Option<String> {
        None
    }

    fn handle_check(
        &mut self,
        _request: &BindingRequest<'_>,
        _from: SocketAddr,
        _now: Instant,
        _out: &mut SendSlab,
    ) -> Check {
        Check::Refused
    }

    fn handle_dtls(&mut self, _from: SocketAddr, _datagram: &[u8], _now: Instant, _out: &mut SendSlab) {}

    fn handle_timeout(&mut self, _now: Instant, _out: &mut SendSlab) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn poll(&mut self) -> Option<TransportEvent> {
        None
    }

    fn egress(&self) -> Option<SocketAddr> {
        None
    }

    fn is_consented(&self, _now: Instant) -> bool {
        true
    }

    fn media_arrived(&mut self) {}
}

impl Room {
    /// Nobody is left whose transport is here.
    pub(crate) fn is_deserted(&self) -> bool {
        self.peers.len() == self.mirrors.len()
    }

    /// These are the other parts from now on. Members and wishes are told anew: one of them may have heard nothing yet.
    pub(crate) fn set_parts(&mut self, others: &[Part], context: &mut Context<'_>) {
        self.parts = others.to_vec();
        let gone: Vec<usize> = (self.peers.iter())
            .filter(|(_, peer)| peer.mirror_of.is_some_and(|part| !others.contains(&part)))
            .map(|(index, _)| index)
            .collect();
        for index in gone {
            self.remove(index, context);
        }
        let mut freed = Vec::new();
        for (index, track) in &mut self.tracks {
            let before = track.copied_to.len();
            track.copied_to.retain(|(part, _)| others.contains(part));
            if track.copied_to.len() != before {
                freed.push(index);
            }
        }
        freed.into_iter().for_each(|track| self.retarget(track, context));
        let (mirrors, members): (Vec<usize>, Vec<usize>) = self
            .peers
            .iter()
            .map(|(index, _)| index)
            .partition(|index| self.peers.get(*index).is_some_and(|peer| peer.mirror_of.is_some()));
        members.into_iter().for_each(|index| self.introduce(index, context));
        mirrors.into_iter().for_each(|index| self.tell_wanted(index, context));
    }

    /// Says to the other parts all that they have to know of a member.
    pub(super) fn introduce(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(peer) = self.peers.get(index) else { return };
        if self.parts.is_empty() || peer.mirror_of.is_some() {
            return;
        }
        let tracks = peer.tracks.iter().filter_map(|track| self.tracks.get(*track));
        let tracks = tracks.map(|track| Mirrored {
            source: track.source,
            mid: track.mid.clone(),
            codec: track.codec,
            rids: track.encodings.iter().filter_map(|encoding| encoding.rid.clone()).collect(),
            live: track.live,
        });
        let tracks = tracks.collect();
        let member =
            Message::Member { peer: peer.id, person: peer.person, speaking: peer.is_speaking(), tracks };
        self.tell_parts(member, context);
    }

    pub(super) fn tell_parts(&self, message: Message, context: &mut Context<'_>) {
        if !self.parts.is_empty() {
            context.copies.push_back(Copied { room: self.id, message: Arc::new(message) });
        }
    }

    /// Takes what another part says.
    pub(crate) fn take_copy(&mut self, from: Part, message: &Message, context: &mut Context<'_>) {
        match message {
            Message::Member { peer, person, speaking, tracks } => {
                let index = self.mirror(*peer, *person, from, context.now);
                if let Some(mirror) = self.peers.get_mut(index) {
                    mirror.set_speaking(*speaking, context.now);
                }
                if self.mirror_tracks(index, tracks) {
                    self.assign(Anew::Nobody, context);
                }
                self.tell_wanted(index, context);
            }
            Message::Gone { peer } => {
                if let Some(index) = self.mirrors.get(peer).copied() {
                    self.remove(index, context);
                }
            }
            Message::Speaking { peer, speaking } => {
                let mirror = self.mirrors.get(peer).and_then(|index| self.peers.get_mut(*index));
                if let Some(mirror) = mirror {
                    mirror.set_speaking(*speaking, context.now);
                }
            }
            Message::Packet(copy) => self.take_mirrored(copy, context),
            Message::Report { of, report, start } => {
                let Some((track, _)) = self.mirrored(*of) else { return };
                let encoding = self.tracks.get_mut(track).and_then(|t| t.encodings.get_mut(of.encoding));
                let Some(encoding) = encoding else { return };
                let later = to_ntp(context.start.saturating_duration_since(*start));
                let earlier = to_ntp(start.saturating_duration_since(context.start));
                let ntp = report.ntp.wrapping_sub(later).wrapping_add(earlier);
                encoding.report = Some(SeenReport { ntp, ..*report });
            }
            Message::Wanted { peer, source, encodings } => {
                let Some(index) = self.own_track(*peer, *source) else { return };
                let Some(track) = self.tracks.get_mut(index) else { return };
                match track.copied_to.iter_mut().find(|(part, _)| *part == from) {
                    Some((_, known)) if *known == *encodings => return,
                    Some((_, known)) => *known = *encodings,
                    None => track.copied_to.push((from, *encodings)),
                }
                self.retarget(index, context);
            }
            Message::KeyFrame { of } => {
                let Some(index) = self.own_track(of.peer, of.source) else { return };
                let encoding = self.tracks.get_mut(index).and_then(|t| t.encodings.get_mut(of.encoding));
                if let Some(encoding) = encoding {
                    encoding.want_keyframe();
                    self.wake_chores(context.now);
                }
            }
        }
    }

    fn own_track(&self, id: PeerId, source: Source) -> Option<usize> {
        let (_, peer) = self.peers.iter().find(|(_, peer)| peer.id == id && peer.mirror_of.is_none())?;
        peer.tracks.iter().copied().find(|track| self.tracks.get(*track).is_some_and(|t| t.source == source))
    }

    /// Where copies of this stream go: track and encoding.
    fn mirrored(&self, of: Stream) -> Option<(usize, usize)> {
        let peer = self.peers.get(*self.mirrors.get(&of.peer)?)?;
        let is_it = |track: &usize| {
            let track = self.tracks.get(*track);
            track.is_some_and(|track| track.source == of.source && of.encoding < track.encodings.len())
        };
        Some((peer.tracks.iter().copied().find(is_it)?, of.encoding))
    }

    /// The place of the mirror of a peer, made when missing.
    fn mirror(&mut self, id: PeerId, person: PersonId, from: Part, now: Instant) -> usize {
        if let Some(index) = self.mirrors.get(&id) {
            return *index;
        }
        let mut peer = Peer::new(
            NewPeer {
                id,
                person,
                follow: None,
                gates: Gates { may_speak: false, may_stream: false, deafened: true, muted: true },
                transport: Box::new(Absent(Credentials::unused())),
                remote_fragment: String::new(),
                fingerprint: crate::dtls::Fingerprint {
                    algorithm: crate::dtls::HashAlgorithm::Sha256,
                    bytes: Vec::new(),
                },
                rtcp_ssrc: 1,
            },
            now,
        );
        peer.mirror_of = Some(from);
        let index = self.add(peer, now);
        // Nothing of it happens by our clock.
        self.due[index] = None;
        self.mirrors.insert(id, index);
        index
    }

    /// Makes a mirror's tracks those of the message; true when something changed.
    fn mirror_tracks(&mut self, index: usize, described: &[Mirrored]) -> bool {
        let Some(peer) = self.peers.get(index) else { return false };
        let is = |track: &Track, one: &Mirrored| {
            track.source == one.source && track.mid == one.mid && track.is_for(one.codec, &one.rids)
        };
        let known = peer.tracks.clone();
        let stays = |track: &usize| {
            self.tracks.get(*track).is_some_and(|track| described.iter().any(|one| is(track, one)))
        };
        let (kept, gone): (Vec<usize>, Vec<usize>) = known.into_iter().partition(stays);
        let mut changed = !gone.is_empty();
        gone.into_iter().for_each(|track| self.remove_track(track));
        let mut all = Vec::with_capacity(described.len());
        for one in described {
            let existing =
                kept.iter().copied().find(|track| self.tracks.get(*track).is_some_and(|t| is(t, one)));
            let track = existing.unwrap_or_else(|| {
                changed = true;
                let mut track = Track::new(index, one.source, one.mid.clone(), one.codec, &one.rids);
                // Requests go to its part, whatever the SSRC is there.
                track.encodings.iter_mut().for_each(|encoding| encoding.ssrc = Some(1));
                self.tracks.insert(track)
            });
            if let Some(kept) = self.tracks.get_mut(track) {
                changed |= kept.live != one.live;
                kept.live = one.live;
            }
            if !one.live {
                self.stage.forget(track);
            }
            all.push(track);
        }
        if let Some(peer) = self.peers.get_mut(index) {
            peer.tracks = all;
        }
        changed
    }

    fn take_mirrored(&mut self, copy: &MirroredPacket, context: &mut Context<'_>) {
        let Some(place) = self.mirrored(copy.of) else { return };
        let packet = Packet { payload: &copy.payload, descriptor: &copy.descriptor, ..copy.packet };
        self.busy = true;
        self.wake_chores(context.now + tick::CHORES);
        self.send_on(place, &packet, Taken::mirrored(copy.is_repair), context);
    }

    /// Says to the part of this mirror which of its streams somebody watches here.
    fn tell_wanted(&mut self, index: usize, context: &mut Context<'_>) {
        let tracks = self.peers.get(index).map(|peer| peer.tracks.clone()).unwrap_or_default();
        for track in tracks {
            if let Some(track) = self.tracks.get_mut(track) {
                track.told_wanted = None;
            }
            self.tell_wanted_of(track, context);
        }
    }

    /// As [`Room::tell_wanted`], for one track and only when it changed.
    pub(super) fn tell_wanted_of(&mut self, index: usize, context: &mut Context<'_>) {
        let Some(track) = self.tracks.get_mut(index) else { return };
        let Some(owner) = self.peers.get(track.owner).filter(|peer| peer.mirror_of.is_some()) else { return };
        let is_video = track.kind() == MediaKind::Video;
        let is_wanted = |encoding: &crate::encoding::Encoding| {
            !encoding.subscribers.is_empty() || (is_video && encoding.unwanted_since.is_none())
        };
        let shown = !track.subscribers.is_empty();
        // A microphone's level must be known before anybody can be given a slot for it.
        let is_candidate = track.source == Source::Microphone && track.live;
        let bits = track.encodings.iter().enumerate().take(32);
        let encodings = bits.fold(0u32, |bits, (at, encoding)| {
            bits | u32::from(is_candidate || (shown && is_wanted(encoding))) << at
        });
        if track.told_wanted != Some(encodings) {
            track.told_wanted = Some(encodings);
            let wanted = Message::Wanted { peer: owner.id, source: track.source, encodings };
            context.copies.push_back(Copied { room: self.id, message: Arc::new(wanted) });
        }
    }
}
