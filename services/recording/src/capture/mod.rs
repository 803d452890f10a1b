//! What is kept while a recording goes on: one thread that listens to all recorded calls and writes.
//!
//! The call never waits for it: what it does not take in time is lost to the recording alone. Blocks are handed to the
//! system as soon as they are whole, so that a kill costs no more than what is being put together.

pub(crate) mod names;
pub(crate) mod story;
pub(crate) mod timeline;
mod track;

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use voxlink_protocol::{RecordingId, recording::RecordingTrouble};
use voxlink_service_kit::Env;
use voxlink_sfu::{Listening, PersonId, RoomId, Source, Tap, TapEvent};

use story::{Event, Writer as StoryWriter};
use timeline::Timeline;
use track::TrackWriter;

use crate::worker::Worker;

/// Between two looks at what calls say.
const TURN: Duration = Duration::from_millis(20);
/// Between two requests to the disk to make it last.
const SYNC_EVERY: Duration = Duration::from_secs(2);
/// Files that wait for it.
const MOST_SYNCS: usize = 256;
/// A turn that took longer: the disk does not keep up.
const SLOW: Duration = Duration::from_secs(2);
/// Trouble is told for so long after it was last met.
const TROUBLE_LASTS: Duration = Duration::from_secs(10);

/// What is asked of the thread.
pub(crate) enum Order {
    Begin(Begin),
    /// A person's packets are kept from now on, or no more.
    Admit(RecordingId, PersonId, bool),
    Pause(RecordingId, bool),
    /// The length is the answer, once all is on the disk.
    End(RecordingId, oneshot::Sender<Duration>),
}

/// A recording that begins.
pub(crate) struct Begin {
    pub(crate) id: RecordingId,
    pub(crate) room: RoomId,
    /// For its tracks; there.
    pub(crate) folder: PathBuf,
    pub(crate) listening: Box<dyn Listening>,
}

/// What the thread has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) id: RecordingId,
    pub(crate) trouble: Option<RecordingTrouble>,
}

/// Starts the thread.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn start(env: Env, said: mpsc::UnboundedSender<Said>) -> io::Result<Worker<Order>> {
    let (syncer, files) = sync_channel::<File>(MOST_SYNCS);
    std::thread::Builder::new().name("recording-sync".to_owned()).spawn(move || {
        for file in files {
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "a recording may not outlast a power cut");
            }
        }
    })?;
    Worker::start("recording", move |inbox| {
        Task { env, inbox, syncer, said, active: HashMap::new() }.run();
    })
}

struct Task {
    env: Env,
    inbox: Receiver<Order>,
    syncer: SyncSender<File>,
    said: mpsc::UnboundedSender<Said>,
    active: HashMap<RecordingId, Active>,
}

/// A recording that goes on.
struct Active {
    folder: PathBuf,
    listening: Box<dyn Listening>,
    tap: Tap,
    start: Instant,
    time: Timeline,
    story: StoryWriter,
    tracks: HashMap<(PersonId, Source), TrackWriter>,
    sync_at: Instant,
    trouble: Option<(RecordingTrouble, Instant)>,
    told: Option<RecordingTrouble>,
}

impl Task {
    fn run(mut self) {
        loop {
            let order = match self.active.is_empty() {
                true => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => self.inbox.recv_timeout(TURN),
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Ok(order) = self.inbox.try_recv() {
                self.obey(order);
            }
            self.turn();
        }
        let now = self.env.clock.monotonic();
        self.active.drain().for_each(|(_, active)| _ = active.end(now));
    }

    fn obey(&mut self, order: Order) {
        let now = self.env.clock.monotonic();
        match order {
            Order::Begin(begin) => {
                let active = Active {
                    story: StoryWriter::begin(begin.folder.parent().unwrap_or(&begin.folder)),
                    folder: begin.folder,
                    listening: begin.listening,
                    tap: Tap::new(begin.room),
                    start: now,
                    time: Timeline::new(now),
                    tracks: HashMap::new(),
                    sync_at: now + SYNC_EVERY,
                    trouble: None,
                    told: None,
                };
                self.active.insert(begin.id, active);
            }
            Order::Admit(id, person, yes) => {
                if let Some(active) = self.active.get_mut(&id) {
                    active.tap.admit(person, yes, now);
                    // What somebody plays is theirs, as what they say.
                    active.tap.admit(person.sounds(), yes, now);
                    let event = if yes { Event::Kept(person) } else { Event::Gone(person) };
                    active.story.tell(active.time.length(now), event);
                }
            }
            Order::Pause(id, paused) => {
                if let Some(active) = self.active.get_mut(&id) {
                    active.pause(paused, now);
                }
            }
            Order::End(id, done) => {
                let length = self.active.remove(&id).map(|active| active.end(now));
                // Whoever asked has gone.
                let _gone = done.send(length.unwrap_or_default());
            }
        }
    }

    fn turn(&mut self) {
        for (id, active) in &mut self.active {
            let now = self.env.clock.monotonic();
            active.turn(now, &self.syncer);
            if self.env.clock.monotonic().saturating_duration_since(now) > SLOW {
                active.trouble = Some((RecordingTrouble::SlowDisk, now));
            }
            let trouble =
                active.trouble.filter(|(_, met)| now.saturating_duration_since(*met) < TROUBLE_LASTS);
            let trouble = trouble.map(|(trouble, _)| trouble);
            if trouble != active.told {
                active.told = trouble;
                // The service is shutting down.
                let _gone = self.said.send(Said { id: *id, trouble });
            }
        }
    }
}

impl Active {
    fn turn(&mut self, now: Instant, syncer: &SyncSender<File>) {
        self.listen(now);
        let mut failed = None;
        for ((_, source), track) in &mut self.tracks {
            match track.drain(now, &self.folder, &self.time) {
                Ok(_lost) => {}
                Err(error) => failed = Some(error),
            }
            if let Some(peer) = track.needs_keyframe() {
                self.tap.need_keyframe(peer, *source);
            }
        }
        if now >= self.sync_at {
            self.sync_at = now + SYNC_EVERY;
            self.tracks.values_mut().for_each(|track| track.sync(syncer));
        }
        if let Some(error) = failed {
            self.failed(&error, now);
        }
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
            // Who comes and goes is told by their seats.
            let TapEvent::Packet(packet) = event else { continue };
            if self.time.is_paused() {
                continue;
            }
            let key = (packet.person, packet.source);
            let new = || TrackWriter::new(packet.person.owner(), packet.source, packet.codec);
            self.tracks.entry(key).or_insert_with(new).take(&packet, now);
        }
    }

    fn pause(&mut self, paused: bool, now: Instant) {
        self.listen(now);
        if !self.time.pause(paused, now) {
            return;
        }
        let elapsed = now.saturating_duration_since(self.start);
        let event = if paused { Event::Paused { elapsed } } else { Event::Resumed { elapsed } };
        self.story.tell(self.time.length(now), event);
        for track in self.tracks.values_mut() {
            // What is on its way belongs to the other side of the pause.
            if let Err(error) = track.interrupt(now, &self.folder, &self.time) {
                tracing::warn!(%error, "the end of a track before a pause is lost");
            }
        }
    }

    fn failed(&mut self, error: &io::Error, now: Instant) {
        let trouble = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RecordingTrouble::FullDisk,
            _ => RecordingTrouble::SlowDisk,
        };
        if self.trouble.is_none_or(|(_, met)| now.saturating_duration_since(met) >= TROUBLE_LASTS) {
            tracing::error!(%error, "a recording cannot be written: what is said now is lost to it");
        }
        self.trouble = Some((trouble, now));
    }

    fn end(mut self, now: Instant) -> Duration {
        self.listen(now);
        let length = self.time.length(now);
        for (_, track) in self.tracks {
            if let Err(error) = track.finish(now, &self.folder, &self.time) {
                tracing::error!(%error, "the end of a track is lost");
            }
        }
        length
    }
}
