//! One connection to PostgreSQL, driven by the thread that owns it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use futures_util::TryStreamExt as _;
use tokio::{runtime::Runtime, time::timeout};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement, types::Type};

use super::{Place, error, schema, values::Bound};
use crate::db::{DbError, Value};

/// One try to connect, greeting included.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// How long a lost connection is tried anew before those who wait are refused: a restart passes unnoticed, and nobody
/// waits longer than five seconds for the refusal.
const RECONNECT_WITHIN: Duration = Duration::from_secs(3);
/// The pause between two tries doubles from the first to the second of these.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];
/// A request over HTTP has failed after as much; a server that says nothing for so long is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Unacknowledged bytes for so long: the machine behind the connection is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// Prepared statements kept; past this the cache starts anew.
const MOST_STATEMENTS: usize = 512;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

type Pending = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// A connection with its prepared statements.
pub(in crate::db) struct Session {
    runtime: Runtime,
    client: Arc<Client>,
    statements: RefCell<HashMap<Box<str>, Statement>>,
    /// Statements that were not waited for: sent with the next one that is.
    unsent: RefCell<Vec<Pending>>,
    sent: RefCell<Vec<Pending>>,
    /// A statement failed since this was last taken.
    failed: Cell<bool>,
    lost: Cell<bool>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// Connects once.
pub(super) fn connect(place: &Place, role: Role) -> Result<Session, DbError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DbError::Io(error.to_string()))?;
    let mut config = place.url.config();
    config
        .application_name(format!("voxlink {}", place.schema))
        .connect_timeout(CONNECT_WITHIN)
        .tcp_user_timeout(SILENCE)
        .keepalives_idle(SILENCE)
        .keepalives_interval(SILENCE)
        .keepalives_retries(2);
    let client = runtime.block_on(async {
        let (client, connection) =
            timeout(CONNECT_WITHIN, config.connect(NoTls)).await.map_err(|_| silent(CONNECT_WITHIN))??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok::<_, DbError>(client)
    })?;
    let session = Session {
        runtime,
        client: Arc::new(client),
        statements: RefCell::default(),
        unsent: RefCell::default(),
        sent: RefCell::default(),
        failed: Cell::new(false),
        lost: Cell::new(false),
    };
    schema::enter(&session, place, role)?;
    Ok(session)
}

/// Connects, for as long as those who wait may wait.
pub(super) fn reconnect(place: &Place, role: Role) -> Result<Session, DbError> {
    let until = Instant::now() + RECONNECT_WITHIN;
    let mut pause = PAUSES[0];
    loop {
        match connect(place, role) {
            Ok(session) => {
                tracing::info!(?role, schema = place.schema, "connected to PostgreSQL again");
                return Ok(session);
            }
            Err(error) if Instant::now() + pause > until => return Err(error),
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(PAUSES[1]);
    }
}

fn silent(waited: Duration) -> DbError {
    DbError::Io(format!("PostgreSQL did not answer within {} s", waited.as_secs()))
}

impl Session {
    /// Whether it is still of use. Looks at what arrived meanwhile.
    pub(super) fn is_alive(&self) -> bool {
        self.runtime.block_on(async {
            // The first turn looks at the socket, the second lets the connection read what is there.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        !self.lost.get() && !self.client.is_closed()
    }

    /// Whether the connection was found broken.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get() || self.client.is_closed()
    }

    /// Whether a statement failed since this was last asked.
    pub(super) fn take_failed(&self) -> bool {
        self.failed.take()
    }

    /// Sends a statement with the next one that is waited for; [`Session::settle`] tells how it went.
    pub(super) fn later(&self, sql: &'static str) {
        let client = self.client.clone();
        self.unsent.borrow_mut().push(Box::pin(async move { client.batch_execute(sql).await }));
    }

    /// Waits for what was sent by [`Session::later`].
    pub(super) fn settle(&self) -> Result<(), DbError> {
        let mut all = self.sent.take();
        all.append(&mut self.unsent.take());
        self.wait(async move {
            let mut first_error = None;
            for mut one in all {
                if let Err(error) = one.as_mut().await {
                    first_error.get_or_insert(error);
                }
            }
            first_error.map_or(Ok(()), Err)
        })
    }

    pub(in crate::db) fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, DbError> {
        let statement = self.prepared(sql)?;
        let count =
            self.wait(self.client.execute_raw(&statement, params.iter().map(|value| Bound(*value))))?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub(in crate::db) fn query(
        &self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, DbError> {
        let statement = self.prepared(sql)?;
        self.wait(async {
            let rows = self.client.query_raw(&statement, params.iter().map(|value| Bound(*value))).await?;
            rows.try_collect().await
        })
    }

    /// Statements without parameters; returns the first column of the first row that any of them returned.
    pub(super) fn simple(&self, sql: &str) -> Result<Option<String>, DbError> {
        let messages = self.wait(self.client.simple_query(sql))?;
        Ok(messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        }))
    }

    /// Statements without parameters that may take long.
    pub(super) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.long(self.client.batch_execute(sql))
    }

    /// The driver's own handle, for what is streamed.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for something that may take long.
    pub(super) fn long<T>(
        &self,
        future: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DbError> {
        self.outcome(self.runtime.block_on(future))
    }

    /// The types of the columns of a query.
    pub(super) fn types(&self, sql: &str) -> Result<Vec<Type>, DbError> {
        Ok(self.prepared(sql)?.columns().iter().map(|column| column.type_().clone()).collect())
    }

    fn prepared(&self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= MOST_STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Sends what waits to be sent, then this, and waits for this.
    fn wait<T>(&self, future: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, DbError> {
        let mut unsent = self.unsent.take();
        let answer = self.runtime.block_on(async {
            poll_fn(|context| {
                for one in &mut unsent {
                    // The first poll sends; an answer cannot be there before anything was sent.
                    let _sent = one.as_mut().poll(context);
                }
                Poll::Ready(())
            })
            .await;
            timeout(ANSWER_WITHIN, future).await
        });
        self.sent.borrow_mut().append(&mut unsent);
        match answer {
            Ok(outcome) => self.outcome(outcome),
            Err(_late) => {
                self.failed.set(true);
                self.lost.set(true);
                Err(silent(ANSWER_WITHIN))
            }
        }
    }

    fn outcome<T>(&self, outcome: Result<T, tokio_postgres::Error>) -> Result<T, DbError> {
        outcome.map_err(|error| {
            self.failed.set(true);
            if error::is_lost(&error) {
                self.lost.set(true);
            }
            error.into()
        })
    }
}
