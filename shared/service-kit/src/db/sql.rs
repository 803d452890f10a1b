//! The verbs a store may use on a connection.

use rusqlite::Connection;

use super::{DbError, Row, Value};

/// A connection inside a transaction (or a reader's). Statements are prepared once and cached.
#[derive(Debug)]
pub struct Sql<'a>(pub(super) &'a Connection);

impl Sql<'_> {
    /// Runs a statement; returns how many rows it changed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub fn execute(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, DbError> {
        Ok(self.0.prepare_cached(sql)?.execute(rusqlite::params_from_iter(params))?)
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
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(map(&Row(row))?);
        }
        Ok(found)
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
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        rows.next()?.map(|row| map(&Row(row))).transpose()
    }
}
