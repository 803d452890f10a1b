//! Offers in, answers out (RFC 8866, RFC 8829), for the one shape of session that VoxLink has.

pub(crate) mod answer;
pub(crate) mod codecs;
pub(crate) mod fragment;
pub(crate) mod parse;

use crate::{
    dtls::Fingerprint,
    worker::{MediaKind, Mid, Rid},
};

/// RFC 6464: `urn:ietf:params:rtp-hdrext:ssrc-audio-level`.
pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// RFC 9143.
pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01.
pub(crate) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// RFC 8852 §3.1: which simulcast encoding a packet belongs to.
pub(crate) const STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// RFC 8852 §3.2: which encoding an RTX packet repairs.
pub(crate) const REPAIRED_STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// RTP payload format for AV1, appendix A.
pub(crate) const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// What an offer says about the whole session.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) fragment: String,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) extmap_allow_mixed: bool,
    pub(crate) media: Vec<Media>,
}

/// Which way media flows, as the offerer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// One m-line.
#[derive(Debug)]
pub(crate) struct Media {
    /// `None` for an m-line that is neither audio nor video over DTLS-SRTP.
    pub(crate) kind: Option<MediaKind>,
    /// The first word after `m=`, to echo in a refusal.
    pub(crate) name: String,
    /// The transport protocol, to echo.
    pub(crate) protocol: String,
    /// The first format, to echo in a refusal.
    pub(crate) first_format: String,
    /// Port 0: the offerer has stopped it.
    pub(crate) stopped: bool,
    pub(crate) mid: Mid,
    pub(crate) direction: Direction,
    pub(crate) codecs: Vec<OfferedCodec>,
    pub(crate) extensions: Vec<(u8, String)>,
    /// From `a=ssrc`: the media stream, and its RTX stream by `a=ssrc-group:FID`.
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    /// From `a=simulcast:send`, in its order: the encodings of this m-line. Empty when there is only one.
    pub(crate) rids: Vec<Rid>,
    /// From `a=rid`: what may be named by `a=simulcast`.
    pub(crate) known_rids: Vec<Rid>,
}

impl Media {
    /// The offer's id for a header extension.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, offered)| offered == uri).map(|(id, _)| *id)
    }
}

/// One payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfferedCodec {
    pub(crate) payload_type: u8,
    /// As written in `a=rtpmap`, up to the first slash.
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    pub(crate) parameters: String,
}

impl OfferedCodec {
    /// The value of a parameter in `a=fmtp`.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.split(';').find_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}
