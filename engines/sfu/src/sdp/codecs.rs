//! Which of the offered codecs we take: the one place that decides.
//!
//! A sender is answered with the first codec of its own order that we forward; a slot with all of them, so that it can
//! play whatever a sender prefers. Nobody transcodes: a slot whose client offers no payload type for a track's codec
//! does not play that track and says so.

use super::{Media, OfferedCodec};
use crate::worker::MediaKind;

/// What we forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628, profile 0: eight bits, 4:2:0.
    Vp9,
    /// RFC 6184, baseline or constrained baseline, packetization mode 1.
    H264,
    /// The Alliance's RTP payload format, main profile.
    Av1,
}

impl Codec {
    /// Of the RTP timestamps, ticks a second.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => 90_000,
        }
    }

    /// As in `a=rtpmap`.
    pub(crate) fn map(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::Vp8 => "VP8/90000",
            Self::Vp9 => "VP9/90000",
            Self::H264 => "H264/90000",
            Self::Av1 => "AV1/90000",
        }
    }

    fn of(offered: &OfferedCodec, kind: MediaKind) -> Option<Self> {
        let is = |name: &str| offered.name.eq_ignore_ascii_case(name);
        let codec = match kind {
            MediaKind::Audio if is("opus") => Self::Opus,
            MediaKind::Video if is("VP8") => Self::Vp8,
            MediaKind::Video if is("VP9") && offered.parameter("profile-id").is_none_or(|id| id == "0") => {
                Self::Vp9
            }
            MediaKind::Video if is("H264") && is_plain_h264(offered) => Self::H264,
            MediaKind::Video if is("AV1") && offered.parameter("profile").is_none_or(|id| id == "0") => {
                Self::Av1
            }
            MediaKind::Audio | MediaKind::Video => return None,
        };
        (offered.clock_rate == codec.clock_rate()).then_some(codec)
    }
}

/// `42001f` and `42e01f`, as every browser offers them, of any level (RFC 6184 §8.1).
fn is_plain_h264(offered: &OfferedCodec) -> bool {
    offered.parameter("packetization-mode") == Some("1")
        && offered.parameter("profile-level-id").is_some_and(|id| {
            let id = id.to_ascii_lowercase();
            id.len() == 6 && (id.starts_with("4200") || id.starts_with("42e0"))
        })
}

/// The payload types that an m-line uses for a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// Redundant audio (RFC 2198) over the same codec.
    pub(crate) red_payload_type: Option<u8>,
}

impl Chosen {
    /// Whether media of this m-line (not its retransmissions) may come with this payload type.
    pub(crate) fn is_media(&self, payload_type: u8) -> bool {
        payload_type == self.payload_type || self.red_payload_type == Some(payload_type)
    }
}

/// The codecs of an m-line that we forward, each once, in the offer's order.
pub(crate) fn playable(media: &Media) -> Vec<Chosen> {
    let Some(kind) = media.kind else { return Vec::new() };
    let mut found: Vec<Chosen> = Vec::new();
    for offered in &media.codecs {
        let Some(codec) = Codec::of(offered, kind) else { continue };
        if found.iter().any(|chosen| chosen.codec == codec) {
            continue;
        }
        let red = media.codecs.iter().find(|other| codec == Codec::Opus && is_red_of(other, offered));
        let rtx = media.codecs.iter().find(|other| is_rtx_of(other, offered.payload_type));
        found.push(Chosen {
            codec,
            payload_type: offered.payload_type,
            rtx_payload_type: rtx.map(|rtx| rtx.payload_type),
            red_payload_type: red.map(|red| red.payload_type),
        });
    }
    found
}

/// RFC 4588 §8.6: `apt` names the payload type that is retransmitted.
fn is_rtx_of(offered: &OfferedCodec, payload_type: u8) -> bool {
    offered.name.eq_ignore_ascii_case("rtx")
        && offered.parameter("apt").is_some_and(|apt| apt.parse() == Ok(payload_type))
}

/// RFC 2198 §5: the parameters name the payload type of each block. Video's RED is another thing and has another clock.
fn is_red_of(offered: &OfferedCodec, of: &OfferedCodec) -> bool {
    offered.name.eq_ignore_ascii_case("red")
        && offered.clock_rate == of.clock_rate
        && offered.parameters.split('/').all(|block| block.trim().parse() == Ok(of.payload_type))
}
