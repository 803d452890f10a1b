//! The hub with a fake identity and chat, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod guilds;
mod lists;
mod sessions;
mod world;
