//! Accounts as others see them.

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// A user in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Unique, lower case; what one signs in with.
    pub username: String,
    /// Always `"0"`: names are unique without it.
    #[serde(default = "no_discriminator")]
    pub discriminator: String,
    /// The name to show; the username when absent.
    pub global_name: Option<String>,
    /// Hash of their picture.
    pub avatar: Option<String>,
    /// True for bots, absent for people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
    /// v10 user flags; none are set so far.
    #[serde(default)]
    pub public_flags: u32,
    /// As `public_flags`.
    #[serde(default)]
    pub flags: u32,
    /// Hash of the picture behind their profile.
    #[serde(default)]
    pub banner: Option<String>,
    /// The colour of their profile, RGB.
    #[serde(default)]
    pub accent_color: Option<u32>,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub primary_guild: (),
    /// v10 fields that have one value here.
    #[serde(default)]
    pub avatar_decoration_data: (),
}

fn no_discriminator() -> String {
    "0".to_owned()
}

impl User {
    /// A person without picture or display name.
    #[must_use]
    pub fn new(id: UserId, username: impl Into<String>) -> Self {
        Self {
            id,
            username: username.into(),
            discriminator: no_discriminator(),
            global_name: None,
            avatar: None,
            bot: false,
            public_flags: 0,
            flags: 0,
            banner: None,
            accent_color: None,
            primary_guild: (),
            avatar_decoration_data: (),
        }
    }

    /// The name to show.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.global_name.as_deref().unwrap_or(&self.username)
    }
}
