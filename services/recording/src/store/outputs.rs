//! Rows of what is made of recordings.

use voxlink_protocol::{RecordingId, Timestamp};
use voxlink_service_kit::{DbError, Sql, params};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OutputState {
    Waiting,
    Ready,
    Failed,
}

/// A file that was made, or is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Output {
    pub kind: String,
    pub state: OutputState,
    pub reason: Option<String>,
    /// Its name in the folder of the recording.
    pub file: String,
    pub bytes: u64,
}

/// Stores one, whatever was known of it before.
///
/// # Errors
/// See [`DbError`].
pub fn put(sql: &Sql<'_>, recording: RecordingId, output: &Output) -> Result<(), DbError> {
    let Output { kind, state, reason, file, bytes } = output;
    let put = "INSERT INTO output (recording_id, kind, state, reason, file, bytes) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (recording_id, kind) DO UPDATE
               SET state = excluded.state, reason = excluded.reason, file = excluded.file, bytes = excluded.bytes";
    sql.execute(put, params![recording, kind, *state as u32, reason.as_deref(), file, *bytes]).map(|_| ())
}

/// Asks for one: it waits from now on. What waits or is ready already stays as it is; `false` then.
///
/// # Errors
/// See [`DbError`].
pub fn ask(
    sql: &Sql<'_>,
    recording: RecordingId,
    kind: &str,
    file: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let ask = "INSERT INTO output (recording_id, kind, state, file, bytes, asked_at, attempts)
               VALUES ($1, $2, 0, $3, 0, $4, 0)
               ON CONFLICT (recording_id, kind) DO UPDATE
               SET state = 0, reason = NULL, file = excluded.file, asked_at = excluded.asked_at, attempts = 0 WHERE output.state = 2";
    Ok(sql.execute(ask, params![recording, kind, file, now.0])? == 1)
}

/// What of this kind was asked for first and waits, of recordings that are ready. Kinds are named by their beginning.
///
/// # Errors
/// See [`DbError`].
pub fn next_waiting(sql: &Sql<'_>, kinds: &[&str]) -> Result<Option<(RecordingId, String)>, DbError> {
    let select = "SELECT output.recording_id, output.kind FROM output
                  JOIN recording ON recording.id = output.recording_id
                  WHERE output.state = 0 AND recording.state = 2 ORDER BY output.asked_at, output.recording_id";
    let waiting: Vec<(RecordingId, String)> =
        sql.query(select, params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_wanted = |kind: &str| kinds.iter().any(|beginning| kind.starts_with(beginning));
    Ok(waiting.into_iter().find(|(_, kind)| is_wanted(kind)))
}

/// Work on one begins; how often it had begun before without coming to an end. `None` when it does not wait any more.
///
/// # Errors
/// See [`DbError`].
pub fn begin(sql: &Sql<'_>, recording: RecordingId, kind: &str) -> Result<Option<u32>, DbError> {
    let begun =
        "UPDATE output SET attempts = attempts + 1 WHERE recording_id = $1 AND kind = $2 AND state = 0";
    if sql.execute(begun, params![recording, kind])? == 0 {
        return Ok(None);
    }
    let select = "SELECT attempts FROM output WHERE recording_id = $1 AND kind = $2";
    let attempts: Option<u32> = sql.query_one(select, params![recording, kind], |row| row.get(0))?;
    Ok(attempts.map(|attempts| attempts.saturating_sub(1)))
}

/// Work on one was interrupted in an orderly way: that does not count.
///
/// # Errors
/// See [`DbError`].
pub fn put_off(sql: &Sql<'_>, recording: RecordingId, kind: &str) -> Result<(), DbError> {
    let update = "UPDATE output SET attempts = attempts - 1
                  WHERE recording_id = $1 AND kind = $2 AND state = 0 AND attempts > 0";
    sql.execute(update, params![recording, kind]).map(|_| ())
}

/// It came to an end; `false` when nobody waits for it any more.
///
/// # Errors
/// See [`DbError`].
pub fn end(sql: &Sql<'_>, recording: RecordingId, output: &Output) -> Result<bool, DbError> {
    let Output { kind, state, reason, file, bytes } = output;
    let update = "UPDATE output SET state = $1, reason = $2, file = $3, bytes = $4
                  WHERE recording_id = $5 AND kind = $6 AND state = 0";
    let values = params![*state as u32, reason.as_deref(), file, *bytes, recording, kind];
    Ok(sql.execute(update, values)? == 1)
}

/// Forgets all that was made of a recording, or was to be.
///
/// # Errors
/// See [`DbError`].
pub fn clear(sql: &Sql<'_>, recording: RecordingId) -> Result<(), DbError> {
    sql.execute("DELETE FROM output WHERE recording_id = $1", params![recording]).map(|_| ())
}

/// Those of a recording.
///
/// # Errors
/// See [`DbError`].
pub fn list(sql: &Sql<'_>, recording: RecordingId) -> Result<Vec<Output>, DbError> {
    let select = "SELECT kind, state, reason, file, bytes FROM output WHERE recording_id = $1 ORDER BY kind";
    sql.query(select, params![recording], |row| {
        let state: u32 = row.get(1)?;
        Ok(Output {
            kind: row.get(0)?,
            state: match state {
                0 => OutputState::Waiting,
                1 => OutputState::Ready,
                _ => OutputState::Failed,
            },
            reason: row.get(2)?,
            file: row.get(3)?,
            bytes: row.get(4)?,
        })
    })
}
