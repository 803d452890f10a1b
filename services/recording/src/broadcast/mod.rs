//! A call for hundreds who only watch: HLS over plain HTTPS, some seconds late, in memory only.
//!
//! Who is in it follows the rules of recordings ([`crate::live`]): nothing of a person goes out before their client has
//! shown the mark, or they agreed. One thread listens to all broadcast calls ([`engine`]), mixes, chooses what is to be
//! seen, and puts segments on a [`shelf`]; those who watch only read from there.

mod aac;
mod blank;
mod cutter;
mod engine;
mod http;
mod part;
mod picture;
mod piece;
mod pipe;
mod shelf;
mod sound;
mod stage;
mod transcode;
mod viewers;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use voxlink_protocol::{
    CallBroadcast, CallRecording, ChannelId, Permissions, RecordingId, RecordingPolicy, Timestamp, UserId,
    broadcast::{BroadcastPicture, BroadcastSound, BroadcastTrouble, CallBroadcastState},
    bus::RecordingDeed,
    event::{GuildChange, GuildEvent},
    recording::CallRecordingState,
};
use voxlink_service_kit::Env;
use voxlink_sfu::{PersonId, RoomId};

use crate::{
    Recordings,
    live::{Beginning, Effect, Live},
    make::{self, Finder},
    seal::Seals,
    start::Refusal,
    store::rules,
    worker::Worker,
};
use engine::{Begin, Order};
use shelf::Shelf;
use viewers::Viewers;

pub(crate) use http::routes;

/// Calls that one server broadcasts at once: each takes about a fiftieth of a core, and one ffmpeg where cameras are VP8.
const MOST: usize = 16;
/// Everyone hears of those who come and go this often at most.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long a broadcast that begins waits for what ffmpeg says of itself.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// What has ended can be watched to its end for so long.
const LINGERS: Duration = Duration::from_secs(60);

/// What is on the air: written by the engine, read by whoever watches.
struct Air {
    shelf: Shelf,
    picture: Option<BroadcastPicture>,
    trouble: Option<BroadcastTrouble>,
    /// When a player asked for AAC last: it is made only then.
    aac_asked: Option<Instant>,
    /// It cannot be made.
    is_aac_failed: bool,
}

impl Air {
    fn new(shelf: Shelf) -> Self {
        Self { shelf, picture: None, trouble: None, aac_asked: None, is_aac_failed: false }
    }
}

/// One broadcast.
struct Going {
    channel: ChannelId,
    air: Arc<Mutex<Air>>,
    /// What everyone was told last, and when.
    told: Told,
    told_at: Instant,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    viewers: u32,
    picture: Option<BroadcastPicture>,
    trouble: Option<BroadcastTrouble>,
    has_aac: bool,
}

/// All of a server's.
pub(crate) struct Broadcasts {
    live: Mutex<Live>,
    going: Mutex<HashMap<RecordingId, Going>>,
    viewers: Mutex<Viewers>,
    seals: Arc<Seals>,
    /// Whether the ffmpeg of this machine makes AAC.
    aac: Finder<()>,
    engine: Worker<Order>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broadcasts {
    /// Starts the thread that makes them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start(env: &Env, ffmpeg: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            live: Mutex::default(),
            going: Mutex::default(),
            viewers: Mutex::default(),
            seals: Arc::new(Seals::new(env)),
            aac: Finder::default(),
            engine: engine::start(
                env.clone(),
                ffmpeg.map_or_else(|| PathBuf::from("ffmpeg"), Path::to_owned),
            )?,
        })
    }

    /// Whether coming and going in this channel, or of this person, is to be told.
    pub(crate) fn concerns(&self, channel: Option<ChannelId>, user: UserId) -> bool {
        lock(&self.live).concerns(channel, user)
    }

    /// Whether players of this one can have AAC.
    fn offers_aac(&self, air: &Air) -> bool {
        self.aac.found().is_some() && !air.is_aac_failed
    }

    fn air(&self, id: RecordingId) -> Option<Arc<Mutex<Air>>> {
        lock(&self.going).get(&id).map(|going| going.air.clone())
    }

    fn told(&self, id: RecordingId) -> Told {
        lock(&self.going).get(&id).map(|going| going.told.clone()).unwrap_or_default()
    }

    /// As everyone sees it; `None` in a conversation, where nothing is broadcast.
    fn shown(&self, recording: CallRecording) -> Option<CallBroadcast> {
        let Told { viewers, picture, trouble, has_aac } = self.told(recording.id);
        let aac = has_aac.then_some(BroadcastSound::Aac);
        Some(CallBroadcast {
            id: recording.id,
            channel_id: recording.channel_id,
            guild_id: recording.guild_id?,
            state: match recording.state {
                CallRecordingState::Recording | CallRecordingState::Paused => CallBroadcastState::Live,
                CallRecordingState::Ended => CallBroadcastState::Ended,
            },
            policy: recording.policy,
            started_by: recording.started_by,
            started_at: recording.started_at,
            kept: recording.kept,
            viewers,
            picture,
            sound: std::iter::once(BroadcastSound::Opus).chain(aac).collect(),
            trouble,
        })
    }
}

impl Recordings {
    /// The broadcast of a call that goes on.
    fn broadcast_of(&self, channel: ChannelId) -> Result<CallBroadcast, Refusal> {
        let broadcasts = &self.inner.broadcasts;
        let shown = lock(&broadcasts.live).shown(channel, self.inner.env.clock.monotonic());
        shown.and_then(|shown| broadcasts.shown(shown)).ok_or(Refusal::NotLive)
    }

    /// Begins one, or finds the one that goes on; true when it is new.
    async fn start_broadcast(
        &self,
        user: UserId,
        channel: ChannelId,
    ) -> Result<(CallBroadcast, bool), Refusal> {
        let inner = &self.inner;
        // In a conversation everybody is in the call.
        let guild = self.may_record(user, channel).await?.guild.ok_or(Refusal::NotVoice)?;
        let _one_by_one = inner.starting.lock().await;
        let now = inner.env.clock.monotonic();
        let people = self.people_in(Some(guild), channel).await?;
        if !people.iter().any(|(person, _)| *person == user) {
            return Err(Refusal::NotInCall);
        }
        if let Ok(going) = self.broadcast_of(channel) {
            return Ok((going, false));
        }
        let rule = inner.db.read(move |sql| rules::of(sql, guild)).await?;
        if rule.policy == RecordingPolicy::Off {
            return Err(Refusal::Off);
        }
        let broadcasts = &inner.broadcasts;
        if lock(&broadcasts.live).all().len() >= MOST {
            return Err(Refusal::TooMany);
        }
        // Known at once but for the first time.
        let _not_yet = tokio::time::timeout(FIRST_LOOK, self.look_for_aac()).await;
        let id = RecordingId(inner.ids.next(inner.env.now()));
        let seal = engine::seal(id, broadcasts.seals.clone(), inner.env.clone());
        let air = Arc::new(Mutex::new(Air::new(Shelf::new(&*seal))));
        let told = Told { has_aac: broadcasts.offers_aac(&lock(&air)), ..Told::default() };
        let going = Going { channel, air: air.clone(), told, told_at: now };
        lock(&broadcasts.going).insert(id, going);
        let room = RoomId(channel.get());
        let listening = inner.calls.listen(room);
        broadcasts.engine.order(Order::Begin(Box::new(Begin { id, room, listening, air, seal })));
        let started_at = Timestamp(id.0.unix_ms());
        let beginning =
            Beginning { id, guild: Some(guild), channel, policy: rule.policy, started_by: user, started_at };
        self.change_broadcasts(|live| live.begin(beginning, people, now));
        self.log(Some(guild), user, RecordingDeed::StartBroadcast(channel)).await;
        // Who came or went while this was being set up was not heard of.
        for (person, is_bot) in self.people_in(Some(guild), channel).await? {
            self.change_broadcasts(|live| live.moved(person, is_bot, Some(channel), now));
        }
        self.broadcast_of(channel).map(|shown| (shown, true))
    }

    /// Looks whether there can be AAC, if it is time to.
    fn look_for_aac(&self) -> JoinHandle<()> {
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let named = inner.config.ffmpeg.clone();
            let look = || async move {
                let look = tokio::task::spawn_blocking(move || make::encodes_aac(named.as_deref()));
                look.await.unwrap_or(Err(make::Cause::NoFfmpeg))
            };
            let found = inner.broadcasts.aac.get(inner.env.clock.monotonic(), look).await;
            tracing::debug!(found = found.is_ok(), "looked for an encoder of AAC");
        })
    }

    /// Whether this person may watch what is broadcast from there.
    async fn may_watch(&self, user: UserId, channel: ChannelId) -> Result<bool, Refusal> {
        Ok(self.granted(user, channel).await?.permissions.contains(Permissions::CONNECT))
    }

    /// Changes who is in which broadcast, and does what follows.
    pub(crate) fn change_broadcasts(&self, change: impl FnOnce(&mut Live) -> Vec<Effect>) {
        let broadcasts = &self.inner.broadcasts;
        let effects = change(&mut lock(&broadcasts.live));
        for effect in effects {
            match effect {
                Effect::Admit(id, user, yes) => {
                    broadcasts.engine.order(Order::Admit(id, PersonId(user.get()), yes));
                }
                // Nobody asks for one.
                Effect::Pause(..) => {}
                Effect::Tell(recording) => self.tell_broadcast(*recording),
                Effect::End(id) => broadcasts.engine.order(Order::End(id)),
            }
        }
    }

    fn tell_broadcast(&self, recording: CallRecording) {
        let Some(shown) = self.inner.broadcasts.shown(recording) else { return };
        let shown = Box::new(shown);
        let (guild_id, change) = (shown.guild_id, GuildChange::CallBroadcastUpdate(shown));
        self.inner.bus.publish(GuildEvent { guild_id, version: None, change });
    }

    /// Ends what is over, forgets what has ended, and says what is new.
    pub(crate) fn sweep_broadcasts(&self, now: Instant) {
        self.change_broadcasts(|live| live.sweep(now));
        let broadcasts = &self.inner.broadcasts;
        let (mut news, mut over) = (Vec::new(), Vec::new());
        {
            let mut viewers = lock(&broadcasts.viewers);
            viewers.sweep(now);
            lock(&broadcasts.going).retain(|id, going| {
                let air = lock(&going.air);
                if let Some(ended) = air.shelf.ended() {
                    over.push((going.channel, *id));
                    return now.saturating_duration_since(ended) < LINGERS;
                }
                let viewers = viewers.count(*id, now);
                let has_aac = broadcasts.offers_aac(&air);
                let told = Told { viewers, picture: air.picture.clone(), trouble: air.trouble, has_aac };
                drop(air);
                let is_due = now.saturating_duration_since(going.told_at) >= TELL_EVERY;
                let has_changed = told != Told { viewers: told.viewers, ..going.told.clone() };
                if has_changed || (is_due && told != going.told) {
                    (going.told, going.told_at) = (told, now);
                    news.push(going.channel);
                }
                true
            });
        }
        // What broke off by itself is over for everyone.
        for (channel, id) in over {
            self.change_broadcasts(|live| match live.shown(channel, now) {
                Some(shown) if shown.id == id => live.end(channel, now),
                Some(_) | None => Vec::new(),
            });
        }
        for channel in news {
            let shown = lock(&broadcasts.live).shown(channel, now);
            if let Some(shown) = shown {
                self.tell_broadcast(shown);
            }
        }
    }
}
