//! Ogg Opus (RFC 3533, RFC 7845): what a mixed recording is kept in, and what people bring.

mod page;
mod reader;
mod writer;

pub use reader::{ReadError, Reader};
pub use writer::{WriteError, Writer};

/// The longest packet that is written or read: 48 frames of 1,275 bytes (RFC 6716 §3.4) and their lengths.
pub const MAX_PACKET: usize = 61_440;
