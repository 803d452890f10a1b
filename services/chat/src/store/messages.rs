//! Message rows and the nonces that keep a retry from doubling one.

use voxlink_protocol::{ChannelId, MessageId, Timestamp, UserId};
use voxlink_service_kit::{
    DbError, Sql,
    db::{Row, Value},
    params,
};

/// Rows cleared away in one go: about a millisecond of the writer's time.
const CLEARED_AT_ONCE: u32 = 1000;

/// A message as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredMessage {
    pub id: MessageId,
    pub author: UserId,
    pub content: String,
    pub edited_at: Option<Timestamp>,
}

/// Which part of a channel's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The newest.
    Latest,
    /// The newest before this one.
    Before(MessageId),
    /// The oldest after this one.
    After(MessageId),
    /// This one and its neighbours.
    Around(MessageId),
}

fn read(row: &Row<'_>) -> Result<StoredMessage, DbError> {
    Ok(StoredMessage { id: row.get(0)?, author: row.get(1)?, content: row.get(2)?, edited_at: row.get(3)? })
}

/// Stores a new message.
///
/// # Errors
/// See [`DbError`].
pub fn insert(
    sql: &Sql<'_>,
    channel: ChannelId,
    id: MessageId,
    author: UserId,
    content: &str,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO message (channel_id, id, author_id, content) VALUES ($1, $2, $3, $4)",
        params![channel, id, author, content],
    )
    .map(|_| ())
}

/// Binds a nonce to a message. When the author used it in this channel before, returns the message it is bound to.
///
/// # Errors
/// See [`DbError`].
pub fn claim_nonce(
    sql: &Sql<'_>,
    channel: ChannelId,
    author: UserId,
    nonce: &str,
    message: MessageId,
) -> Result<Option<MessageId>, DbError> {
    let stored = sql.execute(
        "INSERT INTO nonce (channel_id, author_id, nonce, message_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        params![channel, author, nonce, message],
    )?;
    if stored == 1 {
        return Ok(None);
    }
    sql.query_one(
        "SELECT message_id FROM nonce WHERE channel_id = $1 AND author_id = $2 AND nonce = $3",
        params![channel, author, nonce],
        |row| row.get(0),
    )
}

/// One message.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, channel: ChannelId, id: MessageId) -> Result<Option<StoredMessage>, DbError> {
    sql.query_one(
        "SELECT id, author_id, content, edited_at FROM message WHERE channel_id = $1 AND id = $2",
        params![channel, id],
        read,
    )
}

/// A page of history, newest first. With [`Position::Around`] half of it is before the given message.
///
/// # Errors
/// See [`DbError`].
pub fn page(
    sql: &Sql<'_>,
    channel: ChannelId,
    position: Position,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    match position {
        Position::Latest => older(sql, channel, MessageId::new(u64::MAX), limit),
        Position::Before(id) => older(sql, channel, id, limit),
        Position::After(id) => newer(sql, channel, id, limit),
        Position::Around(id) => {
            let mut page = newer(sql, channel, id, limit / 2)?;
            let through = MessageId::new(id.get().saturating_add(1));
            page.extend(older(sql, channel, through, limit - limit / 2)?);
            Ok(page)
        }
    }
}

/// Stored ids are below 2^63; a greater one from outside compares like the greatest.
fn bound(id: MessageId) -> Value<'static> {
    Value::Integer(i64::try_from(id.get()).unwrap_or(i64::MAX))
}

fn older(
    sql: &Sql<'_>,
    channel: ChannelId,
    than: MessageId,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    sql.query(
        "SELECT id, author_id, content, edited_at FROM message WHERE channel_id = $1 AND id < $2
         ORDER BY id DESC LIMIT $3",
        params![channel, bound(than), limit],
        read,
    )
}

fn newer(
    sql: &Sql<'_>,
    channel: ChannelId,
    than: MessageId,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    let mut page = sql.query(
        "SELECT id, author_id, content, edited_at FROM message WHERE channel_id = $1 AND id > $2
         ORDER BY id LIMIT $3",
        params![channel, bound(than), limit],
        read,
    )?;
    page.reverse();
    Ok(page)
}

/// Changes the text; `false` when the message is gone.
///
/// # Errors
/// See [`DbError`].
pub fn edit(
    sql: &Sql<'_>,
    channel: ChannelId,
    id: MessageId,
    content: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let changed = sql.execute(
        "UPDATE message SET content = $1, edited_at = $2 WHERE channel_id = $3 AND id = $4",
        params![content, now, channel, id],
    )?;
    Ok(changed == 1)
}

/// Deletes it; `false` when it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, channel: ChannelId, id: MessageId) -> Result<bool, DbError> {
    let gone = sql.execute("DELETE FROM message WHERE channel_id = $1 AND id = $2", params![channel, id])?;
    Ok(gone == 1)
}

/// Forgets some of the nonces of messages older than `before`; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn prune_nonces(sql: &Sql<'_>, before: MessageId) -> Result<bool, DbError> {
    let gone = sql.execute(
        "DELETE FROM nonce WHERE message_id IN
         (SELECT message_id FROM nonce WHERE message_id < $1 ORDER BY message_id LIMIT $2)",
        params![before, CLEARED_AT_ONCE],
    )?;
    Ok(gone > 0)
}

/// Clears away some messages of deleted channels; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn clear_doomed(sql: &Sql<'_>) -> Result<bool, DbError> {
    let doomed = sql.query_one("SELECT id FROM doomed_channel LIMIT 1", params![], |row| row.get(0))?;
    let Some(channel) = doomed else { return Ok(false) };
    let channel: ChannelId = channel;
    super::search::remove_oldest(sql, channel, CLEARED_AT_ONCE)?;
    sql.execute(
        "DELETE FROM mention WHERE message_id IN
         (SELECT id FROM message WHERE channel_id = $1 ORDER BY id LIMIT $2)",
        params![channel, CLEARED_AT_ONCE],
    )?;
    let gone = sql.execute(
        "DELETE FROM message WHERE channel_id = $1 AND id IN
         (SELECT id FROM message WHERE channel_id = $1 ORDER BY id LIMIT $2)",
        params![channel, CLEARED_AT_ONCE],
    )?;
    if gone == 0 {
        super::read_states::forget_channel(sql, channel)?;
        sql.execute("DELETE FROM doomed_channel WHERE id = $1", params![channel])?;
    }
    Ok(true)
}
