//! A service's schema within a PostgreSQL database: entered, locked, brought to the newest migration.

use std::collections::BTreeMap;

use super::{Place, Session, session::Role};
use crate::db::{DbError, Dialect, Sharing, Value, newer};

/// The first half of the advisory lock's key: "voxl".
const LOCK: i32 = 0x766f_786c;

/// Which transaction of each writing session was the last; see `writer::Ledger`. The page has room for a row's next
/// version, so that no index is touched.
const COMMITS: &str = "CREATE TABLE IF NOT EXISTS voxlink_commit (
    writer BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number BIGINT NOT NULL DEFAULT 0,
    closed BOOLEAN NOT NULL DEFAULT false, since TIMESTAMPTZ NOT NULL DEFAULT now()) WITH (fillfactor = 10)";

/// What every new connection begins with. The writer also takes the lock that keeps a second server out.
pub(super) fn enter(session: &Session, place: &Place, role: Role) -> Result<(), DbError> {
    let schema = &place.schema;
    let is_name = !schema.is_empty()
        && schema.len() < 64
        && schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        return Err(DbError::Other(format!("{schema:?} is no name of a schema")));
    }
    let read_only = match role {
        Role::Writer => "off",
        Role::Reader => "on",
    };
    session.simple(&format!(
        "SET search_path TO \"{schema}\"; SET synchronous_commit TO on; SET client_min_messages TO warning;
         SET default_transaction_isolation TO 'read committed'; SET default_transaction_read_only TO {read_only}"
    ))?;
    if role == Role::Writer && place.sharing == Sharing::Alone {
        lock(session, place)?;
    }
    Ok(())
}

fn lock(session: &Session, place: &Place) -> Result<(), DbError> {
    let taken = session.simple(&format!("SELECT pg_try_advisory_lock({LOCK}, {})", hash(&place.schema)))?;
    if taken.as_deref() == Some("t") {
        return Ok(());
    }
    Err(DbError::Io(format!(
        "another VoxLink is using the schema {} of {}; stop it, or choose another database",
        place.schema, place.url
    )))
}

/// FNV-1a: the second half of the lock's key.
fn hash(text: &str) -> i32 {
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

/// Makes the schema when it is missing, and runs the migrations that it lacks, each in a transaction.
pub(super) fn migrate(session: &Session, place: &Place, migrations: &[String]) -> Result<(), DbError> {
    let schema = &place.schema;
    if session.simple("SHOW server_encoding")?.as_deref() != Some("UTF8") {
        return Err(DbError::Other("the PostgreSQL database must have the encoding UTF8".to_owned()));
    }
    if session.simple("SHOW fsync")?.as_deref() != Some("on") {
        tracing::warn!(url = %place.url, "fsync is off in PostgreSQL: a crash of its machine loses what was acknowledged");
    }
    // Two that open it beside each other go one after the other.
    session.batch(&format!("SELECT pg_advisory_lock({LOCK}, {})", hash("migrations")))?;
    let exists = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'");
    if session.simple(&exists)?.is_none() {
        session.batch(&format!("CREATE SCHEMA \"{schema}\""))?;
    }
    session.batch("CREATE TABLE IF NOT EXISTS voxlink_schema (version BIGINT NOT NULL)")?;
    session.batch(COMMITS)?;
    let done = session.simple("SELECT version FROM voxlink_schema")?;
    if done.is_none() {
        session.batch("INSERT INTO voxlink_schema VALUES (0)")?;
    }
    let done = done.and_then(|version| version.parse().ok()).unwrap_or(0);
    if done > migrations.len() {
        return Err(newer(done, migrations.len()));
    }
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        session
            .batch(&format!("BEGIN;\n{};\nCOMMIT", step(index, migration)))
            .map_err(|error| of_step(index, &error))?;
    }
    session.batch(&format!("SELECT pg_advisory_unlock({LOCK}, {})", hash("migrations")))
}

/// One migration, and the note that it was done.
fn step(index: usize, migration: &str) -> String {
    let (text, version) = (Dialect::Postgres.translate(migration), index + 1);
    format!("{text};\nUPDATE voxlink_schema SET version = {version}")
}

fn of_step(index: usize, error: &DbError) -> DbError {
    DbError::Other(format!("migration {}: {error}", index + 1))
}

/// Runs all migrations in a schema that had none, in the running transaction.
pub(super) fn run_all(session: &Session, migrations: &[String]) -> Result<(), DbError> {
    for (index, migration) in migrations.iter().enumerate() {
        session.batch(&step(index, migration)).map_err(|error| of_step(index, &error))?;
    }
    Ok(())
}

/// Whether nothing was ever stored there.
pub(super) fn is_empty(session: &Session, place: &Place) -> Result<bool, DbError> {
    Ok(tables(session, place)?.is_empty())
}

/// The tables of the schema and their columns.
pub(super) fn tables(session: &Session, place: &Place) -> Result<BTreeMap<String, Vec<String>>, DbError> {
    let select = "SELECT table_name::text, column_name::text FROM information_schema.columns
                  WHERE table_schema = $1 AND table_name NOT IN ('voxlink_schema', 'voxlink_commit')";
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in session.query(select, &[Value::Text(&place.schema)])? {
        tables.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    Ok(tables)
}

/// Numbers that the database gives out go on after the greatest that was copied.
pub(super) fn continue_counting(session: &Session, place: &Place) -> Result<(), DbError> {
    let select = "SELECT table_name::text, column_name::text FROM information_schema.columns
                  WHERE table_schema = $1 AND is_identity = 'YES' AND table_name <> 'voxlink_commit'";
    for row in session.query(select, &[Value::Text(&place.schema)])? {
        let (table, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        session.batch(&format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM \"{table}\" HAVING max({column}) > 0"
        ))?;
    }
    Ok(())
}
