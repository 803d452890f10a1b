//! Whose messages are being deleted in which channels.

use voxlink_protocol::{ChannelId, MessageId, UserId};
use voxlink_service_kit::{DbError, Sql, params};

use crate::ban::purge::Purge;

/// Stores that someone's messages are to be deleted in a channel. What was to be deleted before still is.
///
/// # Errors
/// See [`DbError`].
pub fn put(sql: &Sql<'_>, channel: ChannelId, purge: Purge) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO purge (channel_id, author_id, after_id, through_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (channel_id, author_id) DO UPDATE SET through_id = excluded.through_id,
         after_id = CASE WHEN excluded.after_id < purge.after_id THEN excluded.after_id ELSE purge.after_id END",
        params![channel, purge.author, purge.after, purge.through],
    )
    .map(|_| ())
}

/// Any that is to be done.
///
/// # Errors
/// See [`DbError`].
pub fn next(sql: &Sql<'_>) -> Result<Option<(ChannelId, Purge)>, DbError> {
    let select = "SELECT channel_id, author_id, after_id, through_id FROM purge LIMIT 1";
    sql.query_one(select, params![], |row| {
        Ok((row.get(0)?, Purge { author: row.get(1)?, after: row.get(2)?, through: row.get(3)? }))
    })
}

/// What was written in the purge's part of the channel, by whomever: at most `limit`, oldest first.
///
/// # Errors
/// See [`DbError`].
pub fn written(
    sql: &Sql<'_>,
    channel: ChannelId,
    purge: Purge,
    limit: u32,
) -> Result<Vec<(MessageId, UserId)>, DbError> {
    sql.query(
        "SELECT id, author_id FROM message WHERE channel_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
        params![channel, purge.after, purge.through, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// It is done up to here.
///
/// # Errors
/// See [`DbError`].
pub fn advance(sql: &Sql<'_>, channel: ChannelId, author: UserId, after: MessageId) -> Result<(), DbError> {
    sql.execute(
        "UPDATE purge SET after_id = $1 WHERE channel_id = $2 AND author_id = $3",
        params![after, channel, author],
    )
    .map(|_| ())
}

/// It is done.
///
/// # Errors
/// See [`DbError`].
pub fn finish(sql: &Sql<'_>, channel: ChannelId, purge: Purge) -> Result<(), DbError> {
    // Another one that was put meanwhile goes further.
    sql.execute(
        "DELETE FROM purge WHERE channel_id = $1 AND author_id = $2 AND through_id = $3",
        params![channel, purge.author, purge.through],
    )
    .map(|_| ())
}
