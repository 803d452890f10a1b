//! The two transforms: AES-GCM (RFC 7714) and AES counter mode with HMAC-SHA1-80 (RFC 3711).

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{EncryptingKey, EncryptionContext},
    constant_time::verify_slices_are_equal,
    hmac,
    iv::FixedLength,
};

use super::kdf::{Label, counter_mode, derive};

const GCM_TAG: usize = 16;
const SHA1_TAG: usize = 10;
/// The E bit of the SRTCP index word: this packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// The RTCP header that stays in the clear.
const RTCP_CLEAR: usize = 8;

/// Keys of one direction for RTP or for RTCP.
pub(super) enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    /// Boxed: it is three times as large, and few clients still need it.
    Counter(Box<Counter>),
}

/// Keys of the older transform.
pub(super) struct Counter {
    pub(super) key: EncryptingKey,
    pub(super) salt: [u8; 14],
    pub(super) authentication: hmac::Key,
}

impl Cipher {
    pub(super) fn gcm(key: &[u8], salt: [u8; 12]) -> Option<Self> {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        Some(Self::Gcm { key: LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?), salt })
    }

    /// RTP and RTCP keys from a master key; `gcm` picks the transform.
    pub(super) fn derive_pair(master: &[u8], salt: &[u8], gcm: bool) -> Option<(Self, Self)> {
        let prf = counter_mode(master)?;
        let part = |encryption: Label, authentication: Label, salting: Label| -> Option<Self> {
            if gcm {
                let session_salt = derive::<12>(&prf, salt, salting)?;
                return if master.len() == 32 {
                    Self::gcm(&derive::<32>(&prf, salt, encryption)?, session_salt)
                } else {
                    Self::gcm(&derive::<16>(&prf, salt, encryption)?, session_salt)
                };
            }
            Some(Self::Counter(Box::new(Counter {
                key: counter_mode(&derive::<16>(&prf, salt, encryption)?)?,
                salt: derive::<14>(&prf, salt, salting)?,
                authentication: hmac::Key::new(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    &derive::<20>(&prf, salt, authentication)?,
                ),
            })))
        };
        Some((
            part(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt)?,
            part(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt)?,
        ))
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, roll-over counter and sequence number, xor the salt.
    fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
        let mut nonce = *salt;
        xor(&mut nonce[2..6], &ssrc.to_be_bytes());
        xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 7714 §9.1: as for RTP with the SRTCP index in the last four bytes.
    fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
        Self::rtp_nonce(salt, ssrc, u64::from(index))
    }

    /// RFC 3711 §4.1.1.
    fn counter(salt: &[u8; 14], ssrc: u32, index: u64) -> EncryptionContext {
        let mut counter = [0u8; 16];
        counter[..14].copy_from_slice(salt);
        xor(&mut counter[4..8], &ssrc.to_be_bytes());
        xor(&mut counter[8..14], &index.to_be_bytes()[2..]);
        EncryptionContext::Iv128(FixedLength::from(counter))
    }

    /// Bytes an RTP packet grows by.
    pub(super) fn rtp_overhead(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG,
            Self::Counter(_) => SHA1_TAG,
        }
    }

    /// Encrypts `packet[header..length]` and appends the tag; returns the new length.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        length: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        let end = length + self.rtp_overhead();
        let (head, rest) = packet.get_mut(..end)?.split_at_mut_checked(header)?;
        let (payload, tag) = rest.split_at_mut_checked(length.checked_sub(header)?)?;
        match self {
            Self::Gcm { key, salt } => {
                let made = key
                    .seal_in_place_separate_tag(
                        Self::rtp_nonce(salt, ssrc, index),
                        Aad::from(&*head),
                        payload,
                    )
                    .ok()?;
                tag.copy_from_slice(made.as_ref());
            }
            Self::Counter(counter) => {
                let Counter { key, salt, authentication } = &**counter;
                key.less_safe_encrypt(payload, Self::counter(salt, ssrc, index)).ok()?;
                let made = sign(authentication, &[head, payload, &((index >> 16) as u32).to_be_bytes()]);
                tag.copy_from_slice(&made.as_ref()[..SHA1_TAG]);
            }
        }
        Some(end)
    }

    /// Checks and decrypts in place; returns the length without the tag.
    pub(super) fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        let (head, rest) = packet.split_at_mut_checked(header)?;
        match self {
            Self::Gcm { key, salt } => {
                let nonce = Self::rtp_nonce(salt, ssrc, index);
                let opened = key.open_in_place(nonce, Aad::from(&*head), rest).ok()?;
                Some(header + opened.len())
            }
            Self::Counter(counter) => {
                let Counter { key, salt, authentication } = &**counter;
                let (payload, tag) = rest.split_at_mut_checked(rest.len().checked_sub(SHA1_TAG)?)?;
                let made = sign(authentication, &[head, payload, &((index >> 16) as u32).to_be_bytes()]);
                verify_slices_are_equal(&made.as_ref()[..SHA1_TAG], tag).ok()?;
                key.less_safe_encrypt(payload, Self::counter(salt, ssrc, index)).ok()?;
                Some(header + payload.len())
            }
        }
    }

    /// Encrypts a compound packet of `length` bytes; returns the new length.
    pub(super) fn seal_rtcp(&self, packet: &mut [u8], length: usize, index: u32) -> Option<usize> {
        let ssrc = u32::from_be_bytes(packet.get(4..RTCP_CLEAR)?.try_into().ok()?);
        let word = (index | ENCRYPTED).to_be_bytes();
        let (head, rest) = packet.split_at_mut_checked(RTCP_CLEAR)?;
        let (payload, tail) = rest.split_at_mut_checked(length.checked_sub(RTCP_CLEAR)?)?;
        match self {
            Self::Gcm { key, salt } => {
                let tail = tail.get_mut(..GCM_TAG + 4)?;
                let mut aad = [0u8; RTCP_CLEAR + 4];
                aad[..RTCP_CLEAR].copy_from_slice(head);
                aad[RTCP_CLEAR..].copy_from_slice(&word);
                let made = key
                    .seal_in_place_separate_tag(Self::rtcp_nonce(salt, ssrc, index), Aad::from(&aad), payload)
                    .ok()?;
                tail[..GCM_TAG].copy_from_slice(made.as_ref());
                tail[GCM_TAG..].copy_from_slice(&word);
                Some(length + GCM_TAG + 4)
            }
            Self::Counter(counter) => {
                let Counter { key, salt, authentication } = &**counter;
                let tail = tail.get_mut(..4 + SHA1_TAG)?;
                key.less_safe_encrypt(payload, Self::counter(salt, ssrc, u64::from(index))).ok()?;
                let made = sign(authentication, &[head, payload, &word]);
                tail[..4].copy_from_slice(&word);
                tail[4..].copy_from_slice(&made.as_ref()[..SHA1_TAG]);
                Some(length + 4 + SHA1_TAG)
            }
        }
    }

    /// The SRTCP index that a packet claims. Unencrypted SRTCP is not accepted.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let at = packet.len().checked_sub(match self {
            Self::Gcm { .. } => 4,
            Self::Counter(_) => 4 + SHA1_TAG,
        })?;
        let word = u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Checks and decrypts in place; returns the length of the compound packet.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], index: u32) -> Option<usize> {
        let ssrc = u32::from_be_bytes(packet.get(4..RTCP_CLEAR)?.try_into().ok()?);
        let word = (index | ENCRYPTED).to_be_bytes();
        let (head, rest) = packet.split_at_mut_checked(RTCP_CLEAR)?;
        match self {
            Self::Gcm { key, salt } => {
                let sealed = rest.len().checked_sub(4)?;
                let mut aad = [0u8; RTCP_CLEAR + 4];
                aad[..RTCP_CLEAR].copy_from_slice(head);
                aad[RTCP_CLEAR..].copy_from_slice(&word);
                let nonce = Self::rtcp_nonce(salt, ssrc, index);
                let opened = key.open_in_place(nonce, Aad::from(&aad), rest.get_mut(..sealed)?).ok()?;
                Some(RTCP_CLEAR + opened.len())
            }
            Self::Counter(counter) => {
                let Counter { key, salt, authentication } = &**counter;
                let (payload, tail) = rest.split_at_mut_checked(rest.len().checked_sub(4 + SHA1_TAG)?)?;
                let made = sign(authentication, &[head, payload, &word]);
                verify_slices_are_equal(&made.as_ref()[..SHA1_TAG], tail.get(4..)?).ok()?;
                key.less_safe_encrypt(payload, Self::counter(salt, ssrc, u64::from(index))).ok()?;
                Some(RTCP_CLEAR + payload.len())
            }
        }
    }
}

fn xor(into: &mut [u8], with: &[u8]) {
    into.iter_mut().zip(with).for_each(|(left, right)| *left ^= right);
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}
