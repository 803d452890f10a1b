//! Rows of uploads, their use by messages, and the room that people have used up.

use voxlink_protocol::{AttachmentId, ChannelId, MessageId, Snowflake, Timestamp, UserId};
use voxlink_service_kit::{
    DbError, Sql,
    db::{Row, Value},
    params,
};

use crate::blobs::BlobName;

/// An upload as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredUpload {
    pub id: AttachmentId,
    pub uploader: UserId,
    pub channel: ChannelId,
    pub key: Vec<u8>,
    pub blob: BlobName,
    pub filename: String,
    /// What its bytes say it is.
    pub content_type: String,
    pub size: u64,
    pub sha256: Vec<u8>,
    /// Pixels, of pictures and videos, as they are shown.
    pub dimensions: Option<(u32, u32)>,
    pub duration_ms: Option<u64>,
}

const COLUMNS: &str = "id, uploader_id, channel_id, access_key, blob, filename, content_type, size, sha256, width, height, duration_ms";

fn read(row: &Row<'_>) -> Result<StoredUpload, DbError> {
    let dimensions: (Option<u32>, Option<u32>) = (row.get(9)?, row.get(10)?);
    Ok(StoredUpload {
        id: row.get(0)?,
        uploader: row.get(1)?,
        channel: row.get(2)?,
        key: row.get(3)?,
        blob: BlobName::stored(row.get(4)?),
        filename: row.get(5)?,
        content_type: row.get(6)?,
        size: row.get(7)?,
        sha256: row.get(8)?,
        dimensions: dimensions.0.zip(dimensions.1),
        duration_ms: row.get(11)?,
    })
}

/// Takes this much of someone's room; `false` when they have not that much left.
///
/// # Errors
/// See [`DbError`].
pub fn take_room(sql: &Sql<'_>, user: UserId, bytes: u64, quota: u64) -> Result<bool, DbError> {
    let Some(most_before) = quota.checked_sub(bytes) else { return Ok(false) };
    let first = "INSERT INTO used_room (user_id, bytes) VALUES ($1, 0) ON CONFLICT DO NOTHING";
    sql.execute(first, params![user])?;
    let update = "UPDATE used_room SET bytes = bytes + $1 WHERE user_id = $2 AND bytes <= $3";
    Ok(sql.execute(update, params![bytes, user, most_before])? == 1)
}

/// How much room someone has used up.
///
/// # Errors
/// See [`DbError`].
pub fn used_room(sql: &Sql<'_>, user: UserId) -> Result<u64, DbError> {
    let select = "SELECT bytes FROM used_room WHERE user_id = $1";
    Ok(sql.query_one(select, params![user], |row| row.get(0))?.unwrap_or(0))
}

/// Stores one that no message uses yet.
///
/// # Errors
/// See [`DbError`].
pub fn insert(sql: &Sql<'_>, upload: &StoredUpload, now: Timestamp) -> Result<(), DbError> {
    let insert =
        "INSERT INTO upload (id, uploader_id, channel_id, access_key, blob, filename, content_type, size,
                                      sha256, width, height, duration_ms, unused_since)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let dimensions = upload.dimensions;
    sql.execute(
        insert,
        params![
            upload.id,
            upload.uploader,
            upload.channel,
            upload.key.as_slice(),
            upload.blob.as_str(),
            &upload.filename,
            &upload.content_type,
            upload.size,
            upload.sha256.as_slice(),
            dimensions.map(|(width, _)| width),
            dimensions.map(|(_, height)| height),
            upload.duration_ms,
            now
        ],
    )
    .map(|_| ())
}

/// One upload.
///
/// # Errors
/// See [`DbError`].
pub fn find(sql: &Sql<'_>, id: AttachmentId) -> Result<Option<StoredUpload>, DbError> {
    // Stored ids are below 2^63; what comes from outside may be above and is not there.
    let Ok(bound) = i64::try_from(id.get()) else { return Ok(None) };
    let select = format!("SELECT {COLUMNS} FROM upload WHERE id = $1");
    sql.query_one(&select, params![bound], read)
}

/// Someone asked for it on behalf of a message: it stays another while.
///
/// # Errors
/// See [`DbError`].
pub fn touch(sql: &Sql<'_>, id: AttachmentId, now: Timestamp) -> Result<(), DbError> {
    let update = "UPDATE upload SET unused_since = $1 WHERE id = $2 AND unused_since IS NOT NULL";
    sql.execute(update, params![now, id]).map(|_| ())
}

/// A message uses it, unless that message released it already. An upload that is gone stays gone.
///
/// # Errors
/// See [`DbError`].
pub fn use_in(sql: &Sql<'_>, id: AttachmentId, message: MessageId) -> Result<(), DbError> {
    if find(sql, id)?.is_none() {
        return Ok(());
    }
    let insert =
        "INSERT INTO upload_use (upload_id, message_id, released) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let used = sql.execute(insert, params![id, message, false])?;
    if used == 1 {
        sql.execute("UPDATE upload SET unused_since = NULL WHERE id = $1", params![id])?;
    }
    Ok(())
}

/// A message uses it no longer; when no other does, it is to be collected at once.
///
/// # Errors
/// See [`DbError`].
pub fn release_from(sql: &Sql<'_>, id: AttachmentId, message: MessageId) -> Result<(), DbError> {
    if find(sql, id)?.is_none() {
        return Ok(());
    }
    let upsert = "INSERT INTO upload_use (upload_id, message_id, released) VALUES ($1, $2, $3)
                  ON CONFLICT (upload_id, message_id) DO UPDATE SET released = $3";
    sql.execute(upsert, params![id, message, true])?;
    let select = "SELECT count(*) FROM upload_use WHERE upload_id = $1 AND released = $2";
    let uses: Option<i64> = sql.query_one(select, params![id, false], |row| row.get(0))?;
    if uses == Some(0) {
        sql.execute("UPDATE upload SET unused_since = 0 WHERE id = $1", params![id])?;
    }
    Ok(())
}

/// Some uploads of a channel that are not waiting for the collector yet now do; `true` when there may be more.
///
/// # Errors
/// See [`DbError`].
pub fn release_channel(sql: &Sql<'_>, channel: ChannelId, limit: u32) -> Result<bool, DbError> {
    let update = "UPDATE upload SET unused_since = 0 WHERE id IN
                  (SELECT id FROM upload WHERE channel_id = $1 AND (unused_since IS NULL OR unused_since > 0) LIMIT $2)";
    Ok(sql.execute(update, params![channel, limit])? > 0)
}

/// Some that nothing has used since before this time.
///
/// # Errors
/// See [`DbError`].
pub fn collectable(sql: &Sql<'_>, before: Timestamp, limit: u32) -> Result<Vec<StoredUpload>, DbError> {
    let select =
        format!("SELECT {COLUMNS} FROM upload WHERE unused_since < $1 ORDER BY unused_since LIMIT $2");
    sql.query(&select, params![before, limit], read)
}

/// Deletes the row, its uses, and gives the room back. The caller dooms the blob. `false`: it was gone.
///
/// # Errors
/// See [`DbError`].
pub fn delete(sql: &Sql<'_>, upload: &StoredUpload) -> Result<bool, DbError> {
    if sql.execute("DELETE FROM upload WHERE id = $1", params![upload.id])? == 0 {
        return Ok(false);
    }
    sql.execute("DELETE FROM upload_use WHERE upload_id = $1", params![upload.id])?;
    let update = "UPDATE used_room SET bytes = bytes - $1 WHERE user_id = $2";
    sql.execute(update, params![upload.size, upload.uploader])?;
    Ok(true)
}

/// Whether no message uses it.
///
/// # Errors
/// See [`DbError`].
pub fn is_unused(sql: &Sql<'_>, id: AttachmentId) -> Result<bool, DbError> {
    let select = "SELECT unused_since FROM upload WHERE id = $1";
    let since: Option<Option<i64>> = sql.query_one(select, params![id], |row| row.get(0))?;
    Ok(since.flatten().is_some())
}

/// The newest id given out, of uploads and previews; 0 when there is none.
///
/// # Errors
/// See [`DbError`].
pub fn newest_id(sql: &Sql<'_>) -> Result<Snowflake, DbError> {
    let mut newest = 0;
    for select in ["SELECT max(id) FROM upload", "SELECT max(id) FROM preview_image"] {
        let found: Option<Option<u64>> = sql.query_one(select, &[] as &[Value<'_>], |row| row.get(0))?;
        newest = newest.max(found.flatten().unwrap_or(0));
    }
    Ok(Snowflake(newest))
}
