//! The server's shell for tests, see `fuzzing/world.rs`: the fuzzers play in it as well.
#![allow(unused_imports, missing_docs, unreachable_pub)]

pub use voxlink_turn::fuzzing::world::{SFU, UNIX, World, address, client, config};
