//! What is made of a recording once it is over: files with an index, a mix, who spoke when. One after the other, on a
//! thread that yields to everything else; begun anew after a crash.

mod captions;
mod mix;
pub(crate) mod nice;
pub(crate) mod products;
mod tracks;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use voxlink_protocol::{Embed, RecordingId, Timestamp, bus::PostEmbed, recording::RecordingState};
use voxlink_service_kit::DbError;

use crate::{
    Recordings, make,
    store::{
        outputs::{self, Output, OutputState},
        recordings::{self, Recording, State},
        tracks::{self as track_rows, Track},
    },
};

pub(crate) use tracks::names as tracks;

use products::{CAPTIONS, MIX, Speech};

/// How often everyone hears how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// The colour of the mark.
const RED: u32 = 0xE5_48_4D;

/// What came of it.
#[derive(Debug)]
struct Made {
    tracks: Vec<Track>,
    duration_ms: u64,
    speech: Vec<Speech>,
}

impl Recordings {
    /// Takes up what is waiting, for as long as the service lives.
    pub(crate) async fn work(self, mut waiting: mpsc::UnboundedReceiver<RecordingId>) {
        while let Some(id) = waiting.recv().await {
            if let Err(error) = self.finish(id).await {
                // It is found again at the next start.
                tracing::error!(%error, recording = %id, "a recording could not be made ready");
            }
        }
    }

    /// How much of what is being made of it is done, 0 to 1.
    pub(crate) fn progress_of(&self, id: RecordingId) -> f32 {
        let progress = self.inner.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.get(&id).copied().unwrap_or_default()
    }

    fn set_progress(&self, id: RecordingId, progress: Option<f32>) {
        let mut all = self.inner.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Some(progress) => all.insert(id, progress),
            None => all.remove(&id),
        };
    }

    async fn finish(&self, id: RecordingId) -> Result<(), DbError> {
        let found = self.inner.db.read(move |sql| recordings::find(sql, id)).await?;
        let Some(recording) = found.filter(|one| one.state == State::Processing) else { return Ok(()) };
        let (raw, folder) = (self.raw_folder(id), self.folder(id));
        let has_any = |folder: &Path| tracks::names(folder).is_ok_and(|names| !names.is_empty());
        if !has_any(&raw) && !has_any(&folder) {
            tracing::info!(recording = %id, "nobody was kept by a recording: it is dropped");
            return self.delete(id).await;
        }
        self.post(&recording).await;
        let waiting = Output {
            kind: "mix".to_owned(),
            state: OutputState::Waiting,
            reason: None,
            file: MIX.to_owned(),
            bytes: 0,
        };
        self.inner.db.write(move |sql| outputs::put(sql, id, &waiting)).await?;
        self.tell(&recording, RecordingState::Processing, 0.0);

        let (this, known) = (self.clone(), recording.clone());
        let (done, made) = oneshot::channel();
        // A thread of its own, as its priority stays what it was set to.
        let thread = std::thread::Builder::new().name("recording-mix".to_owned());
        let started = thread.spawn(move || {
            nice::yield_to_others();
            // Nobody waits while the server stops.
            let _gone = done.send(this.make(&known, &raw, &folder));
        });
        let made = match started {
            Ok(_) => made.await.unwrap_or_else(|_| Err("the work on it crashed".to_owned())),
            Err(error) => Err(error.to_string()),
        };
        self.set_progress(id, None);
        match made {
            Ok(made) => {
                let captions = self.captions(&recording, &made.speech, made.duration_ms).await;
                let folder = self.folder(id);
                let bytes = |name: &str| fs::metadata(folder.join(name)).map_or(0, |known| known.len());
                let mut all = Vec::new();
                let output = |kind: &str, file: &str, bytes| Output {
                    kind: kind.to_owned(),
                    state: OutputState::Ready,
                    reason: None,
                    file: file.to_owned(),
                    bytes,
                };
                all.push(output("mix", MIX, bytes(MIX)));
                match products::put(&folder, CAPTIONS, captions.as_bytes()) {
                    Ok(()) => all.push(output("captions", CAPTIONS, captions.len() as u64)),
                    Err(error) => tracing::warn!(%error, recording = %id, "captions could not be written"),
                }
                let (has_pictures, now) = (make::has_pictures(&made.tracks), self.inner.env.now());
                let is_drawn = has_pictures && self.ffmpeg().await.is_ok();
                let stored = self.inner.db.write(move |sql| {
                    for output in &all {
                        outputs::put(sql, id, output)?;
                    }
                    if is_drawn {
                        outputs::ask(sql, id, "thumbnail", make::THUMBNAIL, now)?;
                    }
                    track_rows::replace(sql, id, &made.tracks)?;
                    recordings::set_duration(sql, id, made.duration_ms)?;
                    recordings::set_state(sql, id, State::Ready, None)
                });
                stored.await?;
                self.tell(&recording, RecordingState::Ready, 1.0);
                self.inner.makers.look();
            }
            Err(problem) => {
                tracing::error!(recording = %id, problem, "nothing can be made of a recording");
                let stored = self
                    .inner
                    .db
                    .write(move |sql| recordings::set_state(sql, id, State::Failed, Some(&problem)));
                stored.await?;
                self.tell(&recording, RecordingState::Failed, 0.0);
            }
        }
        Ok(())
    }

    /// Puts a message into the channel; what is there already is found again.
    async fn post(&self, recording: &Recording) {
        let id = recording.id;
        let embed = Embed {
            kind: "rich".to_owned(),
            title: Some("Recording".to_owned()),
            url: Some(format!("{}/recordings/{id}", self.inner.config.public_url)),
            timestamp: Some(Timestamp(id.0.unix_ms())),
            color: Some(RED),
            ..Embed::default()
        };
        let post = PostEmbed { author: recording.started_by, channel: recording.channel, embed };
        match self.inner.bus.call(post).await {
            Ok(Some(message)) => {
                let stored = self.inner.db.write(move |sql| recordings::set_message(sql, id, message)).await;
                if let Err(error) = stored {
                    tracing::error!(%error, recording = %id, "the message of a recording is not remembered");
                }
            }
            // They have left meanwhile: the recording is in the channel's list all the same.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, recording = %id, "a recording could not be posted"),
        }
    }

    fn make(&self, recording: &Recording, raw: &Path, folder: &Path) -> Result<Made, String> {
        let found = tracks::find(raw, folder).map_err(|error| error.to_string())?;
        let last = found.iter().map(|track| track.end).max().unwrap_or_default();
        let last = u64::try_from(last.as_millis()).unwrap_or(u64::MAX);
        // Cut off, nobody knows when it would have ended.
        let duration_ms = recording.duration_ms.unwrap_or(last).max(last);
        let mut told: Option<Instant> = None;
        let heard = |progress: f32| {
            self.set_progress(recording.id, Some(progress));
            let now = self.inner.env.clock.monotonic();
            if told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY) {
                told = Some(now);
                self.tell(recording, RecordingState::Processing, progress);
            }
        };
        // As they were cut off: in finished ones a lost packet looks like silence.
        let speech = mix::mix(folder, &found, Duration::from_millis(duration_ms), heard)
            .map_err(|error| error.to_string())?;
        let tracks = tracks::finish(&found, raw, folder).map_err(|error| error.to_string())?;
        Ok(Made { tracks, duration_ms, speech })
    }
}
