//! Recordings of calls: what is kept while they go on, what is made of it, and who may have it. Owns recording.db and the
//! folder with the tracks.
//!
//! Nothing of a person is kept before their client says that they see the mark, or agree ([`live`]). A recording listens
//! to the call as one more part of its room and writes each source as it comes ([`capture`]); mixing comes after
//! ([`finish`]). A broadcast listens in the same way and keeps nothing ([`broadcast`]). The folder of a recording says all that a crash would make us forget.

mod broadcast;
mod capture;
mod delete;
mod finish;
mod http;
mod live;
mod make;
mod names;
mod quota;
mod seal;
mod start;
pub mod store;
mod take_out;
mod worker;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::extract::FromRef;
use tokio::sync::{mpsc, oneshot};
use voxlink_protocol::{
    ChannelId, RecordingId, UserId, VoiceState,
    bus::{DirectRecording, DirectVoiceState, GetUsers},
    event::{GuildChange, GuildEvent},
    recording::{OutputNews, RecordingNews, RecordingState},
};
use voxlink_service_kit::{Auth, Bus, Db, DbError, DbTarget, Env, Routes, Snowflakes};
use voxlink_sfu::{Listen, PersonId};

use crate::{
    broadcast::Broadcasts,
    capture::{Order, Said},
    live::{Effect, Live},
    make::{Lane, Makers},
    seal::Seals,
    store::recordings::{self, Recording, State},
    worker::Worker,
};

/// The node number in the snowflakes of recordings.
const NODE: u16 = 4;
/// Looks for what is over.
const SWEEP: Duration = Duration::from_secs(1);
/// Looks for what was kept for long enough.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Looks for what has grown too large.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// Less than this left on the disk: nothing is begun.
const LEAST_FREE: u64 = 256 * 1024 * 1024;

/// How recordings are set up.
#[derive(Clone)]
pub struct RecordingConfig {
    /// Where recording.db is or will be.
    pub database: DbTarget,
    /// For tracks and what is made of them.
    pub folder: PathBuf,
    /// Put before the paths of recordings, for bots that need whole URLs; may be empty.
    pub public_url: String,
    /// The program that makes videos of recordings; `None`: the one in the PATH.
    pub ffmpeg: Option<PathBuf>,
    /// It has hung when it stands still for so long.
    pub ffmpeg_patience: Duration,
    /// How much the recordings of one guild may take, or of one conversation, in bytes.
    pub quota: u64,
    /// What may still be written to the disk of a folder, in bytes.
    pub free_bytes: fn(&Path) -> Option<u64>,
}

impl RecordingConfig {
    /// What [`Self::ffmpeg_patience`] usually is: the index of a long video is moved to its front in less.
    pub const FFMPEG_PATIENCE: Duration = Duration::from_secs(60);
}

impl RecordingConfig {
    /// Unless the operator says otherwise: about 400 hours of eight voices, or 20 of their pictures.
    pub const QUOTA: u64 = 50 << 30;
}

impl std::fmt::Debug for RecordingConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingConfig").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Why recordings did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be opened or brought up to date.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The folder cannot be made, or there are no threads.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// The service. Cloning shares it.
#[derive(Clone)]
pub struct Recordings {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Recordings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recordings")
    }
}

struct Inner {
    config: RecordingConfig,
    db: Db,
    bus: Bus,
    env: Env,
    auth: Auth,
    ids: Snowflakes,
    calls: Arc<dyn Listen>,
    live: Mutex<Live>,
    /// One recording begins after the other: two people press the button at once.
    starting: tokio::sync::Mutex<()>,
    capture: Worker<Order>,
    broadcasts: Broadcasts,
    jobs: mpsc::UnboundedSender<RecordingId>,
    moves: mpsc::UnboundedSender<Move>,
    seals: Seals,
    /// Of those that are being made ready.
    progress: Mutex<HashMap<RecordingId, f32>>,
    makers: Makers,
}

/// Makes a video of the tracks in a folder, as a recording of this length has them, by this ffmpeg or the one in the PATH;
/// how many bytes it has. For measuring.
///
/// # Errors
/// Why there is none, in words.
#[doc(hidden)]
pub fn compose(folder: &Path, length: Duration, ffmpeg: Option<&Path>) -> Result<u64, &'static str> {
    make::compose(folder, length, ffmpeg)
}

/// Who sits where now.
type Move = (UserId, Option<ChannelId>);

impl Inner {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recordings {
    /// Opens the database, takes up what a stop of the server cut off, and serves from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the database or the folder cannot be opened.
    pub async fn open(
        config: RecordingConfig,
        bus: Bus,
        env: Env,
        auth: Auth,
        calls: Arc<dyn Listen>,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&config.folder)?;
        let db = Db::open(config.database.clone(), store::MIGRATIONS)?;
        let newest = db.read(recordings::newest_id).await?;
        let (said, saying) = mpsc::unbounded_channel();
        let (jobs, waiting) = mpsc::unbounded_channel();
        let (moves, moving) = mpsc::unbounded_channel();
        let inner = Inner {
            ids: Snowflakes::not_before(NODE, newest),
            capture: capture::start(env.clone(), said)?,
            broadcasts: Broadcasts::start(&env, config.ffmpeg.as_deref())?,
            seals: Seals::new(&env),
            live: Mutex::default(),
            progress: Mutex::default(),
            makers: Makers::default(),
            starting: tokio::sync::Mutex::default(),
            config,
            db,
            bus,
            env,
            auth,
            calls,
            jobs,
            moves,
        };
        let recordings = Self { inner: Arc::new(inner) };
        recordings.take_up().await?;
        recordings.hear();
        tokio::spawn(recordings.clone().sweep(saying, moving));
        tokio::spawn(recordings.clone().work(waiting));
        for lane in [Lane::Video, Lane::Quick] {
            tokio::spawn(recordings.clone().make_outputs(lane));
        }
        Ok(recordings)
    }

    /// All routes, with their full paths.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let taking_out = take_out::routes(self.clone());
        http::routes(self.clone()).merge(broadcast::routes(self.clone())).merge(taking_out)
    }

    /// Ends what goes on, so that all of it is on the disk. What is to be made of it is made by the next start.
    pub async fn shutdown(&self) {
        self.inner.makers.shutdown().await;
        let all = self.inner.live().all();
        for id in all {
            self.end_capture(id).await;
        }
    }

    /// Goes on with what a stop of the server cut off.
    async fn take_up(&self) -> Result<(), DbError> {
        let db = &self.inner.db;
        for cut_off in db.read(|sql| recordings::in_state(sql, State::Going)).await? {
            db.write(move |sql| recordings::set_state(sql, cut_off.id, State::Processing, None)).await?;
        }
        for waiting in db.read(|sql| recordings::in_state(sql, State::Processing)).await? {
            self.queue(waiting.id);
        }
        for doomed in db.read(|sql| recordings::in_state(sql, State::Doomed)).await? {
            self.erase(&doomed).await?;
        }
        Ok(())
    }

    fn queue(&self, id: RecordingId) {
        // The worker lives as long as this.
        let _gone = self.inner.jobs.send(id);
    }

    /// Hears who comes and goes, and what is deleted.
    fn hear(&self) {
        let (weak, runtime) = (Arc::downgrade(&self.inner), tokio::runtime::Handle::current());
        let direct = weak.clone();
        self.inner.bus.subscribe(move |told: &Arc<DirectVoiceState>| {
            if let Some(inner) = direct.upgrade() {
                Self { inner }.seated(&told.state);
            }
        });
        self.inner.bus.subscribe(move |event: &Arc<GuildEvent>| {
            let Some(inner) = weak.upgrade() else { return };
            let this = Self { inner };
            let now = this.inner.env.clock.monotonic();
            match &event.change {
                GuildChange::VoiceStateUpdate(state) => this.seated(state),
                GuildChange::ChannelDelete(channel) => {
                    let effects = this.inner.live().end(channel.id, now);
                    this.carry_out(effects);
                    this.change_broadcasts(|live| live.end(channel.id, now));
                    let channel = channel.id;
                    runtime.spawn(async move {
                        this.forget(move |sql| recordings::of_channel(sql, channel)).await
                    });
                }
                GuildChange::GuildDelete => {
                    let guild = event.guild_id;
                    let effects = this.inner.live().end_of_guild(guild, now);
                    this.carry_out(effects);
                    this.change_broadcasts(|live| live.end_of_guild(guild, now));
                    runtime
                        .spawn(async move { this.forget(move |sql| recordings::of_guild(sql, guild)).await });
                }
                _ => {}
            }
        });
    }

    /// Someone sits somewhere else now.
    fn seated(&self, state: &VoiceState) {
        let (user, channel) = (state.user_id, state.channel_id);
        if self.inner.broadcasts.concerns(channel, user) || self.inner.live().concerns(channel, user) {
            // One after the other: whether it is a bot must be asked. The task lives as long as this.
            let _gone = self.inner.moves.send((user, channel));
        }
    }

    async fn is_bot(&self, user: UserId) -> bool {
        match self.inner.bus.call(GetUsers { ids: vec![user] }).await {
            Ok(found) => found.first().is_some_and(|user| user.bot),
            // They are then a person, who is asked.
            Err(_) => false,
        }
    }

    /// Does what follows from a decision.
    fn carry_out(&self, effects: Vec<Effect>) {
        let inner = &self.inner;
        for effect in effects {
            match effect {
                Effect::Admit(id, user, yes) => {
                    inner.capture.order(Order::Admit(id, PersonId(user.get()), yes));
                }
                Effect::Pause(id, paused) => inner.capture.order(Order::Pause(id, paused)),
                Effect::Tell(recording) => match recording.guild_id {
                    Some(guild_id) => inner.bus.publish(GuildEvent {
                        guild_id,
                        version: None,
                        change: GuildChange::CallRecordingUpdate(recording),
                    }),
                    None => inner.bus.publish(DirectRecording::Call(recording)),
                },
                Effect::End(id) => {
                    let this = self.clone();
                    tokio::spawn(async move {
                        this.end_capture(id).await;
                        this.queue(id);
                    });
                }
            }
        }
    }

    /// Ends writing, and remembers how long it became.
    async fn end_capture(&self, id: RecordingId) {
        let (done, ended) = oneshot::channel();
        self.inner.capture.order(Order::End(id, done));
        let length = ended.await.unwrap_or_default();
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let stored = self.inner.db.write(move |sql| {
            recordings::set_duration(sql, id, length)?;
            recordings::set_state(sql, id, State::Processing, None)
        });
        if let Err(error) = stored.await {
            // The next start finds it as one that was cut off.
            tracing::error!(%error, recording = %id, "the end of a recording is not stored");
        }
    }

    /// Everyone in the channel hears what has become of a recording.
    fn tell(&self, recording: &Recording, state: RecordingState, progress: f32) {
        self.tell_of(recording, state, progress, None);
    }

    /// As [`Recordings::tell`], of something that is made of it.
    fn tell_of(
        &self,
        recording: &Recording,
        state: RecordingState,
        progress: f32,
        output: Option<OutputNews>,
    ) {
        let Recording { id, guild, channel, .. } = *recording;
        let news = RecordingNews { id, channel_id: channel, guild_id: guild, state, progress, output };
        let news = Box::new(news);
        match guild {
            Some(guild_id) => {
                let change = GuildChange::RecordingUpdate(news);
                self.inner.bus.publish(GuildEvent { guild_id, version: None, change });
            }
            None => self.inner.bus.publish(DirectRecording::News(news)),
        }
    }

    async fn sweep(
        self,
        mut saying: mpsc::UnboundedReceiver<Said>,
        mut moving: mpsc::UnboundedReceiver<Move>,
    ) {
        let mut sweep = tokio::time::interval(SWEEP);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        let mut measure = tokio::time::interval(MEASURE_EVERY);
        loop {
            let now = || self.inner.env.clock.monotonic();
            let effects = tokio::select! {
                _ = sweep.tick() => {
                    self.sweep_broadcasts(now());
                    self.inner.live().sweep(now())
                }
                _ = measure.tick() => self.end_what_is_too_much().await,
                _ = forget.tick() => {
                    self.forget_the_old().await;
                    Vec::new()
                }
                Some((user, channel)) = moving.recv() => {
                    let is_bot = self.is_bot(user).await;
                    self.change_broadcasts(|live| live.moved(user, is_bot, channel, now()));
                    self.inner.live().moved(user, is_bot, channel, now())
                }
                said = saying.recv() => match said {
                    Some(Said { id, trouble }) => self.inner.live().trouble(id, trouble, now()),
                    None => return,
                },
            };
            self.carry_out(effects);
        }
    }
}

impl FromRef<Recordings> for Auth {
    fn from_ref(recordings: &Recordings) -> Self {
        recordings.inner.auth.clone()
    }
}
