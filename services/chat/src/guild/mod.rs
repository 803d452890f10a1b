//! Guilds: making, renaming, deleting, leaving, listing.

pub mod create;
pub mod delete;
pub mod leave;
pub mod read;
pub mod rename;

/// How many guilds one may be in. v10 says 100 for people and 200 with a subscription; here it is 200 for everyone.
pub const MAX_GUILDS: u64 = 200;
