//! Opus (RFC 6716) by libopus 1.6, which gets only packets that [`Packet::parse`] has accepted.

mod adapt;
mod decoder;
mod encoder;
mod packet;

pub use adapt::{Adaptation, Observed};
pub use decoder::Decoder;
pub use encoder::{Application, Complexity, Encoder, EncoderConfig};
pub use packet::{MAX_PACKET_SAMPLES, Mode, Packet, PacketError};

/// What libopus answered when it is not sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The sound handed in, or the room for it, is no frame that Opus has (2.5, 5, 10, 20, 40 or 60 ms; what decodes
    /// gets room for the whole packet).
    #[error("{samples} samples are no frame of Opus, or no room for one")]
    Samples {
        /// Per channel.
        samples: usize,
    },
    /// A packet that is well formed but that libopus cannot decode.
    #[error("broken within its frames")]
    Broken,
    /// No memory, or an error of libopus itself.
    #[error("libopus: {0}")]
    Library(&'static str),
}

impl From<opusic_c::ErrorCode> for CodecError {
    fn from(code: opusic_c::ErrorCode) -> Self {
        use opusic_c::ErrorCode as Code;
        match code {
            Code::InvalidPacket => Self::Broken,
            Code::BadArg => Self::Library("an argument out of range"),
            Code::AllocFail => Self::Library("no memory"),
            Code::BufferTooSmall => Self::Library("no room"),
            _ => Self::Library("internal error"),
        }
    }
}

impl From<crate::Channels> for opusic_c::Channels {
    fn from(channels: crate::Channels) -> Self {
        match channels {
            crate::Channels::Mono => Self::Mono,
            crate::Channels::Stereo => Self::Stereo,
        }
    }
}
