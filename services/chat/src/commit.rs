//! The one way a guild changes: rows, version and events in one transaction, then memory, then everyone else.
//!
//! What follows a commit runs on the database's writer thread, so memory and listeners see versions in order.

use std::cell::RefCell;

use tokio::{runtime::Handle, sync::OwnedMutexGuard};
use voxlink_protocol::{
    ChannelId, GuildId, MessageId,
    event::{GuildChange, GuildEvent},
};
use voxlink_service_kit::{
    Sql,
    outbox::{self, EntryId},
};

use crate::{Chat, Refusal, store};

/// A guild's running transaction.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) sql: &'a Sql<'a>,
    guild: GuildId,
    events: Vec<GuildEvent>,
    must_be_heard: Vec<EntryId>,
}

impl Change<'_> {
    /// Stamps an event with the guild's next version; it is told after the commit. Returns the version.
    pub(crate) fn record(&mut self, change: GuildChange) -> Result<u64, Refusal> {
        let version = store::guilds::next_version(self.sql, self.guild)?.ok_or(Refusal::UnknownGuild)?;
        self.push(version, change)?;
        Ok(version)
    }

    /// As [`Change::record`], for a new message.
    pub(crate) fn record_message(
        &mut self,
        id: MessageId,
        channel: ChannelId,
        change: impl FnOnce() -> GuildChange,
    ) -> Result<(), Refusal> {
        let version = store::guilds::next_version_for_message(self.sql, id, self.guild, channel)?
            .ok_or(Refusal::UnknownChannel)?;
        self.push(version, change())
    }

    fn push(&mut self, version: u64, mut change: GuildChange) -> Result<(), Refusal> {
        if let GuildChange::GuildCreate(snapshot) = &mut change {
            snapshot.version = version;
        }
        let event = GuildEvent { guild_id: self.guild, version: Some(version), change };
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

struct Committed<T> {
    value: T,
    events: RefCell<Vec<GuildEvent>>,
    must_be_heard: RefCell<Vec<EntryId>>,
}

impl Chat {
    /// Runs `rows` in a transaction; after its commit memory takes in the recorded events and everyone is told.
    /// `turn` is given back then, also when the caller has gone away meanwhile.
    pub(crate) async fn commit<T: Send + 'static>(
        &self,
        guild: GuildId,
        turn: Option<OwnedMutexGuard<()>>,
        rows: impl FnOnce(&mut Change<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let runtime = Handle::current();
        let chat = self.clone();
        let operation = move |sql: &Sql<'_>| {
            let mut change = Change { sql, guild, events: Vec::new(), must_be_heard: Vec::new() };
            let value = rows(&mut change)?;
            let Change { events, must_be_heard, .. } = change;
            Ok::<_, Refusal>(Committed { value, events: events.into(), must_be_heard: must_be_heard.into() })
        };
        let after = move |committed: &Committed<T>| {
            let mut events = committed.events.take();
            {
                let mut world = chat.world_mut();
                events.iter_mut().for_each(|event| world.apply(event));
            }
            drop(turn);
            events.into_iter().for_each(|event| chat.inner.bus.publish(event));
            let heard = committed.must_be_heard.take();
            if !heard.is_empty() {
                runtime.spawn(async move {
                    if let Err(error) = outbox::forget(&chat.inner.db, heard).await {
                        tracing::warn!(%error, "deletions that were told will be told again at the next start");
                    }
                });
            }
        };
        self.inner.db.write_then(operation, after).await.map(|committed| committed.value)
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
