//! A recording begins.

use voxlink_protocol::{
    CallRecording, ChannelId, GuildId, Permissions, RecordingId, RecordingPolicy, Timestamp, UserId,
    bus::{GetUsers, Granted, LogRecording, PermissionsIn, RecordingDeed, VoiceStatesIn, VoiceStatesOf},
};
use voxlink_service_kit::{CallError, DbError};
use voxlink_sfu::RoomId;

use crate::{
    LEAST_FREE, Recordings,
    capture::{Begin, Order},
    live::Beginning,
    store::{
        recordings::{self, Recording, State},
        rules,
    },
};

/// Why none begins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such channel, or not to be seen")]
    UnknownChannel,
    #[error("not a voice channel")]
    NotVoice,
    #[error("without the right to")]
    Forbidden,
    #[error("nobody records in this guild")]
    Off,
    #[error("not in the call")]
    NotInCall,
    #[error("nothing is being recorded")]
    Nothing,
    #[error("nothing is being broadcast")]
    NotLive,
    #[error("as many broadcasts or viewers as there may be")]
    TooMany,
    #[error("the disk is nearly full")]
    NoRoom,
    #[error("the recordings have all the room that they may have")]
    Quota,
    #[error("it is being made ready")]
    Busy,
    #[error("the folder cannot be written: {0}")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Bus(#[from] CallError),
}

impl Recordings {
    /// What someone may do in a voice channel.
    pub(crate) async fn granted(&self, user: UserId, channel: ChannelId) -> Result<Granted, Refusal> {
        let granted = self.inner.bus.call(PermissionsIn { user, channel }).await?;
        granted.ok_or(Refusal::UnknownChannel)
    }

    /// As [`Recordings::granted`], for one who may record there.
    pub(crate) async fn may_record(&self, user: UserId, channel: ChannelId) -> Result<Granted, Refusal> {
        let granted = self.granted(user, channel).await?;
        match granted {
            Granted { is_voice: false, .. } => Err(Refusal::NotVoice),
            granted if granted.permissions.contains(Permissions::RECORD_CALLS) => Ok(granted),
            _ => Err(Refusal::Forbidden),
        }
    }

    /// Begins, or finds the recording that goes on; true when it is a new one.
    pub(crate) async fn start(
        &self,
        user: UserId,
        channel: ChannelId,
    ) -> Result<(CallRecording, bool), Refusal> {
        let inner = &self.inner;
        let guild = self.may_record(user, channel).await?.guild;
        let _one_by_one = inner.starting.lock().await;
        let now = inner.env.clock.monotonic();
        let people = self.people_in(guild, channel).await?;
        if !people.iter().any(|(person, _)| *person == user) {
            return Err(Refusal::NotInCall);
        }
        if let Some(going) = inner.live().shown(channel, now) {
            return Ok((going, false));
        }
        let policy = match guild {
            Some(guild) => inner.db.read(move |sql| rules::of(sql, guild)).await?.policy,
            // A conversation has nobody who makes rules.
            None => RecordingPolicy::Ask,
        };
        if policy == RecordingPolicy::Off {
            return Err(Refusal::Off);
        }
        if (inner.config.free_bytes)(&inner.config.folder).is_some_and(|free| free < LEAST_FREE) {
            return Err(Refusal::NoRoom);
        }
        if self.kept_bytes(guild, channel).await? >= inner.config.quota {
            return Err(Refusal::Quota);
        }
        let id = RecordingId(inner.ids.next(inner.env.now()));
        let folder = self.raw_folder(id);
        tokio::fs::create_dir_all(&folder).await?;
        let row = Recording {
            id,
            guild,
            channel,
            started_by: user,
            state: State::Going,
            duration_ms: None,
            problem: None,
            message: None,
        };
        inner.db.write(move |sql| recordings::insert(sql, &row)).await?;
        let room = RoomId(channel.get());
        let listening = inner.calls.listen(room);
        inner.capture.order(Order::Begin(Begin { id, room, folder, listening }));
        let beginning =
            Beginning { id, guild, channel, policy, started_by: user, started_at: Timestamp(id.0.unix_ms()) };
        let effects = inner.live().begin(beginning, people, now);
        self.carry_out(effects);
        self.log(guild, user, RecordingDeed::Start(channel)).await;
        // Who came or went while this was being set up was not heard of.
        for (person, is_bot) in self.people_in(guild, channel).await? {
            let effects = inner.live().moved(person, is_bot, Some(channel), now);
            self.carry_out(effects);
        }
        let shown = inner.live().shown(channel, now);
        shown.map(|shown| (shown, true)).ok_or(Refusal::Nothing)
    }

    /// Puts a deed into the guild's audit log. It was done, and stays so when that fails.
    pub(crate) async fn log(&self, guild: Option<GuildId>, actor: UserId, deed: RecordingDeed) {
        let Some(guild) = guild else { return };
        if let Err(error) = self.inner.bus.call(LogRecording { guild, actor, deed }).await {
            tracing::warn!(%error, %guild, "what was done about a recording is not in the audit log");
        }
    }

    /// Who sits in a call; true for bots.
    pub(crate) async fn people_in(
        &self,
        guild: Option<GuildId>,
        channel: ChannelId,
    ) -> Result<Vec<(UserId, bool)>, Refusal> {
        let states = match guild {
            Some(guild) => self.inner.bus.call(VoiceStatesOf { guild }).await?,
            None => self.inner.bus.call(VoiceStatesIn { channels: vec![channel] }).await?,
        };
        let here = states.into_iter().filter(|state| state.channel_id == Some(channel));
        let ids: Vec<UserId> = here.map(|state| state.user_id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.inner.bus.call(GetUsers { ids: ids.clone() }).await?;
        let is_bot = |id: &UserId| found.iter().any(|user| user.id == *id && user.bot);
        Ok(ids.iter().map(|id| (*id, is_bot(id))).collect())
    }
}
