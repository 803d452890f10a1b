//! Who is in a guild: showing, finding, changing, sending away.

pub(crate) mod end;
pub mod kick;
pub mod read;
pub mod search;
pub mod update;
pub mod voice;
