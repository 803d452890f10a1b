//! Texts that people type, parsed at the door. Past it the type is the proof.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Nothing but space.
    Empty,
    /// Shorter or longer than allowed, in characters.
    Length {
        /// The shortest allowed.
        min: usize,
        /// The longest allowed.
        max: usize,
    },
    /// A character that is not allowed; the sentence says which are.
    Characters(&'static str),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("This field is required"),
            Self::Length { min, max } => write!(f, "Must be between {min} and {max} in length."),
            Self::Characters(which) => f.write_str(which),
        }
    }
}

impl std::error::Error for TextError {}

impl TextError {
    /// The v10 machine word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "BASE_TYPE_REQUIRED",
            Self::Length { .. } => "BASE_TYPE_BAD_LENGTH",
            Self::Characters(_) => "STRING_TYPE_REGEX",
        }
    }
}

/// Trims and checks the length; control characters other than line ends and tabs are refused.
fn bounded(raw: &str, min: usize, max: usize) -> Result<String, TextError> {
    let text = raw.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(TextError::Characters("Must not contain control characters."));
    }
    if !(min..=max).contains(&text.chars().count()) {
        return Err(TextError::Length { min, max });
    }
    Ok(text.to_owned())
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident => $parse:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses what a person typed.
            ///
            /// # Errors
            /// When it is empty, too long, or holds characters that are not allowed.
            pub fn parse(raw: &str) -> Result<Self, TextError> {
                let parse: fn(&str) -> Result<String, TextError> = $parse;
                parse(raw).map(Self)
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String { self.0 }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
    )+};
}

texts! {
    /// A message: trimmed, not empty, at most 2,000 characters (v10).
    MessageText => |raw| bounded(raw, 1, 2000);
    /// A guild's name: 2 to 100 characters (v10).
    GuildName => |raw| bounded(raw, 2, 100).and_then(one_line);
    /// A channel's name as people write it: 1 to 100 characters.
    ChannelName => |raw| bounded(raw, 1, 100).and_then(one_line);
    /// A channel's topic: up to 1,024 characters (v10).
    Topic => |raw| bounded(raw, 1, 1024);
    /// The name shown instead of the username: 1 to 32 characters (v10).
    DisplayName => |raw| bounded(raw, 1, 32).and_then(one_line);
    /// A role's name: 1 to 100 characters (v10).
    RoleName => |raw| bounded(raw, 1, 100).and_then(one_line);
    /// A person's name in one guild: 1 to 32 characters (v10).
    Nick => |raw| bounded(raw, 1, 32).and_then(one_line);
    /// A sentence about a guild: up to 300 characters (v10).
    GuildDescription => |raw| bounded(raw, 1, 300);
    /// A custom emoji's name: 2 to 32 of `A–Z a–z 0–9 _` (v10).
    EmojiName => emoji_name;
    /// The name of a sound: 2 to 32 characters (v10).
    SoundName => |raw| bounded(raw, 2, 32).and_then(one_line);
    /// The Unicode emoji beside something: 1 to 32 characters (v10).
    UnicodeEmoji => |raw| bounded(raw, 1, 32).and_then(one_line);
    /// What one says of oneself: 1 to 190 characters (v10).
    Bio => |raw| bounded(raw, 1, 190);
    /// How one wants to be spoken of: 1 to 40 characters (v10).
    Pronouns => |raw| bounded(raw, 1, 40).and_then(one_line);
    /// What one writes down about someone for oneself: 1 to 256 characters (v10).
    Note => |raw| bounded(raw, 1, 256);
    /// The words of a custom status: 1 to 128 characters (v10).
    StatusText => |raw| bounded(raw, 1, 128).and_then(one_line);
    /// What one calls a stream key: 1 to 100 characters.
    StreamKeyName => |raw| bounded(raw, 1, 100).and_then(one_line);
    /// What one signs in with: 2 to 32 of `a–z 0–9 _ .`, folded to lower case (v10 rules).
    Username => username;
}

fn one_line(text: String) -> Result<String, TextError> {
    if text.contains(['\n', '\r', '\t']) {
        return Err(TextError::Characters("Must be a single line."));
    }
    Ok(text)
}

fn emoji_name(raw: &str) -> Result<String, TextError> {
    let name = bounded(raw, 2, 32)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(TextError::Characters("Use only a-z, A-Z, 0-9 and underscore."));
    }
    Ok(name)
}

fn username(raw: &str) -> Result<String, TextError> {
    let name = bounded(raw, 2, 32)?.to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    if !name.chars().all(allowed) || name.contains("..") {
        return Err(TextError::Characters(
            "Use only a-z, 0-9, underscore and period, and no two periods in a row.",
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_trimmed_and_has_up_to_2000_characters() {
        assert_eq!(MessageText::parse("  hello\n").map(MessageText::into_string), Ok("hello".to_owned()));
        assert_eq!(MessageText::parse(" \n "), Err(TextError::Empty));
        assert!(MessageText::parse(&"я".repeat(2000)).is_ok());
        assert_eq!(MessageText::parse(&"я".repeat(2001)), Err(TextError::Length { min: 1, max: 2000 }));
    }

    #[test]
    fn a_username_is_folded_and_plain() {
        assert_eq!(Username::parse("Marta.Ozola").map(Username::into_string), Ok("marta.ozola".to_owned()));
        assert!(Username::parse("a").is_err());
        assert!(Username::parse("a..b").is_err());
        assert!(Username::parse("марта").is_err());
        assert!(Username::parse("a b").is_err());
    }

    #[test]
    fn names_are_one_line() {
        assert!(GuildName::parse("a\nb").is_err());
        assert!(ChannelName::parse("Boat electrics").is_ok());
        assert!(ChannelName::parse("a\u{7}").is_err());
    }
}
