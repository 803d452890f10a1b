//! Credentials that need no table: `expiry:user` and an HMAC of it under a secret shared with the server that issues
//! them ("REST API for access to TURN services", draft-uberti). An external coturn takes the same.

use aws_lc_rs::hmac;

use crate::server::Secret;

/// RFC 8489 §14.3 allows 508; ours are a number and an id.
pub const MAX_USERNAME: usize = 128;

/// What a client shows to TURN.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `expiry:user` or `expiry:user/session`.
    pub username: String,
    /// Base64 of 20 bytes.
    pub password: String,
}

/// Makes a credential for `user`, or `user/session`, that is valid until `expiry`, in seconds since 1970.
#[must_use]
pub fn issue(secret: &Secret, user: &str, expiry: u64) -> Credential {
    let username = format!("{expiry}:{user}");
    let password = password(secret, &username);
    Credential { username, password }
}

pub(crate) fn password(secret: &Secret, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    base64(hmac::sign(&key, username.as_bytes()).as_ref())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let character = ALPHABET[(bits >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= group.len() { char::from(character) } else { '=' });
        }
    }
    out
}

/// A username that was read; whether its password is right is another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// All of it.
    pub(crate) text: &'a str,
    /// Seconds since 1970.
    pub(crate) expiry: u64,
    /// Whose it is.
    pub(crate) user: &'a str,
    /// `user/session`, or the user again if no session is named.
    pub(crate) session: &'a str,
}

impl<'a> Name<'a> {
    pub(crate) fn parse(raw: &'a [u8]) -> Option<Self> {
        if raw.len() > MAX_USERNAME {
            return None;
        }
        let text = std::str::from_utf8(raw).ok()?;
        let (expiry, session) = text.split_once(':')?;
        // `parse` alone would take a plus sign.
        if !expiry.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let user = session.split_once('/').map_or(session, |(user, _)| user);
        (!user.is_empty()).then_some(())?;
        Some(Self { text, expiry: expiry.parse().ok()?, user, session })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_what_coturn_would_make() {
        // openssl: printf '1700000000:alice' | openssl dgst -sha1 -hmac secret -binary | base64
        let credential = issue(&Secret::new("secret"), "alice", 1_700_000_000);
        assert_eq!(credential.username, "1700000000:alice");
        assert_eq!(credential.password, "d8soP47RbdIKLDUOpnJPVQyq5Ts=");
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes), text, "RFC 4648 §10");
        }
    }

    #[test]
    fn names_without_a_time_or_a_user_are_no_names() {
        for bad in
            ["", "alice", ":alice", "x:alice", "+1:alice", "-1:alice", "1:", "1:/s", "99999999999999999999:a"]
        {
            assert_eq!(Name::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Name::parse(b"1:\xFF"), None);
        assert_eq!(Name::parse(format!("1:{}", "a".repeat(MAX_USERNAME)).as_bytes()), None);
        let name = Name::parse(b"7:alice/3").expect("a name");
        assert_eq!((name.expiry, name.user, name.session), (7, "alice", "alice/3"));
    }
}
