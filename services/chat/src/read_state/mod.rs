//! What people have read, and how often they were mentioned in what is newer.
//!
//! Only how far someone has read is stored, and which messages mention whom: a row for a person, a role or everyone,
//! however many people that is. Counters are counted from these when a session begins or something is marked as read;
//! in between clients count along, since they see each message. So counters agree after a restart and on all devices,
//! a deleted message stops counting, and `@everyone` in a guild of 10,000 members is one row.

pub mod ack;
mod count;
mod note;
pub mod read;

pub(crate) use note::{forget, note};
