//! Guilds: making, changing, deleting, leaving, listing, and the bots that come into them.

pub mod application;
pub mod create;
pub mod delete;
pub mod leave;
pub mod owned;
pub mod read;
pub mod update;

/// How many guilds one may be in. v10 says 100 for people and 200 with a subscription; here it is 200 for everyone.
pub const MAX_GUILDS: u64 = 200;

/// What the audit log tells of a guild.
const LOGGED: &[&str] = &["name", "icon", "description", "owner_id", "system_channel_id", "preferred_locale"];
