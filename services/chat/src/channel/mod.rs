//! Channels: making, changing, ordering, deleting.

pub mod create;
pub mod delete;
mod form;
pub mod overwrite;
pub mod read;
pub mod reorder;
pub mod update;

pub use form::ChannelFields;

/// v10: channels of a guild, categories included.
pub const MAX_CHANNELS: usize = 500;
/// v10: bit/s of Opus in a voice channel unless someone chose another.
pub const DEFAULT_BITRATE: u32 = 64_000;

/// What the audit log tells of a channel; exceptions have entries of their own.
const LOGGED: &[&str] = &[
    "name",
    "type",
    "topic",
    "position",
    "parent_id",
    "nsfw",
    "rate_limit_per_user",
    "bitrate",
    "user_limit",
];
/// The same, when it is made or deleted: where it stood among others is of no interest then.
const LOGGED_WHOLE: &[&str] = &[
    "name",
    "type",
    "topic",
    "nsfw",
    "rate_limit_per_user",
    "bitrate",
    "user_limit",
    "permission_overwrites",
];
