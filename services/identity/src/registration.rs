//! Who may make an account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Who may make an account on this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everyone who reaches it.
    #[default]
    Open,
    /// Whoever brings a registration invite; the very first account needs none.
    Invite,
    /// Nobody.
    Closed,
}

/// Not one of `open`, `invite` and `closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registration is open, invite or closed")]
pub struct UnknownRegistration;

impl FromStr for Registration {
    type Err = UnknownRegistration;

    fn from_str(word: &str) -> Result<Self, UnknownRegistration> {
        match word {
            "open" => Ok(Self::Open),
            "invite" => Ok(Self::Invite),
            "closed" => Ok(Self::Closed),
            _ => Err(UnknownRegistration),
        }
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        })
    }
}
