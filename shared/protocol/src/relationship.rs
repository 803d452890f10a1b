//! Who is whose friend.

use serde::{Deserialize, Serialize};

use crate::{id::UserId, timestamp::Timestamp, user::User};

/// How one person stands to another; numbers in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum RelationshipKind {
    /// 1: both agreed.
    Friend,
    /// 2: one wants nothing of the other, who does not learn of it.
    Blocked,
    /// 3: the other asked.
    Incoming,
    /// 4: one asked the other.
    Outgoing,
}

impl From<RelationshipKind> for u8 {
    fn from(kind: RelationshipKind) -> Self {
        match kind {
            RelationshipKind::Friend => 1,
            RelationshipKind::Blocked => 2,
            RelationshipKind::Incoming => 3,
            RelationshipKind::Outgoing => 4,
        }
    }
}

impl TryFrom<u8> for RelationshipKind {
    type Error = &'static str;

    fn try_from(raw: u8) -> Result<Self, Self::Error> {
        match raw {
            1 => Ok(Self::Friend),
            2 => Ok(Self::Blocked),
            3 => Ok(Self::Incoming),
            4 => Ok(Self::Outgoing),
            _ => Err("relationship type must be 1 (friend), 2 (blocked), 3 (incoming) or 4 (outgoing)"),
        }
    }
}

/// A relationship as one side sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relationship {
    /// The other person.
    pub id: UserId,
    /// How one stands to them.
    #[serde(rename = "type")]
    pub kind: RelationshipKind,
    /// The other person's account.
    pub user: User,
    /// Since when.
    pub since: Timestamp,
}
