//! Channels: making, changing, ordering, deleting.

pub mod create;
pub mod delete;
mod form;
pub mod read;
pub mod reorder;
pub mod update;

pub use form::ChannelFields;

/// v10: channels of a guild, categories included.
pub const MAX_CHANNELS: usize = 500;
/// v10: bit/s of Opus in a voice channel unless someone chose another.
pub const DEFAULT_BITRATE: u32 = 64_000;
