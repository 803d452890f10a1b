//! What a track is, as its entry in the header says it (RFC 9559 §5.1.4).

use super::{ebml, ebml::Out, ids};
use crate::{OpusHead, Size};

/// A track's number within its file: 1 to 126, so that it takes one byte in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackNumber(u8);

impl TrackNumber {
    /// `None` outside of 1 to 126.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number >= 1 && number <= 126 { Some(Self(number)) } else { None }
    }

    /// 1 to 126.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How a track is coded, with what a decoder must know before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Sound; blocks are packets. A block's time is when its sound was recorded: what libopus lags behind by (the pre-skip)
    /// the file says, and players take it off.
    Opus(OpusHead),
    /// Blocks are frames.
    Vp8 {
        /// Of the first key frame; it may change.
        size: Size,
    },
    /// Blocks are superframes.
    Vp9 {
        /// Of the first key frame; it may change.
        size: Size,
    },
    /// Blocks are temporal units without their delimiter.
    Av1 {
        /// Of the first key frame.
        size: Size,
        /// `av1C`, as [`crate::rtp::Frame::config`] brings it with a key frame.
        config: Vec<u8>,
    },
    /// Blocks are access units whose NAL units have four bytes of length.
    H264 {
        /// Of the first key frame.
        size: Size,
        /// `avcC`, as [`crate::rtp::Frame::config`] brings it with a key frame.
        config: Vec<u8>,
    },
    /// Something that we do not write.
    Other {
        /// Its name in Matroska's registry.
        id: String,
    },
}

/// One track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What its blocks name it by.
    pub number: TrackNumber,
    /// For people: who and what it is.
    pub name: String,
    /// How it is coded.
    pub codec: Codec,
}

/// RFC 9559 §5.1.4.1.3.
const VIDEO: u64 = 1;
const AUDIO: u64 = 2;
/// RFC 7845 §4.6: a decoder needs 80 ms to be right again after a seek.
const SEEK_PRE_ROLL: u64 = 80_000_000;
const OPUS_RATE: u64 = 48_000;

impl Codec {
    /// Pictures rather than sound.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        !matches!(self, Self::Opus(_) | Self::Other { .. })
    }

    /// Whether WebM allows it (browsers play Matroska of that doctype).
    pub(super) const fn fits_webm(&self) -> bool {
        !matches!(self, Self::H264 { .. } | Self::Other { .. })
    }

    fn id(&self) -> &str {
        match self {
            Self::Opus(_) => "A_OPUS",
            Self::Vp8 { .. } => "V_VP8",
            Self::Vp9 { .. } => "V_VP9",
            Self::Av1 { .. } => "V_AV1",
            Self::H264 { .. } => "V_MPEG4/ISO/AVC",
            Self::Other { id } => id,
        }
    }

    const fn size(&self) -> Option<Size> {
        match self {
            Self::Vp8 { size } | Self::Vp9 { size } | Self::Av1 { size, .. } | Self::H264 { size, .. } => {
                Some(*size)
            }
            Self::Opus(_) | Self::Other { .. } => None,
        }
    }
}

impl Track {
    pub(super) fn write(&self, out: &mut Out<'_>) {
        out.master(ids::TRACK_ENTRY, |out| {
            out.number(ids::TRACK_NUMBER, u64::from(self.number.0));
            out.number(ids::TRACK_UID, u64::from(self.number.0));
            out.number(ids::TRACK_TYPE, if self.codec.is_video() { VIDEO } else { AUDIO });
            out.number(ids::FLAG_LACING, 0);
            out.text(ids::LANGUAGE, "und");
            if !self.name.is_empty() {
                out.text(ids::NAME, &self.name);
            }
            out.text(ids::CODEC_ID, self.codec.id());
            match &self.codec {
                Codec::Opus(head) => {
                    out.bytes(ids::CODEC_PRIVATE, &[&head.to_bytes()]);
                    out.number(ids::CODEC_DELAY, u64::from(head.pre_skip) * 1_000_000_000 / OPUS_RATE);
                    out.number(ids::SEEK_PRE_ROLL, SEEK_PRE_ROLL);
                    out.master(ids::AUDIO, |out| {
                        out.float(ids::SAMPLING_FREQUENCY, OPUS_RATE as f64);
                        out.number(ids::CHANNELS, u64::from(head.channels));
                    });
                }
                Codec::Av1 { config, .. } | Codec::H264 { config, .. } => {
                    out.bytes(ids::CODEC_PRIVATE, &[config]);
                }
                Codec::Vp8 { .. } | Codec::Vp9 { .. } | Codec::Other { .. } => {}
            }
            if let Some(size) = self.codec.size() {
                out.master(ids::VIDEO, |out| {
                    out.number(ids::PIXEL_WIDTH, u64::from(size.width));
                    out.number(ids::PIXEL_HEIGHT, u64::from(size.height));
                });
            }
        });
    }

    /// `None` without a number that we understand.
    pub(super) fn read(entry: &[u8]) -> Option<Self> {
        let (mut number, mut name, mut id, mut private) = (None, "", "", &[][..]);
        let mut size = Size::default();
        for (element, body) in ebml::children(entry) {
            let text = || std::str::from_utf8(body).unwrap_or_default().trim_end_matches('\0');
            match element {
                ids::TRACK_NUMBER => {
                    number = ebml::number(body).and_then(|n| TrackNumber::new(u8::try_from(n).ok()?))
                }
                ids::NAME => name = text(),
                ids::CODEC_ID => id = text(),
                ids::CODEC_PRIVATE => private = body,
                ids::VIDEO => {
                    for (element, body) in ebml::children(body) {
                        let pixels =
                            ebml::number(body).and_then(|n| u16::try_from(n).ok()).unwrap_or_default();
                        match element {
                            ids::PIXEL_WIDTH => size.width = pixels,
                            ids::PIXEL_HEIGHT => size.height = pixels,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let config = private.to_vec();
        let codec = match (id, OpusHead::parse(private)) {
            ("A_OPUS", Some(head)) => Codec::Opus(head),
            ("V_VP8", _) => Codec::Vp8 { size },
            ("V_VP9", _) => Codec::Vp9 { size },
            ("V_AV1", _) => Codec::Av1 { size, config },
            ("V_MPEG4/ISO/AVC", _) => Codec::H264 { size, config },
            (id, _) => Codec::Other { id: id.to_owned() },
        };
        Some(Self { number: number?, name: name.to_owned(), codec })
    }
}
