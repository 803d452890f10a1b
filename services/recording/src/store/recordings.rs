//! Rows of recordings.

use voxlink_protocol::{ChannelId, GuildId, MessageId, RecordingId, Snowflake, UserId};
use voxlink_service_kit::{DbError, Sql, db::Row, params};

/// What a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Going,
    Processing,
    Ready,
    Failed,
    /// Its files are being deleted; nobody sees it any more.
    Doomed,
}

impl State {
    const ALL: [Self; 5] = [Self::Going, Self::Processing, Self::Ready, Self::Failed, Self::Doomed];

    fn number(self) -> u32 {
        self as u32
    }

    fn of(number: u32) -> Result<Self, DbError> {
        let found = Self::ALL.into_iter().find(|state| state.number() == number);
        found.ok_or_else(|| DbError::Other(format!("a recording in state {number}")))
    }
}

/// A recording as it is stored; its beginning is in its id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Recording {
    pub id: RecordingId,
    /// `None` in a conversation.
    pub guild: Option<GuildId>,
    pub channel: ChannelId,
    pub started_by: UserId,
    pub state: State,
    pub duration_ms: Option<u64>,
    pub problem: Option<String>,
    pub message: Option<MessageId>,
}

/// Stands for the guild of what has none.
const CONVERSATION: GuildId = GuildId::new(0);

const COLUMNS: &str = "id, guild_id, channel_id, started_by, state, duration_ms, problem, message_id";

fn read(row: &Row<'_>) -> Result<Recording, DbError> {
    Ok(Recording {
        id: row.get(0)?,
        guild: Some(row.get::<GuildId>(1)?).filter(|guild| *guild != CONVERSATION),
        channel: row.get(2)?,
        started_by: row.get(3)?,
        state: State::of(row.get(4)?)?,
        duration_ms: row.get(5)?,
        problem: row.get(6)?,
        message: row.get(7)?,
    })
}

/// The newest recording's id, 0 when there was none.
///
/// # Errors
/// See [`DbError`].
pub fn newest_id(sql: &Sql<'_>) -> Result<Snowflake, DbError> {
    let newest: Option<Option<Snowflake>> =
        sql.query_one("SELECT max(id) FROM recording", params![], |row| row.get(0))?;
    Ok(newest.flatten().unwrap_or(Snowflake(0)))
}

/// A recording begins.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, recording: &Recording) -> Result<(), DbError> {
    let Recording { id, guild, channel, started_by, state, .. } = recording;
    let insert = "INSERT INTO recording (id, guild_id, channel_id, started_by, state)
                  VALUES ($1, $2, $3, $4, $5)";
    sql.execute(insert, params![*id, guild.unwrap_or(CONVERSATION), *channel, *started_by, state.number()])
        .map(|_| ())
}

/// One that is not being deleted.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, id: RecordingId) -> Result<Option<Recording>, DbError> {
    let select = format!("SELECT {COLUMNS} FROM recording WHERE id = $1 AND state <> 4");
    sql.query_one(&select, params![id], read)
}

/// All in this state, oldest first.
///
/// # Errors
/// See [`DbError`].
pub fn in_state(sql: &Sql<'_>, state: State) -> Result<Vec<Recording>, DbError> {
    let select = format!("SELECT {COLUMNS} FROM recording WHERE state = $1 ORDER BY id");
    sql.query(&select, params![state.number()], read)
}

/// Those of a channel that are over, newest first, older than `before`.
///
/// # Errors
/// See [`DbError`].
pub fn page(
    sql: &Sql<'_>,
    channel: ChannelId,
    before: RecordingId,
    limit: u32,
) -> Result<Vec<Recording>, DbError> {
    let select = format!(
        "SELECT {COLUMNS} FROM recording
         WHERE channel_id = $1 AND id < $2 AND state > 0 AND state < 4 ORDER BY id DESC LIMIT $3"
    );
    sql.query(&select, params![channel, before, limit], read)
}

/// Those of a guild that began before this id, or all of a channel when the guild is not named.
///
/// # Errors
/// See [`DbError`].
pub fn older_than(sql: &Sql<'_>, guild: GuildId, before: RecordingId) -> Result<Vec<RecordingId>, DbError> {
    let select = "SELECT id FROM recording WHERE guild_id = $1 AND id < $2 AND state > 1 AND state < 4";
    sql.query(select, params![guild, before], |row| row.get(0))
}

/// All of a channel that are over.
///
/// # Errors
/// See [`DbError`].
pub fn of_channel(sql: &Sql<'_>, channel: ChannelId) -> Result<Vec<RecordingId>, DbError> {
    let select = "SELECT id FROM recording WHERE channel_id = $1 AND state > 0 AND state < 4";
    sql.query(select, params![channel], |row| row.get(0))
}

/// All of a guild that are over.
///
/// # Errors
/// See [`DbError`].
pub fn of_guild(sql: &Sql<'_>, guild: GuildId) -> Result<Vec<RecordingId>, DbError> {
    let select = "SELECT id FROM recording WHERE guild_id = $1 AND state > 0 AND state < 4";
    sql.query(select, params![guild], |row| row.get(0))
}

/// What the files of a guild's recordings take, or of a conversation's, in bytes.
///
/// # Errors
/// See [`DbError`].
pub fn bytes_of(sql: &Sql<'_>, guild: Option<GuildId>, channel: ChannelId) -> Result<u64, DbError> {
    let mut all = 0;
    for table in ["track", "output"] {
        let of = if guild.is_some() { "guild_id = $1" } else { "channel_id = $1" };
        let select = format!(
            "SELECT coalesce(sum(bytes), 0) FROM {table}
             WHERE recording_id IN (SELECT id FROM recording WHERE {of})"
        );
        let id = guild.map_or(channel.0, |guild| guild.0);
        let sum: Option<u64> = sql.query_one(&select, params![id], |row| row.get(0))?;
        all += sum.unwrap_or_default();
    }
    Ok(all)
}

/// Its state changes, and why it failed; `false` when it is gone, or is being deleted.
///
/// # Errors
/// See [`DbError`].
pub fn set_state(
    sql: &Sql<'_>,
    id: RecordingId,
    state: State,
    problem: Option<&str>,
) -> Result<bool, DbError> {
    let update = "UPDATE recording SET state = $1, problem = $2 WHERE id = $3 AND state <> 4";
    Ok(sql.execute(update, params![state.number(), problem, id])? == 1)
}

/// How long it became.
///
/// # Errors
/// See [`DbError`].
pub fn set_duration(sql: &Sql<'_>, id: RecordingId, duration_ms: u64) -> Result<(), DbError> {
    sql.execute("UPDATE recording SET duration_ms = $1 WHERE id = $2", params![duration_ms, id]).map(|_| ())
}

/// Which message tells of it.
///
/// # Errors
/// See [`DbError`].
pub fn set_message(sql: &Sql<'_>, id: RecordingId, message: MessageId) -> Result<(), DbError> {
    sql.execute("UPDATE recording SET message_id = $1 WHERE id = $2", params![message, id]).map(|_| ())
}

/// It is gone, and all that belongs to it.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, id: RecordingId) -> Result<(), DbError> {
    sql.execute("DELETE FROM track WHERE recording_id = $1", params![id])?;
    sql.execute("DELETE FROM output WHERE recording_id = $1", params![id])?;
    sql.execute("DELETE FROM recording WHERE id = $1", params![id]).map(|_| ())
}
