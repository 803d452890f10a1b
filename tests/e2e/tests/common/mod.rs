//! What several tests of the whole share.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub(crate) mod recorded;
pub(crate) mod schemas;
pub(crate) mod watched;
