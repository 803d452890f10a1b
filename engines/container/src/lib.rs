//! What recordings are kept in and broadcasts are sent as: Matroska written a block at a time, fragmented MP4, Ogg Opus,
//! WAV, FLAC, WebVTT; and RTP payloads put together to the frames that go into them.
//!
//! Nothing here opens a file or a socket, reads a clock, starts a thread or awaits. Writers append to a `Vec<u8>` that
//! the caller writes out in one piece; readers take any `Read`. Whatever is read may be cut short or made up: it is
//! bounded, and answered by an error, never by a panic. Nothing is decoded here: sound and pictures stay as they came.
//!
//! - [`rtp`]: packets in any order in, whole frames out, with what was lost.
//! - [`matroska`]: the writer that survives a kill, the reader, and what makes an indexed copy of a cut-off file.
//! - [`fmp4`]: segments for HLS.
//! - [`ogg`], [`wav`], [`flac`]: sound. [`aac`]: what encoders write of it. [`webvtt`]: text beside it.
#![warn(missing_docs)]
// Tests need a first moment from somewhere; the library itself is held by engines/clippy.toml.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod aac;
mod bits;
pub mod flac;
pub mod fmp4;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod matroska;
pub mod ogg;
mod opus;
pub mod rtp;
pub mod wav;
pub mod webvtt;

pub use opus::{DEFAULT_PRE_SKIP, OpusHead, packet_samples};

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}
