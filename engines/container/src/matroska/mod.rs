//! Matroska (RFC 9559 over EBML, RFC 8794), as much of it as recordings need.
//!
//! While a recording runs [`Writer`] leaves the segment and its clusters without a size, so that whatever has been
//! written so far is a valid file: a kill costs the block that was being written. [`finish`] makes a copy with duration and
//! index of such a file, whole or cut off anywhere.

mod ebml;
mod finish;
mod ids;
mod reader;
mod track;
mod writer;

pub use finish::{FinishError, Finished, finish};
pub use reader::{Header, ReadBlock, ReadError, Reader};
pub use track::{Codec, Track, TrackNumber};
pub use writer::{Block, Info, WriteError, Writer};

/// The longest block that is written or read: an AV1 key frame of a 4K screen has less than a megabyte.
pub const MAX_BLOCK: usize = 16 << 20;
