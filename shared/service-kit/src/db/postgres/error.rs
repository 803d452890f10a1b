//! PostgreSQL's errors as ours.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::db::DbError;

/// Whether the connection is of no more use after this.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(db) => ends_connection(db.code()),
        None => error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()),
    }
}

/// 57P01 to 57P03: the server is shutting down, crashed or is not up yet; 08: the connection broke.
fn ends_connection(code: &SqlState) -> bool {
    code.code().starts_with("57P") || code.code().starts_with("08")
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            let text = format!("PostgreSQL: {error}{source}");
            let of_ours = error.source().is_some_and(|source| !source.is::<std::io::Error>());
            return if of_ours && !error.is_closed() { Self::Other(text) } else { Self::Io(text) };
        };
        match db.code() {
            code if *code == SqlState::UNIQUE_VIOLATION => Self::Unique(unique(db)),
            code if *code == SqlState::DISK_FULL => Self::Full,
            code if ends_connection(code)
                || *code == SqlState::TOO_MANY_CONNECTIONS
                || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::IO_ERROR
                // 28: it does not let us in.
                || code.code().starts_with("28") =>
            {
                Self::Io(format!("PostgreSQL: {}", db.message()))
            }
            code => Self::Other(format!("PostgreSQL: {} ({})", db.message(), code.code())),
        }
    }
}

/// As SQLite says it: `table.column, table.column`, and the constraint's name; never the values.
fn unique(db: &tokio_postgres::error::DbError) -> String {
    let table = db.table().unwrap_or_default();
    let columns = db.detail().and_then(|detail| detail.strip_prefix("Key (")?.split(")=").next());
    let columns: Vec<String> =
        columns.unwrap_or_default().split(", ").map(|column| format!("{table}.{column}")).collect();
    format!("{} ({})", columns.join(", "), db.constraint().unwrap_or_default())
}
