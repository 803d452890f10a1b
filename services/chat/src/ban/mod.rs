//! Bans: who was sent away for good, and what becomes of what they wrote.

pub mod create;
pub mod delete;
pub mod purge;
pub mod read;
