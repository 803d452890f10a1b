//! Rows of blobs: what lies in object storage, or may.

use voxlink_protocol::Timestamp;
use voxlink_service_kit::{DbError, Sql, params};

use crate::blobs::BlobName;

/// Announces that this blob will be written.
///
/// # Errors
/// See [`DbError`].
pub fn begin(sql: &Sql<'_>, name: &BlobName, now: Timestamp) -> Result<(), DbError> {
    let insert = "INSERT INTO blob (name, size, unsettled_since) VALUES ($1, 0, $2)";
    sql.execute(insert, params![name.as_str(), now]).map(|_| ())
}

/// It is written and belongs to something. `false`: it was collected meanwhile and must not be used.
///
/// # Errors
/// See [`DbError`].
pub fn keep(sql: &Sql<'_>, name: &BlobName, size: u64) -> Result<bool, DbError> {
    let update = "UPDATE blob SET size = $1, unsettled_since = NULL
                  WHERE name = $2 AND unsettled_since IS NOT NULL AND unsettled_since > 0";
    Ok(sql.execute(update, params![size, name.as_str()])? == 1)
}

/// It belongs to nothing any more, nor do its thumbnails: the collector deletes them.
///
/// # Errors
/// See [`DbError`].
pub fn doom(sql: &Sql<'_>, name: &BlobName) -> Result<(), DbError> {
    let thumbnails = "UPDATE blob SET unsettled_since = 0
                      WHERE name IN (SELECT blob FROM thumbnail WHERE original = $1)";
    sql.execute(thumbnails, params![name.as_str()])?;
    sql.execute("DELETE FROM thumbnail WHERE original = $1", params![name.as_str()])?;
    sql.execute("UPDATE blob SET unsettled_since = 0 WHERE name = $1", params![name.as_str()]).map(|_| ())
}

/// Some that wait for deletion, or whose writing never ended.
///
/// # Errors
/// See [`DbError`].
pub fn collectable(sql: &Sql<'_>, before: Timestamp, limit: u32) -> Result<Vec<BlobName>, DbError> {
    let select = "SELECT name FROM blob WHERE unsettled_since < $1 ORDER BY unsettled_since LIMIT $2";
    sql.query(select, params![before, limit], |row| Ok(BlobName::stored(row.get(0)?)))
}

/// The collector found one whose writing never ended: from here on it can no longer be kept.
///
/// # Errors
/// See [`DbError`].
pub fn give_up(sql: &Sql<'_>, names: &[BlobName]) -> Result<(), DbError> {
    names.iter().try_for_each(|name| {
        let update = "UPDATE blob SET unsettled_since = 0 WHERE name = $1 AND unsettled_since IS NOT NULL";
        sql.execute(update, params![name.as_str()]).map(|_| ())
    })
}

/// Its blob is deleted.
///
/// # Errors
/// See [`DbError`].
pub fn forget(sql: &Sql<'_>, name: &BlobName) -> Result<(), DbError> {
    sql.execute("DELETE FROM blob WHERE name = $1", params![name.as_str()]).map(|_| ())
}

/// Whether there is a row.
///
/// # Errors
/// See [`DbError`].
pub fn exists(sql: &Sql<'_>, name: &BlobName) -> Result<bool, DbError> {
    let found: Option<String> =
        sql.query_one("SELECT name FROM blob WHERE name = $1", params![name.as_str()], |row| row.get(0))?;
    Ok(found.is_some())
}
