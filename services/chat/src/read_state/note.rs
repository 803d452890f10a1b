//! What a new message means for those who have not read it, in its own transaction.

use std::collections::BTreeSet;

use voxlink_protocol::{Message, MessageId, Snowflake};
use voxlink_service_kit::{DbError, Sql};

use crate::{state::place::Place, store::read_states};

/// Stores whom a new message mentions. Its author has read it.
pub(crate) fn note(sql: &Sql<'_>, place: Place, message: &Message) -> Result<(), DbError> {
    if !message.author.bot {
        read_states::advance(sql, message.author.id, message.channel_id, message.id)?;
    }
    // In direct conversations every message counts.
    let Some(guild) = place.guild() else { return Ok(()) };
    let people = message.mentions.iter().filter(|user| !user.bot && user.id != message.author.id);
    let mut targets: BTreeSet<u64> = people.map(|user| user.id.get()).collect();
    targets.extend(message.mention_roles.iter().map(|role| role.get()));
    if message.mention_everyone {
        targets.insert(guild.get());
    }
    targets.into_iter().try_for_each(|target| {
        read_states::insert_mention(sql, Snowflake(target), message.channel_id, message.id)
    })
}

/// A deleted message mentions nobody.
pub(crate) fn forget(sql: &Sql<'_>, message: MessageId) -> Result<(), DbError> {
    read_states::forget_mentions(sql, message)
}
