//! Payloads of RTP packets put together to frames: Opus (RFC 7587), VP8 (RFC 7741), VP9 (RFC 9628), H.264 (RFC 6184), AV1
//! (AV1's own payload specification).
//!
//! [`Assembler`] takes packets of one stream in any order, late ones included, waits for what is missing as long as it was
//! told to, and hands out whole frames and what was lost. After a loss video goes on at the next key frame: what builds
//! on a frame that never came would be wrong pictures.

mod assembler;
mod av1;
mod h264;
mod vp8;
mod vp9;

pub use assembler::{Assembled, Assembler, Frame, MAX_WAITING, Packet};
pub(crate) use vp9::Header as Vp9Header;

/// What the payloads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A packet of sound in each. RED is taken apart before.
    Opus,
    /// Frames.
    Vp8,
    /// Pictures of one or several layers, which come out as one superframe.
    Vp9,
    /// Access units. They come out with four bytes of length before each NAL unit.
    H264,
    /// Temporal units. They come out in the low-overhead format, each OBU with its size.
    Av1,
}

/// A frame is longer than this only when someone makes it up.
const MAX_FRAME: usize = crate::matroska::MAX_BLOCK;

/// A payload makes no sense where it stands: the frame is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken;

/// What a finished frame is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Built {
    payload: Vec<u8>,
    is_key: bool,
    size: Option<crate::Size>,
    config: Option<Vec<u8>>,
}

/// Puts one frame together.
#[derive(Debug)]
enum Builder {
    Opus(Vec<u8>),
    Vp8(vp8::Builder),
    Vp9(vp9::Builder),
    H264(h264::Builder),
    Av1(av1::Builder),
}

impl Builder {
    fn new(format: Format) -> Self {
        match format {
            Format::Opus => Self::Opus(Vec::new()),
            Format::Vp8 => Self::Vp8(vp8::Builder::default()),
            Format::Vp9 => Self::Vp9(vp9::Builder::default()),
            Format::H264 => Self::H264(h264::Builder::default()),
            Format::Av1 => Self::Av1(av1::Builder::default()),
        }
    }

    /// Whether a frame can begin with this payload.
    fn begins(&self, payload: &[u8]) -> bool {
        match self {
            Self::Opus(_) => true,
            Self::Vp8(_) => vp8::begins(payload),
            Self::Vp9(_) => vp9::begins(payload),
            Self::H264(_) => h264::begins(payload),
            Self::Av1(_) => av1::begins(payload),
        }
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        match self {
            Self::Opus(packet) => {
                crate::packet_samples(payload).ok_or(Broken)?;
                payload.clone_into(packet);
                Ok(())
            }
            Self::Vp8(builder) => builder.push(payload),
            Self::Vp9(builder) => builder.push(payload),
            Self::H264(builder) => builder.push(payload),
            Self::Av1(builder) => builder.push(payload),
        }
    }

    /// Hands out the frame and begins anew. `None` when there is none, or it is no whole one.
    fn finish(&mut self) -> Option<Built> {
        let built = match self {
            Self::Opus(packet) => {
                Some(Built { payload: std::mem::take(packet), is_key: true, ..Built::default() })
            }
            Self::Vp8(builder) => builder.finish(),
            Self::Vp9(builder) => builder.finish(),
            Self::H264(builder) => builder.finish(),
            Self::Av1(builder) => builder.finish(),
        };
        built.filter(|built| !built.payload.is_empty())
    }

    fn reset(&mut self) {
        match self {
            Self::Opus(packet) => packet.clear(),
            Self::Vp8(builder) => *builder = vp8::Builder::default(),
            Self::Vp9(builder) => *builder = vp9::Builder::default(),
            // The parameter sets outlive the frame that was given up.
            Self::H264(builder) => builder.reset(),
            Self::Av1(builder) => builder.reset(),
        }
    }
}

/// Appends within [`MAX_FRAME`].
fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Broken> {
    if to.len() + bytes.len() > MAX_FRAME {
        return Err(Broken);
    }
    to.extend_from_slice(bytes);
    Ok(())
}
