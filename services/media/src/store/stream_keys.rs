//! Rows of stream keys.

use voxlink_protocol::{ChannelId, GuildId, Snowflake, StreamKeyId, Timestamp, UserId};
use voxlink_service_kit::{DbError, Sql, db::Row, params};

/// The SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StreamKey {
    pub id: StreamKeyId,
    pub user: UserId,
    pub guild: GuildId,
    pub channel: ChannelId,
    pub name: String,
    /// Good for watching as well as for publishing.
    pub may_view: bool,
    pub last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, user_id, guild_id, channel_id, name, may_view, last_used_at";

fn read(row: &Row<'_>) -> Result<StreamKey, DbError> {
    Ok(StreamKey {
        id: row.get(0)?,
        user: row.get(1)?,
        guild: row.get(2)?,
        channel: row.get(3)?,
        name: row.get(4)?,
        may_view: row.get(5)?,
        last_used_at: row.get(6)?,
    })
}

/// The newest key's id, 0 when there was none.
///
/// # Errors
/// See [`DbError`].
pub fn newest_id(sql: &Sql<'_>) -> Result<Snowflake, DbError> {
    let newest: Option<Option<Snowflake>> =
        sql.query_one("SELECT max(id) FROM stream_key", params![], |row| row.get(0))?;
    Ok(newest.flatten().unwrap_or(Snowflake(0)))
}

/// Stores a key unless the person has `most` for this channel already; `false` then.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, key: &StreamKey, hash: &KeyHash, most: usize) -> Result<bool, DbError> {
    if list(sql, key.user, key.channel)?.len() >= most {
        return Ok(false);
    }
    let insert = "INSERT INTO stream_key (id, user_id, guild_id, channel_id, sha256, name, may_view)
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let StreamKey { id, user, guild, channel, name, may_view, .. } = key;
    sql.execute(insert, params![*id, *user, *guild, *channel, hash, name, *may_view])?;
    Ok(true)
}

/// A person's keys for a channel, oldest first.
///
/// # Errors
/// See [`DbError`].
pub fn list(sql: &Sql<'_>, user: UserId, channel: ChannelId) -> Result<Vec<StreamKey>, DbError> {
    let select =
        format!("SELECT {COLUMNS} FROM stream_key WHERE user_id = $1 AND channel_id = $2 ORDER BY id");
    sql.query(&select, params![user, channel], read)
}

/// The key with this hash.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, hash: &KeyHash) -> Result<Option<StreamKey>, DbError> {
    let select = format!("SELECT {COLUMNS} FROM stream_key WHERE sha256 = $1");
    sql.query_one(&select, params![hash], read)
}

/// A key was used.
///
/// # Errors
/// See [`DbError`].
pub fn touch(sql: &Sql<'_>, id: StreamKeyId, now: Timestamp) -> Result<(), DbError> {
    sql.execute("UPDATE stream_key SET last_used_at = $1 WHERE id = $2", params![now, id]).map(|_| ())
}

/// Deletes one of a person's keys for a channel; `false` when there is no such key.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, user: UserId, channel: ChannelId, id: StreamKeyId) -> Result<bool, DbError> {
    let delete = "DELETE FROM stream_key WHERE id = $1 AND user_id = $2 AND channel_id = $3";
    Ok(sql.execute(delete, params![id, user, channel])? == 1)
}

/// The account is gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete_of_user(sql: &Sql<'_>, user: UserId) -> Result<(), DbError> {
    sql.execute("DELETE FROM stream_key WHERE user_id = $1", params![user]).map(|_| ())
}

/// The person is no member any more.
///
/// # Errors
/// See [`DbError`].
pub fn delete_of_member(sql: &Sql<'_>, guild: GuildId, user: UserId) -> Result<(), DbError> {
    let delete = "DELETE FROM stream_key WHERE user_id = $1 AND guild_id = $2";
    sql.execute(delete, params![user, guild]).map(|_| ())
}

/// The channel is gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete_of_channel(sql: &Sql<'_>, channel: ChannelId) -> Result<(), DbError> {
    sql.execute("DELETE FROM stream_key WHERE channel_id = $1", params![channel]).map(|_| ())
}

/// The guild is gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete_of_guild(sql: &Sql<'_>, guild: GuildId) -> Result<(), DbError> {
    sql.execute("DELETE FROM stream_key WHERE guild_id = $1", params![guild]).map(|_| ())
}
