//! Who does something, and why.

use voxlink_protocol::UserId;

use crate::Refusal;

/// v10: the most that a reason may have, in characters.
const LONGEST_REASON: usize = 512;

/// Why something is done, in the actor's words: one to 512 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Parses what a person wrote; nothing but space is no reason.
    ///
    /// # Errors
    /// [`Refusal::Form`] when it is too long.
    pub fn parse(raw: &str) -> Result<Option<Self>, Refusal> {
        let text = raw.trim();
        if text.chars().count() > LONGEST_REASON {
            return Err(Refusal::field(
                "X-Audit-Log-Reason",
                "BASE_TYPE_MAX_LENGTH",
                "Must be 512 or fewer in length.",
            ));
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub id: UserId,
    /// Why, if they said so.
    pub reason: Option<Reason>,
}

impl From<UserId> for Actor {
    fn from(id: UserId) -> Self {
        Self { id, reason: None }
    }
}
