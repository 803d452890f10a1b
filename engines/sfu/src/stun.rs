//! As much of STUN (RFC 8489) as an ICE-lite server needs: binding requests in, answers out.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// A well-formed binding request with MESSAGE-INTEGRITY and FINGERPRINT; not yet authenticated.
#[derive(Debug)]
pub(crate) struct BindingRequest<'a> {
    message: &'a [u8],
    transaction: [u8; 12],
    /// The part of USERNAME before the colon: our own fragment.
    pub(crate) local_fragment: &'a str,
    pub(crate) use_candidate: bool,
    /// The other side believes to be controlled, as a lite agent always is.
    pub(crate) controlled: bool,
    integrity_at: usize,
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

impl<'a> BindingRequest<'a> {
    /// `None` for anything else, including other STUN messages.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        if be16(message, 0)? != BINDING_REQUEST
            || usize::from(be16(message, 2)?) + HEADER != message.len()
            || message.get(4..8)? != COOKIE
        {
            return None;
        }
        let mut username = None;
        let mut use_candidate = false;
        let mut controlled = false;
        let mut integrity_at = None;
        let mut at = HEADER;
        while at < message.len() {
            let length = usize::from(be16(message, at + 2)?);
            let value = message.get(at + 4..at + 4 + length)?;
            match be16(message, at)? {
                FINGERPRINT => {
                    let expected = u32::from_be_bytes(value.try_into().ok()?);
                    if fingerprint(&message[..at]) != expected || at + 8 != message.len() {
                        return None;
                    }
                    let (local_fragment, _) = std::str::from_utf8(username?).ok()?.split_once(':')?;
                    return Some(Self {
                        message,
                        transaction: message.get(8..HEADER)?.try_into().ok()?,
                        local_fragment,
                        use_candidate,
                        controlled,
                        integrity_at: integrity_at?,
                    });
                }
                // What follows MESSAGE-INTEGRITY is not protected and is ignored (RFC 8489 §14.5).
                _ if integrity_at.is_some() => {}
                MESSAGE_INTEGRITY if length == 20 => integrity_at = Some(at),
                USERNAME => username = Some(value),
                USE_CANDIDATE => use_candidate = true,
                ICE_CONTROLLED => controlled = true,
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        None
    }

    /// Whether MESSAGE-INTEGRITY was made with this password; takes the same time either way.
    pub(crate) fn is_authentic(&self, password: &hmac::Key) -> bool {
        let covered = &self.message[..self.integrity_at];
        let tag = integrity(password, covered, self.integrity_at);
        let given = &self.message[self.integrity_at + 4..self.integrity_at + 24];
        aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok()
    }

    /// Writes the success response; returns its length.
    pub(crate) fn answer(&self, mapped: SocketAddr, password: &hmac::Key, out: &mut [u8]) -> usize {
        let mut value = [0u8; 20];
        let port = mapped.port() ^ 0x2112;
        value[2..4].copy_from_slice(&port.to_be_bytes());
        let mut mask = [0u8; 16];
        mask[..4].copy_from_slice(&COOKIE);
        mask[4..].copy_from_slice(&self.transaction);
        let length = match mapped.ip().to_canonical() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&ip.octets());
                20
            }
        };
        value[4..length].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        self.finish(BINDING_SUCCESS, XOR_MAPPED_ADDRESS, &value[..length], password, out)
    }

    /// Writes the 487 Role Conflict error (RFC 8445 §7.3.1.1); returns its length.
    pub(crate) fn answer_role_conflict(&self, password: &hmac::Key, out: &mut [u8]) -> usize {
        self.finish(BINDING_ERROR, ERROR_CODE, b"\0\0\x04\x57Role Conflict\0\0\0", password, out)
    }

    /// `value` is a whole number of words.
    fn finish(&self, kind: u16, attribute: u16, value: &[u8], password: &hmac::Key, out: &mut [u8]) -> usize {
        let integrity_at = HEADER + 4 + value.len();
        let fingerprint_at = integrity_at + 24;
        let end = fingerprint_at + 8;
        out[..2].copy_from_slice(&kind.to_be_bytes());
        out[4..8].copy_from_slice(&COOKIE);
        out[8..HEADER].copy_from_slice(&self.transaction);
        out[HEADER..HEADER + 2].copy_from_slice(&attribute.to_be_bytes());
        out[HEADER + 2..HEADER + 4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        out[HEADER + 4..integrity_at].copy_from_slice(value);
        let tag = integrity(password, &out[..integrity_at], integrity_at);
        out[integrity_at..integrity_at + 4].copy_from_slice(&[0, 8, 0, 20]);
        out[integrity_at + 4..fingerprint_at].copy_from_slice(tag.as_ref());
        out[2..4].copy_from_slice(&((end - HEADER) as u16).to_be_bytes());
        let check = fingerprint(&out[..fingerprint_at]);
        out[fingerprint_at..fingerprint_at + 4].copy_from_slice(&[0x80, 0x28, 0, 4]);
        out[fingerprint_at + 4..end].copy_from_slice(&check.to_be_bytes());
        end
    }
}

/// The key of a short-term credential (RFC 8489 §9.1.1).
pub(crate) fn password_key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

/// HMAC over the message up to its integrity attribute, with the length that ends behind that attribute.
fn integrity(password: &hmac::Key, covered: &[u8], integrity_at: usize) -> hmac::Tag {
    let mut context = hmac::Context::with_key(password);
    context.update(&covered[..2]);
    context.update(&((integrity_at + 24 - HEADER) as u16).to_be_bytes());
    context.update(&covered[4..]);
    context.sign()
}

/// CRC-32 (ISO 3309) xor a constant (RFC 8489 §14.7).
fn fingerprint(bytes: &[u8]) -> u32 {
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::srtp::tests::hex;

    /// RFC 5769 §2.1, the sample request.
    const SAMPLE: &str =
        "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
        00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020
        00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf";

    #[test]
    fn the_sample_request_of_rfc_5769_is_authentic_and_its_forgeries_are_not() {
        let bytes = hex(SAMPLE);
        let request = BindingRequest::parse(&bytes).expect("a request");
        assert_eq!(request.local_fragment, "evtj");
        assert!(request.controlled && !request.use_candidate);
        assert!(request.is_authentic(&password_key("VOkJxbRl1RmTxUk/WvJxBt")));
        assert!(!request.is_authentic(&password_key("VOkJxbRl1RmTxUk/WvJxBu")));
        for position in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[position] ^= 1;
            let believed = BindingRequest::parse(&forged)
                .is_some_and(|request| request.is_authentic(&password_key("VOkJxbRl1RmTxUk/WvJxBt")));
            assert!(!believed, "byte {position}");
            assert!(BindingRequest::parse(&bytes[..position]).is_none(), "cut at {position}");
        }
    }

    #[test]
    fn the_answer_carries_the_sender_s_address_and_a_valid_check_sum() {
        let bytes = hex(SAMPLE);
        let request = BindingRequest::parse(&bytes).expect("a request");
        let mut out = [0; 128];
        for address in ["192.0.2.1:32853", "[2001:db8::1]:32853"] {
            let length = request.answer(address.parse().expect("address"), &password_key("x"), &mut out);
            assert_eq!(usize::from(be16(&out, 2).expect("length")) + HEADER, length);
            assert_eq!(fingerprint(&out[..length - 8]).to_be_bytes(), out[length - 4..length]);
        }
        // RFC 5769 §2.2 has the same transaction and address.
        request.answer(SocketAddr::from(([192, 0, 2, 1], 32_853)), &password_key("x"), &mut out);
        assert_eq!(out[20..32], hex("00200008 0001a147 e112a643"));
        let length = request.answer_role_conflict(&password_key("x"), &mut out);
        assert_eq!(length % 4, 0);
    }
}
