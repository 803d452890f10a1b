//! The verbs a store may use on a connection.

use super::{DbError, Dialect, Row, Value, postgres::Session, row};

/// A connection inside a transaction (or a reader's). Statements are prepared once and cached.
///
/// After a statement failed, the operation that ran it must end with an error: PostgreSQL runs nothing more of it.
#[derive(Debug)]
pub struct Sql<'a>(pub(super) Inner<'a>);

#[derive(Debug)]
pub(super) enum Inner<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a Session),
}

impl Sql<'_> {
    /// Which database answers: for the few texts that cannot be the same.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.0 {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, DbError> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                Ok(connection.prepare_cached(sql)?.execute(rusqlite::params_from_iter(params))?)
            }
            Inner::Postgres(session) => session.execute(sql, params),
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// See [`DbError`].
    pub fn query<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(params))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(map(&Row(row::Inner::Sqlite(row)))?);
                }
                Ok(found)
            }
            Inner::Postgres(session) => {
                session.query(sql, params)?.iter().map(|row| map(&Row(row::Inner::Postgres(row)))).collect()
            }
        }
    }

    /// The first row, if any.
    ///
    /// # Errors
    /// See [`DbError`].
    pub fn query_one<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        map: impl FnOnce(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        match &self.0 {
            Inner::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(params))?;
                rows.next()?.map(|row| map(&Row(row::Inner::Sqlite(row)))).transpose()
            }
            Inner::Postgres(session) => session
                .query(sql, params)?
                .first()
                .map(|row| map(&Row(row::Inner::Postgres(row))))
                .transpose(),
        }
    }
}
