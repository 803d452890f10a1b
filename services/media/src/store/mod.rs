//! The only place with SQL: domain verbs on media.db, to be composed within one transaction.

pub mod stream_keys;

/// Numbered migrations, in order; the list only ever grows.
pub const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];
