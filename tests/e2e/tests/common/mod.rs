//! What several tests of the whole share.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub(crate) mod schemas;
