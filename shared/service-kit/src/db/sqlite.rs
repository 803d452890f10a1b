//! SQLite: one file, WAL, every commit on the disk before it is answered.

use std::{path::Path, sync::Arc, sync::Mutex, thread};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use super::{
    DbError, Dialect, READERS, Sql, newer, reader, sql,
    writer::{self, Commit, Job},
};

/// Opens or creates the file, brings it to the newest migration and starts the threads.
pub(super) fn open(
    path: &Path,
    migrations: &[&str],
    writes: mpsc::Receiver<Box<dyn Job>>,
    reads: mpsc::Receiver<reader::Job>,
) -> Result<(), DbError> {
    let connection = prepare(path, migrations)?;
    spawn("db-writer", move || writer::run(Writer(connection), writes))?;
    let reads = Arc::new(Mutex::new(reads));
    for _ in 0..READERS {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        tune_reader(&connection)?;
        let reads = reads.clone();
        spawn("db-reader", move || {
            reader::each(&reads, |job| job.run(Ok(&Sql(sql::Inner::Sqlite(&connection)))));
        })?;
    }
    Ok(())
}

/// Opens or creates the file and brings it to the newest migration.
pub(super) fn prepare(path: &Path, migrations: &[&str]) -> Result<Connection, DbError> {
    let mut connection = Connection::open(path)?;
    tune(&connection)?;
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), DbError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(|_| ()).map_err(|error| DbError::Io(error.to_string()))
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
        return Err(newer(done, migrations.len()));
    }
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(&Dialect::Sqlite.translate(migration))?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

struct Writer(Connection);

impl Writer {
    fn cached(&self, sql: &str) -> Result<(), DbError> {
        Ok(self.0.prepare_cached(sql)?.execute([]).map(|_| ())?)
    }
}

impl writer::Connection for Writer {
    fn begin(&mut self) -> Result<(), DbError> {
        Ok(self.0.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn run(&mut self, job: &mut dyn Job) -> Result<(), DbError> {
        self.cached("SAVEPOINT one")?;
        if job.run(&Sql(sql::Inner::Sqlite(&self.0))) {
            return self.cached("RELEASE one");
        }
        // On a full disk SQLite may have rolled everything back already; the commit notices that by itself.
        if !self.0.is_autocommit() {
            self.cached("ROLLBACK TO one")?;
            self.cached("RELEASE one")?;
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        // SQLite may have rolled everything back on a full disk: what comes next belongs into a transaction of its own.
        !self.0.is_autocommit()
    }

    fn commit(&mut self) -> Commit {
        if self.0.is_autocommit() {
            return Commit::Failed(DbError::Full);
        }
        match self.0.execute_batch("COMMIT") {
            Ok(()) => Commit::Done,
            Err(error) => {
                let _already_undone = self.0.execute_batch("ROLLBACK");
                Commit::Failed(error.into())
            }
        }
    }

    fn keep(&mut self, jobs: Vec<Box<dyn Job>>) {
        // A commit to a file is never in doubt.
        drop(jobs);
    }
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
