//! A service's own database: one writer thread that commits in groups, a few readers.
//!
//! Every write that arrives while a commit runs shares the next one: `synchronous=FULL` at tens of thousands of
//! rows a second. A write is answered after its commit, and what must happen after a commit (announcements) runs on
//! the writer thread in commit order. SQL is written once for SQLite and PostgreSQL: `$1` in order of first use,
//! RETURNING, ON CONFLICT, no dialect functions.

mod reader;
mod row;
mod sql;
mod value;
mod writer;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

pub use row::{FromColumn, Row};
pub use sql::Sql;
pub use value::Value;

/// Writers wait (asynchronously) when this many writes are queued: about a tenth of a second of work.
const QUEUE: usize = 4096;
/// Reader connections; more than cores brings nothing.
const READERS: usize = 3;

/// What went wrong in the database. None of it is the caller's fault, except [`DbError::Unique`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// A unique key exists already; the text names the columns.
    #[error("already exists: {0}")]
    Unique(String),
    /// No space left: nothing was stored; later writes may succeed.
    #[error("the disk is full")]
    Full,
    /// Reading or writing the disk failed: nothing was stored.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// Anything else: a bug of ours.
    #[error("database: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, DiskFull, ReadOnly, SystemIoFailure};
        match &error {
            rusqlite::Error::SqliteFailure(failure, text) => match failure.code {
                DiskFull => Self::Full,
                SystemIoFailure | ReadOnly => Self::Io(error.to_string()),
                // 1555 and 2067: primary key and unique constraint.
                ConstraintViolation if matches!(failure.extended_code, 1555 | 2067) => {
                    Self::Unique(text.clone().unwrap_or_default())
                }
                _ => Self::Other(error.to_string()),
            },
            _ => Self::Other(error.to_string()),
        }
    }
}

/// A database. Cloning shares it; the last one dropped closes it.
#[derive(Clone, Debug)]
pub struct Db {
    writes: mpsc::Sender<writer::Job>,
    reads: mpsc::Sender<reader::Job>,
    path: PathBuf,
}

impl Db {
    /// Opens or creates the file and brings it to the newest migration. Migration `i` runs once, in order; the list
    /// only ever grows.
    ///
    /// # Errors
    /// When the file cannot be opened or a migration fails.
    pub fn open(path: &Path, migrations: &[&str]) -> Result<Self, DbError> {
        let mut connection = Connection::open(path)?;
        tune(&connection)?;
        migrate(&mut connection, migrations)?;
        let (writes, write_jobs) = mpsc::channel(QUEUE);
        let (reads, read_jobs) = mpsc::channel(QUEUE);
        writer::spawn(connection, write_jobs)?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let connection = Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?;
            tune_reader(&connection)?;
            readers.push(connection);
        }
        reader::spawn(readers, read_jobs)?;
        Ok(Self { writes, reads, path: path.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a write in a transaction of its own outcome: `Err` undoes it and only it. Returns after the commit.
    ///
    /// # Errors
    /// What the operation returned, or that the commit failed (then nothing was stored).
    pub async fn write<T, E>(
        &self,
        operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_then(operation, |_| ()).await
    }

    /// Like [`Db::write`]; `after` runs once the commit is durable, on the writer thread, in commit order: the place to
    /// announce what was stored. It must be quick.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_then<T, E>(
        &self,
        operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
        after: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = writer::job(operation, after, reply);
        self.writes.send(job).await.map_err(|_| DbError::Closed)?;
        answer.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    /// Runs a read on one of the readers; it sees every write that was answered before.
    ///
    /// # Errors
    /// What the operation returned.
    pub async fn read<T, E>(
        &self,
        operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.reads.send(reader::job(operation, reply)).await.map_err(|_| DbError::Closed)?;
        answer.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }
}

fn tune(connection: &Connection) -> Result<(), DbError> {
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;
         PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn tune_reader(connection: &Connection) -> Result<(), DbError> {
    connection.execute_batch("PRAGMA query_only=ON; PRAGMA busy_timeout=5000; PRAGMA cache_size=-8192;")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), DbError> {
    let done: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > migrations.len() {
        return Err(DbError::Other(format!(
            "the database was written by a newer VoxLink (schema {done}, this one knows {}); run that version again or restore a backup",
            migrations.len()
        )));
    }
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}
