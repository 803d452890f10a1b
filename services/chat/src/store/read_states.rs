//! How far people have read, and whom messages mention.

use voxlink_protocol::{ChannelId, MessageId, Snowflake, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// Where someone has read, and how far.
///
/// # Errors
/// See [`DbError`].
pub fn of_user(sql: &Sql<'_>, user: UserId) -> Result<Vec<(ChannelId, MessageId)>, DbError> {
    let select = "SELECT channel_id, last_read_id FROM read_state WHERE user_id = $1";
    sql.query(select, params![user], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// How far someone has read in a channel.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, user: UserId, channel: ChannelId) -> Result<Option<MessageId>, DbError> {
    let select = "SELECT last_read_id FROM read_state WHERE user_id = $1 AND channel_id = $2";
    sql.query_one(select, params![user, channel], |row| row.get(0))
}

/// They have read up to this message; `false` when they were further already.
///
/// # Errors
/// See [`DbError`].
pub fn advance(sql: &Sql<'_>, user: UserId, channel: ChannelId, to: MessageId) -> Result<bool, DbError> {
    let changed = sql.execute(
        "INSERT INTO read_state (user_id, channel_id, last_read_id) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, channel_id) DO UPDATE SET last_read_id = excluded.last_read_id
         WHERE read_state.last_read_id < excluded.last_read_id",
        params![user, channel, to],
    )?;
    Ok(changed == 1)
}

/// They have read up to this message and no further.
///
/// # Errors
/// See [`DbError`].
pub fn set(sql: &Sql<'_>, user: UserId, channel: ChannelId, to: MessageId) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO read_state (user_id, channel_id, last_read_id) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, channel_id) DO UPDATE SET last_read_id = excluded.last_read_id",
        params![user, channel, to],
    )
    .map(|_| ())
}

/// A message mentions a person, a role, or everyone (by the guild's id).
///
/// # Errors
/// See [`DbError`].
pub fn insert_mention(
    sql: &Sql<'_>,
    target: Snowflake,
    channel: ChannelId,
    message: MessageId,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO mention (target_id, message_id, channel_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        params![target, message, channel],
    )
    .map(|_| ())
}

/// The message is gone, and so are its mentions.
///
/// # Errors
/// See [`DbError`].
pub fn forget_mentions(sql: &Sql<'_>, message: MessageId) -> Result<(), DbError> {
    sql.execute("DELETE FROM mention WHERE message_id = $1", params![message]).map(|_| ())
}

/// The newest messages after this one that mention `target`, in whatever channel.
///
/// # Errors
/// See [`DbError`].
pub fn mentions_after(
    sql: &Sql<'_>,
    target: Snowflake,
    after: MessageId,
    most: u32,
) -> Result<Vec<(ChannelId, MessageId)>, DbError> {
    sql.query(
        "SELECT channel_id, message_id FROM mention WHERE target_id = $1 AND message_id > $2
         ORDER BY message_id DESC LIMIT $3",
        params![target, after, most],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// How many messages others posted in a channel after this one; stops counting at `most`.
///
/// # Errors
/// See [`DbError`].
pub fn count_after(
    sql: &Sql<'_>,
    channel: ChannelId,
    after: MessageId,
    reader: UserId,
    most: u32,
) -> Result<u32, DbError> {
    let count = sql.query_one(
        "SELECT count(*) FROM (SELECT id FROM message WHERE channel_id = $1 AND id > $2 AND author_id <> $3
         LIMIT $4) AS newer",
        params![channel, after, reader, most],
        |row| row.get::<u64>(0),
    )?;
    Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(most))
}

/// The channel is gone, and with it how far people have read in it.
///
/// # Errors
/// See [`DbError`].
pub fn forget_channel(sql: &Sql<'_>, channel: ChannelId) -> Result<(), DbError> {
    sql.execute("DELETE FROM read_state WHERE channel_id = $1", params![channel]).map(|_| ())
}

/// The person is gone, and with them all that they have read.
///
/// # Errors
/// See [`DbError`].
pub fn forget_user(sql: &Sql<'_>, user: UserId) -> Result<(), DbError> {
    sql.execute("DELETE FROM mention WHERE target_id = $1", params![user])?;
    sql.execute("DELETE FROM read_state WHERE user_id = $1", params![user]).map(|_| ())
}
