//! The hub with a fake identity and chat, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod guilds;
mod sessions;
mod world;
