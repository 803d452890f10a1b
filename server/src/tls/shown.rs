//! Which certificate a connection is shown.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::Certificate;

/// RFC 8737 §6.2: what an authority asks for when it checks that a name is ours.
pub(super) const ACME_ALPN: &[u8] = b"acme-tls/1";

/// The certificate of now, and the answers to authorities that are checking names.
#[derive(Debug)]
pub(super) struct Shown {
    now: RwLock<Option<Certificate>>,
    challenges: RwLock<HashMap<String, Arc<CertifiedKey>>>,
    /// RFC 8555 §8.3: what is answered by HTTP, by its token.
    tokens: RwLock<HashMap<String, String>>,
    names: watch::Sender<Vec<String>>,
}

impl Shown {
    pub(super) fn new(certificate: Certificate) -> Self {
        let shown = Self::nothing_yet();
        shown.show(certificate);
        shown
    }

    /// Connections fail until there is one.
    pub(super) fn nothing_yet() -> Self {
        Self {
            now: RwLock::default(),
            challenges: RwLock::default(),
            tokens: RwLock::default(),
            names: watch::Sender::default(),
        }
    }

    /// New connections see this one.
    pub(super) fn show(&self, certificate: Certificate) {
        self.names.send_replace(certificate.names.clone());
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    /// When the one of now should be replaced, and how long it lives altogether.
    pub(super) fn renew_at(&self) -> Option<(SystemTime, Duration)> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let certificate = now.as_ref()?;
        let life = certificate.not_after.duration_since(certificate.not_before).unwrap_or_default();
        Some((certificate.not_before + life / 3 * 2, life))
    }

    /// How long the one of now is still good for.
    pub(super) fn life_left(&self, at: SystemTime) -> Option<Duration> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.as_ref().map(|certificate| certificate.not_after.duration_since(at).unwrap_or_default())
    }

    pub(super) fn names(&self) -> watch::Receiver<Vec<String>> {
        self.names.subscribe()
    }

    /// Answers the authority that checks this name, until [`Shown::checked`].
    pub(super) fn prove(&self, name: &str, key: CertifiedKey) {
        let mut challenges = self.challenges.write().unwrap_or_else(PoisonError::into_inner);
        challenges.insert(name.to_owned(), Arc::new(key));
    }

    /// As [`Shown::prove`], for an authority that asks by HTTP.
    pub(super) fn prove_by_http(&self, token: &str, answer: &str) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.to_owned(), answer.to_owned());
    }

    pub(super) fn answer_to(&self, token: &str) -> Option<String> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn checked(&self) {
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == ACME_ALPN)) {
            let challenges = self.challenges.read().unwrap_or_else(PoisonError::into_inner);
            return challenges.get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.as_ref().map(|certificate| certificate.key.clone())
    }
}
