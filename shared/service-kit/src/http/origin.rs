//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

/// Whoever holds an address also holds its neighbours: IPv6 counts by /64, IPv4 by the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

/// Stands in the extensions of requests that came to this very process by TLS. What a proxy decrypted has
/// `X-Forwarded-Proto`, which says less: the proxy's name and port are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverTls;

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

impl Origin {
    /// For requests that came over no socket.
    pub const NOWHERE: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// The whole /48 of an IPv6 address: as much as one customer is given. An IPv4 address is its own.
    #[must_use]
    pub const fn site(self) -> Self {
        match self.0 {
            IpAddr::V4(_) => self,
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80)))),
        }
    }

    /// The peer's address; behind a proxy on this machine, the one that the proxy saw. Only the last entry of
    /// `X-Forwarded-For` is the proxy's own word.
    #[must_use]
    pub fn of(peer: Option<SocketAddr>, headers: &HeaderMap) -> Self {
        address_of(peer, headers).map_or(Self::NOWHERE, Self::from)
    }
}

/// The whole address that [`Origin::of`] goes by; `None` for requests that came over no socket.
#[must_use]
pub fn address_of(peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let address = peer?.ip().to_canonical();
    let seen_by_proxy = if address.is_loopback() { forwarded() } else { None };
    Some(seen_by_proxy.unwrap_or(address))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_neighbour_counts_as_the_same_and_an_ipv4_one_does_not() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:2"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 192.0.2.7".parse().unwrap());
        let seen = |peer: &str| Origin::of(Some(peer.parse().unwrap()), &headers);
        let address = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(seen("127.0.0.1:4000"), address("192.0.2.7"));
        assert_eq!(seen("198.51.100.1:4000"), address("198.51.100.1"));
        assert_eq!(Origin::of(Some("[::1]:1".parse().unwrap()), &HeaderMap::new()), address("::1"));
    }
}
