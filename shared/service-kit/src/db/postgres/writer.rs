//! The connection that writes.
//!
//! The statements that hold a batch together (BEGIN, SAVEPOINT, RELEASE) are sent with the next statement of a job
//! and not waited for by themselves. Each transaction learns its number at its beginning: should the connection break
//! while it is being committed, the database is asked what became of that number.

use super::{
    Place, Session,
    session::{self, Role},
};
use crate::db::{
    DbError, Sql, sql,
    writer::{Commit, Connection, Job},
};

const BEGIN: &str = "BEGIN; SAVEPOINT one";
const NEXT: &str = "RELEASE SAVEPOINT one; SAVEPOINT one";
const UNDO: &str = "ROLLBACK TO SAVEPOINT one";

pub(super) struct Writer {
    place: Place,
    session: Option<Session>,
    state: State,
    /// The transaction's number, once the database told it.
    number: Option<String>,
    /// Jobs that were answered with doubt, and the transaction that they were in.
    in_doubt: Vec<(String, Vec<Box<dyn Job>>)>,
}

/// Where in a batch we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A fresh savepoint is set.
    Clean,
    /// The last job's savepoint holds its work.
    Dirty,
    /// The connection broke or a statement that holds the batch together failed.
    Broken,
}

impl Writer {
    pub(super) fn connect(place: Place) -> Result<Self, DbError> {
        let session = session::reconnect(&place, Role::Writer)?;
        Ok(Self { place, session: Some(session), state: State::Clean, number: None, in_doubt: Vec::new() })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The connection; it is made again when it was lost.
    pub(super) fn session(&mut self) -> Result<&Session, DbError> {
        if self.session.as_ref().is_some_and(|session| !session.is_alive()) {
            self.session = None;
        }
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(session::reconnect(&self.place, Role::Writer)?)),
        }
    }

    /// Tells the jobs in doubt what became of them. Before anything else is written, so that the order stays.
    fn settle_doubts(&mut self) -> Result<(), DbError> {
        while let Some((number, _)) = self.in_doubt.first() {
            let number = number.clone();
            let committed = happened(self.session()?, &number)?;
            let (_, jobs) = self.in_doubt.remove(0);
            tracing::warn!(committed, writes = jobs.len(), "what became of a cut-off commit is known now");
            if committed {
                jobs.into_iter().for_each(Job::settle);
            }
        }
        Ok(())
    }

    /// Opens a transaction and learns its number.
    fn open(&mut self) -> Result<(), DbError> {
        let session = self.session()?;
        let _of_the_last = session.take_failed();
        session.later(BEGIN);
        match session.simple("SELECT pg_current_xact_id()") {
            Ok(Some(number)) => {
                self.number = Some(number);
                Ok(())
            }
            told => {
                // Whatever it is in the middle of ends with the connection.
                self.session = None;
                Err(told
                    .err()
                    .unwrap_or_else(|| DbError::Other("PostgreSQL told no transaction number".to_owned())))
            }
        }
    }

    /// The connection broke during a commit: asks whether it happened.
    fn ask(&mut self, error: DbError) -> Commit {
        let Some(number) = self.number.clone() else {
            // Not even the beginning was answered.
            return Commit::Failed(error);
        };
        match self.session().and_then(|session| happened(session, &number)) {
            Ok(true) => Commit::Done,
            Ok(false) => Commit::Failed(error),
            Err(still) => Commit::InDoubt(DbError::Io(format!(
                "{still}; whether this was stored will be known when PostgreSQL answers again"
            ))),
        }
    }
}

/// Whether a transaction was committed.
fn happened(session: &Session, number: &str) -> Result<bool, DbError> {
    let status = session.simple(&format!("SELECT pg_xact_status('{number}'::xid8)"))?;
    match status.as_deref() {
        Some("committed") => Ok(true),
        Some("in progress") => Err(DbError::Io("PostgreSQL has not ended the old connection yet".to_owned())),
        _ => Ok(false),
    }
}

impl Connection for Writer {
    fn begin(&mut self) -> Result<(), DbError> {
        self.number = None;
        self.state = State::Clean;
        self.session()?;
        let first = self.settle_doubts().and_then(|()| self.open());
        match first {
            // The connection broke while nobody used it, and that was not noticed until now.
            Err(_) if self.session.is_none() => {
                self.session()?;
                self.settle_doubts().and_then(|()| self.open())
            }
            other => other,
        }
    }

    fn run(&mut self, job: &mut dyn Job) -> Result<(), DbError> {
        let lost = || DbError::Io("the connection to PostgreSQL broke".to_owned());
        let Some(session) = self.session.as_ref().filter(|session| !session.is_lost()) else {
            return Err(lost());
        };
        if self.state == State::Dirty {
            session.later(NEXT);
        }
        self.state = State::Dirty;
        let done = job.run(&Sql(sql::Inner::Postgres(session)));
        let failed = session.take_failed();
        if session.is_lost() {
            self.state = State::Broken;
            return if done { Err(lost()) } else { Ok(()) };
        }
        if done && !failed {
            return Ok(());
        }
        session.later(UNDO);
        self.state = State::Clean;
        if done {
            return Err(DbError::Other(
                "a statement failed and the operation went on: nothing of it was stored".to_owned(),
            ));
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.state != State::Broken
    }

    fn commit(&mut self) -> Commit {
        let broken = self.state == State::Broken;
        let (Some(session), Some(number)) = (&self.session, &self.number) else {
            return Commit::Failed(DbError::Closed);
        };
        if broken {
            // COMMIT was never sent.
            return Commit::Failed(DbError::Io("the connection to PostgreSQL broke".to_owned()));
        }
        // The status says that COMMIT did not turn into a ROLLBACK.
        let status = session.simple(&format!("COMMIT; SELECT pg_xact_status('{number}'::xid8)"));
        let control = session.settle();
        match (status, control) {
            (Ok(Some(status)), Ok(())) if status == "committed" => Commit::Done,
            (Ok(_), control) => Commit::Failed(
                control
                    .err()
                    .unwrap_or_else(|| DbError::Other("PostgreSQL rolled a transaction back".to_owned())),
            ),
            (Err(error), _) if session.is_lost() => self.ask(error),
            (Err(error), _) => {
                if let Err(also) = session.simple("ROLLBACK") {
                    tracing::warn!(error = %also, "a failed transaction could not be ended");
                    self.session = None;
                }
                Commit::Failed(error)
            }
        }
    }

    fn keep(&mut self, jobs: Vec<Box<dyn Job>>) {
        if let Some(number) = self.number.take()
            && !jobs.is_empty()
        {
            self.in_doubt.push((number, jobs));
        }
    }
}
