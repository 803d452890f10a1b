//! What is made of a recording when somebody asks for it: a video of everyone, or one voice without loss. The rows are the
//! queue, so that what was asked for outlives a crash; videos wait for videos only, sound for sound only.

mod cause;
mod ffmpeg;
mod finder;
mod http;
mod job;
mod kind;
mod shown;
mod sound;
pub(crate) mod thumbnail;
mod video;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};
use voxlink_protocol::{
    RecordingId,
    recording::{OutputNews, OutputState as Told, RecordingState},
};
use voxlink_service_kit::DbError;
use voxlink_sfu::MediaKind;

pub(crate) use cause::Cause;
pub(crate) use ffmpeg::encodes_aac;
pub(crate) use finder::Finder;
pub(crate) use http::routes;
pub(crate) use shown::{ShownOutput, has_pictures};

use crate::{
    RecordingConfig, Recordings,
    finish::{self, nice},
    store::{
        outputs::{self, Output, OutputState},
        recordings::{self, Recording, State},
        tracks,
    },
};
use ffmpeg::Ffmpeg;
use job::{Interrupted, Watch};
use kind::Kind;

/// How often everyone hears how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// After so many that ended with the server it is not begun again.
const MOST_ATTEMPTS: u32 = 5;
/// When the database does not answer.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What waits for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Takes about as long as the recording.
    Video,
    /// Takes seconds.
    Quick,
}

impl Lane {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Video => Self::Video,
            Kind::Sound(..) | Kind::Thumbnail => Self::Quick,
        }
    }

    /// How the kinds in it begin, as they are stored.
    const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Video => &["video"],
            Self::Quick => &["flac:", "wav:", "thumbnail"],
        }
    }
}

/// What is being made.
#[derive(Default)]
pub(crate) struct Makers {
    running: Mutex<HashMap<(RecordingId, Kind), Running>>,
    videos: Notify,
    quick: Notify,
    /// One of `running` came to an end.
    ended: Notify,
    is_stopping: AtomicBool,
    ffmpeg: Finder<Ffmpeg>,
}

struct Running {
    progress: f32,
    is_stopped: Arc<AtomicBool>,
}

impl Makers {
    fn running(&self) -> MutexGuard<'_, HashMap<(RecordingId, Kind), Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Video => &self.videos,
            Lane::Quick => &self.quick,
        }
    }

    /// How much of it is done, 0 to 1; `None` while it is not being made.
    fn progress(&self, id: RecordingId, kind: Kind) -> Option<f32> {
        self.running().get(&(id, kind)).map(|running| running.progress)
    }

    /// Ends what fits, and waits until it has ended.
    async fn end(&self, fits: impl Fn(RecordingId) -> bool) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            let mut any = false;
            for ((id, _), running) in self.running().iter() {
                if fits(*id) {
                    running.is_stopped.store(true, Ordering::Relaxed);
                    any = true;
                }
            }
            if !any {
                return;
            }
            ended.await;
        }
    }

    /// Something was asked for by ourselves.
    pub(crate) fn look(&self) {
        self.quick.notify_one();
    }

    /// Ends all; nothing begins any more.
    pub(crate) async fn shutdown(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.end(|_| true).await;
    }

    /// Ends what is being made of a recording that is being deleted.
    pub(crate) async fn end_of(&self, id: RecordingId) {
        self.end(|other| other == id).await;
    }
}

impl Recordings {
    /// The ffmpeg of this machine.
    pub(crate) async fn ffmpeg(&self) -> Result<Ffmpeg, Cause> {
        let named = self.inner.config.ffmpeg.clone();
        let look = || async move {
            let look = tokio::task::spawn_blocking(move || Ffmpeg::find(named.as_deref()));
            let found = look.await.unwrap_or(Err(Cause::NoFfmpeg));
            match &found {
                Ok(Ffmpeg { version, encoding, writes_text, .. }) => {
                    tracing::info!(version, ?encoding, writes_text, "videos can be made of recordings");
                }
                Err(cause) => tracing::info!(why = cause.words(), "no videos are made of recordings"),
            }
            found
        };
        self.inner.makers.ffmpeg.get(self.inner.env.clock.monotonic(), look).await
    }

    /// Makes one thing of a lane after the other, for as long as the service lives.
    pub(crate) async fn make_outputs(self, lane: Lane) {
        let makers = &self.inner.makers;
        loop {
            if makers.is_stopping.load(Ordering::Relaxed) {
                return;
            }
            let next = self.inner.db.read(move |sql| outputs::next_waiting(sql, lane.kinds())).await;
            let made = match next {
                Ok(Some((id, stored))) => self.take_on(id, &stored).await,
                Ok(None) => {
                    makers.wake(lane).notified().await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = made {
                tracing::error!(%error, "what was asked for of recordings waits for the database");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }

    /// Makes what waits.
    async fn take_on(&self, id: RecordingId, stored: &str) -> Result<(), DbError> {
        let key = stored.to_owned();
        let Some(kind) = Kind::parse(stored) else {
            // Of a newer version.
            let failed = ended(key, String::new(), Err(Cause::Broken));
            return self.inner.db.write(move |sql| outputs::end(sql, id, &failed).map(|_| ())).await;
        };
        let makers = &self.inner.makers;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let running = Running { progress: 0.0, is_stopped: is_stopped.clone() };
        // Before it is looked at: whoever deletes it marks it first and then looks here.
        makers.running().insert((id, kind), running);
        let made = self.attempt(id, kind, is_stopped).await;
        makers.running().remove(&(id, kind));
        makers.ended.notify_waiters();
        made
    }

    async fn attempt(&self, id: RecordingId, kind: Kind, is_stopped: Arc<AtomicBool>) -> Result<(), DbError> {
        let db = &self.inner.db;
        let key = kind.to_string();
        let found = db.read(move |sql| recordings::find(sql, id)).await?;
        let Some(recording) = found.filter(|one| one.state == State::Ready) else { return Ok(()) };
        if self.inner.makers.is_stopping.load(Ordering::Relaxed) {
            return Ok(());
        }
        let begun = {
            let key = key.clone();
            db.write(move |sql| outputs::begin(sql, id, &key)).await?
        };
        let Some(attempts) = begun else { return Ok(()) };
        let made = if attempts >= MOST_ATTEMPTS {
            Err(Interrupted::Failed(Cause::Crashed))
        } else {
            self.tell_output(&recording, kind, Told::Running, 0.0);
            self.work_on(&recording, kind, is_stopped).await
        };
        let made = match made {
            Ok(made) => Ok(made),
            Err(Interrupted::Failed(cause)) => {
                tracing::warn!(recording = %id, what = %kind, why = cause.words(), "nothing is made of a recording");
                Err(cause)
            }
            Err(Interrupted::Stopped) => return db.write(move |sql| outputs::put_off(sql, id, &key)).await,
        };
        let (state, progress) = if made.is_ok() { (Told::Ready, 1.0) } else { (Told::Failed, 0.0) };
        let output = ended(key, self.file_of(kind), made);
        if db.write(move |sql| outputs::end(sql, id, &output)).await? {
            self.tell_output(&recording, kind, state, progress);
        }
        Ok(())
    }

    /// Does the work on a thread that yields to everything else.
    async fn work_on(
        &self,
        recording: &Recording,
        kind: Kind,
        is_stopped: Arc<AtomicBool>,
    ) -> Result<Made, Interrupted> {
        let needs = match kind {
            Kind::Sound(..) => Needs::Nothing,
            Kind::Video => Needs::Video(self.video_order(recording).await?),
            Kind::Thumbnail => {
                Needs::Ffmpeg(self.ffmpeg().await?, self.largest_pictures(recording.id).await?)
            }
        };
        let (this, recording) = (self.clone(), recording.clone());
        let (done, made) = oneshot::channel();
        let thread = std::thread::Builder::new().name("recording-make".to_owned());
        let started = thread.spawn(move || {
            nice::yield_to_others();
            let told: Mutex<Option<Instant>> = Mutex::default();
            let heard = |progress: f32| this.heard(&recording, kind, progress, &told);
            let watch = Watch { is_stopped: &is_stopped, heard: &heard };
            let folder = this.folder(recording.id);
            let file = this.file_of(kind);
            let length = Duration::from_millis(recording.duration_ms.unwrap_or_default());
            let made = match (kind, needs) {
                (Kind::Sound(format, track), _) => {
                    let bytes = sound::write(&folder, track, format, &file, length, &watch);
                    bytes.map(|bytes| Made { bytes, note: None })
                }
                (_, Needs::Video(order)) => video::make(&order, &folder, &file, length, &watch),
                (_, Needs::Ffmpeg(ffmpeg, (track, at))) => {
                    let patience = this.inner.config.ffmpeg_patience;
                    let drawn = thumbnail::draw(&ffmpeg, &folder, &folder.join(track), at, patience, &watch);
                    drawn.and_then(|bytes| Ok(Made { bytes: bytes.ok_or(Cause::NoPictures)?, note: None }))
                }
                (Kind::Video | Kind::Thumbnail, Needs::Nothing) => Err(Cause::NoFfmpeg.into()),
            };
            // Nobody waits while the server stops.
            let _gone = done.send(made);
        });
        match started {
            Ok(_) => made.await.unwrap_or(Err(Cause::Broken.into())),
            Err(error) => Err(Cause::from(error).into()),
        }
    }

    /// The track with the most to see, and its middle.
    async fn largest_pictures(&self, id: RecordingId) -> Result<(String, Duration), Interrupted> {
        let found = self.inner.db.read(move |sql| tracks::list(sql, id)).await.map_err(|_| Cause::Broken)?;
        let shown = found.into_iter().filter(|track| track.codec != "opus");
        let largest = shown.max_by_key(|track| track.bytes).ok_or(Cause::NoPictures)?;
        Ok((largest.file, Duration::from_millis(largest.starts_ms + largest.duration_ms / 2)))
    }

    fn heard(&self, recording: &Recording, kind: Kind, progress: f32, told: &Mutex<Option<Instant>>) {
        if let Some(running) = self.inner.makers.running().get_mut(&(recording.id, kind)) {
            running.progress = progress;
        }
        let now = self.inner.env.clock.monotonic();
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY) {
            *told = Some(now);
            self.tell_output(recording, kind, Told::Running, progress);
        }
    }

    fn tell_output(&self, recording: &Recording, kind: Kind, state: Told, progress: f32) {
        let output = OutputNews { kind: kind.name().to_owned(), track: kind.track(), state };
        self.tell_of(recording, RecordingState::Ready, progress, Some(output));
    }

    /// What it is called in the folder of the recording. Of a video it depends on what this machine encodes.
    fn file_of(&self, kind: Kind) -> String {
        match kind {
            Kind::Video => match self.inner.makers.ffmpeg.found() {
                Some(Ffmpeg { encoding: ffmpeg::Encoding::Webm, .. }) => "video.webm".to_owned(),
                _ => "video.mp4".to_owned(),
            },
            Kind::Thumbnail => THUMBNAIL.to_owned(),
            Kind::Sound(format, track) => format!("{}.{}", track.stem(), format.name()),
        }
    }
}

/// What is looked up before the work begins.
enum Needs {
    Nothing,
    Video(video::Order),
    /// And what is shown, from when on.
    Ffmpeg(Ffmpeg, (String, Duration)),
}

/// What came of it.
pub(crate) struct Made {
    pub(crate) bytes: u64,
    /// What is missing from it.
    pub(crate) note: Option<Cause>,
}

/// As it is stored.
fn ended(kind: String, file: String, made: Result<Made, Cause>) -> Output {
    match made {
        Ok(Made { bytes, note }) => {
            let reason = note.map(|note| note.code().to_owned());
            Output { kind, state: OutputState::Ready, reason, file, bytes }
        }
        Err(cause) => {
            let reason = Some(cause.code().to_owned());
            Output { kind, state: OutputState::Failed, reason, file, bytes: 0 }
        }
    }
}

/// As [`crate::compose`].
pub(crate) fn compose(folder: &Path, length: Duration, named: Option<&Path>) -> Result<u64, &'static str> {
    let words = |interrupted| match interrupted {
        Interrupted::Stopped => "nobody wants it",
        Interrupted::Failed(cause) => Cause::words(cause),
    };
    let ffmpeg = Ffmpeg::find(named).map_err(Cause::words)?;
    let names = finish::tracks(folder).map_err(|error| Cause::from(error).words())?;
    let shown = names.into_iter().filter(|name| name.source.kind() == MediaKind::Video);
    let tracks: Vec<_> = shown.collect();
    let names = tracks.iter().map(|track| (track.person, format!("Person {}", track.person.0))).collect();
    let order = video::Order { ffmpeg, patience: RecordingConfig::FFMPEG_PATIENCE, tracks, names };
    let watch = Watch { is_stopped: &AtomicBool::new(false), heard: &|_| {} };
    video::make(&order, folder, "video.mp4", length, &watch).map(|made| made.bytes).map_err(words)
}

/// Whether a file's name is one of those that are made here.
pub(crate) fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".flac").or_else(|| name.strip_suffix(".wav"));
    let is_sound = stem.is_some_and(|stem| Kind::asked("wav", Some(stem)).is_some());
    matches!(name, "video.mp4" | "video.webm" | THUMBNAIL) || is_sound
}

/// A picture of it.
pub(crate) const THUMBNAIL: &str = "thumbnail.jpg";
