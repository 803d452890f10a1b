//! What kind of address an address is, as far as it decides who can reach it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who can reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everybody, firewalls aside.
    World,
    /// RFC 6598: the provider's own network; no router of ours leads in.
    CarrierNat,
    /// A home or company network.
    Private,
    /// This machine, or nobody.
    Nobody,
}

pub(super) fn reach(address: IpAddr) -> Reach {
    match address.to_canonical() {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(v4: Ipv4Addr) -> Reach {
    let [a, b, ..] = v4.octets();
    if v4.is_loopback() || v4.is_unspecified() || v4.is_link_local() || v4.is_multicast() || a >= 240 {
        Reach::Nobody
    } else if a == 100 && (64..128).contains(&b) {
        Reach::CarrierNat
    } else if v4.is_private() || v4.is_documentation() || (a == 198 && b & 0xFE == 18) {
        Reach::Private
    } else {
        Reach::World
    }
}

fn reach_v6(v6: Ipv6Addr) -> Reach {
    if v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast() {
        Reach::Nobody
    } else if v6.is_unique_local() || v6.segments()[..2] == [0x2001, 0xdb8] {
        Reach::Private
    } else {
        Reach::World
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_who_can_reach_them() {
        for (address, who) in [
            ("8.8.8.8", Reach::World),
            ("::ffff:8.8.8.8", Reach::World),
            ("2a00:1450::1", Reach::World),
            ("100.64.0.1", Reach::CarrierNat),
            ("100.127.255.255", Reach::CarrierNat),
            ("100.128.0.1", Reach::World),
            ("192.168.1.5", Reach::Private),
            ("172.31.0.1", Reach::Private),
            ("198.18.0.1", Reach::Private),
            ("fd00::1", Reach::Private),
            ("127.0.0.1", Reach::Nobody),
            ("::1", Reach::Nobody),
            ("fe80::1", Reach::Nobody),
            ("169.254.0.1", Reach::Nobody),
        ] {
            assert_eq!(reach(address.parse().unwrap()), who, "{address}");
        }
    }
}
