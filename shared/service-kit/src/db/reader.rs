//! The threads that read.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{DbError, Sql};

pub(super) type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) fn job<T, E>(
    operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    reply: oneshot::Sender<Result<T, E>>,
) -> Job
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    Box::new(move |connection| {
        let _gone = reply.send(operation(&Sql(connection)));
    })
}

pub(super) fn spawn(connections: Vec<Connection>, jobs: mpsc::Receiver<Job>) -> Result<(), DbError> {
    let jobs = Arc::new(Mutex::new(jobs));
    for connection in connections {
        let jobs = jobs.clone();
        std::thread::Builder::new()
            .name("db-reader".to_owned())
            .spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    match job {
                        Some(job) => job(&connection),
                        None => return,
                    }
                }
            })
            .map_err(|error| DbError::Io(error.to_string()))?;
    }
    Ok(())
}
