//! What a person wrote down about another, for their own eyes.

use voxlink_protocol::text::Note;

use super::{DbError, Store, UserId, params, user_by_id};

/// Notes one person may keep.
const MOST_NOTES: i64 = 5000;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoteError {
    #[error("no such account")]
    UnknownUser,
    #[error("too many notes")]
    TooMany,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Store {
    /// What this person wrote down about that one.
    pub(crate) async fn note(&self, user: UserId, about: UserId) -> Result<Option<String>, DbError> {
        let select = "SELECT note FROM notes WHERE user_id = $1 AND about_id = $2";
        self.db.read(move |sql| sql.query_one(select, params![user, about], |row| row.get(0))).await
    }

    /// Writes a note down, in place of the former one, or takes it away.
    pub(crate) async fn set_note(
        &self,
        user: UserId,
        about: UserId,
        note: Option<Note>,
    ) -> Result<(), NoteError> {
        self.db
            .write(move |sql| {
                if user_by_id(sql, about)?.is_none() {
                    return Err(NoteError::UnknownUser);
                }
                let Some(note) = note else {
                    let delete = "DELETE FROM notes WHERE user_id = $1 AND about_id = $2";
                    sql.execute(delete, params![user, about])?;
                    return Ok(());
                };
                let count = "SELECT count(*) FROM notes WHERE user_id = $1 AND about_id <> $2";
                let others: Option<i64> = sql.query_one(count, params![user, about], |row| row.get(0))?;
                if others.unwrap_or(0) >= MOST_NOTES {
                    return Err(NoteError::TooMany);
                }
                let insert = "INSERT INTO notes (user_id, about_id, note) VALUES ($1, $2, $3) \
                              ON CONFLICT (user_id, about_id) DO UPDATE SET note = excluded.note";
                sql.execute(insert, params![user, about, note.as_str()])?;
                Ok(())
            })
            .await
    }
}
