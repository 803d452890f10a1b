//! Base32 (RFC 4648 §6) without padding: how authenticators take a secret, and how people type a recovery code.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whole groups of five bytes only: all that is encoded here has a length that five divides.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    for group in bytes.chunks_exact(5) {
        let mut word = group.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)) << 24;
        for _ in 0..8 {
            let index = usize::try_from(word >> 59).unwrap_or(0);
            text.push(char::from(ALPHABET[index]));
            word <<= 5;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_base32() {
        assert_eq!(encode(b"fooba"), "MZXW6YTB");
        assert_eq!(encode(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
