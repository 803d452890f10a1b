//! The threads that read.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::sync::{mpsc, oneshot};

use super::{DbError, Sql};

type Operation = Box<dyn FnOnce(Result<&Sql<'_>, DbError>) + Send>;

/// A read that waits for a reader.
pub(super) struct Job {
    /// When it began to wait.
    pub(super) since: Instant,
    run: Operation,
}

impl Job {
    /// Runs it, or refuses it.
    pub(super) fn run(self, sql: Result<&Sql<'_>, DbError>) {
        (self.run)(sql);
    }
}

pub(super) type Jobs = Arc<Mutex<mpsc::Receiver<Job>>>;

pub(super) fn job<T, E>(
    operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    reply: oneshot::Sender<Result<T, E>>,
) -> Job
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let run = move |sql: Result<&Sql<'_>, DbError>| {
        let _gone = reply.send(sql.map_err(E::from).and_then(operation));
    };
    Job { since: Instant::now(), run: Box::new(run) }
}

/// Takes jobs until the database is closed.
pub(super) fn each(jobs: &Jobs, mut run: impl FnMut(Job)) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match job {
            Some(job) => run(job),
            None => return,
        }
    }
}
