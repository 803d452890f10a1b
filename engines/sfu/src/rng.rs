//! Numbers nobody can guess, made only from the seed handed in: HMAC-SHA-256 over a counter.

use aws_lc_rs::hmac;

/// A deterministic generator: the same seed gives the same credentials and SSRCs.
pub(crate) struct Generator {
    key: hmac::Key,
    counter: u64,
}

impl Generator {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0 }
    }

    /// Up to 32 fresh bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.counter += 1;
        let tag = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let mut out = [0; N];
        out.copy_from_slice(&tag.as_ref()[..N]);
        out
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    /// `N` characters of the ICE alphabet, six bits each (RFC 8839 §5.4).
    pub(crate) fn ice_text<const N: usize>(&mut self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        self.bytes::<N>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
    }
}
