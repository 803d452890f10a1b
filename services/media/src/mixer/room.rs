//! The mixes of one call: which there are, and who hears which. No thread, no clock, no queue.
//!
//! Who speaks gets a mix without themselves, and who does not want to hear somebody one without them, both only while
//! those speak: all the others share one encoding for each rate.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use voxlink_audio::{
    Channels, jitter,
    level::Level,
    live::{Config, LiveMixer},
    mix::SpeakerId,
};
use voxlink_sfu::{Copied, Mix, Part, PeerId, PersonId, RoomId, Source, Tap, TapEvent, TapPacket};

use super::{
    Wish,
    stream::{Key, STEREO_FRAME, Stream, is_wide, passes, silence},
};

/// Who spoke within this time has a mix without themselves: mixes need not change between two sentences. So long a mix stays
/// in stereo as well.
const HOLD: Duration = Duration::from_secs(5);
/// Between the first that is heard of a call and the first mix: speakers' buffers are filled by then, and nobody misses a
/// word while they pass from each one to the mix.
const WARM_UP: Duration = Duration::from_millis(400);
/// What is left of a voice that is taken out of a sum.
const NOTHING: f32 = 1e-6;
/// Frames between two looks at what the tap asks for.
const TICK: u64 = 10;
/// Above the numbers of all transports.
const FIRST_MIX: u64 = 1 << 63;

/// Something for a part of the room, in order.
#[derive(Debug)]
pub(super) enum Word {
    /// Of a mix, or of the tap.
    Copy(Copied),
    /// This transport hears this mix, or each one.
    Hears(PeerId, Option<PeerId>),
}

struct Listener {
    wish: Wish,
    /// What it was last told to hear.
    hears: Option<PeerId>,
    /// Where it was told.
    part: Option<Part>,
}

/// One call.
pub(super) struct MixedRoom {
    room: RoomId,
    tap: Tap,
    mixer: LiveMixer,
    /// The speakers' numbers, and whose they are.
    speakers: HashMap<(PeerId, Source), SpeakerId>,
    people: HashMap<SpeakerId, PersonId>,
    next_speaker: u64,
    next_mix: u64,
    listeners: BTreeMap<PeerId, Listener>,
    streams: Vec<Stream>,
    /// When each person was last in the mix.
    spoke: HashMap<PersonId, Instant>,
    warm: Option<Instant>,
    frames: u64,
    full: [f32; STEREO_FRAME],
    /// When left and right last differed: music, or a shared screen.
    wide: Option<Instant>,
    words: VecDeque<(Part, Word)>,
    refused: Vec<PeerId>,
}

impl MixedRoom {
    /// `number` tells its mixes from those of other calls, now and before.
    pub(super) fn new(room: RoomId, number: u32) -> Self {
        Self {
            room,
            tap: Tap::of_sound(room),
            mixer: LiveMixer::new(Config { channels: Channels::Stereo, ..Config::default() }),
            speakers: HashMap::new(),
            people: HashMap::new(),
            next_speaker: 0,
            next_mix: FIRST_MIX | u64::from(number) << 32,
            listeners: BTreeMap::new(),
            streams: Vec::new(),
            spoke: HashMap::new(),
            warm: None,
            frames: 0,
            full: silence(),
            wide: None,
            words: VecDeque::new(),
            refused: Vec::new(),
        }
    }

    /// How somebody hears from now on; `None`: each one again, at once.
    pub(super) fn listen(&mut self, peer: PeerId, wish: Option<Wish>) {
        match (wish, self.listeners.get_mut(&peer)) {
            (Some(wish), Some(listener)) => listener.wish = wish,
            (Some(wish), None) => {
                self.listeners.insert(peer, Listener { wish, hears: None, part: None });
            }
            (None, _) => {
                if let Some(listener) = self.listeners.remove(&peer)
                    && let Some(part) = listener.part
                {
                    self.words.push_back((part, Word::Hears(peer, None)));
                }
            }
        }
    }

    /// Nobody listens here.
    pub(super) fn is_idle(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Everyone who hears a mix, or waits for one.
    pub(super) fn listeners(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.listeners.keys().copied()
    }

    /// How many encodings there are.
    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Takes what a part of the room says.
    pub(super) fn take(&mut self, from: Part, copy: &Copied, now: Instant) {
        self.tap.take(from, copy, now);
        while let Some(event) = self.tap.poll() {
            match event {
                TapEvent::Joined { person, .. } => {
                    self.warm.get_or_insert(now + WARM_UP);
                    self.tap.admit(person, true, now);
                }
                TapEvent::Left { peer, .. } => self.forget(peer, None),
                TapEvent::Live { peer, source, live: false, .. } => self.forget(peer, Some(source)),
                TapEvent::Live { .. } => {}
                TapEvent::Packet(packet) => self.hear(&packet, now),
            }
        }
    }

    fn hear(&mut self, packet: &TapPacket, now: Instant) {
        let next = &mut self.next_speaker;
        let speaker = *self.speakers.entry((packet.peer, packet.source)).or_insert_with(|| {
            *next += 1;
            SpeakerId(*next)
        });
        self.people.insert(speaker, packet.person);
        let heard = jitter::Packet {
            ssrc: packet.run,
            sequence: packet.sequence() as u16,
            timestamp: packet.timestamp(),
            is_red: false,
            payload: packet.payload(),
        };
        let level = packet.level().map(|level| Level::from_rtp(level & 0x7f));
        self.mixer.handle(speaker, heard, level, packet.arrived().unwrap_or(now));
    }

    fn forget(&mut self, peer: PeerId, source: Option<Source>) {
        let (mixer, people) = (&mut self.mixer, &mut self.people);
        self.speakers.retain(|(of, what), speaker| {
            let goes = *of == peer && source.is_none_or(|source| source == *what);
            if goes {
                mixer.remove(*speaker);
                people.remove(speaker);
            }
            !goes
        });
    }

    /// The next 20 ms: at most `spare` encodings more than there are. `busy` is the thread's load, 1 for all it may use.
    pub(super) fn frame(&mut self, spare: usize, busy: f32, now: Instant) {
        if self.frames.is_multiple_of(TICK) {
            self.tap.tick(now);
        }
        while let Some((to, copy)) = self.tap.poll_ask() {
            self.words.push_back((to, Word::Copy(copy)));
        }
        for speaker in self.mixer.frame(now) {
            if let Some(person) = self.people.get(speaker) {
                self.spoke.insert(*person, now);
            }
        }
        self.spoke.retain(|_, spoke| now.saturating_duration_since(*spoke) < HOLD);
        let before = self.full;
        self.mixer.full(&mut self.full);
        if is_wide(&self.full) {
            self.wide = Some(now);
        }
        if self.warm.is_some_and(|warm| now >= warm) {
            self.share_out(spare, &before, now);
        }
        self.encode(busy, now);
        self.frames += 1;
    }

    /// What to hand over, in order.
    pub(super) fn poll(&mut self) -> Option<(Part, Word)> {
        self.words.pop_front()
    }

    /// Listeners for whom there is no encoding: they hear each one.
    pub(super) fn take_refused(&mut self) -> Vec<PeerId> {
        std::mem::take(&mut self.refused)
    }

    /// Gives each listener the mix that is right now.
    fn share_out(&mut self, mut spare: usize, before: &[f32], now: Instant) {
        let (mut refused, frame) = (Vec::new(), self.frames);
        for (peer, listener) in &mut self.listeners {
            let Some((part, me)) = self.tap.part_of(*peer).zip(self.tap.person_of(*peer)) else { continue };
            let own = (!listener.wish.hears_self).then_some(me);
            let left_out =
                listener.wish.without.iter().flat_map(|person| [*person, person.sounds()]).chain(own);
            let without: BTreeSet<PersonId> =
                left_out.filter(|person| self.spoke.contains_key(person)).collect();
            // In the middle of a longer packet nobody passes to or from shorter ones: they would miss a half, or hear it twice.
            let current = self.streams.iter().find(|stream| Some(stream.mix.peer()) == listener.hears);
            let rate = match current.map(|stream| stream.key.rate) {
                Some(rate) if !passes(rate, listener.wish.rate, frame) => rate,
                _ => listener.wish.rate,
            };
            let key = Key { rate, without };
            let known = self.streams.iter().position(|stream| stream.key == key);
            let at = match known {
                Some(at) => at,
                None => {
                    let mix = Mix::new(self.room, PeerId(self.next_mix));
                    let made = (spare > 0).then(|| Stream::new(key, mix, frame, before, now).ok()).flatten();
                    let Some(stream) = made else {
                        refused.push(*peer);
                        continue;
                    };
                    spare -= 1;
                    self.next_mix += 1;
                    self.streams.push(stream);
                    self.streams.len() - 1
                }
            };
            let Some(stream) = self.streams.get_mut(at) else { continue };
            let mix = stream.mix.peer();
            if listener.hears == Some(mix) && listener.part == Some(part) {
                continue;
            }
            if stream.parts.insert(part) || listener.part != Some(part) {
                // Said again to a part that may have forgotten it.
                self.words.push_back((part, Word::Copy(stream.mix.introduce())));
            }
            (listener.hears, listener.part) = (Some(mix), Some(part));
            self.words.push_back((part, Word::Hears(*peer, Some(mix))));
        }
        for peer in refused {
            self.listen(peer, None);
            self.refused.push(peer);
        }
        self.drop_unheard();
    }

    fn drop_unheard(&mut self) {
        let listeners = &self.listeners;
        let is_heard =
            |stream: &Stream| listeners.values().any(|listener| listener.hears == Some(stream.mix.peer()));
        let words = &mut self.words;
        self.streams.retain(|stream| {
            let stays = is_heard(stream);
            if !stays {
                let end = stream.mix.end();
                words.extend(stream.parts.iter().map(|part| (*part, Word::Copy(end.clone()))));
            }
            stays
        });
    }

    fn encode(&mut self, busy: f32, now: Instant) {
        let everyone_is_silent = self.mixer.is_silent();
        let is_wide = self.wide.is_some_and(|wide| now.saturating_duration_since(wide) < HOLD);
        let mut sound = silence();
        for stream in &mut self.streams {
            let heard = if stream.key.without.is_empty() {
                &self.full
            } else {
                let people = &self.people;
                let left_out: Vec<SpeakerId> = (people.iter())
                    .filter(|(_, person)| stream.key.without.contains(person))
                    .map(|(speaker, _)| *speaker)
                    .collect();
                self.mixer.without(&left_out, &mut stream.limiter, &mut sound);
                &sound
            };
            let is_silent = everyone_is_silent || heard.iter().all(|value| value.abs() < NOTHING);
            if !stream.is_due(is_silent) {
                continue;
            }
            let theirs = self.listeners.values().filter(|one| one.hears == Some(stream.mix.peer()));
            let loss = theirs.map(|one| one.wish.loss).max().unwrap_or_default();
            stream.adapt(f32::from(loss) / 100.0, busy, now);
            match stream.encode(heard, is_wide, self.frames, now) {
                Ok(None) => {}
                Ok(Some(packet)) => {
                    let parts = stream.parts.iter();
                    self.words.extend(parts.map(|part| (*part, Word::Copy(packet.clone()))));
                }
                Err(error) => tracing::debug!(%error, "a frame of a mix is left out"),
            }
        }
    }
}
