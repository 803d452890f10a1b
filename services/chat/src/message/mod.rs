//! Messages: posting, reading, changing, deleting, typing.

pub mod allowed_mentions;
pub mod attach;
pub mod bulk_delete;
pub mod delete;
pub mod draft;
pub mod edit;
mod embedded;
pub mod embeds;
mod links;
pub(crate) mod mentions;
mod present;
mod preview;
pub mod read;
pub mod send;
mod spans;
pub(crate) mod system;
pub mod typing;
mod uploads;
mod written;

pub(crate) use present::Around;
pub(crate) use preview::MOST_WAITING as MOST_WAITING_FOR_CARDS;
