//! STUN messages (RFC 8489) with the attributes of TURN (RFC 8656): parsed once into types, written into the
//! caller's buffer. Knows nothing of allocations.

pub mod attributes;
pub mod integrity;
mod md5;
mod message;
#[cfg(test)]
mod vectors;
mod writer;

pub use message::{Class, Message, Method, ParseError, Unknown};
pub use writer::Writer;

/// RFC 8489 §5: type, length, cookie, transaction.
pub const HEADER: usize = 20;
/// RFC 8489 §5: bytes 4 to 7 of each message.
pub const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// RFC 8489 §5: chosen by the client, the same in request and response.
pub type TransactionId = [u8; 12];

pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
