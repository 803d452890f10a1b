//! The connection that writes.
//!
//! The statements that hold a batch together (BEGIN, SAVEPOINT, RELEASE) are sent with the next statement of a job
//! and not waited for by themselves. Should the connection break while a transaction is being committed, the database
//! is asked what became of it: every session has a row of its own ([`Ledger`]), and each transaction leaves its number
//! there as the last thing that it does. The database's own number of a transaction would not do: one whose writes had
//! not reached the disk when PostgreSQL crashed is forgotten, and its number is given out again.

use super::{
    Place, Session,
    session::{self, Role},
};
use crate::db::{
    DbError, Sharing, Sql, sql,
    writer::{Commit, Connection, Job},
};

const BEGIN: &str = "BEGIN; SAVEPOINT one";
const NEXT: &str = "RELEASE SAVEPOINT one; SAVEPOINT one";
const UNDO: &str = "ROLLBACK TO SAVEPOINT one";

pub(super) struct Writer {
    place: Place,
    session: Option<Session>,
    state: State,
    /// Where this session's transactions leave their numbers.
    ledger: Option<Ledger>,
    /// Jobs that were answered with doubt, and the transaction that they were in.
    in_doubt: Vec<(Ledger, Vec<Box<dyn Job>>)>,
}

/// A row of `voxlink_commit`, and the number of the transaction that is open or was the last.
#[derive(Clone, Copy, Debug)]
struct Ledger {
    row: i64,
    number: i64,
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
        Ok(Self { place, session: Some(session), state: State::Clean, ledger: None, in_doubt: Vec::new() })
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
            none => {
                self.ledger = None;
                Ok(none.insert(session::reconnect(&self.place, Role::Writer)?))
            }
        }
    }

    /// Tells the jobs in doubt what became of them. Before anything else is written, so that the order stays.
    fn settle_doubts(&mut self) -> Result<(), DbError> {
        while let Some((ledger, _)) = self.in_doubt.first() {
            let ledger = *ledger;
            let committed = ledger.is_committed(self.session()?)?;
            let (_, jobs) = self.in_doubt.remove(0);
            tracing::warn!(committed, writes = jobs.len(), "what became of a cut-off commit is known now");
            if committed {
                jobs.into_iter().for_each(Job::settle);
            }
        }
        Ok(())
    }

    /// Opens a transaction.
    fn open(&mut self) -> Result<(), DbError> {
        self.session()?;
        let Some(session) = &self.session else { return Err(DbError::Closed) };
        let _of_the_last = session.take_failed();
        let ledger = match self.ledger {
            Some(ledger) => ledger.next(),
            None => Ledger::new(session, self.place.sharing)?,
        };
        session.later(BEGIN);
        self.ledger = Some(ledger);
        Ok(())
    }

    /// The connection broke during a commit: asks whether it happened.
    fn ask(&mut self, ledger: Ledger, error: DbError) -> Commit {
        match self.session().and_then(|session| ledger.is_committed(session)) {
            Ok(true) => Commit::Done,
            Ok(false) => Commit::Failed(error),
            Err(still) => {
                self.ledger = Some(ledger);
                Commit::InDoubt(DbError::Io(format!(
                    "{still}; whether this was stored will be known when PostgreSQL answers again"
                )))
            }
        }
    }
}

impl Ledger {
    /// A new row. Whoever is alone also removes what earlier sessions left there.
    fn new(session: &Session, sharing: Sharing) -> Result<Self, DbError> {
        if sharing == Sharing::Alone {
            session.simple("DELETE FROM voxlink_commit WHERE since < now() - interval '1 day'")?;
        }
        let row = session.simple("INSERT INTO voxlink_commit DEFAULT VALUES RETURNING writer")?;
        let row = row.and_then(|row| row.parse().ok());
        Ok(Self {
            row: row.ok_or_else(|| DbError::Other("PostgreSQL told no number for a new row".to_owned()))?,
            number: 1,
        })
    }

    const fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// What ends a transaction. Fails, and nothing is committed, when somebody asked [`Ledger::is_committed`] before.
    fn commit(self) -> String {
        let Self { row, number } = self;
        format!(
            "WITH mine AS (UPDATE voxlink_commit SET number = {number} WHERE writer = {row} AND NOT closed RETURNING 1)
             SELECT 1 / count(*) FROM mine; COMMIT"
        )
    }

    /// Whether the transaction was committed. Waits for one that is being committed right now; one that has not come
    /// so far, as its last words are still on their way to the database, never will.
    fn is_committed(self, session: &Session) -> Result<bool, DbError> {
        let last = session.simple(&format!(
            "UPDATE voxlink_commit SET closed = true WHERE writer = {} RETURNING number",
            self.row
        ))?;
        Ok(last.is_some_and(|last| last.parse() == Ok(self.number)))
    }
}

impl Connection for Writer {
    fn begin(&mut self) -> Result<(), DbError> {
        self.state = State::Clean;
        self.session()?;
        let first = self.settle_doubts().and_then(|()| self.open());
        match first {
            // The connection broke while nobody used it, and that was not noticed until now.
            Err(_) if self.session.as_ref().is_none_or(Session::is_lost) => {
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
        let (Some(session), Some(ledger)) = (&self.session, self.ledger) else {
            return Commit::Failed(DbError::Closed);
        };
        if broken {
            // COMMIT was never sent.
            return Commit::Failed(DbError::Io("the connection to PostgreSQL broke".to_owned()));
        }
        let committed = session.simple(&ledger.commit());
        let control = session.settle();
        match (committed, control) {
            (Ok(_), Ok(())) => Commit::Done,
            (Err(error), _) if session.is_lost() => self.ask(ledger, error),
            (Ok(_), Err(error)) | (Err(error), _) => {
                self.ledger = None;
                if let Err(also) = session.simple("ROLLBACK") {
                    tracing::warn!(error = %also, "a failed transaction could not be ended");
                    self.session = None;
                }
                Commit::Failed(error)
            }
        }
    }

    fn keep(&mut self, jobs: Vec<Box<dyn Job>>) {
        if let Some(ledger) = self.ledger.take()
            && !jobs.is_empty()
        {
            self.in_doubt.push((ledger, jobs));
        }
    }
}
