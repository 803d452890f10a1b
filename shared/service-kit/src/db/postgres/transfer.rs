//! Moves a service's data from its SQLite file into an empty PostgreSQL schema: all of it, or nothing.
//!
//! Everything happens in one transaction: the tables are made, each is streamed over, then read back and compared by
//! count and checksum. Only when all agree is it committed. The file is left as it is.

use std::{collections::BTreeSet, path::Path, pin::pin};

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::TryStreamExt as _;
use rusqlite::Connection;
use tokio_postgres::{binary_copy::BinaryCopyInWriter, types::Type};

use super::{
    Place, Session, schema,
    session::{self, Role},
    values::Bound,
};
use crate::db::{DbError, DbTarget, Row, Value, row, sqlite};

/// Progress is told once in so many rows.
const TOLD_EVERY: u64 = 1000;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Which table.
    pub table: &'a str,
    /// What is done with it.
    pub step: Step,
    /// Rows of this table that are done.
    pub done: u64,
    /// Rows of this table.
    pub of: u64,
}

/// What is done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its rows are written.
    Copying,
    /// They are read back and compared.
    Verifying,
}

/// What was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many tables.
    pub tables: usize,
    /// How many rows.
    pub rows: u64,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// There is something in the schema.
    #[error(
        "the schema {schema} of {url} is not empty: what is there would be mixed with what is moved. Name an empty database, or remove the schema first"
    )]
    #[allow(missing_docs)]
    NotEmpty { schema: String, url: String },
    /// The two sides do not hold the same.
    #[error(
        "after copying, the table {table} differs ({here} rows here, {there} there): nothing was moved. Please report this"
    )]
    #[allow(missing_docs)]
    Differs { table: String, here: u64, there: u64 },
    /// One side has a table or column that the other does not know.
    #[error("the table {0} is not the same in both databases: nothing was moved. Please report this")]
    Unlike(String),
    /// The target is a file.
    #[error("data is moved into PostgreSQL only")]
    NotPostgres,
    /// A database failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<rusqlite::Error> for TransferError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Moves the data of `file` into `target`. Blocks; nobody else may use either.
///
/// # Errors
/// See [`TransferError`]; nothing was moved then.
pub fn transfer(
    file: &Path,
    target: &DbTarget,
    migrations: &[&str],
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Moved, TransferError> {
    let DbTarget::Postgres { url, schema, sharing } = target else { return Err(TransferError::NotPostgres) };
    let place = Place { url: url.clone(), schema: schema.clone(), sharing: *sharing };
    // The tables must be those of the newest version before they are compared with new ones.
    let source = sqlite::prepare(file, migrations)?;
    let session = session::connect(&place, Role::Writer)?;
    if !schema::is_empty(&session, &place)? {
        return Err(TransferError::NotEmpty { schema: place.schema, url: place.url.to_string() });
    }
    let migrations: Vec<String> = migrations.iter().map(|text| (*text).to_owned()).collect();
    schema::migrate(&session, &place, &[])?;
    session.batch("BEGIN")?;
    schema::run_all(&session, &migrations)?;
    let tables = tables(&source, &session, &place)?;
    let mut moved = Moved::default();
    for table in &tables {
        let of = table.count(&source)?;
        let told = |step, done| Progress { table: &table.name, step, done, of };
        let here = table.copy(&source, &session, &mut |done| tell(told(Step::Copying, done)))?;
        let there = table.read_back(&session, &mut |done| tell(told(Step::Verifying, done)))?;
        if here != there {
            return Err(TransferError::Differs {
                table: table.name.clone(),
                here: here.rows,
                there: there.rows,
            });
        }
        moved.rows += here.rows;
        moved.tables += 1;
    }
    schema::continue_counting(&session, &place)?;
    session.batch("COMMIT")?;
    Ok(moved)
}

/// A table that both sides have.
#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<String>,
}

/// Rows in any order: their number and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hash: u128,
}

impl Sum {
    fn add(&mut self, row: &[Value<'_>]) {
        let mut context = Context::new(&SHA256);
        for value in row {
            // A tag and a length before each, so that no two rows read the same.
            let (tag, number, bytes): (u8, i64, &[u8]) = match value {
                Value::Null => (0, 0, &[]),
                Value::Integer(number) => (1, *number, &[]),
                Value::Text(text) => (2, length(text.as_bytes()), text.as_bytes()),
                Value::Bytes(bytes) => (3, length(bytes), bytes),
            };
            context.update(&[tag]);
            context.update(&number.to_le_bytes());
            context.update(bytes);
        }
        let digest = context.finish();
        let first = digest.as_ref().first_chunk::<16>().copied().unwrap_or_default();
        self.hash = self.hash.wrapping_add(u128::from_le_bytes(first));
        self.rows += 1;
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

impl Table {
    fn columns(&self) -> String {
        self.columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM \"{}\"", self.columns(), self.name)
    }

    fn count(&self, source: &Connection) -> Result<u64, TransferError> {
        let count = format!("SELECT count(*) FROM \"{}\"", self.name);
        Ok(source.query_row(&count, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// Streams all rows over.
    fn copy(
        &self,
        source: &Connection,
        session: &Session,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Sum, TransferError> {
        let types = session.types(&self.select())?;
        let copy = format!("COPY \"{}\" ({}) FROM STDIN BINARY", self.name, self.columns());
        let sink = session.long(session.client().copy_in(&copy))?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut sum = Sum::default();
        let mut statement = source.prepare(&self.select())?;
        let mut rows = statement.query([])?;
        while let Some(found) = rows.next()? {
            let found = Row(row::Inner::Sqlite(found));
            let values =
                (0..self.columns.len()).map(|column| found.value(column)).collect::<Result<Vec<_>, _>>()?;
            let values = normal(&values, &types);
            sum.add(&values);
            session.long(writer.as_mut().write_raw(values.iter().map(|value| Bound(*value))))?;
            if sum.rows.is_multiple_of(TOLD_EVERY) {
                tell(sum.rows);
            }
        }
        session.long(writer.as_mut().finish())?;
        tell(sum.rows);
        Ok(sum)
    }

    /// Reads all rows of the other side.
    fn read_back(&self, session: &Session, tell: &mut dyn FnMut(u64)) -> Result<Sum, TransferError> {
        let select = self.select();
        let none: [Bound<'_>; 0] = [];
        let mut rows = pin!(session.long(session.client().query_raw(&select, none))?);
        let mut sum = Sum::default();
        while let Some(found) = session.long(rows.try_next())? {
            let found = Row(row::Inner::Postgres(&found));
            let values =
                (0..self.columns.len()).map(|column| found.value(column)).collect::<Result<Vec<_>, _>>()?;
            sum.add(&values);
            if sum.rows.is_multiple_of(TOLD_EVERY) {
                tell(sum.rows);
            }
        }
        tell(sum.rows);
        Ok(sum)
    }
}

/// Any number but 0 is true in SQLite; what comes back from PostgreSQL is 1.
fn normal<'a>(values: &[Value<'a>], types: &[Type]) -> Vec<Value<'a>> {
    let one = |(value, kind): (&Value<'a>, &Type)| match value {
        Value::Integer(number) if *kind == Type::BOOL => Value::Integer((*number != 0).into()),
        other => *other,
    };
    values.iter().zip(types).map(one).collect()
}

/// The tables to copy, those that others refer to first. What an index of SQLite's own keeps is not copied: PostgreSQL
/// has another.
fn tables(source: &Connection, session: &Session, place: &Place) -> Result<Vec<Table>, TransferError> {
    let here: Vec<String> = strings(
        source,
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    let there = schema::tables(session, place)?;
    let mut waiting: Vec<(Table, Vec<String>)> = Vec::new();
    for name in here {
        let theirs = there.get(&name).ok_or_else(|| TransferError::Unlike(name.clone()))?;
        let columns =
            strings(source, &format!("SELECT name FROM pragma_table_xinfo('{name}') WHERE hidden = 0"))?;
        if columns.iter().any(|column| !theirs.contains(column)) {
            return Err(TransferError::Unlike(name));
        }
        let refers =
            strings(source, &format!("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('{name}')"))?;
        waiting.push((Table { name, columns }, refers));
    }
    let mut ordered: Vec<Table> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|(table, refers)| {
            refers.iter().all(|other| *other == table.name || done.contains(other))
        });
        let index = ready.ok_or_else(|| TransferError::Unlike(waiting[0].0.name.clone()))?;
        let (table, _) = waiting.remove(index);
        done.insert(table.name.clone());
        ordered.push(table);
    }
    Ok(ordered)
}

fn strings(source: &Connection, select: &str) -> Result<Vec<String>, TransferError> {
    let mut statement = source.prepare(select)?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_rows_minds_their_content_and_not_their_order() {
        let sum = |rows: &[&[Value<'_>]]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row));
            sum
        };
        let (a, b): ([Value<'_>; 2], _) =
            ([Value::Integer(1), Value::Text("a")], [Value::Integer(2), Value::Null]);
        assert_eq!(sum(&[&a, &b]), sum(&[&b, &a]));
        assert_ne!(sum(&[&a]), sum(&[&[Value::Text("a"), Value::Integer(1)]]));
        assert_ne!(sum(&[&a, &a]), sum(&[&b, &b]));
        assert_ne!(
            sum(&[&[Value::Text("ab"), Value::Text("c")]]),
            sum(&[&[Value::Text("a"), Value::Text("bc")]])
        );
    }
}
