//! Who asks: the long-term mechanism of RFC 8489 §9.2 over credentials that carry their own expiry.

use crate::{
    credentials::{self, Name},
    stun::{
        Message,
        integrity::{Algorithm, LongTermKey, long_term_key},
    },
};

use super::{Server, api::ClientKey, code};

/// Somebody whose integrity was right.
pub(crate) struct Caller<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) protection: Protection,
}

/// How answers to them are protected.
#[derive(Clone, Copy)]
pub(crate) struct Protection {
    pub(crate) key: LongTermKey,
    pub(crate) algorithm: Algorithm,
}

/// How many revocations are remembered; past it the one that ends first is forgotten.
const MAX_REVOCATIONS: usize = 65_536;

impl Server {
    /// The order is that of RFC 8489 §9.2.4; the cheap and stateless checks come first.
    pub(super) fn authenticate<'a>(
        &self,
        unix: u64,
        client: &ClientKey,
        message: &Message<'a>,
        slot: Option<usize>,
    ) -> Result<Caller<'a>, u16> {
        let Some(algorithm) = message.algorithm() else { return Err(code::UNAUTHENTICATED) };
        // We offer no other password algorithm, so nobody may choose one.
        if message.has_password_algorithm || message.is_malformed {
            return Err(code::BAD_REQUEST);
        }
        let (Some(realm), Some(nonce)) = (message.realm, message.nonce) else {
            return Err(code::BAD_REQUEST);
        };
        // USERHASH cannot be undone without a table of users. Our nonces do not announce it (RFC 8489 §9.2).
        let username = match (message.username, message.userhash) {
            (Some(username), None) => username,
            (None, Some(_)) => return Err(code::UNAUTHENTICATED),
            _ => return Err(code::BAD_REQUEST),
        };
        if !self.nonces.is_valid(nonce, client, unix) {
            return Err(code::STALE_NONCE);
        }
        let name = Name::parse(username).ok_or(code::UNAUTHENTICATED)?;
        if realm != self.config.realm.as_bytes() {
            return Err(code::UNAUTHENTICATED);
        }
        // Browsers cannot renew the credential of a running call: what it opened, it may keep.
        let held =
            slot.and_then(|slot| self.allocations.get(slot)).filter(|held| &*held.username == name.text);
        if let Some(held) = held {
            return if message.is_authentic(&held.protection.key) {
                let protection = Protection { key: held.protection.key, algorithm };
                Ok(Caller { name, protection })
            } else {
                Err(code::UNAUTHENTICATED)
            };
        }
        if name.expiry <= unix || self.is_revoked(&name, unix) {
            return Err(code::UNAUTHENTICATED);
        }
        for secret in self.config.secrets.iter().take(2) {
            let key = long_term_key(name.text, &self.config.realm, &credentials::password(secret, name.text));
            if message.is_authentic(&key) {
                return Ok(Caller { name, protection: Protection { key, algorithm } });
            }
        }
        Err(code::UNAUTHENTICATED)
    }

    fn is_revoked(&self, name: &Name<'_>, unix: u64) -> bool {
        let until = |who: &str| self.revoked.get(who).copied().unwrap_or_default();
        let until = until(name.user).max(until(name.session));
        until > unix && name.expiry <= until
    }

    /// Credentials that live now are refused from here on; those issued a second later are good.
    pub(super) fn revoke(&mut self, who: &str, unix: u64) {
        if self.revoked.len() >= MAX_REVOCATIONS {
            self.revoked.retain(|_, until| *until > unix);
        }
        if self.revoked.len() >= MAX_REVOCATIONS {
            let first = self.revoked.iter().min_by_key(|(_, until)| **until).map(|(who, _)| who.clone());
            first.and_then(|who| self.revoked.remove(&who));
        }
        self.revoked.insert(who.into(), unix + self.config.credential_lifetime.as_secs());
    }
}
