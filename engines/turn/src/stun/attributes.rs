//! Attribute numbers (IANA "STUN Attributes") and the XOR form of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{COOKIE, TransactionId, be16};

/// RFC 8489 §14.3.
pub const USERNAME: u16 = 0x0006;
/// RFC 8489 §14.5: HMAC-SHA1, 20 bytes.
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// RFC 8489 §14.8.
pub const ERROR_CODE: u16 = 0x0009;
/// RFC 8489 §14.13.
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// RFC 8656 §18.1.
pub const CHANNEL_NUMBER: u16 = 0x000C;
/// RFC 8656 §18.2: seconds.
pub const LIFETIME: u16 = 0x000D;
/// RFC 8656 §18.3.
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// RFC 8656 §18.4.
pub const DATA: u16 = 0x0013;
/// RFC 8489 §14.9.
pub const REALM: u16 = 0x0014;
/// RFC 8489 §14.10.
pub const NONCE: u16 = 0x0015;
/// RFC 8656 §18.5.
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// RFC 8656 §18.6.
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// RFC 8656 §18.7.
pub const EVEN_PORT: u16 = 0x0018;
/// RFC 8656 §18.8: an IP protocol number.
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// RFC 8656 §18.9.
pub const DONT_FRAGMENT: u16 = 0x001A;
/// RFC 8489 §14.6: HMAC-SHA256, 16 to 32 bytes.
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
/// RFC 8489 §14.12.
pub const PASSWORD_ALGORITHM: u16 = 0x001D;
/// RFC 8489 §14.4.
pub const USERHASH: u16 = 0x001E;
/// RFC 8489 §14.2.
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// RFC 8656 §18.10.
pub const RESERVATION_TOKEN: u16 = 0x0022;
/// RFC 8656 §18.11.
pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
/// RFC 8656 §18.12.
pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
/// RFC 8489 §14.11.
pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
/// RFC 8489 §14.7.
pub const FINGERPRINT: u16 = 0x8028;

/// The IP protocol number of UDP, what REQUESTED-TRANSPORT must ask for (RFC 8656 §18.8).
pub const PROTOCOL_UDP: u8 = 17;

/// An address family as STUN numbers them (RFC 8489 §14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// 1.
    V4,
    /// 2.
    V6,
}

impl Family {
    /// `None` for a number that means nothing.
    #[must_use]
    pub fn parse(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// Which one an address is of.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// RFC 8489 §14.2: what an address is XORed with, so that no NAT on the way rewrites it.
fn mask(transaction: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

/// `None` unless the value is exactly one address of a known family.
#[must_use]
pub fn read_xor_address(value: &[u8], transaction: &TransactionId) -> Option<SocketAddr> {
    let port = be16(value, 2)? ^ 0x2112;
    let mask = mask(transaction);
    let ip = match (Family::parse(value[1])?, value.len()) {
        (Family::V4, 8) => {
            let mut octets: [u8; 4] = value[4..8].try_into().ok()?;
            octets.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        (Family::V6, 20) => {
            let mut octets: [u8; 16] = value[4..20].try_into().ok()?;
            octets.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes the attribute's value; returns its length, 8 or 20.
pub fn write_xor_address(address: SocketAddr, transaction: &TransactionId, out: &mut [u8; 20]) -> usize {
    out[0] = 0;
    out[1] = Family::of(address.ip()).number();
    out[2..4].copy_from_slice(&(address.port() ^ 0x2112).to_be_bytes());
    let length = match address.ip() {
        IpAddr::V4(ip) => {
            out[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            out[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    out[4..length].iter_mut().zip(mask(transaction)).for_each(|(byte, mask)| *byte ^= mask);
    length
}
