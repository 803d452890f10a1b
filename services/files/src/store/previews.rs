//! Rows of link previews and their pictures.

use voxlink_protocol::{Embed, Snowflake, Timestamp};
use voxlink_service_kit::{DbError, Sql, db::Row, params};

use crate::blobs::BlobName;

/// The SHA-256 of a link.
pub type UrlHash = [u8; 32];

/// A copy of a preview's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredImage {
    pub id: Snowflake,
    pub key: Vec<u8>,
    pub blob: BlobName,
    pub width: u32,
    pub height: u32,
    pub seen_at: Timestamp,
}

/// What a link led to when it was fetched after this time. `Some(None)`: nothing to show.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, url: &UrlHash, after: Timestamp) -> Result<Option<Option<Embed>>, DbError> {
    let select = "SELECT embed FROM preview WHERE url_hash = $1 AND fetched_at > $2";
    let text: Option<String> = sql.query_one(select, params![url, after], |row| row.get(0))?;
    Ok(text.map(|text| serde_json::from_str(&text).ok()))
}

/// Remembers what a link leads to.
///
/// # Errors
/// See [`DbError`].
pub fn put(sql: &Sql<'_>, url: &UrlHash, embed: Option<&Embed>, now: Timestamp) -> Result<(), DbError> {
    let text = match embed {
        Some(embed) => serde_json::to_string(embed).map_err(|error| DbError::Other(error.to_string()))?,
        None => String::new(),
    };
    let upsert = "INSERT INTO preview (url_hash, embed, fetched_at) VALUES ($1, $2, $3)
                  ON CONFLICT (url_hash) DO UPDATE SET embed = $2, fetched_at = $3";
    sql.execute(upsert, params![url, &text, now]).map(|_| ())
}

/// Forgets some that were fetched before this time; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn prune(sql: &Sql<'_>, before: Timestamp, limit: u32) -> Result<bool, DbError> {
    let delete = "DELETE FROM preview WHERE url_hash IN
                  (SELECT url_hash FROM preview WHERE fetched_at < $1 LIMIT $2)";
    Ok(sql.execute(delete, params![before, limit])? > 0)
}

const COLUMNS: &str = "id, access_key, blob, width, height, seen_at";

fn read(row: &Row<'_>) -> Result<StoredImage, DbError> {
    Ok(StoredImage {
        id: row.get(0)?,
        key: row.get(1)?,
        blob: BlobName::stored(row.get(2)?),
        width: row.get(3)?,
        height: row.get(4)?,
        seen_at: row.get(5)?,
    })
}

/// The copy of a picture with these bytes.
///
/// # Errors
/// See [`DbError`].
pub fn image_with(sql: &Sql<'_>, sha256: &[u8]) -> Result<Option<StoredImage>, DbError> {
    let select = format!("SELECT {COLUMNS} FROM preview_image WHERE sha256 = $1");
    sql.query_one(&select, params![sha256], read)
}

/// A copy by its id.
///
/// # Errors
/// See [`DbError`].
pub fn image(sql: &Sql<'_>, id: Snowflake) -> Result<Option<StoredImage>, DbError> {
    let Ok(id) = i64::try_from(id.0) else { return Ok(None) };
    let select = format!("SELECT {COLUMNS} FROM preview_image WHERE id = $1");
    sql.query_one(&select, params![id], read)
}

/// Stores a copy; `false` when there is one with these bytes.
///
/// # Errors
/// See [`DbError`].
pub fn insert_image(sql: &Sql<'_>, image: &StoredImage, sha256: &[u8]) -> Result<bool, DbError> {
    let insert = "INSERT INTO preview_image (id, access_key, sha256, blob, width, height, seen_at)
                  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let stored = sql.execute(
        insert,
        params![
            image.id,
            image.key.as_slice(),
            sha256,
            image.blob.as_str(),
            image.width,
            image.height,
            image.seen_at
        ],
    )?;
    Ok(stored == 1)
}

/// Someone looks at it.
///
/// # Errors
/// See [`DbError`].
pub fn see_image(sql: &Sql<'_>, id: Snowflake, now: Timestamp) -> Result<(), DbError> {
    sql.execute("UPDATE preview_image SET seen_at = $1 WHERE id = $2", params![now, id]).map(|_| ())
}

/// Deletes some that nobody looked at since before this time and returns their blobs, to be doomed.
///
/// # Errors
/// See [`DbError`].
pub fn delete_unseen(sql: &Sql<'_>, before: Timestamp, limit: u32) -> Result<Vec<BlobName>, DbError> {
    let delete = "DELETE FROM preview_image WHERE id IN
                  (SELECT id FROM preview_image WHERE seen_at < $1 LIMIT $2) RETURNING blob";
    sql.query(delete, params![before, limit], |row| Ok(BlobName::stored(row.get(0)?)))
}
