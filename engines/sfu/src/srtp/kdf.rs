//! SRTP key derivation (RFC 3711 §4.3, RFC 7714 §11) with a key derivation rate of zero.

use aws_lc_rs::{
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};

/// What a derived key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// An AES counter-mode key for 16 or 32 bytes of key.
pub(crate) fn counter_mode(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

/// Fills `out` (at most 32 bytes) with the key for this label. A 12-byte salt counts as padded to 14.
pub(crate) fn derive<const N: usize>(
    key: &EncryptingKey,
    master_salt: &[u8],
    label: Label,
) -> Option<[u8; N]> {
    let mut counter = [0u8; 16];
    counter.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
    counter[7] ^= label as u8;
    let mut out = [0u8; N];
    key.less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(counter))).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::hex;

    #[test]
    fn keys_come_out_as_in_rfc_3711_appendix_b_3() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let key = counter_mode(&master).expect("a 16 byte key");
        let encryption: [u8; 16] = derive(&key, &salt, Label::RtpEncryption).expect("derives");
        assert_eq!(encryption[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let session_salt: [u8; 14] = derive(&key, &salt, Label::RtpSalt).expect("derives");
        assert_eq!(session_salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication: [u8; 20] = derive(&key, &salt, Label::RtpAuthentication).expect("derives");
        assert_eq!(authentication[..], hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }
}
