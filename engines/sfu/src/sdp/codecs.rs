//! Which of the offered codecs we take: the one place that decides.

use super::{Codec, Media};
use crate::worker::MediaKind;

/// The payload types that an m-line uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) clock_rate: u32,
}

/// Opus, or VP8 with its RTX. VP8 for all, so that everyone can watch everyone without transcoding.
pub(crate) fn choose(media: &Media) -> Option<Chosen> {
    let (name, clock_rate) = match media.kind? {
        MediaKind::Audio => ("opus", 48_000),
        MediaKind::Video => ("VP8", 90_000),
    };
    let codec =
        media.codecs.iter().find(|c| c.name.eq_ignore_ascii_case(name) && c.clock_rate == clock_rate)?;
    let rtx = media.codecs.iter().find(|codec_| is_rtx_of(codec_, codec.payload_type));
    Some(Chosen {
        payload_type: codec.payload_type,
        rtx_payload_type: rtx.map(|rtx| rtx.payload_type),
        clock_rate,
    })
}

/// RFC 4588 §8.6: `apt` names the payload type that is retransmitted.
fn is_rtx_of(codec: &Codec, payload_type: u8) -> bool {
    codec.name.eq_ignore_ascii_case("rtx")
        && codec.parameters.split(';').any(|parameter| {
            parameter.trim().strip_prefix("apt=").is_some_and(|apt| apt.trim().parse() == Ok(payload_type))
        })
}
