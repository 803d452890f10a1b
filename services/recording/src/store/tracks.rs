//! Rows of tracks.

use voxlink_protocol::{RecordingId, UserId};
use voxlink_service_kit::{DbError, Sql, params};

/// A file with one source of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Track {
    pub file: String,
    pub user: UserId,
    pub source: String,
    pub codec: String,
    pub starts_ms: u64,
    pub duration_ms: u64,
    pub bytes: u64,
}

/// Replaces the tracks of a recording.
///
/// # Errors
/// See [`DbError`].
pub fn replace(sql: &Sql<'_>, recording: RecordingId, tracks: &[Track]) -> Result<(), DbError> {
    sql.execute("DELETE FROM track WHERE recording_id = $1", params![recording])?;
    let insert =
        "INSERT INTO track (recording_id, file, user_id, source, codec, starts_ms, duration_ms, bytes)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for track in tracks {
        let Track { file, user, source, codec, starts_ms, duration_ms, bytes } = track;
        sql.execute(
            insert,
            params![recording, file, *user, source, codec, *starts_ms, *duration_ms, *bytes],
        )?;
    }
    Ok(())
}

/// Forgets one.
///
/// # Errors
/// See [`DbError`].
pub fn remove(sql: &Sql<'_>, recording: RecordingId, file: &str) -> Result<(), DbError> {
    let delete = "DELETE FROM track WHERE recording_id = $1 AND file = $2";
    sql.execute(delete, params![recording, file]).map(|_| ())
}

/// Those of a recording, a person's side by side.
///
/// # Errors
/// See [`DbError`].
pub fn list(sql: &Sql<'_>, recording: RecordingId) -> Result<Vec<Track>, DbError> {
    let select = "SELECT file, user_id, source, codec, starts_ms, duration_ms, bytes
                  FROM track WHERE recording_id = $1 ORDER BY user_id, file";
    sql.query(select, params![recording], |row| {
        Ok(Track {
            file: row.get(0)?,
            user: row.get(1)?,
            source: row.get(2)?,
            codec: row.get(3)?,
            starts_ms: row.get(4)?,
            duration_ms: row.get(5)?,
            bytes: row.get(6)?,
        })
    })
}
