//! Nonces that need no memory: an HMAC over who asked and when. A client keeps one for five to ten minutes.

use aws_lc_rs::{constant_time, hmac};

use super::api::{ClientKey, Transport};

/// RFC 8656 §5 recommends that a nonce expires after at most an hour.
const BUCKET_SECONDS: u64 = 300;
/// 96 bits are not guessed, and 16 characters keep a 401 below twice what asked for it.
const LENGTH: usize = 16;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) type Nonce = [u8; LENGTH];

pub(crate) struct Nonces {
    key: hmac::Key,
}

impl Nonces {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed) }
    }

    fn of_bucket(&self, client: &ClientKey, bucket: u64) -> Nonce {
        let mut context = hmac::Context::with_key(&self.key);
        let transport = match client.transport {
            Transport::Udp => 0,
            Transport::Tcp => 1,
            Transport::Tls => 2,
        };
        context.update(&[b'n', transport]);
        context.update(&bucket.to_be_bytes());
        match client.remote.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => context.update(&ip.octets()),
            std::net::IpAddr::V6(ip) => context.update(&ip.octets()),
        }
        context.update(&client.remote.port().to_be_bytes());
        let tag = context.sign();
        let mut nonce = [0; LENGTH];
        for (character, byte) in nonce.iter_mut().zip(tag.as_ref()) {
            *character = ALPHABET[usize::from(byte & 63)];
        }
        nonce
    }

    /// The current nonce of this client.
    pub(crate) fn issue(&self, client: &ClientKey, unix: u64) -> Nonce {
        self.of_bucket(client, unix / BUCKET_SECONDS)
    }

    /// Whether it is this client's, of this bucket or the one before.
    pub(crate) fn is_valid(&self, nonce: &[u8], client: &ClientKey, unix: u64) -> bool {
        let bucket = unix / BUCKET_SECONDS;
        [bucket, bucket.saturating_sub(1)].into_iter().any(|bucket| {
            constant_time::verify_slices_are_equal(&self.of_bucket(client, bucket), nonce).is_ok()
        })
    }
}
