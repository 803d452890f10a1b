//! Offers in, answers out (RFC 8866, RFC 8829), for the one shape of session that VoxLink has.

pub(crate) mod answer;
pub(crate) mod codecs;
pub(crate) mod parse;

use crate::{
    dtls::Fingerprint,
    worker::{MediaKind, Mid},
};

/// RFC 6464: `urn:ietf:params:rtp-hdrext:ssrc-audio-level`.
pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// RFC 9143.
pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01.
pub(crate) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

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
    pub(crate) codecs: Vec<Codec>,
    pub(crate) extensions: Vec<(u8, String)>,
    /// From `a=ssrc`: the media stream, and its RTX stream by `a=ssrc-group:FID`.
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
}

impl Media {
    /// The offer's id for a header extension.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, offered)| offered == uri).map(|(id, _)| *id)
    }
}

/// One payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Codec {
    pub(crate) payload_type: u8,
    /// As written in `a=rtpmap`, up to the first slash.
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    pub(crate) parameters: String,
}
