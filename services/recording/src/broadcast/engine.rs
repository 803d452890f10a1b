//! One thread that listens to all calls that are broadcast, and puts segments on their shelves.
//!
//! The call never waits for it: what it does not take in time is lost to the broadcast alone.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use voxlink_audio::opus::CodecError;
use voxlink_container::{aac, fmp4::Sample};
use voxlink_protocol::{
    RecordingId, UserId,
    broadcast::{BroadcastPicture, BroadcastTrouble},
};
use voxlink_service_kit::Env;
use voxlink_sfu::{Codec, Listening, MediaKind, PeerId, PersonId, RoomId, Tap, TapEvent, TapPacket};

use super::{
    Air,
    aac::{Aac, frames_in},
    cutter::{Cutter, LONGEST, Picture},
    lock,
    part::Part,
    picture::{Feed, coded},
    piece::{Piece, Stream},
    pipe::Ended,
    sound::{Mixed, Sound},
    stage::{Shown, Stage},
    transcode::Transcoder,
};
use crate::{capture::names::source_name, live, seal::Seals, worker::Worker};

/// Between two looks at what calls say.
const TURN: Duration = Duration::from_millis(20);
/// A source that sends no picture for so long has none.
const SILENT: Duration = Duration::from_secs(5);
/// A transcoder that makes nothing of so much is no better than none.
const STUCK: Duration = Duration::from_secs(4);
/// A transcoder that ends without a picture so often is none.
const MOST_FAILURES: u32 = 2;
/// Nobody asked for AAC for so long: it is not made any more. Players ask every few seconds.
const UNWANTED: Duration = Duration::from_secs(30);
/// The AAC of the last segment is waited for.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);
/// Twenty milliseconds of it, in Opus (RFC 6716 §3.2), and how many of them come behind the end: frames build on the next.
const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
const BEHIND_THE_END: usize = 25;
/// An address is good for so long after its segment has left the playlist: who is late still gets it from a cache.
const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// What is asked of the thread.
pub(super) enum Order {
    Begin(Box<Begin>),
    /// A person is in it from now on, or no more.
    Admit(RecordingId, PersonId, bool),
    End(RecordingId),
}

/// Makes the address of a piece.
pub(super) type Seal = Arc<dyn Fn(Piece) -> String + Send + Sync>;

/// A broadcast that begins.
pub(super) struct Begin {
    pub(super) id: RecordingId,
    pub(super) room: RoomId,
    pub(super) listening: Box<dyn Listening>,
    pub(super) air: Arc<Mutex<Air>>,
    pub(super) seal: Seal,
}

/// What is sealed of an address.
pub(super) fn sealed(id: RecordingId, name: &str, until: u64) -> String {
    format!("broadcast/{id}/{until}/{name}")
}

/// Makes addresses of one broadcast's pieces. Those of initialisation segments, which show nothing of anybody, are good for
/// as long as a broadcast may be: players know by the address that they need no other.
pub(super) fn seal(id: RecordingId, seals: Arc<Seals>, env: Env) -> Seal {
    Arc::new(move |piece: Piece| {
        let good_for = match piece {
            Piece::Init { .. } | Piece::SoundInit { .. } => live::LONGEST + GOOD_FOR,
            Piece::Segment(..) => GOOD_FOR,
        };
        let (name, until) = (piece.name(), env.now().plus(good_for).0);
        let seal = seals.sign(&sealed(id, &name, until));
        format!("/api/v1/broadcasts/{id}/files/{name}?until={until}&seal={seal}")
    })
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no threads.
pub(super) fn start(env: Env, ffmpeg: PathBuf) -> io::Result<Worker<Order>> {
    Worker::start("broadcast", move |inbox| {
        Task { env, ffmpeg: ffmpeg.into(), inbox, active: HashMap::new(), closing: Vec::new() }.run();
    })
}

struct Task {
    env: Env,
    /// Turns what MP4 players do not play into what they do.
    ffmpeg: Arc<Path>,
    inbox: Receiver<Order>,
    active: HashMap<RecordingId, Active>,
    /// What has ended but for its last AAC.
    closing: Vec<Active>,
}

impl Task {
    fn run(mut self) {
        loop {
            let order = match self.active.is_empty() && self.closing.is_empty() {
                true => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.inbox.recv_timeout(TURN),
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(order) = self.inbox.try_recv() {
                self.obey(order);
            }
            let now = self.env.clock.monotonic();
            let broken = self.active.extract_if(|id, active| match active.turn(now) {
                Ok(()) => false,
                Err(error) => {
                    tracing::error!(%error, broadcast = %id, "a broadcast has no sound any more: it ends");
                    true
                }
            });
            let ended = broken.map(|(_, active)| active.end(now));
            self.closing.extend(ended);
            self.closing.retain_mut(|active| !active.close(now));
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.env.clock.monotonic();
        match order {
            Order::Begin(begin) => {
                let (id, air) = (begin.id, begin.air.clone());
                match Active::new(*begin, self.ffmpeg.clone(), now) {
                    Ok(active) => _ = self.active.insert(id, active),
                    Err(error) => {
                        tracing::error!(%error, broadcast = %id, "a broadcast cannot begin");
                        lock(&air).shelf.end(now);
                    }
                }
            }
            Order::Admit(id, person, yes) => {
                if let Some(active) = self.active.get_mut(&id) {
                    active.admit(person, yes, now);
                }
            }
            Order::End(id) => {
                if let Some(active) = self.active.remove(&id) {
                    self.closing.push(active.end(now));
                }
            }
        }
    }
}

/// A broadcast that goes on.
struct Active {
    ffmpeg: Arc<Path>,
    listening: Box<dyn Listening>,
    tap: Tap,
    start: Instant,
    sound: Sound,
    stage: Stage,
    admitted: HashSet<PersonId>,
    /// What sends pictures, whether it is in the broadcast or not.
    sending: HashSet<(PeerId, Shown)>,
    /// What is shown, and what will be once its key frame is here.
    shown: Option<Feed>,
    next: Option<Feed>,
    /// The next picture is another one's than the last.
    is_switch: bool,
    transcoder: Option<Transcoder>,
    has_made: bool,
    failures: u32,
    cutter: Cutter,
    aac: Aac,
    air: Arc<Mutex<Air>>,
    seal: Seal,
}

impl Active {
    fn new(begin: Begin, ffmpeg: Arc<Path>, now: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            aac: Aac::new(ffmpeg.clone()),
            ffmpeg,
            listening: begin.listening,
            tap: Tap::new(begin.room),
            start: now,
            sound: Sound::new(now)?,
            stage: Stage::default(),
            admitted: HashSet::new(),
            sending: HashSet::new(),
            shown: None,
            next: None,
            is_switch: false,
            transcoder: None,
            has_made: false,
            failures: 0,
            cutter: Cutter::default(),
            air: begin.air,
            seal: begin.seal,
        })
    }

    fn admit(&mut self, person: PersonId, yes: bool, now: Instant) {
        self.tap.admit(person, yes, now);
        // What somebody plays is theirs, as what they say.
        self.tap.admit(person.sounds(), yes, now);
        if yes {
            self.admitted.insert(person);
            let theirs = self.sending.iter().filter(|(_, (of, _))| *of == person);
            theirs.for_each(|(_, shown)| self.stage.sends(*shown, true, now));
        } else {
            self.admitted.remove(&person);
            self.stage.forget(person);
            self.sound.forget(person);
            self.sound.forget(person.sounds());
            // At once, and not only when the stage is looked at: nothing of them that waits goes out.
            if self.shown.as_ref().is_some_and(|feed| feed.shown.0 == person) {
                self.hide();
            }
            self.next = self.next.take().filter(|feed| feed.shown.0 != person);
        }
    }

    fn turn(&mut self, now: Instant) -> Result<(), CodecError> {
        self.listen(now);
        while let Some(Mixed { packet, loudest }) = self.sound.poll(now)? {
            if let Some(person) = loudest {
                self.stage.heard(person, now);
            }
            self.aac.take(&packet);
            self.cutter.sound(packet);
        }
        self.choose(now);
        self.show(now);
        self.collect();
        self.ask_for_keys();
        while let Some(cut) = self.cutter.poll() {
            lock(&self.air).shelf.push(cut, &*self.seal);
        }
        self.make_aac(now);
        self.report();
        Ok(())
    }

    fn listen(&mut self, now: Instant) {
        while let Some((from, copy)) = self.listening.try_next() {
            self.tap.take(from, &copy, now);
        }
        self.tap.tick(now);
        while let Some((to, copy)) = self.tap.poll_ask() {
            self.listening.ask(to, copy);
        }
        self.listening.flush();
        while let Some(event) = self.tap.poll() {
            match event {
                TapEvent::Joined { .. } | TapEvent::Left { .. } => {}
                TapEvent::Live { peer, person, source, live, .. } => {
                    if source.kind() == MediaKind::Video {
                        self.sends(peer, (person, source), live, now);
                    }
                }
                TapEvent::Packet(packet) => self.take(&packet, now),
            }
        }
    }

    fn sends(&mut self, peer: PeerId, shown: Shown, live: bool, now: Instant) {
        if live {
            self.sending.insert((peer, shown));
        } else {
            self.sending.remove(&(peer, shown));
        }
        let sends = self.sending.iter().any(|(_, other)| *other == shown);
        if self.admitted.contains(&shown.0) {
            self.stage.sends(shown, sends, now);
        }
    }

    fn take(&mut self, packet: &TapPacket, now: Instant) {
        if packet.source.kind() == MediaKind::Audio {
            self.sound.take(packet, now);
            return;
        }
        let key = (packet.person, packet.source);
        let feeds = [&mut self.shown, &mut self.next];
        for feed in feeds.into_iter().flatten().filter(|feed| feed.shown == key) {
            feed.take(packet, now);
        }
    }

    /// Looks at what is to be seen.
    fn choose(&mut self, now: Instant) {
        let wanted = self.stage.choose(now);
        let is_silent = |feed: &Feed| now.saturating_duration_since(feed.heard()) >= SILENT;
        let gone = self.shown.as_ref().is_some_and(|feed| {
            is_silent(feed) || !self.sending.iter().any(|(_, other)| *other == feed.shown)
        });
        if gone || (wanted.is_none() && self.shown.is_some()) {
            self.hide();
        }
        let is_shown = self.shown.as_ref().map(|feed| feed.shown) == wanted;
        match wanted {
            Some(wanted) if !is_shown => {
                if self.next.as_ref().is_none_or(|feed| feed.shown != wanted) {
                    self.next = Some(Feed::new(wanted, Codec::Vp8, now));
                }
            }
            Some(_) | None => self.next = None,
        }
    }

    /// Nothing is to be seen.
    fn hide(&mut self) {
        (self.shown, self.transcoder) = (None, None);
        self.cutter.nothing();
    }

    /// Takes the pictures that have become whole.
    fn show(&mut self, now: Instant) {
        if let Some(feed) = &mut self.next
            && let Some((at, frame)) = feed.poll(now)
        {
            // Its first picture is a key frame: from here on it is what is to be seen.
            (self.shown, self.transcoder) = (self.next.take(), None);
            (self.is_switch, self.failures) = (true, 0);
            self.picture(at, frame);
        }
        while let Some((at, frame)) = self.shown.as_mut().and_then(|feed| feed.poll(now)) {
            self.picture(at, frame);
        }
    }

    fn picture(&mut self, at: Instant, frame: voxlink_container::rtp::Frame) {
        let Some(feed) = &self.shown else { return };
        let at = at.saturating_duration_since(self.start);
        if feed.codec != Codec::Vp8 {
            let codec = coded(feed.codec, &frame);
            let is_switch = frame.is_key && std::mem::take(&mut self.is_switch);
            let (is_key, payload) = (frame.is_key, frame.payload);
            self.cutter.picture(Picture { at, is_key, payload, codec, is_switch });
            return;
        }
        if let (true, Some(size)) = (frame.is_key, frame.size)
            && self.failures < MOST_FAILURES
            && self.transcoder.as_ref().is_none_or(|one| !one.fits(size))
        {
            self.transcoder = Transcoder::start(&self.ffmpeg, size)
                .inspect_err(|error| tracing::info!(%error, "pictures cannot be transcoded"))
                .ok();
            (self.has_made, self.is_switch) = (false, true);
            self.failures += u32::from(self.transcoder.is_none());
        }
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.feed(at, frame.is_key, &frame.payload);
        }
    }

    /// Takes what the transcoder has made.
    fn collect(&mut self) {
        while let Some(transcoder) = &mut self.transcoder {
            match transcoder.poll() {
                Ok(None) if !self.has_made && transcoder.fed() >= STUCK => {
                    self.failures += 1;
                    self.transcoder = None;
                }
                Ok(None) => break,
                Ok(Some(made)) => {
                    self.has_made = true;
                    let is_switch = made.is_key && std::mem::take(&mut self.is_switch);
                    self.cutter.picture(Picture {
                        at: made.at,
                        is_key: made.is_key,
                        payload: made.payload,
                        codec: made.is_key.then_some(made.codec),
                        is_switch,
                    });
                }
                Err(Ended) => {
                    self.failures += u32::from(!self.has_made);
                    self.transcoder = None;
                }
            }
        }
        let is_mute = |feed: &Feed| feed.codec == Codec::Vp8 && feed.peer().is_some();
        if self.failures >= MOST_FAILURES && self.shown.as_ref().is_some_and(is_mute) {
            self.cutter.nothing();
        }
    }

    fn ask_for_keys(&mut self) {
        if let Some(feed) = &self.shown
            && let Some(peer) = feed.peer()
        {
            let is_passed_on = feed.codec != Codec::Vp8;
            let starves = !is_passed_on
                && self.failures < MOST_FAILURES
                && self.transcoder.as_ref().is_none_or(Transcoder::needs_key);
            if feed.needs_key() || starves || (is_passed_on && self.cutter.wants_key()) {
                self.tap.need_keyframe(peer, feed.shown.1);
            }
        }
        if let Some(feed) = &self.next {
            let senders = self.sending.iter().filter(|(_, shown)| *shown == feed.shown);
            senders.for_each(|(peer, (_, source))| self.tap.need_keyframe(*peer, *source));
        }
    }

    /// Makes AAC while somebody wants it, and puts it beside the Opus that is on the shelf. Whoever watches does not wait for
    /// that.
    fn make_aac(&mut self, now: Instant) {
        let (is_wanted, first) = {
            let mut air = lock(&self.air);
            air.is_aac_failed = self.aac.is_failed(now);
            let is_wanted = air.aac_asked.is_some_and(|at| now.saturating_duration_since(at) < UNWANTED);
            (is_wanted, air.shelf.silent())
        };
        let begin = first.map_or(self.cutter.begin(), |silent| silent.begin);
        self.aac.turn(is_wanted.then(|| frames_in(begin, begin).start), now);
        let mut next = first;
        while let Some(silent) = next {
            let range = frames_in(silent.begin, silent.end);
            let time = range.start * u64::from(aac::SAMPLES);
            let Some(frames) = self.aac.frames(range) else { return };
            let frames = frames.into_iter();
            let samples = frames.map(|payload| Sample { duration: aac::SAMPLES, is_key: true, payload });
            let part = Part::new(time, samples);
            let mut air = lock(&self.air);
            air.shelf.put_aac(silent.number, &part);
            next = air.shelf.silent();
        }
    }

    /// Says what is to be seen, and what is wrong.
    fn report(&self) {
        let shown = self.shown.as_ref();
        let picture = self.cutter.showing().zip(shown).map(|(codec, feed)| BroadcastPicture {
            user_id: UserId::new(feed.shown.0.0),
            source: source_name(feed.shown.1).to_owned(),
            codec: codec.name(),
        });
        let is_stuck = self.failures >= MOST_FAILURES && shown.is_some_and(|feed| feed.codec == Codec::Vp8);
        let mut air = lock(&self.air);
        air.trouble = is_stuck.then_some(BroadcastTrouble::NoTranscoder);
        air.picture = picture;
    }

    /// It is over but for [`Self::close`].
    fn end(mut self, now: Instant) -> Self {
        let last = self.cutter.finish();
        let mut air = lock(&self.air);
        if let Some(cut) = last {
            air.shelf.push(cut, &*self.seal);
        }
        (air.picture, air.trouble) = (None, None);
        air.shelf.end(now);
        drop(air);
        self.transcoder = None;
        (0..BEHIND_THE_END).for_each(|_| self.aac.take(SILENCE));
        self
    }

    /// Makes the last of the AAC; true when that is done.
    fn close(&mut self, now: Instant) -> bool {
        self.make_aac(now);
        let mut air = lock(&self.air);
        let is_late = air.shelf.ended().is_none_or(|ended| now >= ended + CLOSES_WITHIN);
        let is_wanted = air.shelf.is_up_to_date(Stream::SoundAac);
        let is_done = air.shelf.silent().is_none() || is_late || !is_wanted;
        if is_done {
            air.shelf.end_aac();
        }
        is_done
    }
}

const _: () = assert!(LONGEST.as_secs() < GOOD_FOR.as_secs());
