//! The one thread that writes: whatever waits shares one transaction.

use tokio::sync::{mpsc, oneshot};

use super::{DbError, Sql};

/// Writes that share one commit at most: keeps the wait of the first one short.
const MOST_PER_COMMIT: usize = 512;

/// A write that waits for the writer, and then for the commit.
pub(super) trait Job: Send {
    /// Runs it inside the transaction; `false` when it must be undone.
    fn run(&mut self, sql: &Sql<'_>) -> bool;
    /// The commit is known, or it never ran: runs what follows a commit, and answers.
    fn end(self: Box<Self>, outcome: Result<(), DbError>);
    /// The commit may or may not have happened: answers with this error, and waits for [`Job::settle`].
    fn doubt(&mut self, error: DbError);
    /// After [`Job::doubt`]: the commit did happen.
    fn settle(self: Box<Self>);
}

struct Write<T, E, O, A> {
    operation: Option<O>,
    after: A,
    reply: Option<oneshot::Sender<Result<T, E>>>,
    outcome: Option<Result<T, E>>,
}

impl<T, E, O, A> Job for Write<T, E, O, A>
where
    T: Send,
    E: From<DbError> + Send,
    O: FnOnce(&Sql<'_>) -> Result<T, E> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, sql: &Sql<'_>) -> bool {
        self.outcome = self.operation.take().map(|operation| operation(sql));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn end(self: Box<Self>, outcome: Result<(), DbError>) {
        let result = match (self.outcome, outcome) {
            (Some(Ok(value)), Ok(())) => {
                (self.after)(&value);
                Ok(value)
            }
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(DbError::Closed.into()),
        };
        if let Some(reply) = self.reply {
            // The caller may have gone away (its request was cancelled); the write stands all the same.
            let _gone = reply.send(result);
        }
    }

    fn doubt(&mut self, error: DbError) {
        let result = match self.outcome.take() {
            Some(Err(own)) => Err(own),
            undecided => {
                self.outcome = undecided;
                Err(error.into())
            }
        };
        if let Some(reply) = self.reply.take() {
            let _gone = reply.send(result);
        }
    }

    fn settle(self: Box<Self>) {
        if let Some(Ok(value)) = &self.outcome {
            (self.after)(value);
        }
    }
}

/// Wraps an operation so that its error undoes only itself.
pub(super) fn job<T, E>(
    operation: impl FnOnce(&Sql<'_>) -> Result<T, E> + Send + 'static,
    after: impl FnOnce(&T) + Send + 'static,
    reply: oneshot::Sender<Result<T, E>>,
) -> Box<dyn Job>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    Box::new(Write { operation: Some(operation), after, reply: Some(reply), outcome: None })
}

/// The writer's connection.
pub(super) trait Connection {
    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), DbError>;
    /// Runs a job in a savepoint and undoes it when it fails. An error when the job could not be run or kept.
    fn run(&mut self, job: &mut dyn Job) -> Result<(), DbError>;
    /// Whether the transaction can take another job.
    fn goes_on(&self) -> bool;
    /// Ends the transaction; after an error everything in it is undone.
    fn commit(&mut self) -> Commit;
    /// Keeps jobs whose commit is in doubt until that is known.
    fn keep(&mut self, jobs: Vec<Box<dyn Job>>);
}

/// How a transaction ended.
pub(super) enum Commit {
    /// Durably.
    Done,
    /// Nothing of it was stored.
    Failed(DbError),
    /// The connection broke while it was being committed.
    InDoubt(DbError),
}

pub(super) fn run(mut connection: impl Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut ran = Vec::with_capacity(MOST_PER_COMMIT);
    while let Some(first) = jobs.blocking_recv() {
        if let Err(error) = connection.begin() {
            tracing::error!(%error, "no transaction could be begun");
            refuse(first, &mut jobs, &error);
            continue;
        }
        batch(&mut connection, first, &mut jobs, &mut ran);
        match connection.commit() {
            Commit::Done => ran.drain(..).for_each(|(job, kept)| job.end(kept)),
            Commit::Failed(error) => {
                tracing::error!(%error, writes = ran.len(), "a commit failed, nothing of it was stored");
                ran.drain(..).for_each(|(job, _)| job.end(Err(error.clone())));
            }
            Commit::InDoubt(error) => {
                tracing::error!(%error, writes = ran.len(), "it is not known yet whether a commit happened");
                let mut unknown = Vec::with_capacity(ran.len());
                for (mut job, kept) in ran.drain(..) {
                    if kept.is_err() {
                        job.end(kept);
                    } else {
                        job.doubt(error.clone());
                        unknown.push(job);
                    }
                }
                connection.keep(unknown);
            }
        }
    }
}

/// The database does not answer: whoever waits hears it now, rather than each after a try of its own.
fn refuse(first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>, error: &DbError) {
    first.end(Err(error.clone()));
    while let Ok(job) = jobs.try_recv() {
        job.end(Err(error.clone()));
    }
}

type Ran = (Box<dyn Job>, Result<(), DbError>);

/// One transaction: the job that woke us and whatever else is waiting.
fn batch(
    connection: &mut impl Connection,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    ran: &mut Vec<Ran>,
) {
    let mut next = Some(first);
    while let Some(mut job) = next {
        let kept = connection.run(&mut *job);
        ran.push((job, kept));
        let goes_on = ran.len() < MOST_PER_COMMIT && connection.goes_on();
        next = if goes_on { jobs.try_recv().ok() } else { None };
    }
}
