//! Rows of thumbnails.

use voxlink_service_kit::{DbError, Sql, params};

use crate::blobs::BlobName;

/// The copy of a picture in this variant.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, original: &BlobName, variant: &str) -> Result<Option<BlobName>, DbError> {
    let select = "SELECT blob FROM thumbnail WHERE original = $1 AND variant = $2";
    sql.query_one(select, params![original.as_str(), variant], |row| Ok(BlobName::stored(row.get(0)?)))
}

/// Adds one. `false`: there is one already, or the original is gone.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, original: &BlobName, variant: &str, blob: &BlobName) -> Result<bool, DbError> {
    let kept: Option<String> = sql.query_one(
        "SELECT name FROM blob WHERE name = $1 AND unsettled_since IS NULL",
        params![original.as_str()],
        |row| row.get(0),
    )?;
    if kept.is_none() {
        return Ok(false);
    }
    let insert = "INSERT INTO thumbnail (original, variant, blob) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(sql.execute(insert, params![original.as_str(), variant, blob.as_str()])? == 1)
}
