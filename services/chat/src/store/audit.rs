//! Rows of the audit log.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use voxlink_protocol::{AuditLogChange, AuditLogEntry, AuditLogEntryId, GuildId, UserId};
use voxlink_service_kit::{
    DbError, Sql,
    db::{Row, Value},
    params,
};

/// Rows cleared away in one go: about a millisecond of the writer's time.
const CLEARED_AT_ONCE: u32 = 1000;

/// The part of an entry that no query asks for.
#[derive(Default, Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<AuditLogChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<Map<String, Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Which part of a guild's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Only what they did.
    pub user: Option<UserId>,
    /// Only this kind of action, a v10 number.
    pub action: Option<u32>,
    /// Only older ones.
    pub before: Option<AuditLogEntryId>,
    /// Only newer ones; the oldest of them come first.
    pub after: Option<AuditLogEntryId>,
    /// At most so many.
    pub limit: u32,
}

/// Stores an entry.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, guild: GuildId, entry: &AuditLogEntry) -> Result<(), DbError> {
    let body =
        Body { changes: entry.changes.clone(), options: entry.options.clone(), reason: entry.reason.clone() };
    let body = serde_json::to_string(&body).map_err(|error| DbError::Other(error.to_string()))?;
    sql.execute(
        "INSERT INTO audit_log (id, guild_id, action, user_id, target_id, body) VALUES ($1, $2, $3, $4, $5, $6)",
        params![entry.id, guild, entry.action_type, entry.user_id, entry.target_id, &body],
    )
    .map(|_| ())
}

/// A page of the log, newest first; oldest first when asked for those after one.
///
/// # Errors
/// See [`DbError`].
pub fn page(sql: &Sql<'_>, guild: GuildId, page: Page) -> Result<Vec<AuditLogEntry>, DbError> {
    let mut select =
        "SELECT id, action, user_id, target_id, body FROM audit_log WHERE guild_id = $1".to_owned();
    let mut bound: Vec<Value<'_>> = vec![guild.into()];
    let mut narrow = |condition: &str, value: Value<'static>| {
        bound.push(value);
        let _infallible = write!(select, " AND {condition} ${}", bound.len());
    };
    // Stored ids are below 2^63; a greater one from outside compares like the greatest.
    let id = |id: AuditLogEntryId| Value::Integer(i64::try_from(id.get()).unwrap_or(i64::MAX));
    if let Some(user) = page.user {
        narrow("user_id =", user.into());
    }
    if let Some(action) = page.action {
        narrow("action =", action.into());
    }
    if let Some(before) = page.before {
        narrow("id <", id(before));
    }
    if let Some(after) = page.after {
        narrow("id >", id(after));
    }
    bound.push(page.limit.into());
    let order = if page.after.is_some() && page.before.is_none() { "ASC" } else { "DESC" };
    let _infallible = write!(select, " ORDER BY id {order} LIMIT ${}", bound.len());
    sql.query(&select, &bound, read)
}

fn read(row: &Row<'_>) -> Result<AuditLogEntry, DbError> {
    let body: String = row.get(4)?;
    let body: Body = serde_json::from_str(&body).map_err(|error| DbError::Other(error.to_string()))?;
    Ok(AuditLogEntry {
        id: row.get(0)?,
        action_type: row.get(1)?,
        user_id: row.get(2)?,
        target_id: row.get(3)?,
        changes: body.changes,
        options: body.options,
        reason: body.reason,
    })
}

/// Forgets some of the entries older than `before`; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn prune(sql: &Sql<'_>, before: AuditLogEntryId) -> Result<bool, DbError> {
    let gone = sql.execute(
        "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE id < $1 ORDER BY id LIMIT $2)",
        params![before, CLEARED_AT_ONCE],
    )?;
    Ok(gone > 0)
}
