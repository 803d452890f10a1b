//! The search index: documents, and the ids of those that match, by id.
//!
//! A document is stored with its message. PostgreSQL indexes it at once. SQLite's full-text index writes a segment for
//! each savepoint, which for one message costs more than the message: there the index follows in batches ([`catch_up`]),
//! and whoever searches lets it catch up first. There each term begins with its scope too, so that a search touches
//! nothing of other guilds, however many messages those have.

use voxlink_protocol::{ChannelId, MessageId, Snowflake};
use voxlink_service_kit::{DbError, Sql, db::Dialect, params};

use crate::search::query::{Expression, Group};

/// Stores what a message is found by; `is_new` when it was not stored before.
///
/// # Errors
/// See [`DbError`].
pub fn put(
    sql: &Sql<'_>,
    message: MessageId,
    channel: ChannelId,
    scope: Snowflake,
    terms: &str,
    is_new: bool,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO search_document (message_id, channel_id, scope_id, terms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (message_id) DO UPDATE SET terms = excluded.terms",
        params![message, channel, scope, terms],
    )?;
    note_pending(sql, message, is_new)
}

/// The message is gone.
///
/// # Errors
/// See [`DbError`].
pub fn remove(sql: &Sql<'_>, message: MessageId) -> Result<(), DbError> {
    sql.execute("DELETE FROM search_document WHERE message_id = $1", params![message])?;
    note_pending(sql, message, false)
}

/// As [`remove`], for the oldest messages of a channel that is being cleared away.
///
/// # Errors
/// See [`DbError`].
pub fn remove_oldest(sql: &Sql<'_>, channel: ChannelId, count: u32) -> Result<(), DbError> {
    let oldest = "SELECT id FROM message WHERE channel_id = $1 ORDER BY id LIMIT $2";
    if sql.dialect() == Dialect::Sqlite {
        let insert = format!(
            "INSERT INTO search_pending (message_id, is_new) SELECT id, 0 FROM ({oldest}) WHERE true
             ON CONFLICT (message_id) DO NOTHING"
        );
        sql.execute(&insert, params![channel, count])?;
    }
    let delete = format!("DELETE FROM search_document WHERE message_id IN ({oldest})");
    sql.execute(&delete, params![channel, count]).map(|_| ())
}

fn note_pending(sql: &Sql<'_>, message: MessageId, is_new: bool) -> Result<(), DbError> {
    match sql.dialect() {
        Dialect::Postgres => Ok(()),
        Dialect::Sqlite => {
            // One that is new stays new until the index has it.
            let insert = "INSERT INTO search_pending (message_id, is_new) VALUES ($1, $2)
                          ON CONFLICT (message_id) DO NOTHING";
            sql.execute(insert, params![message, is_new]).map(|_| ())
        }
    }
}

/// True when the index lags behind.
///
/// # Errors
/// See [`DbError`].
pub fn is_behind(sql: &Sql<'_>) -> Result<bool, DbError> {
    if sql.dialect() == Dialect::Postgres {
        return Ok(false);
    }
    let select = "SELECT message_id FROM search_pending LIMIT 1";
    Ok(sql.query_one(select, params![], |row| row.get::<MessageId>(0))?.is_some())
}

/// Brings at most `most` messages into the index; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn catch_up(sql: &Sql<'_>, most: u32) -> Result<bool, DbError> {
    let last = sql.query_one(
        "SELECT max(message_id), count(*) FROM
         (SELECT message_id FROM search_pending ORDER BY message_id LIMIT $1) AS oldest",
        params![most],
        |row| Ok((row.get::<Option<MessageId>>(0)?, row.get::<u64>(1)?)),
    )?;
    let Some((Some(last), count)) = last else { return Ok(false) };
    if sql.dialect() == Dialect::Sqlite {
        sql.execute(
            "DELETE FROM search_index WHERE rowid IN
             (SELECT message_id FROM search_pending WHERE message_id <= $1 AND is_new = 0)",
            params![last],
        )?;
        let documents = sql.query(
            "SELECT search_document.message_id, scope_id, terms FROM search_pending
             JOIN search_document ON search_document.message_id = search_pending.message_id
             WHERE search_pending.message_id <= $1 ORDER BY search_pending.message_id",
            params![last],
            |row| Ok((row.get::<MessageId>(0)?, row.get::<Snowflake>(1)?, row.get::<String>(2)?)),
        )?;
        for (message, scope, terms) in documents {
            let scope = prefix(scope);
            let terms: Vec<&str> = terms.split(' ').flat_map(|term| [" ", &scope, term]).collect();
            let insert = "INSERT INTO search_index (rowid, terms) VALUES ($1, $2)";
            sql.execute(insert, params![message, &terms.concat()])?;
        }
    }
    sql.execute("DELETE FROM search_pending WHERE message_id <= $1", params![last])?;
    Ok(count == u64::from(most))
}

/// The ids of at most `most` messages that match, those between `after` and `before`: the newest first, or the oldest.
///
/// # Errors
/// See [`DbError`].
pub fn find(
    sql: &Sql<'_>,
    wanted: &Expression,
    after: MessageId,
    before: MessageId,
    oldest_first: bool,
    most: u32,
) -> Result<Vec<MessageId>, DbError> {
    let order = if oldest_first { "ASC" } else { "DESC" };
    let (select, text) = match sql.dialect() {
        Dialect::Sqlite => (
            format!(
                "SELECT rowid FROM search_index WHERE search_index MATCH $1 AND rowid > $2 AND rowid < $3
                 ORDER BY rowid {order} LIMIT $4"
            ),
            sqlite_text(wanted),
        ),
        Dialect::Postgres => (
            format!(
                "SELECT message_id FROM search_document
                 WHERE array_to_tsvector(string_to_array(terms, ' ')) @@ CAST(CAST($1 AS TEXT) AS TSQUERY)
                 AND message_id > $2 AND message_id < $3 ORDER BY message_id {order} LIMIT $4"
            ),
            postgres_text(wanted),
        ),
    };
    sql.query(&select, params![&text, after, before, most], |row| row.get(0))
}

/// Where a message is, as its document says.
///
/// # Errors
/// See [`DbError`].
pub fn channel_of(sql: &Sql<'_>, message: MessageId) -> Result<Option<ChannelId>, DbError> {
    let select = "SELECT channel_id FROM search_document WHERE message_id = $1";
    sql.query_one(select, params![message], |row| row.get(0))
}

/// A scope in letters and digits that the index does not fold.
fn prefix(scope: Snowflake) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut left = scope.0;
    let mut text = String::new();
    while left > 0 {
        let digit = usize::try_from(left % 36).ok().and_then(|digit| DIGITS.get(digit));
        text.push(digit.copied().map_or('0', char::from));
        left /= 36;
    }
    text
}

/// Terms hold letters, digits and marks of ours and so need no escapes; quotes make each a word and nothing else.
fn sqlite_text(wanted: &Expression) -> String {
    let scope = prefix(wanted.scope);
    let term = |term: &str| format!("\"{scope}{term}\"");
    let group = |group: &Group| {
        let star = if group.is_prefix { " *" } else { "" };
        let one_of: Vec<String> = group.one_of.iter().map(|one| format!("{}{star}", term(one))).collect();
        format!("({})", one_of.join(" OR "))
    };
    let mut all: Vec<String> = wanted.all.iter().map(group).collect();
    if all.is_empty() {
        all.push(term(&wanted.whole));
    }
    let none: Vec<String> = wanted.none.iter().map(|one| term(one)).collect();
    let all = all.join(" AND ");
    if none.is_empty() { all } else { format!("({all}) NOT ({})", none.join(" OR ")) }
}

fn postgres_text(wanted: &Expression) -> String {
    let term = |term: &str| format!("'{term}'");
    let group = |group: &Group| {
        let star = if group.is_prefix { ":*" } else { "" };
        let one_of: Vec<String> = group.one_of.iter().map(|one| format!("{}{star}", term(one))).collect();
        format!("({})", one_of.join(" | "))
    };
    let all: Vec<String> = wanted.all.iter().map(group).chain([term(&wanted.whole)]).collect();
    let none: Vec<String> = wanted.none.iter().map(|one| term(one)).collect();
    let all = all.join(" & ");
    if none.is_empty() { all } else { format!("{all} & !({})", none.join(" | ")) }
}
