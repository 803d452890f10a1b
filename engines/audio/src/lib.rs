//! What the server needs to listen: Opus, a jitter buffer for each speaker, timelines, mixing, levels, resampling.
//!
//! Nothing here opens a socket or a file, reads a clock, starts a thread or awaits. Packets are handed in with the time
//! they arrived, sound is taken out when the caller wants it, so two hours of a call pass in a test in seconds. Sound is
//! 48 kHz `f32`, ±1.0 at full scale, channels interleaved; a *sample* is one moment, whatever the number of channels.
//!
//! - [`opus`]: packets parsed before libopus sees them; encoder; decoder with FEC, DRED and concealment.
//! - [`clock`]: when a sender's timestamps were spoken, on our clock, whatever its crystal and the network do.
//! - [`jitter`]: live: packets in as they come, 20 ms out whenever asked.
//! - [`live`]: a call as it goes on: everyone's packets in, the mix of the loudest out, also without one of them.
//! - [`timeline`]: from a recording: packets with their times in, a gapless track on the recording's clock out.
//! - [`import`]: files that people bring, as Opus.
//! - [`mix`]: the loudest speakers as one stream, with and without one of them. [`level`], [`resample`]: helpers.
#![warn(missing_docs)]
// Tests need a first moment from somewhere; the library itself is held by engines/clippy.toml.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

use std::time::Duration;

pub mod clock;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod import;
pub mod jitter;
pub mod level;
pub mod live;
pub mod mix;
pub mod opus;
pub mod red;
pub mod resample;
mod stretch;
pub mod timeline;
mod voice;

/// Samples a second, everywhere in this crate.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in the frame that everything is cut into.
pub const FRAME: usize = 960;
/// How long [`FRAME`] sounds.
pub const FRAME_DURATION: Duration = Duration::from_millis(20);

/// One sound or two side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// One.
    #[default]
    Mono,
    /// Left, then right.
    Stereo,
}

impl Channels {
    /// Values in a sample.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}
