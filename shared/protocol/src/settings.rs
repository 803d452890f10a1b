//! What a person chose, the same on all of their devices.

use serde::{Deserialize, Serialize};

use crate::{gateway::Status, id::EmojiId, timestamp::Timestamp};

/// A few words about what one is up to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomStatus {
    /// Up to 128 characters.
    #[serde(default)]
    pub text: Option<String>,
    /// A guild's own emoji before it.
    #[serde(default)]
    pub emoji_id: Option<EmojiId>,
    /// The emoji itself, or the name of the guild's own.
    #[serde(default)]
    pub emoji_name: Option<String>,
    /// When it goes away by itself.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A person's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// How they want to be seen.
    pub status: Status,
    /// What they are up to.
    pub custom_status: Option<CustomStatus>,
    /// Their language, e.g. `en` or `ru`; the client's own choice when absent.
    pub locale: Option<String>,
    /// Whom they call does not learn their address: nothing goes directly from client to client.
    pub hide_address: bool,
}
