//! Emojis: Unicode ones and a guild's own.

use serde::{Deserialize, Serialize};

use crate::{
    id::{EmojiId, RoleId},
    user::User,
};

/// A guild's own emoji in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emoji {
    /// Its id.
    pub id: EmojiId,
    /// Its name: 2 to 32 of `A–Z a–z 0–9 _`.
    pub name: String,
    /// Who may use it; empty for everyone.
    pub roles: Vec<RoleId>,
    /// Who made it, for those who may manage emojis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Written between colons; always.
    pub require_colons: bool,
    /// Belongs to an integration; never so far.
    pub managed: bool,
    /// It moves.
    pub animated: bool,
    /// It can be used now.
    pub available: bool,
}

/// An emoji as it stands at a reaction: a guild's own by id, or a Unicode one by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReactionEmoji {
    /// The guild's own emoji; null for a Unicode one.
    pub id: Option<EmojiId>,
    /// Its name, or the Unicode emoji itself.
    pub name: Option<String>,
    /// It moves; left out when it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub animated: bool,
}
