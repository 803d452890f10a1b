//! What NAT stands between this machine and the world: what STUN servers elsewhere see of one socket (RFC 5780 §4.3).
//!
//! The names of what NATs do are those of RFC 4787. What comes in is not tried out: it does where ports are forwarded.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::{UdpSocket, lookup_host};

use super::{
    addresses::{Reach, reach},
    report::Report,
    stun::{self, Binding},
};

/// Two tell the kind of a NAT; more than a few only cost time.
const MOST_SERVERS: usize = 4;

/// Whom the answer is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// The machine of the server, which offers calls at these addresses by its operator's word, and serves them on these
    /// ports.
    Server { offered: &'a [IpAddr], ports: &'a str },
    /// Another one.
    Elsewhere,
}

/// What one server saw of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight {
    server: SocketAddr,
    seen: SocketAddr,
}

/// How the world sees this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum View {
    /// At one address; `None` when nothing translates.
    At(IpAddr, Option<Mapping>),
    /// At several, none of them this machine's.
    Scattered(BTreeSet<IpAddr>),
}

/// RFC 4787 §4.1: what decides about the port outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    /// The socket alone; `kept` when it is the number that the socket has.
    EndpointIndependent { kept: bool },
    /// Also whom it talks to.
    PerDestination,
    /// One server saw it, or several at one address that agree.
    Unknown,
}

/// Asks these servers, and says what they saw.
pub(super) async fn look(servers: &[String], place: Place<'_>, report: &mut Report) {
    let mut addresses = Vec::new();
    for name in servers.iter().take(MOST_SERVERS) {
        match address_of(name).await {
            Some(address) => addresses.push((name.as_str(), address)),
            None => silent(name, report),
        }
    }
    let Some((_, first)) = addresses.first() else { return };
    let is_v4 = first.is_ipv4();
    let Ok(socket) = bind(is_v4).await else { return };
    let mut sights: Vec<Sight> = Vec::new();
    for (name, server) in addresses.into_iter().filter(|(_, server)| server.is_ipv4() == is_v4) {
        match stun::ask(&socket, server).await {
            Ok(Binding { seen, other }) => {
                sights.push(Sight { server, seen });
                // RFC 5780 §4.3, test II: its other address, at the port that is known already.
                let other = other.map(|other| SocketAddr::new(other.ip(), server.port()));
                let other = other.filter(|other| other.is_ipv4() == is_v4 && other.ip() != server.ip());
                if let Some(server) = other
                    && let Ok(Binding { seen, .. }) = stun::ask(&socket, server).await
                {
                    sights.push(Sight { server, seen });
                }
            }
            Err(_) => silent(name, report),
        }
    }
    let interfaces = voxlink_media::interface_addresses().unwrap_or_default();
    let own_port = socket.local_addr().map_or(0, |local| local.port());
    if let Some(view) = judge(&sights, &interfaces, own_port) {
        tell(&view, place, report);
    }
}

/// NATs are an affair of IPv4: where a name has such an address, that one is asked.
async fn address_of(name: &str) -> Option<SocketAddr> {
    let found: Vec<SocketAddr> = lookup_host(name).await.ok()?.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied()
}

async fn bind(is_v4: bool) -> io::Result<UdpSocket> {
    let any: IpAddr = if is_v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).await
}

fn silent(server: &str, report: &mut Report) {
    report.weak(
        "nat",
        format!("The STUN server {server} does not answer."),
        "Name one as host:port, e.g. the TURN port of another VoxLink.",
    );
}

/// `None` when nobody saw it.
fn judge(sights: &[Sight], interfaces: &[IpAddr], own_port: u16) -> Option<View> {
    let first = sights.first()?;
    let (at, port) = (first.seen.ip(), first.seen.port());
    if sights.iter().all(|sight| interfaces.contains(&sight.seen.ip())) {
        return Some(View::At(at, None));
    }
    let seen: BTreeSet<IpAddr> = sights.iter().map(|sight| sight.seen.ip()).collect();
    if seen.len() > 1 {
        return Some(View::Scattered(seen));
    }
    let servers: BTreeSet<IpAddr> = sights.iter().map(|sight| sight.server.ip()).collect();
    let mapping = if sights.iter().any(|sight| sight.seen.port() != port) {
        Mapping::PerDestination
    } else if servers.len() > 1 {
        Mapping::EndpointIndependent { kept: port == own_port }
    } else {
        Mapping::Unknown
    };
    Some(View::At(at, Some(mapping)))
}

fn tell(view: &View, place: Place<'_>, report: &mut Report) {
    match view {
        View::At(at, mapping) => {
            let offered = match place {
                Place::Server { offered, .. } => offered_at(*at, offered, report),
                Place::Elsewhere => Offered::Unsaid,
            };
            match mapping {
                None if offered == Offered::Unsaid => report.good("nat", untranslated(*at)),
                None => {}
                Some(mapping) => {
                    if offered == Offered::Unsaid {
                        behind(*at, place, report);
                    }
                    kind(*at, *mapping, place, offered, report);
                }
            }
        }
        View::Scattered(seen) => {
            let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
            report.weak(
                "nat",
                format!("The world sees this machine at several addresses ({}): its provider shares them among customers, and nobody outside can reach it at any.", seen.join(", ")),
                "Ask the provider for an address of your own or use IPv6; or run the server elsewhere.",
            );
        }
    }
}

fn untranslated(at: IpAddr) -> String {
    match reach(at) {
        Reach::World => format!("The world sees this machine at its own address, {at}: there is no NAT."),
        Reach::CarrierNat | Reach::Private | Reach::Nobody => format!(
            "The STUN server sees this machine at its own address, {at}, as one in the same network does: name one in the internet to learn of a NAT."
        ),
    }
}

/// Whether calls are offered where the world sees this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// The operator names no address.
    Unsaid,
    There,
    Elsewhere,
}

fn offered_at(at: IpAddr, offered: &[IpAddr], report: &mut Report) -> Offered {
    if offered.contains(&at) {
        report.good("nat", format!("The world sees this machine at {at}, where calls are offered."));
        return Offered::There;
    }
    let same_family = offered.iter().filter(|address| address.is_ipv4() == at.is_ipv4());
    let others: Vec<String> = same_family.map(ToString::to_string).collect();
    if others.is_empty() {
        return Offered::Unsaid;
    }
    report.bad(
        "nat",
        format!(
            "The world sees this machine at {at}, but calls are offered at {}: they reach nobody here.",
            others.join(", ")
        ),
        format!(
            "Say --public-address {at}; when that address changes now and then, say a new one each time."
        ),
    );
    Offered::Elsewhere
}

/// There is a NAT, and nothing was said about what it leads here.
fn behind(at: IpAddr, place: Place<'_>, report: &mut Report) {
    if reach(at) != Reach::World {
        return report.weak(
            "nat",
            format!("This machine is behind a NAT, and the STUN server sees it at {at}, which is no address of the internet: there is another NAT behind the first, or that server is in a network of yours."),
            "Name a STUN server in the internet. When it sees such an address as well, ask the provider for an address of your own.",
        );
    }
    match place {
        Place::Server { ports, .. } => report.weak(
            "nat",
            format!("This machine is behind a NAT: the world sees it at {at}, and what it sends there does not come here by itself."),
            format!("Forward UDP and TCP {ports} in the router to this machine, and name the address with --public-address {at}."),
        ),
        Place::Elsewhere => report.good(
            "nat",
            format!("This machine is behind a NAT: the world sees it at {at}. A server here needs --public-address {at} and its ports forwarded."),
        ),
    }
}

fn kind(at: IpAddr, mapping: Mapping, place: Place<'_>, offered: Offered, report: &mut Report) {
    match (mapping, place, offered) {
        (Mapping::EndpointIndependent { kept }, ..) => {
            let number = if kept { "the number that it has here" } else { "another number than it has here" };
            let good_for = match place {
                Place::Server { .. } => "where the ports are forwarded, it is in no call's way",
                Place::Elsewhere => "calls of two from here may be direct",
            };
            report.good(
                "nat",
                format!("The NAT gives a socket one port for everybody (endpoint-independent mapping), with {number}: {good_for}."),
            );
        }
        (Mapping::PerDestination, Place::Server { .. }, Offered::There) => report.good(
            "nat",
            "The NAT gives a socket another port for each peer (\"symmetric\"): calls come in by the ports that the router forwards, and by no others.",
        ),
        (Mapping::PerDestination, Place::Server { ports, .. }, Offered::Unsaid | Offered::Elsewhere) => report.weak(
            "nat",
            "The NAT gives a socket another port for each peer (\"symmetric\"): media from outside does not come in.",
            format!("Forward UDP and TCP {ports} in the router to this machine and name --public-address {at}; or let the router do endpoint-independent (\"full cone\") NAT."),
        ),
        (Mapping::PerDestination, Place::Elsewhere, _) => report.weak(
            "nat",
            "The NAT gives a socket another port for each peer (\"symmetric\"): calls of two from here go through the server.",
            "If they should not, let the router do endpoint-independent (\"full cone\") NAT.",
        ),
        (Mapping::Unknown, ..) => report.good(
            "nat",
            "What kind of NAT it is was not told: that takes a second STUN server, at another address (--stun once more).",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::report::State;

    const HERE: [&str; 3] = ["127.0.0.1", "192.168.1.5", "7.7.7.7"];
    const OWN_PORT: u16 = 40_000;

    /// What is said when these servers see the socket like this.
    fn said(sights: &[(&str, &str)], place: Place<'_>) -> (State, String) {
        let sights: Vec<Sight> = sights
            .iter()
            .map(|(server, seen)| Sight { server: server.parse().unwrap(), seen: seen.parse().unwrap() })
            .collect();
        let interfaces = HERE.map(|address| address.parse().unwrap());
        let mut report = Report::default();
        tell(&judge(&sights, &interfaces, OWN_PORT).unwrap(), place, &mut report);
        (report.state(), report.text())
    }

    fn server(offered: &[IpAddr]) -> Place<'_> {
        Place::Server { offered, ports: "7882-7883" }
    }

    #[test]
    fn one_port_for_everybody_is_told_by_two_servers_at_two_addresses() {
        let (state, words) =
            said(&[("1.1.1.1:3478", "5.5.5.5:40000"), ("2.2.2.2:3478", "5.5.5.5:40000")], server(&[]));
        assert_eq!(state, State::Weak, "the ports are not forwarded, as far as is known");
        assert!(words.contains("Forward UDP and TCP 7882-7883 in the router to this machine, and name the address with --public-address 5.5.5.5."), "{words}");
        assert!(
            words.contains(
                "one port for everybody (endpoint-independent mapping), with the number that it has here"
            ),
            "{words}"
        );
        let (_, words) =
            said(&[("1.1.1.1:3478", "5.5.5.5:61000"), ("2.2.2.2:3478", "5.5.5.5:61000")], server(&[]));
        assert!(words.contains("with another number than it has here"), "{words}");
        let (state, words) =
            said(&[("1.1.1.1:3478", "5.5.5.5:40000"), ("2.2.2.2:3478", "5.5.5.5:40000")], Place::Elsewhere);
        assert!(state == State::Good && words.contains("calls of two from here may be direct"), "{words}");
        let (_, words) =
            said(&[("1.1.1.1:3478", "5.5.5.5:61000"), ("1.1.1.1:7882", "5.5.5.5:61000")], server(&[]));
        assert!(words.contains("takes a second STUN server, at another address"), "{words}");
    }

    #[test]
    fn another_port_for_each_is_symmetric_and_harms_only_where_nothing_is_forwarded() {
        let sights = [("1.1.1.1:3478", "5.5.5.5:40000"), ("1.1.1.1:7882", "5.5.5.5:61000")];
        let (state, words) = said(&sights, server(&[]));
        assert_eq!(state, State::Weak);
        assert!(words.contains("(\"symmetric\"): media from outside does not come in."), "{words}");
        assert!(words.contains("Forward UDP and TCP 7882-7883"), "{words}");
        let offered = ["5.5.5.5".parse().unwrap()];
        let (state, words) = said(&sights, server(&offered));
        assert_eq!(state, State::Good, "{words}");
        assert!(words.contains("at 5.5.5.5, where calls are offered"), "{words}");
        assert!(words.contains("by the ports that the router forwards, and by no others"), "{words}");
        let (state, words) = said(&sights, Place::Elsewhere);
        assert_eq!(state, State::Weak);
        assert!(words.contains("calls of two from here go through the server"), "{words}");
    }

    #[test]
    fn who_is_seen_at_an_own_address_has_no_nat() {
        let (state, words) = said(&[("1.1.1.1:3478", "7.7.7.7:40000")], server(&[]));
        assert_eq!(state, State::Good);
        assert!(words.contains("its own address, 7.7.7.7: there is no NAT."), "{words}");
        let (_, words) = said(&[("192.168.1.9:3478", "192.168.1.5:40000")], server(&[]));
        assert!(words.contains("as one in the same network does: name one in the internet"), "{words}");
    }

    #[test]
    fn a_provider_that_shares_addresses_is_named() {
        let (state, words) =
            said(&[("1.1.1.1:3478", "5.5.5.5:40000"), ("2.2.2.2:3478", "5.5.5.6:40000")], server(&[]));
        assert_eq!(state, State::Weak);
        assert!(words.contains("(5.5.5.5, 5.5.5.6)") && words.contains("Ask the provider"), "{words}");
        let (_, words) = said(&[("10.0.0.1:3478", "100.64.3.3:40000")], server(&[]));
        assert!(words.contains("100.64.3.3, which is no address of the internet"), "{words}");
    }

    #[test]
    fn calls_that_are_offered_elsewhere_are_bad_whatever_nat_it_is() {
        let offered = ["6.6.6.6".parse().unwrap()];
        let (state, words) = said(&[("1.1.1.1:3478", "5.5.5.5:40000")], server(&offered));
        assert_eq!(state, State::Bad);
        assert!(
            words.contains("but calls are offered at 6.6.6.6") && words.contains("--public-address 5.5.5.5"),
            "{words}"
        );
    }
}
