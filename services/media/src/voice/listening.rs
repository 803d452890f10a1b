//! Op 30: how somebody hears the others, as they ask for it and as it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use voxlink_protocol::UserId;

use super::{close::VoiceClose, frame::data};

/// docs/protocol/voice.md: people whom one listener leaves out of their mix.
const MOST_LEFT_OUT: usize = 64;

/// How the others are to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Each one by themselves: what a client gets that says nothing.
    #[default]
    Each,
    /// All in one stream.
    Mixed,
    /// Each one while the link can take it.
    Automatic,
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Asked {
    pub(crate) mode: Mode,
    /// Whom the mix is to leave out.
    #[serde(default)]
    pub(crate) without: BTreeSet<UserId>,
    /// The most that the mix may take, bit/s.
    #[serde(default)]
    pub(crate) bitrate: Option<u32>,
}

pub(super) fn asked(raw: Option<&RawValue>) -> Result<Asked, VoiceClose> {
    let asked: Asked = data(raw)?;
    if asked.without.len() > MOST_LEFT_OUT { Err(VoiceClose::Decode) } else { Ok(asked) }
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) mode: Mode,
    /// What the mix takes, bit/s; `None` while each one is heard.
    pub(crate) bitrate: Option<u32>,
    /// A mix is wanted and there is none: the server has too much to do.
    pub(crate) is_refused: bool,
}

impl Told {
    pub(super) fn encode(self) -> Value {
        let refused = self.is_refused.then_some("busy");
        json!({"mode": self.mode, "mixed": self.bitrate.is_some(), "bitrate": self.bitrate, "refused": refused})
    }
}
