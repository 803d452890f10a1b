//! What proves that a message is whole and from whom it says: keys, MESSAGE-INTEGRITY, FINGERPRINT, USERHASH.

use aws_lc_rs::{digest, hmac};

use super::{HEADER, md5::md5};

/// RFC 8489 §14.7: tells the checksum from one that another protocol would make of the same bytes.
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// The long-term key with the algorithm that everyone speaks (RFC 8489 §9.2.2).
pub type LongTermKey = [u8; 16];

/// Which attribute protects a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MESSAGE-INTEGRITY (RFC 8489 §14.5).
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6).
    Sha256,
}

/// RFC 8489 §9.2.2: MD5 of `username:realm:password`.
#[must_use]
pub fn long_term_key(username: &str, realm: &str, password: &str) -> LongTermKey {
    md5(&[username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()])
}

/// RFC 8489 §18.5.1.2: the key under PASSWORD-ALGORITHM SHA-256.
#[must_use]
pub fn long_term_key_sha256(username: &str, realm: &str, password: &str) -> [u8; 32] {
    sha256(&[username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()])
}

/// RFC 8489 §14.4: SHA-256 of `username:realm`, which hides the name from who listens.
#[must_use]
pub fn userhash(username: &str, realm: &str) -> [u8; 32] {
    sha256(&[username.as_bytes(), b":", realm.as_bytes()])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The HMAC over a message up to its integrity attribute at `at`. The length field counts as if the message ended
/// behind that attribute, whose value has `value` bytes (RFC 8489 §14.5).
pub(super) fn tag(algorithm: Algorithm, key: &[u8], message: &[u8], at: usize, value: usize) -> hmac::Tag {
    let algorithm = match algorithm {
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => hmac::HMAC_SHA256,
    };
    let length = u16::try_from(at + 4 + value - HEADER).unwrap_or(u16::MAX);
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    context.update(&message[..2]);
    context.update(&length.to_be_bytes());
    context.update(&message[4..at]);
    context.sign()
}

/// CRC-32 (ISO 3309) xor a constant (RFC 8489 §14.7), with the length field as it stands in `bytes`.
pub(super) fn fingerprint(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    let crc =
        bytes.iter().fold(!0u32, |crc, byte| crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize]);
    !crc ^ FINGERPRINT_XOR
}
