//! The one way a guild or a direct conversation changes: rows, version and events in one transaction, then memory, then
//! everyone else.
//!
//! What follows a commit runs on the database's writer thread, so memory and listeners see versions in order.

use std::cell::RefCell;

use tokio::{runtime::Handle, sync::OwnedMutexGuard};
use voxlink_protocol::{
    ChannelId, GuildId, MessageId, UserId,
    event::{ChannelChange, GuildChange, GuildEvent, UserChange, UserEvent},
    files::FilesNews,
};
use voxlink_service_kit::{
    Sql, courier,
    outbox::{self, EntryId},
};

use crate::{
    Chat, Refusal, direct, read_state, search,
    state::{
        World,
        direct::{DirectChange, DirectState},
        place::Place,
    },
    store,
};

/// A running transaction of one place.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) sql: &'a Sql<'a>,
    pub(crate) chat: &'a Chat,
    pub(crate) place: Place,
    events: Vec<GuildEvent>,
    /// What memory of direct conversations takes in.
    directs: Vec<DirectChange>,
    /// What happened in a direct conversation, for whoever is in it then.
    in_directs: Vec<ChannelChange>,
    user_events: Vec<UserEvent>,
    must_be_heard: Vec<EntryId>,
    /// Whether files is told something.
    files_news: bool,
}

impl Change<'_> {
    /// Where it happens.
    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    /// Stamps an event with the guild's next version; it is told after the commit. Returns the version.
    pub(crate) fn record(&mut self, change: GuildChange) -> Result<u64, Refusal> {
        let guild = self.place.guild().ok_or(Refusal::UnknownGuild)?;
        let version = store::guilds::next_version(self.sql, guild)?.ok_or(Refusal::UnknownGuild)?;
        self.push(guild, version, change)?;
        Ok(version)
    }

    /// Something that happened in a channel, whichever place it is in.
    pub(crate) fn record_in_channel(&mut self, change: ChannelChange) -> Result<(), Refusal> {
        self.follow(&change)?;
        match self.place {
            Place::Guild(_) => self.record(GuildChange::Channel(change)).map(|_version| ()),
            Place::Direct => {
                if let ChannelChange::PinsUpdate { channel_id, last_pin_timestamp } = &change {
                    self.directs.push(DirectChange::Pinned(*channel_id, *last_pin_timestamp));
                }
                self.in_directs.push(change);
                Ok(())
            }
        }
    }

    /// As [`Change::record_in_channel`], for a new message.
    pub(crate) fn record_message(
        &mut self,
        id: MessageId,
        channel: ChannelId,
        change: impl FnOnce() -> ChannelChange,
    ) -> Result<(), Refusal> {
        let change = change();
        self.follow(&change)?;
        match self.place {
            Place::Guild(guild) => {
                let version = store::guilds::next_version_for_message(self.sql, id, guild, channel)?
                    .ok_or(Refusal::UnknownChannel)?;
                self.push(guild, version, GuildChange::Channel(change))
            }
            Place::Direct => {
                if !store::direct::note_message(self.sql, channel, id)? {
                    return Err(Refusal::UnknownChannel);
                }
                self.directs.push(DirectChange::Message(channel, id));
                self.in_directs.push(change);
                Ok(())
            }
        }
    }

    /// What hangs on messages is stored with them, whoever changes one: mentions, and what finds them.
    fn follow(&mut self, change: &ChannelChange) -> Result<(), Refusal> {
        match change {
            ChannelChange::MessageCreate(message) => {
                read_state::note(self.sql, self.place, message)?;
                search::note(self.sql, self.place, message, true)?;
            }
            ChannelChange::MessageUpdate(message) => search::note(self.sql, self.place, message, false)?,
            ChannelChange::MessageDelete { id, .. } => self.forget_message(*id)?,
            ChannelChange::MessageDeleteBulk { ids, .. } => {
                ids.iter().try_for_each(|id| self.forget_message(*id))?;
            }
            ChannelChange::ReactionAdd(_)
            | ChannelChange::ReactionRemove(_)
            | ChannelChange::ReactionRemoveAll { .. }
            | ChannelChange::ReactionRemoveEmoji { .. }
            | ChannelChange::PinsUpdate { .. }
            | ChannelChange::TypingStart { .. } => {}
        }
        Ok(())
    }

    fn forget_message(&self, id: MessageId) -> Result<(), Refusal> {
        read_state::forget(self.sql, id)?;
        Ok(search::forget(self.sql, id)?)
    }

    /// Tells people something after the commit.
    pub(crate) fn tell(&mut self, to: Vec<UserId>, change: UserChange) {
        self.user_events.push(UserEvent { to, change });
    }

    /// Changes what memory knows of a direct conversation after the commit.
    pub(crate) fn direct(&mut self, change: DirectChange) {
        self.directs.push(change);
    }

    /// Tells files something after the commit, also when we crash in between.
    pub(crate) fn tell_files(&mut self, news: &FilesNews) -> Result<(), Refusal> {
        self.files_news = true;
        Ok(courier::put(self.sql, news)?)
    }

    fn push(&mut self, guild: GuildId, version: u64, mut change: GuildChange) -> Result<(), Refusal> {
        if let GuildChange::GuildCreate(snapshot) = &mut change {
            snapshot.version = version;
        }
        let event = GuildEvent { guild_id: guild, version: Some(version), change };
        if must_be_heard(&event.change) {
            self.must_be_heard.push(outbox::put(self.sql, &event)?);
        }
        self.events.push(event);
        Ok(())
    }
}

/// Deletions that calls and sessions must not outlive, even when we crash between commit and telling.
fn must_be_heard(change: &GuildChange) -> bool {
    matches!(change, GuildChange::GuildDelete | GuildChange::ChannelDelete(_) | GuildChange::MemberRemove(_))
}

/// What is left to do once the rows are durable.
struct Committed<T> {
    value: T,
    rest: RefCell<Option<Rest>>,
}

struct Rest {
    events: Vec<GuildEvent>,
    directs: Vec<DirectChange>,
    in_directs: Vec<ChannelChange>,
    user_events: Vec<UserEvent>,
    must_be_heard: Vec<EntryId>,
    files_news: bool,
}

impl Chat {
    /// As [`Chat::commit_in`], for a guild.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        guild: GuildId,
        turn: Option<OwnedMutexGuard<()>>,
        rows: impl FnOnce(&mut Change<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.commit_in(Place::Guild(guild), turn, rows).await
    }

    /// Runs `rows` in a transaction; after its commit memory takes in the recorded events and everyone is told.
    /// `turn` is given back then, also when the caller has gone away meanwhile.
    pub(crate) async fn commit_in<T: Send + 'static>(
        &self,
        place: Place,
        turn: Option<OwnedMutexGuard<()>>,
        rows: impl FnOnce(&mut Change<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let runtime = Handle::current();
        let chat = self.clone();
        let writing = self.clone();
        let operation = move |sql: &Sql<'_>| {
            let mut change = Change {
                sql,
                chat: &writing,
                place,
                events: Vec::new(),
                directs: Vec::new(),
                in_directs: Vec::new(),
                user_events: Vec::new(),
                must_be_heard: Vec::new(),
                files_news: false,
            };
            let value = rows(&mut change)?;
            let Change { events, directs, in_directs, user_events, must_be_heard, .. } = change;
            let files_news = change.files_news;
            let rest = Rest { events, directs, in_directs, user_events, must_be_heard, files_news };
            Ok::<_, Refusal>(Committed { value, rest: RefCell::new(Some(rest)) })
        };
        let after = move |committed: &Committed<T>| {
            let Some(rest) = committed.rest.take() else { return };
            chat.take_in(rest, turn, &runtime);
        };
        self.inner.db.write_then(operation, after).await.map(|committed| committed.value)
    }

    fn take_in(&self, rest: Rest, turn: Option<OwnedMutexGuard<()>>, runtime: &Handle) {
        let Rest { mut events, directs, in_directs, mut user_events, must_be_heard, files_news } = rest;
        {
            let mut world = self.world_mut();
            events.iter_mut().for_each(|event| world.apply(event));
            directs.into_iter().for_each(|change| self.take_in_direct(&mut world, change, &mut user_events));
            for change in in_directs {
                let people = world.directs.get(change.channel()).map(|state| &state.people);
                let to = people.into_iter().flat_map(|people| people.keys().copied()).collect();
                user_events.push(UserEvent { to, change: UserChange::Channel(change) });
            }
        }
        drop(turn);
        self.inner.search.wake();
        let bus = &self.inner.bus;
        events.into_iter().for_each(|event| bus.publish(event));
        user_events.into_iter().for_each(|event| bus.publish(event));
        if files_news {
            self.inner.courier.wake();
        }
        if !must_be_heard.is_empty() {
            let chat = self.clone();
            runtime.spawn(async move {
                if let Err(error) = outbox::forget(&chat.inner.db, must_be_heard).await {
                    tracing::warn!(%error, "what was told will be told again at the next start");
                }
            });
        }
    }

    /// A message shows its conversation to those who had closed it.
    fn take_in_direct(&self, world: &mut World, change: DirectChange, told: &mut Vec<UserEvent>) {
        let (DirectChange::Put(DirectState { id, .. })
        | DirectChange::Remove(id)
        | DirectChange::Shown(id, ..)
        | DirectChange::Pinned(id, _)
        | DirectChange::Message(id, _)) = change;
        let is_message = matches!(change, DirectChange::Message(..));
        let hidden = if is_message { world.directs.hidden_from(id) } else { Vec::new() };
        world.directs.apply(change);
        let Some(state) = world.directs.get(id) else { return };
        for person in hidden {
            let seen = direct::present(state, person, |id| self.inner.users.remembered(id));
            let change = UserChange::DirectChannelCreate(Box::new(seen));
            told.push(UserEvent { to: vec![person], change });
        }
    }

    /// Waits until it is our turn to change the structure of a guild.
    pub(crate) async fn turn(&self, guild: GuildId) -> Result<OwnedMutexGuard<()>, Refusal> {
        let turn = self.world().guild(guild).map(|state| state.turn.clone());
        Ok(turn.ok_or(Refusal::UnknownGuild)?.lock_owned().await)
    }

    /// As [`Chat::turn`], by channel.
    pub(crate) async fn turn_of_channel(
        &self,
        channel: ChannelId,
    ) -> Result<(GuildId, OwnedMutexGuard<()>), Refusal> {
        let guild = self.world().guild_of_channel(channel).ok_or(Refusal::UnknownChannel)?;
        Ok((guild, self.turn(guild).await.map_err(|_| Refusal::UnknownChannel)?))
    }
}
