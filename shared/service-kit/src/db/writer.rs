//! The one thread that writes.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{DbError, Sql};

/// Writes that share one commit at most: keeps the wait of the first one short.
const MOST_PER_COMMIT: usize = 512;

/// Runs inside the transaction; says how to end once the commit is known.
pub(super) type Job = Box<dyn FnOnce(&Connection) -> Ending + Send>;
type Ending = Box<dyn FnOnce(Result<(), DbError>) + Send>;

/// Wraps an operation so that its error undoes only itself.
pub(super) fn job<T, E>(
    operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    after: impl FnOnce(&T) + Send + 'static,
    reply: oneshot::Sender<Result<T, E>>,
) -> Job
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    Box::new(move |connection| {
        let outcome = in_savepoint(connection, operation);
        Box::new(move |commit| {
            let result = match (outcome, commit) {
                (Ok(value), Ok(())) => {
                    after(&value);
                    Ok(value)
                }
                (Ok(_), Err(error)) => Err(error.into()),
                (Err(error), _) => Err(error),
            };
            // The caller may have gone away (its request was cancelled); the write stands all the same.
            let _gone = reply.send(result);
        })
    })
}

fn in_savepoint<T, E: From<DbError>>(
    connection: &Connection,
    operation: impl FnOnce(&Sql<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let run =
        |sql: &str| -> Result<(), DbError> { Ok(connection.prepare_cached(sql)?.execute([]).map(|_| ())?) };
    if connection.is_autocommit() {
        // Outside a transaction the savepoint would commit by itself, though its caller is told that nothing was stored.
        return Err(DbError::Io("the transaction could not begin".to_owned()).into());
    }
    run("SAVEPOINT one")?;
    match operation(&Sql(connection)) {
        Ok(value) => {
            run("RELEASE one")?;
            Ok(value)
        }
        Err(error) => {
            // On a full disk SQLite may have rolled everything back already; the batch notices that by itself.
            if !connection.is_autocommit() {
                run("ROLLBACK TO one")?;
                run("RELEASE one")?;
            }
            Err(error)
        }
    }
}

pub(super) fn spawn(connection: Connection, jobs: mpsc::Receiver<Job>) -> Result<(), DbError> {
    std::thread::Builder::new()
        .name("db-writer".to_owned())
        .spawn(move || run(&connection, jobs))
        .map(|_| ())
        .map_err(|error| DbError::Io(error.to_string()))
}

fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut endings = Vec::with_capacity(MOST_PER_COMMIT);
    while let Some(first) = jobs.blocking_recv() {
        let commit = batch(connection, first, &mut jobs, &mut endings);
        if let Err(error) = &commit {
            tracing::error!(%error, writes = endings.len(), "a commit failed, nothing of it was stored");
        }
        for ending in endings.drain(..) {
            ending(commit.clone());
        }
    }
}

/// One transaction: the job that woke us and whatever else is waiting.
fn batch(
    connection: &Connection,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    endings: &mut Vec<Ending>,
) -> Result<(), DbError> {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(DbError::from);
    let mut next = Some(first);
    while let Some(job) = next {
        endings.push(job(connection));
        // SQLite may have rolled everything back on a full disk: what comes next belongs into a transaction of its own.
        let goes_on = endings.len() < MOST_PER_COMMIT && begun.is_ok() && !connection.is_autocommit();
        next = if goes_on { jobs.try_recv().ok() } else { None };
    }
    begun?;
    if connection.is_autocommit() {
        return Err(DbError::Full);
    }
    connection.execute_batch("COMMIT").map_err(|error| {
        let _already_undone = connection.execute_batch("ROLLBACK");
        error.into()
    })
}
