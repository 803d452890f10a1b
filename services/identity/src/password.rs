//! A password as a person chose it, on its way to the hash.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// The commonest passwords of the public leak lists that are long enough to be tried, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A chosen password: [`Password::MIN_CHARS`] to [`Password::MAX_CHARS`] characters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

/// Shorter or longer than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Must be between {min} and {max} in length.", min = Password::MIN_CHARS, max = Password::MAX_CHARS)]
pub(crate) struct PasswordLength;

impl Password {
    /// ASVS 5.0 §6.2.1: at least 8 characters.
    const MIN_CHARS: usize = 8;
    /// ASVS 5.0 §6.2.9 asks for at least 64; the bound keeps hashing cheap to ask for.
    const MAX_CHARS: usize = 256;

    /// Parses what a person chose. Nothing is trimmed or folded: a password is what was typed (ASVS 5.0 §6.2.8).
    pub(crate) fn parse(raw: &str) -> Result<Self, PasswordLength> {
        let fits = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&raw.chars().count());
        if fits { Ok(Self(raw.to_owned())) } else { Err(PasswordLength) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// True for what a guesser tries first (ASVS 5.0 §6.2.4): the commonest ones, one key held down, one's own name.
    pub(crate) fn is_obvious(&self, username: &str) -> bool {
        let folded = self.0.to_lowercase();
        let one_key = folded.chars().next().is_some_and(|first| folded.chars().all(|c| c == first));
        one_key || folded == username || COMMON.lines().any(|common| common == folded)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obvious(text: &str) -> bool {
        Password::parse(text).is_ok_and(|password| password.is_obvious("marta.ozola"))
    }

    #[test]
    fn a_password_is_kept_as_typed_but_not_when_short_or_long() {
        assert_eq!(Password::parse(" Пароль 42 ").map(|p| p.0), Ok(" Пароль 42 ".to_owned()));
        assert_eq!(Password::parse("seven77"), Err(PasswordLength));
        assert_eq!(Password::parse(&"x1".repeat(129)), Err(PasswordLength));
        assert!(Password::parse(&"я1".repeat(128)).is_ok());
    }

    #[test]
    fn what_everybody_tries_first_is_obvious() {
        assert!(obvious("Password123") && obvious("aaaaaaaaaa") && obvious("Marta.Ozola"));
        assert!(!obvious("correct horse battery"));
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::parse("correct horse")), "Ok(Password(…))");
    }

    #[test]
    fn the_list_holds_only_what_could_be_chosen() {
        for common in COMMON.lines() {
            assert!(common.chars().count() >= Password::MIN_CHARS, "{common}");
            assert_eq!(common, common.to_lowercase());
        }
    }
}
