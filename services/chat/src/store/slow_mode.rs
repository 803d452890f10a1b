//! When people last posted where slow mode holds them.

use std::time::Duration;

use voxlink_protocol::{ChannelId, Timestamp, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// Rows cleared away in one go: about a millisecond of the writer's time.
const CLEARED_AT_ONCE: u32 = 1000;

/// Takes a turn to post: `None` when it was free, else how long it takes until the next one.
///
/// # Errors
/// See [`DbError`].
pub fn take_turn(
    sql: &Sql<'_>,
    channel: ChannelId,
    user: UserId,
    now: Timestamp,
    gap: Duration,
) -> Result<Option<Duration>, DbError> {
    let select = "SELECT posted_at FROM slow_mode WHERE channel_id = $1 AND user_id = $2";
    let last: Option<Timestamp> = sql.query_one(select, params![channel, user], |row| row.get(0))?;
    if let Some(free) = last.map(|last| last.plus(gap))
        && free > now
    {
        return Ok(Some(Duration::from_millis(free.0 - now.0)));
    }
    sql.execute(
        "INSERT INTO slow_mode (channel_id, user_id, posted_at) VALUES ($1, $2, $3)
         ON CONFLICT (channel_id, user_id) DO UPDATE SET posted_at = excluded.posted_at",
        params![channel, user, now],
    )?;
    Ok(None)
}

/// Forgets some turns taken before then; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn prune(sql: &Sql<'_>, before: Timestamp) -> Result<bool, DbError> {
    let old = sql.query(
        "SELECT channel_id, user_id FROM slow_mode WHERE posted_at < $1 ORDER BY posted_at LIMIT $2",
        params![before, CLEARED_AT_ONCE],
        |row| Ok((row.get::<ChannelId>(0)?, row.get::<UserId>(1)?)),
    )?;
    for (channel, user) in &old {
        let delete = "DELETE FROM slow_mode WHERE channel_id = $1 AND user_id = $2";
        sql.execute(delete, params![*channel, *user])?;
    }
    Ok(!old.is_empty())
}
