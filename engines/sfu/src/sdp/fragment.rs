//! Trickled pieces of SDP (RFC 8840) as WHIP uses them (RFC 9725 §4.3): candidates, and restarts of ICE.
//!
//! Candidates themselves are not read: a lite agent learns addresses from checks (RFC 8445 §6.1).

use super::{
    answer::{self, push},
    parse::{ice_password, ice_ufrag},
};
use crate::worker::{Candidates, Mid, OfferError};

/// A hundred candidates of 100 bytes are more than any client gathers.
const MAX_TEXT: usize = 16 * 1024;

/// What a client trickles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceFragment {
    /// The client's user name fragment: another one than before means a restart of ICE.
    pub(crate) fragment: String,
}

impl IceFragment {
    /// Reads `application/trickle-ice-sdpfrag`.
    ///
    /// # Errors
    /// [`OfferError::Malformed`] when it names no ICE user name and password (RFC 8840 §9.1).
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_TEXT {
            return Err(OfferError::Malformed(format!("the fragment is longer than {MAX_TEXT} bytes")));
        }
        let (mut fragment, mut password) = (None, None);
        for line in text.lines().map(str::trim_end) {
            if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
                fragment.get_or_insert(ice_ufrag(value)?);
            } else if let Some(value) = line.strip_prefix("a=ice-pwd:") {
                password.get_or_insert(ice_password(value)?);
            }
        }
        match (fragment, password) {
            (Some(fragment), Some(_)) => Ok(Self { fragment: fragment.to_owned() }),
            _ => {
                let words = "the fragment needs a=ice-ufrag and a=ice-pwd (RFC 8840 §9.1)";
                Err(OfferError::Malformed(words.to_owned()))
            }
        }
    }
}

/// The m-line that carries the bundle: its name and mid.
#[derive(Clone, Debug)]
pub(crate) struct BundleTag {
    pub(crate) name: String,
    pub(crate) mid: Mid,
}

/// Our side of a restart: new credentials, and where we are still to be reached.
pub(crate) fn write(tag: &BundleTag, fragment: &str, password: &str, candidates: &Candidates) -> String {
    let mut out = String::new();
    push(&mut out, format_args!("a=ice-lite"));
    push(&mut out, format_args!("a=group:BUNDLE {}", tag.mid));
    push(&mut out, format_args!("m={} 9 UDP/TLS/RTP/SAVPF 0", tag.name));
    push(&mut out, format_args!("c=IN IP4 0.0.0.0"));
    push(&mut out, format_args!("a=mid:{}", tag.mid));
    push(&mut out, format_args!("a=ice-ufrag:{fragment}"));
    push(&mut out, format_args!("a=ice-pwd:{password}"));
    answer::candidate_lines(&mut out, candidates);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_names_its_credentials_at_the_session_or_in_an_m_line() {
        let session =
            "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n";
        let media = "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\na=end-of-candidates\n";
        for text in [session, media] {
            assert_eq!(IceFragment::parse(text).expect("valid").fragment, "EsAw");
        }
        for text in ["", "a=ice-ufrag:EsAw", "a=ice-ufrag:E\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1"] {
            assert!(IceFragment::parse(text).is_err(), "{text}");
        }
    }
}
