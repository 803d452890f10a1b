//! Which messages are pinned.

use voxlink_protocol::{ChannelId, MessageId, Timestamp};
use voxlink_service_kit::{DbError, Sql, params};

use super::messages::{COLUMNS, StoredMessage, bound, read};

/// Pins a message after all others of the channel; returns when. `None` when it is gone or pinned already.
///
/// # Errors
/// See [`DbError`].
pub fn pin(
    sql: &Sql<'_>,
    channel: ChannelId,
    id: MessageId,
    now: Timestamp,
) -> Result<Option<Timestamp>, DbError> {
    let last = newest(sql, channel)?.map_or(0, |last| last.0);
    let at = Timestamp(now.0.max(last.saturating_add(1)));
    let update = "UPDATE message SET pinned_at = $1 WHERE channel_id = $2 AND id = $3 AND pinned_at IS NULL";
    let changed = sql.execute(update, params![at, channel, id])?;
    Ok((changed == 1).then_some(at))
}

/// Unpins a message; `false` when it is gone or was not pinned.
///
/// # Errors
/// See [`DbError`].
pub fn unpin(sql: &Sql<'_>, channel: ChannelId, id: MessageId) -> Result<bool, DbError> {
    let update =
        "UPDATE message SET pinned_at = NULL WHERE channel_id = $1 AND id = $2 AND pinned_at IS NOT NULL";
    Ok(sql.execute(update, &[channel.into(), bound(id)])? == 1)
}

/// How many are pinned.
///
/// # Errors
/// See [`DbError`].
pub fn count(sql: &Sql<'_>, channel: ChannelId) -> Result<u64, DbError> {
    let select = "SELECT count(*) FROM message WHERE channel_id = $1 AND pinned_at IS NOT NULL";
    Ok(sql.query_one(select, params![channel], |row| row.get(0))?.unwrap_or(0))
}

/// When the newest of those that are pinned was pinned.
///
/// # Errors
/// See [`DbError`].
pub fn newest(sql: &Sql<'_>, channel: ChannelId) -> Result<Option<Timestamp>, DbError> {
    let select = "SELECT max(pinned_at) FROM message WHERE channel_id = $1 AND pinned_at IS NOT NULL";
    Ok(sql.query_one(select, params![channel], |row| row.get(0))?.flatten())
}

/// Pinned messages, last pinned first.
///
/// # Errors
/// See [`DbError`].
pub fn page(
    sql: &Sql<'_>,
    channel: ChannelId,
    before: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    let before = before.map_or(i64::MAX, |time| i64::try_from(time.0).unwrap_or(i64::MAX));
    let select = format!(
        "SELECT {COLUMNS} FROM message WHERE channel_id = $1 AND pinned_at IS NOT NULL AND pinned_at < $2
         ORDER BY pinned_at DESC LIMIT $3"
    );
    sql.query(&select, params![channel, before, limit], read)
}
