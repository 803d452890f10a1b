//! The only place with SQL: domain verbs on chat.db, to be composed within one transaction.
//!
//! Nothing here checks permissions or tells anyone.

pub mod audit;
pub mod bans;
pub mod calls;
pub mod channels;
pub mod direct;
pub mod emojis;
pub mod guilds;
pub mod invites;
pub mod load;
pub mod members;
pub mod messages;
pub mod notify;
pub mod pins;
pub mod purges;
pub mod reactions;
pub mod read_states;
pub mod roles;
pub mod search;
pub mod slow_mode;
pub mod sounds;

use voxlink_service_kit::outbox;

/// Numbered migrations, in order; the list only ever grows.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_initial.sql"),
    outbox::TABLE,
    include_str!("../../migrations/0010_guild_life.sql"),
    include_str!("../../migrations/0020_messages.sql"),
    include_str!("../../migrations/0030_direct.sql"),
    include_str!("../../migrations/0031_read_states.sql"),
    include_str!("../../migrations/0032_notify.sql"),
    include_str!("../../migrations/0033_search.sql"),
    include_str!("../../migrations/0034_calls.sql"),
    include_str!("../../migrations/0035_soundboard.sql"),
];
