//! A part of a room that only listens: what a recording hears.
//!
//! To the parts with people in them a tap is one more part ([`crate::room::part`]): packets cross to it once, in
//! plaintext and after losses were repaired, and it asks for the streams that it wants. The people in the call notice
//! nothing of it, however slow it is.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    api::Part,
    room::part::{Copied, Message, Mirrored, MirroredPacket, Stream},
    sdp::codecs::Codec,
    worker::{MediaKind, PeerId, PersonId, RoomId, Source},
};

/// A better encoding that sends nothing for so long is not being sent: the next one is asked for as well.
const FALL_BACK: Duration = Duration::from_millis(1_500);
/// A key frame that did not come is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a tap heard.
#[derive(Debug)]
pub enum TapEvent {
    /// A transport of this person is in the call.
    Joined {
        /// Theirs.
        peer: PeerId,
        /// Whose.
        person: PersonId,
    },
    /// It left.
    Left {
        /// Theirs.
        peer: PeerId,
        /// Whose.
        person: PersonId,
    },
    /// A source began to send (or may send again), or stopped.
    Live {
        /// Whose transport.
        peer: PeerId,
        /// Whose.
        person: PersonId,
        /// Which.
        source: Source,
        /// In what it is sent.
        codec: Codec,
        /// False when it stopped.
        live: bool,
    },
    /// A packet of somebody who was admitted.
    Packet(TapPacket),
}

/// A packet of a source, decrypted; duplicates and padding are left out. Repaired ones come late.
#[derive(Clone, Debug)]
pub struct TapPacket {
    /// Whose transport.
    pub peer: PeerId,
    /// Whose.
    pub person: PersonId,
    /// Which of theirs.
    pub source: Source,
    /// In what it is encoded.
    pub codec: Codec,
    /// Which run of sequence numbers it belongs to: another one begins, with a key frame, where the encoding changes.
    pub run: u32,
    packet: Arc<Message>,
}

impl TapPacket {
    fn copy(&self) -> Option<&MirroredPacket> {
        match &*self.packet {
            Message::Packet(copy) => Some(copy),
            _ => None,
        }
    }

    /// Sequence number with its roll-overs (RFC 3711 §3.3.1).
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.copy().map_or(0, |copy| copy.packet.extended)
    }

    /// RTP timestamp, in ticks of [`Codec::clock_rate`].
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.copy().map_or(0, |copy| copy.packet.timestamp)
    }

    /// When the server received it.
    #[must_use]
    pub fn arrived(&self) -> Option<Instant> {
        self.copy().map(|copy| copy.at)
    }

    /// The marker bit: of video, the picture's last packet.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.copy().is_some_and(|copy| copy.packet.marker)
    }

    /// Part of a picture that decoding can begin with, as its first packet says.
    #[must_use]
    pub fn keyframe(&self) -> bool {
        self.copy().is_some_and(|copy| copy.packet.frame.keyframe)
    }

    /// It was lost at first and came by retransmission.
    #[must_use]
    pub fn is_repair(&self) -> bool {
        self.copy().is_some_and(|copy| copy.is_repair)
    }

    /// Audio level (RFC 6464) in dB below full scale, of microphones.
    #[must_use]
    pub fn level(&self) -> Option<u8> {
        // The highest bit says that it is speech (RFC 6464 §3).
        self.copy().and_then(|copy| copy.packet.level).map(|level| level & 0x7f)
    }

    /// What the RTP packet carries: of audio, one Opus packet.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.copy().map_or(&[], |copy| &copy.payload)
    }
}

/// How what a tap hears and asks crosses to and from the room, whoever carries it. Dropping it ends it.
pub trait Listening: Send {
    /// What is waiting: look a few times a second.
    fn try_next(&mut self) -> Option<(Part, Copied)>;
    /// Hands what the tap asks for to a part of the room, now or later.
    fn ask(&mut self, to: Part, copy: Copied);
    /// Hands over what waits.
    fn flush(&mut self);
}

/// Lets one listen to rooms.
pub trait Listen: Send + Sync {
    /// To this one, whether somebody is in it already or not.
    fn listen(&self, room: RoomId) -> Box<dyn Listening>;
}

/// A source of somebody in the call.
struct Tapped {
    source: Source,
    codec: Codec,
    encodings: usize,
    live: bool,
    /// What its part was told, a bit for each encoding.
    told: u32,
    /// The encoding that is passed on, and since when it is its turn.
    current: Option<usize>,
    run: u32,
    /// Encodings from this one up are wanted.
    floor: usize,
    /// When something of each encoding came last; the beginning of the wish before.
    heard: Vec<Instant>,
    /// Nothing can be made of what comes until there is a key frame.
    needs_keyframe: bool,
    /// When one was last asked for.
    asked: Option<Instant>,
}

struct Member {
    part: Part,
    person: PersonId,
    tracks: Vec<Tapped>,
}

/// What one room says, to somebody who only listens.
///
/// Feed it what the other parts say, drain [`Tap::poll`] and [`Tap::poll_ask`], and call [`Tap::tick`] a few times a
/// second.
pub struct Tap {
    room: RoomId,
    takes_pictures: bool,
    members: FxHashMap<PeerId, Member>,
    admitted: FxHashSet<PersonId>,
    events: VecDeque<TapEvent>,
    asks: VecDeque<(Part, Copied)>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Tap {
    /// Of this room. Nobody is admitted yet.
    #[must_use]
    pub fn new(room: RoomId) -> Self {
        Self {
            room,
            takes_pictures: true,
            members: FxHashMap::default(),
            admitted: FxHashSet::default(),
            events: VecDeque::new(),
            asks: VecDeque::new(),
        }
    }

    /// As [`Tap::new`], for sound alone: no picture is asked for.
    #[must_use]
    pub fn of_sound(room: RoomId) -> Self {
        Self { takes_pictures: false, ..Self::new(room) }
    }

    /// Packets of this person are wanted from now on, or no more: then nothing of them comes out, whatever is on its
    /// way already.
    pub fn admit(&mut self, person: PersonId, yes: bool, now: Instant) {
        let changed = if yes { self.admitted.insert(person) } else { self.admitted.remove(&person) };
        if !changed {
            return;
        }
        let peers: Vec<PeerId> =
            self.members.iter().filter(|(_, member)| member.person == person).map(|(id, _)| *id).collect();
        for peer in peers {
            self.want(peer, true, now);
        }
    }

    /// Which part of the room this transport is in; `None` when it is in none.
    #[must_use]
    pub fn part_of(&self, peer: PeerId) -> Option<Part> {
        self.members.get(&peer).map(|member| member.part)
    }

    /// Whose transport this is; `None` when it is not in the room.
    #[must_use]
    pub fn person_of(&self, peer: PeerId) -> Option<PersonId> {
        self.members.get(&peer).map(|member| member.person)
    }

    /// Takes what a part of the room says.
    pub fn take(&mut self, from: Part, copy: &Copied, now: Instant) {
        if copy.room != self.room {
            return;
        }
        match &*copy.message {
            Message::Member { peer, person, tracks, .. } => {
                self.introduce(*peer, *person, from, tracks, now);
            }
            Message::Gone { peer } => self.gone(*peer),
            Message::Packet(packet) => self.packet(packet, &copy.message, now),
            // Whoever speaks is heard from their packets' levels.
            Message::Speaking { .. }
            | Message::Report { .. }
            | Message::Wanted { .. }
            | Message::KeyFrame { .. } => {}
        }
    }

    /// Asks again for what did not come.
    pub fn tick(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.members.keys().copied().collect();
        for peer in peers {
            self.want(peer, false, now);
        }
    }

    /// What was heard.
    pub fn poll(&mut self) -> Option<TapEvent> {
        self.events.pop_front()
    }

    /// What is to be handed to a part of the room.
    pub fn poll_ask(&mut self) -> Option<(Part, Copied)> {
        self.asks.pop_front()
    }

    /// A picture could not be put together: the next key frame is needed.
    pub fn need_keyframe(&mut self, peer: PeerId, source: Source) {
        // Asked for on the next tick: a burst of loss is one question.
        if let Some(track) = self.members.get_mut(&peer).and_then(|member| member.track(source)) {
            track.needs_keyframe = true;
        }
    }

    fn introduce(
        &mut self,
        peer: PeerId,
        person: PersonId,
        part: Part,
        described: &[Mirrored],
        now: Instant,
    ) {
        let is_new = !self.members.contains_key(&peer);
        let member = self.members.entry(peer).or_insert_with(|| Member { part, person, tracks: Vec::new() });
        if is_new {
            self.events.push_back(TapEvent::Joined { peer, person });
        }
        if member.part != part {
            member.part = part;
            member.tracks.iter_mut().for_each(|track| track.told = 0);
        }
        let mut tracks = Vec::with_capacity(described.len());
        for one in described {
            let (source, codec, encodings) = (one.source, one.codec.codec, one.rids.len().max(1));
            let known = member.tracks.iter().position(|track| {
                track.source == source && track.codec == codec && track.encodings == encodings
            });
            let mut track = match known {
                Some(index) => member.tracks.swap_remove(index),
                None => Tapped {
                    source,
                    codec,
                    encodings,
                    live: false,
                    told: 0,
                    current: None,
                    run: 0,
                    floor: encodings - 1,
                    heard: vec![now; encodings],
                    needs_keyframe: true,
                    asked: None,
                },
            };
            if track.live != one.live {
                track.live = one.live;
                track.begin(now);
                self.events.push_back(TapEvent::Live { peer, person, source, codec, live: one.live });
            }
            tracks.push(track);
        }
        for gone in member.tracks.drain(..).filter(|track| track.live) {
            let (source, codec) = (gone.source, gone.codec);
            self.events.push_back(TapEvent::Live { peer, person, source, codec, live: false });
        }
        member.tracks = tracks;
        // A part that tells of a member may be one that has forgotten what it was told.
        self.want(peer, true, now);
    }

    fn gone(&mut self, peer: PeerId) {
        let Some(member) = self.members.remove(&peer) else { return };
        let person = member.person;
        for track in member.tracks.into_iter().filter(|track| track.live) {
            let (source, codec) = (track.source, track.codec);
            self.events.push_back(TapEvent::Live { peer, person, source, codec, live: false });
        }
        self.events.push_back(TapEvent::Left { peer, person });
    }

    fn packet(&mut self, copy: &MirroredPacket, message: &Arc<Message>, now: Instant) {
        let Stream { peer, source, encoding } = copy.of;
        let Some(member) = self.members.get_mut(&peer) else { return };
        let person = member.person;
        if !self.admitted.contains(&person) {
            return;
        }
        let Some(track) = member.track(source).filter(|track| track.live && encoding < track.encodings)
        else {
            return;
        };
        track.heard[encoding] = now;
        let is_video = source.kind() == MediaKind::Video;
        let frame = &copy.packet.frame;
        let begins = !is_video || (frame.keyframe && !copy.is_repair);
        if begins && track.current.is_none_or(|current| encoding > current || track.is_silent(current, now)) {
            track.current = Some(encoding);
            track.run += 1;
            track.floor = encoding;
        }
        if track.current != Some(encoding) {
            return;
        }
        if frame.keyframe {
            track.needs_keyframe = false;
            track.asked = None;
        }
        let (codec, run) = (track.codec, track.run);
        let packet = message.clone();
        self.events.push_back(TapEvent::Packet(TapPacket { peer, person, source, codec, run, packet }));
    }

    /// Tells a member's part which of its streams are wanted, where that changed; `anew`: all of it.
    fn want(&mut self, peer: PeerId, anew: bool, now: Instant) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        let is_admitted = self.admitted.contains(&member.person);
        let takes_pictures = self.takes_pictures;
        let part = member.part;
        let mut say = |message: Message| {
            self.asks.push_back((part, Copied { room: self.room, message: Arc::new(message) }));
        };
        for track in &mut member.tracks {
            let source = track.source;
            let is_taken = takes_pictures || source.kind() == MediaKind::Audio;
            let is_wanted = is_admitted && is_taken && track.live;
            if !is_admitted {
                track.current = None;
            }
            if is_wanted && track.told == 0 {
                track.begin(now);
            }
            let top = track.encodings - 1;
            if is_wanted && track.floor > 0 && (track.floor..=top).all(|one| track.is_silent(one, now)) {
                track.floor -= 1;
                track.heard[track.floor] = now;
                track.needs_keyframe = true;
                track.asked = None;
            }
            let bits = (track.floor..=top.min(31)).fold(0u32, |bits, one| bits | 1 << one);
            let encodings = if is_wanted { bits } else { 0 };
            if encodings != track.told || (anew && encodings != 0) {
                track.told = encodings;
                say(Message::Wanted { peer, source, encodings });
            }
            let is_due = track.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_AGAIN);
            if is_wanted && source.kind() == MediaKind::Video && track.needs_keyframe && is_due {
                track.asked = Some(now);
                for encoding in (0..track.encodings).filter(|one| encodings >> one & 1 == 1) {
                    say(Message::KeyFrame { of: Stream { peer, source, encoding } });
                }
            }
        }
    }
}

impl Member {
    fn track(&mut self, source: Source) -> Option<&mut Tapped> {
        self.tracks.iter_mut().find(|track| track.source == source)
    }
}

impl Tapped {
    /// The best encoding first, from a key frame on.
    fn begin(&mut self, now: Instant) {
        self.current = None;
        self.heard.fill(now);
        self.floor = self.encodings - 1;
        self.needs_keyframe = true;
        self.asked = None;
    }

    fn is_silent(&self, encoding: usize, now: Instant) -> bool {
        (self.heard.get(encoding)).is_none_or(|heard| now.saturating_duration_since(*heard) >= FALL_BACK)
    }
}
