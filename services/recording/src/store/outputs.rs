//! Rows of what is made of recordings.

use voxlink_protocol::RecordingId;
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
