//! Whom a message may ring, as its author says (v10 `allowed_mentions`).

use serde::Deserialize;
use voxlink_protocol::{RoleId, UserId};

use crate::Refusal;

/// v10: the most ids in one list.
const MOST_IDS: usize = 100;

/// Of what the text names, which may ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ringing<T> {
    /// All.
    All,
    /// These, if the text names them.
    These(Vec<T>),
}

impl<T: PartialEq> Ringing<T> {
    /// True when this one may ring.
    pub fn allows(&self, id: &T) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(id),
        }
    }
}

/// Whom a message may ring. The default is everything that its author may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedMentions {
    /// `@everyone` and `@here`.
    pub everyone: bool,
    /// People.
    pub users: Ringing<UserId>,
    /// Roles.
    pub roles: Ringing<RoleId>,
    /// The author of the message that is answered.
    pub replied_user: bool,
}

impl Default for AllowedMentions {
    fn default() -> Self {
        Self { everyone: true, users: Ringing::All, roles: Ringing::All, replied_user: true }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Users,
    Roles,
    Everyone,
}

/// As it arrives.
#[derive(Debug, Deserialize)]
pub struct AllowedMentionsForm {
    parse: Option<Vec<Kind>>,
    users: Option<Vec<UserId>>,
    roles: Option<Vec<RoleId>>,
    replied_user: Option<bool>,
}

impl AllowedMentionsForm {
    /// Parses it.
    ///
    /// # Errors
    /// [`Refusal::Form`] when a list is too long, or contradicts `parse`.
    pub fn parse(self) -> Result<AllowedMentions, Refusal> {
        let parse = self.parse.unwrap_or_default();
        Ok(AllowedMentions {
            everyone: parse.contains(&Kind::Everyone),
            users: ringing("users", parse.contains(&Kind::Users), self.users)?,
            roles: ringing("roles", parse.contains(&Kind::Roles), self.roles)?,
            replied_user: self.replied_user.unwrap_or(false),
        })
    }
}

fn ringing<T>(name: &str, all: bool, ids: Option<Vec<T>>) -> Result<Ringing<T>, Refusal> {
    let ids = ids.unwrap_or_default();
    let field = format!("allowed_mentions.{name}");
    if ids.len() > MOST_IDS {
        let message = format!("Must be {MOST_IDS} or fewer in length.");
        return Err(Refusal::field(&field, "BASE_TYPE_MAX_LENGTH", message));
    }
    match (all, ids.is_empty()) {
        (true, true) => Ok(Ringing::All),
        (true, false) => {
            let message = format!("parse:[\"{name}\"] and {name}: [ids...] are mutually exclusive.");
            Err(Refusal::field("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message))
        }
        (false, _) => Ok(Ringing::These(ids)),
    }
}
