//! The binary by TLS: as browsers, TURN clients and certificate authorities meet it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod acme;
mod authority;
mod client;
mod https;
#[path = "../support/mod.rs"]
mod support;
mod turn;
