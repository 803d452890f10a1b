//! Which peers a client may reach: the open internet, our own live relays and listed peers, and what the operator of a
//! LAN allows. A relay that reaches more is a way round the firewall.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use rustc_hash::FxHashSet;

use super::{
    api::{LocalPeer, RelayId},
    config::Config,
};

/// A range of addresses, as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    prefix: u32,
}

/// The text is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix.parse::<u32>().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| NetworkError)?;
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(NetworkError) } else { Ok(Self { ip, prefix }) }
    }
}

impl Network {
    const fn v4(a: u8, b: u8, c: u8, prefix: u32) -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), prefix }
    }

    const fn v6(a: u16, b: u16, c: u16, prefix: u32) -> Self {
        Self { ip: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    /// Its lowest address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !host_v4(self.prefix))),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !host_v6(self.prefix))),
        }
    }

    /// Its highest address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() | host_v4(self.prefix))),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() | host_v6(self.prefix))),
        }
    }

    /// Whether the address is in it. A mapped address is not in a range of IPv4.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(range), IpAddr::V4(ip)) => {
                (range.to_bits() ^ ip.to_bits()).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(range), IpAddr::V6(ip)) => {
                (range.to_bits() ^ ip.to_bits()).leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    /// One address.
    fn from(ip: IpAddr) -> Self {
        Self { ip, prefix: if ip.is_ipv4() { 32 } else { 128 } }
    }
}

/// The bits that are free within a range.
fn host_v4(prefix: u32) -> u32 {
    u32::MAX.checked_shr(prefix).unwrap_or_default()
}

fn host_v6(prefix: u32) -> u128 {
    u128::MAX.checked_shr(prefix).unwrap_or_default()
}

/// IANA "IPv4 Special-Purpose Address Registry" with multicast and the reserved class; 169.254/16 holds the clouds'
/// metadata services.
const SPECIAL_V4: [Network; 15] = [
    Network::v4(0, 0, 0, 8),
    Network::v4(10, 0, 0, 8),
    Network::v4(100, 64, 0, 10),
    Network::v4(127, 0, 0, 8),
    Network::v4(169, 254, 0, 16),
    Network::v4(172, 16, 0, 12),
    Network::v4(192, 0, 0, 24),
    Network::v4(192, 0, 2, 24),
    Network::v4(192, 88, 99, 24),
    Network::v4(192, 168, 0, 16),
    Network::v4(198, 18, 0, 15),
    Network::v4(198, 51, 100, 24),
    Network::v4(203, 0, 113, 24),
    Network::v4(224, 0, 0, 4),
    Network::v4(240, 0, 0, 4),
];

/// Every range that no peer may be in unless the operator allows it.
pub static SPECIAL_PURPOSE: [Network; SPECIAL_V4.len() + SPECIAL_V6.len()] = {
    let mut all = [SPECIAL_V4[0]; SPECIAL_V4.len() + SPECIAL_V6.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] =
            if index < SPECIAL_V4.len() { SPECIAL_V4[index] } else { SPECIAL_V6[index - SPECIAL_V4.len()] };
        index += 1;
    }
    all
};

/// IANA "IPv6 Special-Purpose Address Registry", multicast and what was deprecated but is still routed somewhere.
const SPECIAL_V6: [Network; 13] = [
    // ::, ::1, IPv4-compatible and IPv4-mapped.
    Network::v6(0, 0, 0, 80),
    Network::v6(0x64, 0xFF9B, 0, 96),
    Network::v6(0x64, 0xFF9B, 1, 48),
    Network::v6(0x100, 0, 0, 64),
    Network::v6(0x2001, 0, 0, 23),
    Network::v6(0x2001, 0xDB8, 0, 32),
    Network::v6(0x2002, 0, 0, 16),
    Network::v6(0x3FFF, 0, 0, 20),
    Network::v6(0x5F00, 0, 0, 16),
    Network::v6(0xFC00, 0, 0, 7),
    Network::v6(0xFE80, 0, 0, 10),
    Network::v6(0xFEC0, 0, 0, 10),
    Network::v6(0xFF00, 0, 0, 8),
];

/// The IPv4 address that a translator or a dual-stack socket would make of it.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let o = ip.octets();
    let [a, b, c, d] = match ip.segments() {
        // IPv4-compatible (deprecated, RFC 4291 §2.5.5.1), IPv4-mapped, IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xFFFF, ..] | [0, 0, 0, 0, 0xFFFF, 0, ..] => [o[12], o[13], o[14], o[15]],
        // NAT64, well known and local prefix (RFC 6052, RFC 8215).
        [0x64, 0xFF9B, ..] => [o[12], o[13], o[14], o[15]],
        // 6to4 (RFC 3056).
        [0x2002, ..] => [o[2], o[3], o[4], o[5]],
        // Teredo: the client's address, inverted (RFC 4380 §4).
        [0x2001, 0, ..] => [!o[12], !o[13], !o[14], !o[15]],
        _ => return None,
    };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// How a datagram gets to a peer that may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Outside,
    Local(LocalPeer),
}

pub(crate) struct Policy {
    /// Addresses of this server: at them only live relays and listed peers are reached.
    own: FxHashSet<IpAddr>,
    local_peers: FxHashSet<SocketAddr>,
    denied: Vec<Network>,
    allowed: Vec<Network>,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Self {
        let own = config.relay_addresses.iter().chain(&config.own_addresses).copied();
        let own = own.chain(config.local_peers.iter().chain(&config.listeners).map(SocketAddr::ip));
        Self {
            own: own.filter(|ip| !ip.is_unspecified()).collect(),
            local_peers: config.local_peers.iter().copied().collect(),
            denied: config.denied.clone(),
            allowed: config.allowed.clone(),
        }
    }

    /// Whether a permission may be given. Permissions have no port, so our own addresses are granted and
    /// [`Self::passage`] looks at the port.
    pub(crate) fn may_permit(&self, ip: IpAddr) -> bool {
        self.own.contains(&ip) || self.is_open(ip)
    }

    /// Asked for each datagram: what was permitted may have ended.
    pub(crate) fn passage(
        &self,
        peer: SocketAddr,
        relay_at: impl FnOnce(SocketAddr) -> Option<RelayId>,
    ) -> Option<Passage> {
        if self.own.contains(&peer.ip()) {
            if let Some(relay) = relay_at(peer) {
                return Some(Passage::Local(LocalPeer::Relay(relay)));
            }
            return self.local_peers.contains(&peer).then_some(Passage::Local(LocalPeer::Listed(peer)));
        }
        (peer.port() != 0 && self.is_open(peer.ip())).then_some(Passage::Outside)
    }

    fn is_open(&self, ip: IpAddr) -> bool {
        // A mapped address is IPv4 by a back door: who means IPv4 asks for it.
        if ip.to_canonical() != ip {
            return false;
        }
        let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        let special = match ip {
            IpAddr::V4(_) => within(&SPECIAL_V4),
            IpAddr::V6(_) => within(&SPECIAL_V6),
        };
        let inner = match ip {
            IpAddr::V6(ip) => embedded(ip).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        // Both forms are judged: an allowed range of IPv6 must not be a way to a refused IPv4 address.
        let inner_is_open = inner.is_none_or(|inner| !self.own.contains(&inner) && self.is_open(inner));
        (!special || within(&self.allowed)) && !within(&self.denied) && inner_is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tests::config;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn an_allowed_range_opens_itself_and_no_embedded_way_round() {
        let mut config = config();
        assert!(!Policy::new(&config).may_permit(ip("10.1.2.3")));
        config.allowed = ["10.0.0.0/8", "::/0"].map(|text| text.parse().expect("range")).to_vec();
        config.denied = vec!["10.9.9.9".parse().expect("range")];
        let policy = Policy::new(&config);
        for open in ["10.1.2.3", "fd00::1", "2002:a01:203::1"] {
            assert!(policy.may_permit(ip(open)), "{open}");
        }
        for closed in [
            "10.9.9.9",
            "::ffff:10.1.2.3",
            "::ffff:8.8.8.8",
            "64:ff9b::10.9.9.9",
            "::10.9.9.9",
            "2002:a09:909::",
            "::ffff:127.0.0.1",
            "2001:0:1::f5f6:f6f6",
            "192.168.0.1",
        ] {
            assert!(!policy.may_permit(ip(closed)), "{closed}");
        }
    }

    #[test]
    fn an_allowed_lan_does_not_open_what_else_listens_on_this_machine() {
        let mut config = config();
        config.allowed = vec!["192.168.0.0/16".parse().expect("range")];
        config.own_addresses = vec![ip("192.168.0.5")];
        let policy = Policy::new(&config);
        let passage = |text: &str| policy.passage(text.parse().expect("address"), |_| None);
        assert_eq!(passage("192.168.0.6:5432"), Some(Passage::Outside));
        assert_eq!(passage("192.168.0.5:5432"), None);
    }

    #[test]
    fn ranges_are_read_with_care() {
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "x/8"] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
        for (range, first, last) in [
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
            ("192.0.2.9", "192.0.2.9", "192.0.2.9"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("fe80::1/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::1", "::1", "::1"),
        ] {
            let range: Network = range.parse().expect("range");
            assert_eq!((range.first(), range.last()), (ip(first), ip(last)));
        }
        assert!("0.0.0.0/0".parse::<Network>().expect("range").contains(ip("8.8.8.8")));
        assert!(!"0.0.0.0/0".parse::<Network>().expect("range").contains(ip("::1")));
    }
}
