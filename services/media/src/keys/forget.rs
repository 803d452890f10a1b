//! Keys end with what they were for.

use std::sync::Arc;

use tokio::runtime::Handle;
use voxlink_protocol::{
    event::{GuildChange, GuildEvent},
    people::AccountDeleted,
};
use voxlink_service_kit::{Bus, Db, DbError, Sql};

use crate::{calls::Removal, store::stream_keys};

/// Deletes the keys of members, channels, guilds and accounts that are gone, from now on. What is not heard does no
/// harm: without rights a key opens nothing.
pub(crate) fn forget_the_gone(bus: &Bus, db: &Db) {
    let (runtime, rows) = (Handle::current(), db.clone());
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        // Everyone hears every event: only those three ever touch the database.
        let is_end = matches!(
            event.change,
            GuildChange::MemberRemove(_) | GuildChange::ChannelDelete(_) | GuildChange::GuildDelete
        );
        if let Some(removal) = Removal::of(event).filter(|_| is_end) {
            runtime.spawn(delete(rows.clone(), move |sql| match removal {
                Removal::Member(guild, user) => stream_keys::delete_of_member(sql, guild, user),
                Removal::Channel(channel) => stream_keys::delete_of_channel(sql, channel),
                Removal::Guild(guild) => stream_keys::delete_of_guild(sql, guild),
            }));
        }
    });
    let (runtime, rows) = (Handle::current(), db.clone());
    bus.subscribe(move |gone: &Arc<AccountDeleted>| {
        let user = gone.user;
        runtime.spawn(delete(rows.clone(), move |sql| stream_keys::delete_of_user(sql, user)));
    });
}

async fn delete(db: Db, rows: impl FnOnce(&Sql<'_>) -> Result<(), DbError> + Send + 'static) {
    if let Err(error) = db.write(rows).await {
        tracing::warn!(%error, "stream keys that are of no use any more could not be deleted");
    }
}
