//! Which addresses clients are told to send media to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use voxlink_sfu::Candidates;

/// More candidates only cost clients time and us checks.
const MOST_CANDIDATES: usize = 8;

/// What decides about them.
#[derive(Clone, Debug)]
pub(crate) struct Reachable<'a> {
    /// The operator's list; overrides everything when not empty.
    pub(crate) public: &'a [IpAddr],
    /// The interfaces' addresses.
    pub(crate) interfaces: &'a [IpAddr],
    /// The server is reached through loopback only: its address is the best one then.
    pub(crate) loopback_first: bool,
}

/// Of those by TCP: a browser opens a connection to each before it knows whether it needs one.
const MOST_TCP_CANDIDATES: usize = 4;

/// Host candidates for a socket bound to `bound`, best first; by TCP too when that is listened on.
pub(crate) fn candidates(bound: SocketAddr, reachable: &Reachable<'_>, has_tcp: bool) -> Candidates {
    let udp = addresses(bound, reachable);
    let tcp = udp.iter().copied().filter(|_| has_tcp).take(MOST_TCP_CANDIDATES).collect();
    Candidates { udp, tcp }
}

fn addresses(bound: SocketAddr, reachable: &Reachable<'_>) -> Vec<SocketAddr> {
    let addresses: Vec<IpAddr> = if !reachable.public.is_empty() {
        reachable.public.to_vec()
    } else if bound.ip().is_unspecified() {
        usable(bound, reachable)
    } else {
        vec![bound.ip()]
    };
    let mut found = Vec::new();
    for ip in addresses {
        let candidate = SocketAddr::new(ip, bound.port());
        if !found.contains(&candidate) && found.len() < MOST_CANDIDATES {
            found.push(candidate);
        }
    }
    found
}

fn usable(bound: SocketAddr, reachable: &Reachable<'_>) -> Vec<IpAddr> {
    let fits = |ip: &&IpAddr| !is_link_local(**ip) && (ip.is_ipv4() || bound.is_ipv6());
    let (loopback, others): (Vec<IpAddr>, Vec<IpAddr>) =
        reachable.interfaces.iter().filter(fits).partition(|ip| ip.is_loopback());
    if reachable.loopback_first { [loopback, others].concat() } else { [others, loopback].concat() }
}

/// Such an address means nothing without the interface.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => Ipv6Addr::is_unicast_link_local(&v6),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(bound: &str, public: &[&str], loopback_first: bool) -> Vec<String> {
        let parse = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let interfaces = parse(&["127.0.0.1", "192.0.2.7", "169.254.1.1", "::1", "fe80::1", "2001:db8::7"]);
        let reachable = Reachable { public: &parse(public), interfaces: &interfaces, loopback_first };
        let found = candidates(bound.parse().unwrap(), &reachable, true);
        assert!(found.udp.starts_with(&found.tcp));
        assert_eq!(candidates(bound.parse().unwrap(), &reachable, false).tcp, []);
        found.udp.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_operators_list_wins() {
        assert_eq!(list("0.0.0.0:7882", &["198.51.100.1"], true), ["198.51.100.1:7882"]);
    }

    #[test]
    fn loopback_comes_last_unless_the_server_is_only_there() {
        assert_eq!(list("0.0.0.0:1", &[], false), ["192.0.2.7:1", "127.0.0.1:1"]);
        assert_eq!(list("0.0.0.0:1", &[], true), ["127.0.0.1:1", "192.0.2.7:1"]);
        assert_eq!(list("[::]:1", &[], false), ["192.0.2.7:1", "[2001:db8::7]:1", "127.0.0.1:1", "[::1]:1"]);
    }

    #[test]
    fn a_socket_bound_to_one_address_has_that_one() {
        assert_eq!(list("127.0.0.1:5", &[], false), ["127.0.0.1:5"]);
    }
}
