//! The only place with SQL: domain verbs on recording.db, to be composed within one transaction.

pub mod outputs;
pub mod recordings;
pub mod rules;
pub mod tracks;

/// Numbered migrations, in order; the list only ever grows.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_outputs_on_demand.sql"),
];
