//! How tracks are coded: their entries in the sample description, and what playlists call them (RFC 6381).

use super::boxes::Out;
use crate::{OpusHead, Size, aac::AacConfig, rtp::Vp9Header};

/// How a track is coded, with what a decoder must know before the first sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Sound; samples are packets ("Encapsulation of Opus in ISO Base Media File Format" §4.3).
    Opus(OpusHead),
    /// Sound; samples are frames without ADTS' head (ISO/IEC 14496-14 §5.6).
    Aac(AacConfig),
    /// Samples are access units whose NAL units have four bytes of length (ISO/IEC 14496-15 §5.4.2).
    H264 {
        /// Of the first key frame.
        size: Size,
        /// `avcC`, as [`crate::rtp::Frame::config`] brings it with a key frame.
        config: Vec<u8>,
    },
    /// Samples are frames or superframes ("VP Codec ISO Media File Format Binding" 1.0).
    Vp9 {
        /// Of the first key frame.
        size: Size,
        /// Out of the first key frame.
        config: Vp9Config,
    },
    /// Samples are temporal units without their delimiter ("AV1 Codec ISO Media File Format Binding" §2).
    Av1 {
        /// Of the first key frame.
        size: Size,
        /// `av1C`, as [`crate::rtp::Frame::config`] brings it with a key frame.
        config: Vec<u8>,
    },
}

/// What `vpcC` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Config {
    /// 0 to 3.
    pub profile: u8,
    /// Ten times the level, of the size alone.
    pub level: u8,
    /// 8, 10 or 12 bits a sample.
    pub depth: u8,
    /// 1 for 4:2:0 with colours beside luma, 2 for 4:2:2, 3 for 4:4:4.
    pub sampling: u8,
    /// All values of a byte are used.
    pub is_full_range: bool,
}

/// The largest picture of each level (VP9 bitstream specification, annex A), in pixels.
const LEVELS: [(u32, u8); 9] = [
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 41),
    (8_912_896, 51),
    (35_651_584, 62),
];

impl Vp9Config {
    /// Out of a key frame, with its size; `None` for anything else.
    #[must_use]
    pub fn parse(key_frame: &[u8]) -> Option<(Size, Self)> {
        let Vp9Header { profile, depth, halved, is_full_range, size } = Vp9Header::parse(key_frame)?;
        let pixels = u32::from(size.width) * u32::from(size.height);
        let level = LEVELS.into_iter().find(|(most, _)| pixels <= *most).map_or(62, |(_, level)| level);
        let sampling = match halved {
            (true, true) => 1,
            (true, false) => 2,
            (false, _) => 3,
        };
        Some((size, Self { profile, level, depth, sampling, is_full_range }))
    }
}

impl Codec {
    /// Pictures rather than sound.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        !matches!(self, Self::Opus(_) | Self::Aac(_))
    }

    /// Of its pictures.
    #[must_use]
    pub const fn size(&self) -> Option<Size> {
        match self {
            Self::Opus(_) | Self::Aac(_) => None,
            Self::H264 { size, .. } | Self::Vp9 { size, .. } | Self::Av1 { size, .. } => Some(*size),
        }
    }

    /// As `CODECS` of a playlist and `MediaSource.isTypeSupported` name it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Opus(_) => "opus".to_owned(),
            Self::Aac(config) => format!("mp4a.40.{}", config.object()),
            Self::H264 { config, .. } => {
                let [profile, compatibility, level] = told(config);
                format!("avc1.{profile:02x}{compatibility:02x}{level:02x}")
            }
            Self::Vp9 { config: Vp9Config { profile, level, depth, .. }, .. } => {
                format!("vp09.{profile:02}.{level:02}.{depth:02}")
            }
            Self::Av1 { config, .. } => {
                let [first, second, _] = told(config);
                let tier = if second & 0x80 == 0 { 'M' } else { 'H' };
                let depth = match (second & 0x40 != 0, second & 0x20 != 0) {
                    (false, _) => 8,
                    (true, false) => 10,
                    (true, true) => 12,
                };
                format!("av01.{}.{:02}{tier}.{depth:02}", first >> 5, first & 0x1f)
            }
        }
    }

    /// The entry in the sample description.
    pub(super) fn entry(&self, out: &mut Out<'_>) {
        match self {
            Self::Opus(head) => sound(out, b"Opus", head.channels, 48_000, |out| {
                out.boxed(b"dOps", |out| {
                    out.u8(0);
                    out.u8(head.channels);
                    out.u16(head.pre_skip);
                    out.u32(head.input_rate);
                    out.bytes(&head.output_gain.to_be_bytes());
                    out.u8(0);
                });
            }),
            Self::Aac(config) => sound(out, b"mp4a", config.channels(), config.rate(), |out| {
                out.full(b"esds", 0, 0, |out| elementary_stream(out, *config));
            }),
            Self::H264 { size, config } => picture(out, b"avc1", *size, |out| {
                out.boxed(b"avcC", |out| out.bytes(config));
            }),
            Self::Av1 { size, config } => picture(out, b"av01", *size, |out| {
                out.boxed(b"av1C", |out| out.bytes(config));
            }),
            Self::Vp9 { size, config } => picture(out, b"vp09", *size, |out| {
                out.full(b"vpcC", 1, 0, |out| {
                    out.u8(config.profile);
                    out.u8(config.level);
                    out.u8(config.depth << 4 | config.sampling << 1 | u8::from(config.is_full_range));
                    // Primaries, transfer and matrix are not told; nothing to initialise with.
                    out.bytes(&[2, 2, 2, 0, 0]);
                });
            }),
        }
    }
}

/// The three bytes behind the version.
fn told(config: &[u8]) -> [u8; 3] {
    config.get(1..4).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or_default()
}

/// ISO/IEC 14496-12 §12.2.3.
fn sound(out: &mut Out<'_>, name: &[u8; 4], channels: u8, rate: u32, config: impl FnOnce(&mut Out<'_>)) {
    out.boxed(name, |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(8);
        out.u16(u16::from(channels));
        out.u16(16);
        out.zeros(4);
        // 16.16 of Hz; what does not fit is told by the decoder's configuration alone.
        out.u16(u16::try_from(rate).unwrap_or_default());
        out.u16(0);
        config(out);
    });
}

/// `ES_Descriptor` (ISO/IEC 14496-1 §7.2.6.5) of AAC: each descriptor has a byte of tag and one of length before it.
fn elementary_stream(out: &mut Out<'_>, config: AacConfig) {
    let decoder = config.to_bytes();
    out.bytes(&[3, 25]);
    // Its number and flags are of no use in MP4.
    out.zeros(3);
    // MPEG-4 audio, an audio stream; sizes and rates are not told.
    out.bytes(&[4, 17, 0x40, 0x15]);
    out.zeros(3 + 4 + 4);
    out.bytes(&[5, 2]);
    out.bytes(&decoder);
    // As MP4 files have it (ISO/IEC 14496-14 §3.1.2).
    out.bytes(&[6, 1, 2]);
}

/// ISO/IEC 14496-12 §12.1.3.
fn picture(out: &mut Out<'_>, name: &[u8; 4], size: Size, config: impl FnOnce(&mut Out<'_>)) {
    out.boxed(name, |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(16);
        out.u16(size.width);
        out.u16(size.height);
        // 72 dots an inch, both ways, in 16.16.
        out.u32(72 << 16);
        out.u32(72 << 16);
        out.zeros(4);
        out.u16(1);
        out.zeros(32);
        out.u16(24);
        out.u16(u16::MAX);
        config(out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playlists_name_codecs_as_players_know_them() {
        let size = Size { width: 640, height: 360 };
        assert_eq!(Codec::Opus(OpusHead::of(2)).name(), "opus");
        assert_eq!(Codec::Aac(AacConfig::STEREO).name(), "mp4a.40.2");
        assert_eq!(Codec::H264 { size, config: vec![1, 0x42, 0xc0, 0x1f, 0xff] }.name(), "avc1.42c01f");
        assert_eq!(Codec::Av1 { size, config: vec![0x81, 0x05, 0x0c, 0] }.name(), "av01.0.05M.08");
        let key = [0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70];
        let (size, config) = Vp9Config::parse(&key).expect("a key frame");
        assert_eq!(Codec::Vp9 { size, config }.name(), "vp09.00.21.08");
        assert_eq!(Vp9Config::parse(&[0x86, 0, 0]), None, "no key frame");
    }
}
