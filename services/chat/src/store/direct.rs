//! Direct conversations and who is in them.

use std::collections::{BTreeMap, HashMap};

use voxlink_protocol::{ChannelId, DirectKind, MessageId, UserId};
use voxlink_service_kit::{DbError, Sql, params};

use crate::state::direct::DirectState;

/// All of them.
///
/// # Errors
/// See [`DbError`].
pub fn all(sql: &Sql<'_>) -> Result<Vec<DirectState>, DbError> {
    let select = "SELECT channel_id, user_id, shown FROM direct_recipient";
    let rows = sql.query(select, params![], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    let mut people: HashMap<ChannelId, BTreeMap<UserId, bool>> = HashMap::new();
    for (channel, (user, shown)) in rows {
        people.entry(channel).or_default().insert(user, shown);
    }
    let select = "SELECT id, kind, owner_id, name, icon, last_message_id,
                  (SELECT max(pinned_at) FROM message WHERE message.channel_id = direct_channel.id AND pinned_at IS NOT NULL)
                  FROM direct_channel";
    sql.query(select, params![], |row| {
        let id: ChannelId = row.get(0)?;
        let kind = DirectKind::try_from(row.get::<u8>(1)?).map_err(|what| DbError::Other(what.to_owned()))?;
        Ok(DirectState {
            id,
            kind,
            owner: row.get(2)?,
            name: row.get(3)?,
            icon: row.get(4)?,
            last_message_id: row.get(5)?,
            last_pin_timestamp: row.get(6)?,
            people: people.remove(&id).unwrap_or_default(),
        })
    })
}

/// Stores a new conversation.
///
/// # Errors
/// [`DbError::Unique`] when these two have one.
pub fn insert(sql: &Sql<'_>, direct: &DirectState) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO direct_channel (id, kind, pair, owner_id, name, icon, last_message_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            direct.id,
            u8::from(direct.kind),
            direct.pair_key().as_ref(),
            direct.owner,
            direct.name.as_ref(),
            direct.icon.as_ref(),
            direct.last_message_id
        ],
    )?;
    direct.people.iter().try_for_each(|(user, shown)| {
        let insert = "INSERT INTO direct_recipient (channel_id, user_id, shown) VALUES ($1, $2, $3)";
        sql.execute(insert, params![direct.id, *user, *shown]).map(|_| ())
    })
}

/// Remembers a new message as the newest and shows the conversation to everyone in it; `false` when it is gone.
///
/// # Errors
/// See [`DbError`].
pub fn note_message(sql: &Sql<'_>, channel: ChannelId, message: MessageId) -> Result<bool, DbError> {
    let update = "UPDATE direct_channel SET last_message_id = $1 WHERE id = $2";
    let there = sql.execute(update, params![message, channel])? == 1;
    let show = "UPDATE direct_recipient SET shown = $1 WHERE channel_id = $2 AND shown = $3";
    sql.execute(show, params![true, channel, false])?;
    Ok(there)
}

/// Shows the conversation to one of its people, or hides it.
///
/// # Errors
/// See [`DbError`].
pub fn set_shown(sql: &Sql<'_>, channel: ChannelId, user: UserId, shown: bool) -> Result<(), DbError> {
    let update = "UPDATE direct_recipient SET shown = $1 WHERE channel_id = $2 AND user_id = $3";
    sql.execute(update, params![shown, channel, user]).map(|_| ())
}

/// Stores a group's name, picture and owner.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, group: &DirectState) -> Result<(), DbError> {
    let update = "UPDATE direct_channel SET name = $1, icon = $2, owner_id = $3 WHERE id = $4";
    sql.execute(update, params![group.name.as_ref(), group.icon.as_ref(), group.owner, group.id]).map(|_| ())
}

/// Puts someone into a group.
///
/// # Errors
/// [`DbError::Unique`] when they are in it.
pub fn add_recipient(sql: &Sql<'_>, channel: ChannelId, user: UserId) -> Result<(), DbError> {
    let insert = "INSERT INTO direct_recipient (channel_id, user_id, shown) VALUES ($1, $2, $3)";
    sql.execute(insert, params![channel, user, true]).map(|_| ())
}

/// Takes someone out of a group.
///
/// # Errors
/// See [`DbError`].
pub fn remove_recipient(sql: &Sql<'_>, channel: ChannelId, user: UserId) -> Result<(), DbError> {
    let delete = "DELETE FROM direct_recipient WHERE channel_id = $1 AND user_id = $2";
    sql.execute(delete, params![channel, user]).map(|_| ())
}

/// Deletes it; its messages are cleared away later ([`super::messages::clear_doomed`]).
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, channel: ChannelId) -> Result<(), DbError> {
    sql.execute("INSERT INTO doomed_channel (id) VALUES ($1)", params![channel])?;
    sql.execute("DELETE FROM direct_channel WHERE id = $1", params![channel]).map(|_| ())
}
