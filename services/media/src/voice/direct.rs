//! The words by which two clients find a direct path: ops 27 to 29. What they say to each other is checked for shape and
//! size and passed on; it names addresses, so nothing of it is ever printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use voxlink_protocol::UserId;

use super::{close::VoiceClose, frame::data};

/// docs/protocol/voice.md: four m-lines with a dozen codecs each take a quarter of it.
const MOST_SDP_BYTES: usize = 32 * 1024;
/// docs/protocol/voice.md: RFC 8839 §5.1 sets no bound, browsers stay below 300.
const MOST_CANDIDATE_BYTES: usize = 1024;
/// RFC 8839 §5.4: at most 256 characters.
const MOST_FRAGMENT_BYTES: usize = 256;
/// As long as the engine's tags.
const MOST_MID_BYTES: usize = 16;

/// Op 28: something for the other one of a pair.
#[derive(Clone, PartialEq)]
pub(crate) struct Relay {
    pub(crate) epoch: u64,
    pub(crate) words: Words,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// What is passed on.
#[derive(Clone, PartialEq)]
pub(crate) enum Words {
    Description(Description),
    Candidate(Candidate),
}

/// An offer or an answer (RFC 8829).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    r#type: DescriptionType,
    sdp: String,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DescriptionType {
    Offer,
    Answer,
}

/// An address to try (RFC 8838); an empty one says that there are no more.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    candidate: String,
    #[serde(default)]
    sdp_mid: Option<String>,
    #[serde(default)]
    sdp_m_line_index: Option<u16>,
    #[serde(default)]
    username_fragment: Option<String>,
}

/// Op 29: how the path of this epoch is, as one of the two says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Path {
    pub(crate) epoch: u64,
    pub(crate) state: PathState,
}

/// How a direct path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PathState {
    /// All that the other one sends arrives.
    Up,
    /// At the moment it does not: the other one had better send it to the server as well.
    Missing,
    /// It did not come up, or broke.
    Failed,
}

#[derive(Deserialize)]
struct RelayData {
    epoch: u64,
    #[serde(default)]
    description: Option<Description>,
    #[serde(default)]
    candidate: Option<Candidate>,
}

#[derive(Deserialize)]
struct WillingData {
    peer: bool,
}

/// Op 27 of a client: whether it may be connected directly from now on.
pub(super) fn willing(raw: Option<&RawValue>) -> Result<bool, VoiceClose> {
    let WillingData { peer } = data(raw)?;
    Ok(peer)
}

/// Op 28.
pub(super) fn relay(raw: Option<&RawValue>) -> Result<Relay, VoiceClose> {
    let RelayData { epoch, description, candidate } = data(raw)?;
    let words = match (description, candidate) {
        (Some(description), None) if description.sdp.len() <= MOST_SDP_BYTES => {
            Words::Description(description)
        }
        (None, Some(candidate)) if candidate.is_short() => Words::Candidate(candidate),
        _ => return Err(VoiceClose::Decode),
    };
    Ok(Relay { epoch, words })
}

impl Candidate {
    fn is_short(&self) -> bool {
        let within = |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.len() <= most);
        self.candidate.len() <= MOST_CANDIDATE_BYTES
            && within(&self.sdp_mid, MOST_MID_BYTES)
            && within(&self.username_fragment, MOST_FRAGMENT_BYTES)
    }
}

/// Why two people talk through the server again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unpaired {
    /// One of them is gone, or their media is.
    Left,
    /// Somebody else takes part.
    Third,
    /// One of them does not show their address.
    Hidden,
    /// One of them said that the path did not work.
    Failed,
    /// The call is recorded.
    Recorded,
}

/// What the server says about a direct path.
pub(crate) enum DirectFrame {
    /// Op 27: find a path to this person.
    Paired {
        with: UserId,
        epoch: u64,
        /// Gives way when both offer at once.
        polite: bool,
    },
    /// Op 27: back to the server.
    Unpaired(Unpaired),
    /// Op 28: what the other one says.
    Relayed(Relay),
    /// Op 29: how the path is at the other one's end.
    OtherPath(Path),
}

impl DirectFrame {
    /// Its op and its body.
    pub(super) fn encode(&self) -> (u64, serde_json::Value) {
        match self {
            Self::Paired { with, epoch, polite } => {
                (super::frame::op::DIRECT, json!({"user_id": with, "epoch": epoch, "polite": polite}))
            }
            Self::Unpaired(reason) => (super::frame::op::DIRECT, json!({"user_id": null, "reason": reason})),
            Self::Relayed(Relay { epoch, words: Words::Description(description) }) => {
                (super::frame::op::RELAY, json!({"epoch": epoch, "description": description}))
            }
            Self::Relayed(Relay { epoch, words: Words::Candidate(candidate) }) => {
                (super::frame::op::RELAY, json!({"epoch": epoch, "candidate": candidate}))
            }
            Self::OtherPath(path) => (super::frame::op::PATH, json!(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::voice::frame::{self, ClientFrame};

    fn parsed(d: &serde_json::Value) -> Result<ClientFrame, VoiceClose> {
        frame::parse(&json!({"op": 28, "d": d}).to_string(), true)
    }

    #[test]
    fn what_is_passed_on_has_one_of_two_shapes_and_a_size() {
        let description = |bytes| json!({"type": "offer", "sdp": "x".repeat(bytes)});
        let candidate = |bytes| json!({"candidate": "x".repeat(bytes), "sdp_mid": "0"});
        for (d, fine) in [
            (json!({"epoch": 1, "description": description(MOST_SDP_BYTES)}), true),
            (json!({"epoch": 1, "description": description(MOST_SDP_BYTES + 1)}), false),
            (json!({"epoch": 1, "candidate": candidate(MOST_CANDIDATE_BYTES)}), true),
            (json!({"epoch": 1, "candidate": candidate(MOST_CANDIDATE_BYTES + 1)}), false),
            (json!({"epoch": 1, "candidate": {"candidate": ""}}), true),
            (json!({"epoch": 1, "candidate": {"candidate": "", "sdp_mid": "x".repeat(17)}}), false),
            (
                json!({"epoch": 1, "candidate": {"candidate": "", "username_fragment": "x".repeat(257)}}),
                false,
            ),
            (json!({"epoch": 1, "candidate": {"candidate": "", "sdp_m_line_index": -1}}), false),
            (json!({"epoch": 1, "description": description(1), "candidate": candidate(1)}), false),
            (json!({"epoch": 1, "description": {"type": "rollback", "sdp": ""}}), false),
            (json!({"epoch": 1}), false),
            (json!({"candidate": candidate(1)}), false),
        ] {
            let outcome = parsed(&d);
            assert_eq!(outcome.is_ok(), fine, "{d}");
            assert!(fine || outcome.err() == Some(VoiceClose::Decode));
        }
        for text in [r#"{"op":27,"d":{}}"#, r#"{"op":29,"d":{"epoch":1,"state":"down"}}"#] {
            assert_eq!(frame::parse(text, true).err(), Some(VoiceClose::Decode), "{text}");
        }
        for op in 27..=29 {
            let text = json!({"op": op}).to_string();
            assert_eq!(frame::parse(&text, false).err(), Some(VoiceClose::NotIdentified), "{text}");
        }
    }

    #[test]
    fn addresses_are_not_printed() {
        let frame = parsed(&json!({"epoch": 7, "candidate": {"candidate": "192.0.2.1"}})).unwrap();
        let printed = format!("{frame:?}");
        assert!(printed.contains('7') && !printed.contains("192"), "{printed}");
    }
}
