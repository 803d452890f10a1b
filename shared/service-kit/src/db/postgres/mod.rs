//! PostgreSQL: one connection that writes, a few that read, each on a thread of its own with its own small runtime.
//!
//! A connection that is lost is made again: what was acknowledged is in the database, what was on its way is refused
//! within a few seconds, and whether a commit that was cut off happened is asked of the database itself.

mod error;
mod schema;
mod session;
pub mod transfer;
mod values;
mod writer;

use std::{
    sync::{Arc, Mutex, mpsc as std_mpsc},
    thread,
    time::Instant,
};

use tokio::sync::mpsc;

use super::{DbError, PostgresUrl, READERS, Sharing, Sql, reader, sql, writer::Job};

pub(super) use session::Session;
pub(super) use values::value;

/// Which database, and as who.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) url: PostgresUrl,
    pub(super) schema: String,
    pub(super) sharing: Sharing,
}

/// Connects, brings the schema to the newest migration and starts the threads.
pub(super) fn open(
    place: Place,
    migrations: &[&str],
    writes: mpsc::Receiver<Box<dyn Job>>,
    reads: mpsc::Receiver<reader::Job>,
) -> Result<(), DbError> {
    let migrations: Vec<String> = migrations.iter().map(|text| (*text).to_owned()).collect();
    let writers = place.clone();
    spawn("db-writer", move || {
        let mut connection = writer::Writer::connect(writers)?;
        let place = connection.place().clone();
        schema::migrate(connection.session()?, &place, &migrations)?;
        Ok(move || super::writer::run(connection, writes))
    })?;
    let reads = Arc::new(Mutex::new(reads));
    for _ in 0..READERS {
        let (reads, place) = (reads.clone(), place.clone());
        spawn("db-reader", move || {
            let mut connection =
                Reader { session: session::connect(&place, session::Role::Reader)?, place, failed: None };
            Ok(move || reader::each(&reads, |job| connection.run(job)))
        })?;
    }
    Ok(())
}

/// Whether nothing was ever stored in this schema.
pub(super) fn is_empty(place: &Place) -> Result<bool, DbError> {
    let look = || schema::is_empty(&session::reconnect(place, session::Role::Reader)?, place);
    // On a thread of its own, as an asynchronous caller's may not wait.
    thread::scope(|scope| scope.spawn(look).join().unwrap_or(Err(DbError::Closed)))
}

/// Starts a thread and waits until it is ready: a connection is made on the thread that uses it, because an
/// asynchronous caller's thread may not wait for one.
fn spawn<R: FnOnce()>(
    name: &str,
    start: impl FnOnce() -> Result<R, DbError> + Send + 'static,
) -> Result<(), DbError> {
    let (ready, started) = std_mpsc::sync_channel(1);
    let run = move || match start() {
        Ok(run) => {
            let _caller_waits = ready.send(Ok(()));
            run();
        }
        Err(error) => {
            let _caller_waits = ready.send(Err(error));
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| DbError::Io(error.to_string()))?;
    started.recv().unwrap_or(Err(DbError::Closed))
}

/// A reader's connection.
struct Reader {
    place: Place,
    session: Session,
    /// When connecting last failed, and how.
    failed: Option<(Instant, DbError)>,
}

impl Reader {
    fn run(&mut self, job: reader::Job) {
        if !self.session.is_alive() {
            // Whoever waited while we tried in vain need not wait for a try of their own.
            if let Some((at, error)) = &self.failed
                && job.since < *at
            {
                return job.run(Err(error.clone()));
            }
            match session::reconnect(&self.place, session::Role::Reader) {
                Ok(session) => (self.session, self.failed) = (session, None),
                Err(error) => {
                    self.failed = Some((Instant::now(), error.clone()));
                    return job.run(Err(error));
                }
            }
        }
        job.run(Ok(&Sql(sql::Inner::Postgres(&self.session))));
    }
}
