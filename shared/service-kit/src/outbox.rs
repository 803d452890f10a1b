//! Announcements that must not be lost: stored in the transaction that causes them, deleted once published.
//!
//! A service with an outbox has this table among its migrations ([`TABLE`]). At start it publishes what a crash left
//! behind ([`republish`]); a subscriber may therefore hear an announcement twice and must not mind.

use voxlink_protocol::bus::Announcement;

use crate::{Bus, Db, DbError, Sql, params};

/// The table, to be put into a migration.
pub const TABLE: &str =
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL);";

/// The number of an entry within its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(u64);

/// Stores an announcement in the running transaction.
///
/// # Errors
/// When it cannot be stored.
pub fn put<A: Announcement>(sql: &Sql<'_>, announcement: &A) -> Result<EntryId, DbError> {
    let body = serde_json::to_string(announcement).map_err(|error| DbError::Other(error.to_string()))?;
    let insert = "INSERT INTO outbox (name, body) VALUES ($1, $2) RETURNING id";
    sql.query_one(insert, params![A::NAME, &body], |row| row.get(0))?
        .map(EntryId)
        .ok_or_else(|| DbError::Other("the outbox returned no id".to_owned()))
}

/// Forgets entries that were published.
///
/// # Errors
/// When the database fails; the entries are then published again at the next start.
pub async fn forget(db: &Db, entries: Vec<EntryId>) -> Result<(), DbError> {
    db.write(move |sql| {
        for entry in &entries {
            sql.execute("DELETE FROM outbox WHERE id = $1", params![entry.0])?;
        }
        Ok(())
    })
    .await
}

/// Publishes and forgets all entries of this kind that a crash left behind.
///
/// # Errors
/// When the database fails.
pub async fn republish<A: Announcement>(db: &Db, bus: &Bus) -> Result<(), DbError> {
    let select = "SELECT id, body FROM outbox WHERE name = $1 ORDER BY id";
    let left: Vec<(u64, String)> =
        db.read(move |sql| sql.query(select, params![A::NAME], |row| Ok((row.get(0)?, row.get(1)?)))).await?;
    for (id, body) in &left {
        match serde_json::from_str::<A>(body) {
            Ok(announcement) => bus.publish(announcement),
            Err(error) => {
                tracing::error!(%error, id, name = A::NAME, "an outbox entry cannot be read and is dropped")
            }
        }
    }
    forget(db, left.into_iter().map(|(id, _)| EntryId(id)).collect()).await
}
