//! Message rows and the nonces that keep a retry from doubling one.

use serde::{Serialize, de::DeserializeOwned};
use voxlink_protocol::{
    Attachment, ChannelId, Embed, MessageCall, MessageFlags, MessageId, MessageKind, RoleId, Timestamp,
    UserId,
};
use voxlink_service_kit::{
    DbError, Sql,
    db::{Row, Value},
    params,
};

/// Rows cleared away in one go: about a millisecond of the writer's time.
const CLEARED_AT_ONCE: u32 = 1000;

/// A message as stored.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct StoredMessage {
    pub id: MessageId,
    pub author: UserId,
    pub content: String,
    pub edited_at: Option<Timestamp>,
    pub kind: MessageKind,
    pub flags: MessageFlags,
    pub mention_everyone: bool,
    /// What it answers or tells of, in the same channel; it may be gone.
    pub reference: Option<MessageId>,
    pub mentions: Vec<UserId>,
    pub mention_roles: Vec<RoleId>,
    pub attachments: Vec<Attachment>,
    /// Kept also while [`MessageFlags::SUPPRESS_EMBEDS`] hides them.
    pub embeds: Vec<Embed>,
    pub pinned_at: Option<Timestamp>,
    /// What a message of kind [`MessageKind::Call`] tells; changed by [`super::calls`] only.
    pub call: Option<MessageCall>,
}

impl StoredMessage {
    /// Someone's words and nothing else.
    #[must_use]
    pub fn new(id: MessageId, author: UserId, content: impl Into<String>) -> Self {
        Self {
            id,
            author,
            content: content.into(),
            edited_at: None,
            kind: MessageKind::Default,
            flags: MessageFlags::empty(),
            mention_everyone: false,
            reference: None,
            mentions: Vec::new(),
            mention_roles: Vec::new(),
            attachments: Vec::new(),
            embeds: Vec::new(),
            pinned_at: None,
            call: None,
        }
    }
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

pub(super) const COLUMNS: &str = "id, author_id, content, edited_at, kind, flags, mention_everyone, reference_id, \
                                  mentions, mention_roles, attachments, embeds, pinned_at, call";

pub(super) fn read(row: &Row<'_>) -> Result<StoredMessage, DbError> {
    let kind = MessageKind::try_from(row.get::<u8>(4)?).map_err(|what| DbError::Other(what.to_owned()))?;
    Ok(StoredMessage {
        id: row.get(0)?,
        author: row.get(1)?,
        content: row.get(2)?,
        edited_at: row.get(3)?,
        kind,
        flags: MessageFlags::from_bits_truncate(row.get(5)?),
        mention_everyone: row.get(6)?,
        reference: row.get(7)?,
        mentions: list(row.get(8)?)?,
        mention_roles: list(row.get(9)?)?,
        attachments: list(row.get(10)?)?,
        embeds: list(row.get(11)?)?,
        pinned_at: row.get(12)?,
        call: row.get::<Option<String>>(13)?.map(|text| super::calls::parse(&text)).transpose()?,
    })
}

fn list<T: DeserializeOwned>(column: Option<String>) -> Result<Vec<T>, DbError> {
    column.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(&text).map_err(|error| DbError::Other(error.to_string()))
    })
}

fn column<T: Serialize>(items: &[T]) -> Result<Option<String>, DbError> {
    if items.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(items).map(Some).map_err(|error| DbError::Other(error.to_string()))
}

/// `$from, $from+1, …` for so many ids, rounded up to few sizes so that statements stay prepared; the ids to bind,
/// the last one repeated.
pub(super) fn among(from: usize, ids: &[MessageId]) -> (String, Vec<MessageId>) {
    let size = [1, 4, 16, 50, 100].into_iter().find(|size| *size >= ids.len()).unwrap_or(ids.len());
    let bound: Vec<MessageId> =
        (0..size).filter_map(|index| ids.get(index).or_else(|| ids.last()).copied()).collect();
    let places: Vec<String> = (from..from + bound.len()).map(|place| format!("${place}")).collect();
    (places.join(", "), bound)
}

/// Stores a new message.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, channel: ChannelId, message: &StoredMessage) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO message (channel_id, id, author_id, content, kind, flags, mention_everyone, reference_id,
         mentions, mention_roles, attachments, embeds) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            channel,
            message.id,
            message.author,
            &message.content,
            u8::from(message.kind),
            message.flags.bits(),
            message.mention_everyone,
            message.reference,
            column(&message.mentions)?.as_ref(),
            column(&message.mention_roles)?.as_ref(),
            column(&message.attachments)?.as_ref(),
            column(&message.embeds)?.as_ref()
        ],
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
    let select = format!("SELECT {COLUMNS} FROM message WHERE channel_id = $1 AND id = $2");
    sql.query_one(&select, params![channel, bound(id)], read)
}

/// Those of these messages that are there, in any order.
///
/// # Errors
/// See [`DbError`].
pub fn find_many(
    sql: &Sql<'_>,
    channel: ChannelId,
    ids: &[MessageId],
) -> Result<Vec<StoredMessage>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (places, ids) = among(2, ids);
    let mut values = vec![Value::from(channel)];
    values.extend(ids.into_iter().map(bound));
    let select = format!("SELECT {COLUMNS} FROM message WHERE channel_id = $1 AND id IN ({places})");
    sql.query(&select, &values, read)
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
pub(super) fn bound(id: MessageId) -> Value<'static> {
    Value::Integer(i64::try_from(id.get()).unwrap_or(i64::MAX))
}

fn older(
    sql: &Sql<'_>,
    channel: ChannelId,
    than: MessageId,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    let select =
        format!("SELECT {COLUMNS} FROM message WHERE channel_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    sql.query(&select, params![channel, bound(than), limit], read)
}

fn newer(
    sql: &Sql<'_>,
    channel: ChannelId,
    than: MessageId,
    limit: u32,
) -> Result<Vec<StoredMessage>, DbError> {
    let select =
        format!("SELECT {COLUMNS} FROM message WHERE channel_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    let mut page = sql.query(&select, params![channel, bound(than), limit], read)?;
    page.reverse();
    Ok(page)
}

/// Stores what may change of a message, except that it is pinned; `false` when it is gone.
///
/// # Errors
/// See [`DbError`].
pub fn update(sql: &Sql<'_>, channel: ChannelId, message: &StoredMessage) -> Result<bool, DbError> {
    let changed = sql.execute(
        "UPDATE message SET content = $1, edited_at = $2, flags = $3, mention_everyone = $4, mentions = $5,
         mention_roles = $6, attachments = $7, embeds = $8 WHERE channel_id = $9 AND id = $10",
        params![
            &message.content,
            message.edited_at,
            message.flags.bits(),
            message.mention_everyone,
            column(&message.mentions)?.as_ref(),
            column(&message.mention_roles)?.as_ref(),
            column(&message.attachments)?.as_ref(),
            column(&message.embeds)?.as_ref(),
            channel,
            message.id
        ],
    )?;
    Ok(changed == 1)
}

/// Deletes it with its reactions; `false` when it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, channel: ChannelId, id: MessageId) -> Result<bool, DbError> {
    let key = [Value::from(channel), bound(id)];
    let gone = sql.execute("DELETE FROM message WHERE channel_id = $1 AND id = $2", &key)?;
    super::reactions::clear(sql, channel, id)?;
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

/// How far clearing away deleted channels has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// There is nothing to clear away.
    Nothing,
    /// Some of a channel; there may be more.
    Some,
    /// The last of this channel: nothing of it is left.
    All(ChannelId),
}

/// Clears away some messages of deleted channels with all that hangs on them.
///
/// # Errors
/// See [`DbError`].
pub fn clear_doomed(sql: &Sql<'_>) -> Result<Cleared, DbError> {
    let doomed = sql.query_one("SELECT id FROM doomed_channel LIMIT 1", params![], |row| row.get(0))?;
    let Some(channel) = doomed else { return Ok(Cleared::Nothing) };
    let channel: ChannelId = channel;
    super::search::remove_oldest(sql, channel, CLEARED_AT_ONCE)?;
    // Mentions have no channel that they are found by: they go while their messages are still there.
    sql.execute(
        "DELETE FROM mention WHERE message_id IN
         (SELECT id FROM message WHERE channel_id = $1 ORDER BY id LIMIT $2)",
        params![channel, CLEARED_AT_ONCE],
    )?;
    for (table, key) in [
        ("reaction_of_user", "message_id"),
        ("reaction", "message_id"),
        ("slow_mode", "user_id"),
        ("message", "id"),
    ] {
        let delete = format!(
            "DELETE FROM {table} WHERE channel_id = $1 AND {key} IN
             (SELECT {key} FROM {table} WHERE channel_id = $1 ORDER BY {key} LIMIT $2)"
        );
        if sql.execute(&delete, params![channel, CLEARED_AT_ONCE])? > 0 {
            return Ok(Cleared::Some);
        }
    }
    super::read_states::forget_channel(sql, channel)?;
    sql.execute("DELETE FROM doomed_channel WHERE id = $1", params![channel])?;
    Ok(Cleared::All(channel))
}
