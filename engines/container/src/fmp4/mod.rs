//! Fragmented MP4 (ISO/IEC 14496-12 §8.8), as HLS and Media Source Extensions play it: an initialisation segment that names
//! the tracks, then media segments, each decodable without those before it once its first picture is a key frame.
//!
//! Nothing is kept between two calls: what a segment holds is handed in with its times, and comes out as bytes. Times are
//! on one line for all tracks, so that a stream may go on where another codec or size begins.

mod boxes;
mod codec;
mod init;
mod read;
mod segment;

pub use codec::{Codec, Vp9Config};
pub use init::init;
pub use read::{Fragment, ReadError, ReadTrack, fragments, tracks};
pub use segment::{Run, Sample, SampleInfo, Table, head, segment};

/// A track's number within its stream: not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub std::num::NonZeroU32);

impl TrackId {
    /// The first.
    pub const ONE: Self = Self(std::num::NonZeroU32::MIN);
    /// The second.
    pub const TWO: Self = Self(std::num::NonZeroU32::MIN.saturating_add(1));
}

/// A track as an initialisation segment names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What its runs name it by.
    pub id: TrackId,
    /// How it is coded.
    pub codec: Codec,
}

impl Codec {
    /// Ticks a second of this track's times: the samples of sound, 48,000 of Opus; 90,000 of pictures.
    #[must_use]
    pub const fn timescale(&self) -> u32 {
        match self {
            Self::Opus(_) => 48_000,
            Self::Aac(config) => config.rate(),
            Self::H264 { .. } | Self::Vp9 { .. } | Self::Av1 { .. } => 90_000,
        }
    }
}
