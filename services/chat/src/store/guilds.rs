//! Guild rows and their versions.

use voxlink_protocol::{Guild, GuildId, MessageId, Timestamp};
use voxlink_service_kit::{DbError, Sql, params};

/// Stores a new guild at version 0, with its roles.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, guild: &Guild, now: Timestamp) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO guild (id, name, owner_id, version, created_at) VALUES ($1, $2, $3, 0, $4)",
        params![guild.id, &guild.name, guild.owner_id, now],
    )?;
    guild.roles.iter().try_for_each(|role| super::roles::insert(sql, guild.id, role))
}

/// Stores all that may change of a guild.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, guild: &Guild) -> Result<(), DbError> {
    sql.execute(
        "UPDATE guild SET name = $1, icon = $2, description = $3, owner_id = $4, system_channel_id = $5,
         preferred_locale = $6 WHERE id = $7",
        params![
            &guild.name,
            guild.icon.as_deref(),
            guild.description.as_deref(),
            guild.owner_id,
            guild.system_channel_id,
            &guild.preferred_locale,
            guild.id
        ],
    )
    .map(|_| ())
}

/// Takes the next version; `None` when there is no such guild (any more).
///
/// # Errors
/// See [`DbError`].
pub fn next_version(sql: &Sql<'_>, guild: GuildId) -> Result<Option<u64>, DbError> {
    let update = "UPDATE guild SET version = version + 1 WHERE id = $1 RETURNING version";
    sql.query_one(update, params![guild], |row| row.get(0))
}

/// Takes the next version for a new message, and remembers the message's id as the newest.
/// `None` when the guild or its channel is gone.
///
/// # Errors
/// See [`DbError`].
pub fn next_version_for_message(
    sql: &Sql<'_>,
    message: MessageId,
    guild: GuildId,
    channel: voxlink_protocol::ChannelId,
) -> Result<Option<u64>, DbError> {
    sql.query_one(
        "UPDATE guild SET version = version + 1, newest_message_id = $1
         WHERE id = $2 AND EXISTS (SELECT 1 FROM channel WHERE id = $3) RETURNING version",
        params![message, guild, channel],
        |row| row.get(0),
    )
}

/// Deletes it with all that hangs on it; its messages are cleared away later ([`super::messages::clear_doomed`]).
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, guild: GuildId) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO doomed_channel (id) SELECT id FROM channel WHERE guild_id = $1",
        params![guild],
    )?;
    sql.execute("DELETE FROM guild WHERE id = $1", params![guild]).map(|_| ())
}
