//! A service's own database: one writer thread that commits in groups, a few readers.
//!
//! Every write that arrives while a commit runs shares the next one: `synchronous=FULL` at tens of thousands of
//! rows a second. A write is answered after its commit, and what must happen after a commit (announcements) runs on
//! the writer thread in commit order. SQL is written once for SQLite and PostgreSQL: `$1` in order of first use,
//! RETURNING, ON CONFLICT, no dialect functions; [`Dialect`] says how migrations are exchanged.

mod dialect;
mod postgres;
mod reader;
mod row;
mod sql;
mod sqlite;
mod target;
mod value;
mod writer;

use tokio::sync::{mpsc, oneshot};

pub use dialect::Dialect;
pub use postgres::transfer;
pub use row::{FromColumn, Row};
pub use sql::Sql;
pub use target::{DbTarget, PostgresUrl, PostgresUrlError, Sharing};
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
    /// The disk failed, or the database server does not answer: nothing was stored, unless the text says otherwise.
    #[error("the database failed: {0}")]
    Io(String),
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// Anything else: a bug of ours.
    #[error("database: {0}")]
    Other(String),
}

/// A database. Cloning shares it; the last one dropped closes it.
#[derive(Clone, Debug)]
pub struct Db {
    writes: mpsc::Sender<Box<dyn writer::Job>>,
    reads: mpsc::Sender<reader::Job>,
    target: DbTarget,
}

impl Db {
    /// Opens or creates it and brings it to the newest migration. Migration `i` runs once, in order; the list only
    /// ever grows.
    ///
    /// # Errors
    /// When it cannot be opened or a migration fails.
    pub fn open(target: impl Into<DbTarget>, migrations: &[&str]) -> Result<Self, DbError> {
        let target = target.into();
        let (writes, write_jobs) = mpsc::channel(QUEUE);
        let (reads, read_jobs) = mpsc::channel(QUEUE);
        match &target {
            DbTarget::File(path) => sqlite::open(path, migrations, write_jobs, read_jobs)?,
            DbTarget::Postgres { url, schema, sharing } => {
                let place = postgres::Place { url: url.clone(), schema: schema.clone(), sharing: *sharing };
                postgres::open(place, migrations, write_jobs, read_jobs)?;
            }
        }
        Ok(Self { writes, reads, target })
    }

    /// Where it is.
    #[must_use]
    pub const fn target(&self) -> &DbTarget {
        &self.target
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

/// Whether nothing was ever stored there.
///
/// # Errors
/// When PostgreSQL does not answer.
pub fn is_empty(target: &DbTarget) -> Result<bool, DbError> {
    match target {
        DbTarget::File(path) => Ok(!path.exists()),
        DbTarget::Postgres { url, schema, sharing } => postgres::is_empty(&postgres::Place {
            url: url.clone(),
            schema: schema.clone(),
            sharing: *sharing,
        }),
    }
}

/// The database has migrations that this program does not know.
fn newer(done: usize, known: usize) -> DbError {
    DbError::Other(format!(
        "the database was written by a newer VoxLink (schema {done}, this one knows {known}); run that version again or restore a backup"
    ))
}
