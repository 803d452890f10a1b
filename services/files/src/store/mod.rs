//! The only place with SQL: domain verbs on files.db, to be composed within one transaction.

pub mod blobs;
pub mod pictures;
pub mod previews;
pub mod thumbnails;
pub mod uploads;

/// Numbered migrations, in order; the list only ever grows.
pub const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];
