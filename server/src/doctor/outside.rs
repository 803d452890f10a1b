//! The server as somebody elsewhere meets it: no account is needed for any of this.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use voxlink_service_kit::http::name_covers;

use super::{
    addresses::{Reach, reach},
    report::Report,
    site::{Shown, Site},
    stun,
};
use crate::tls::describe;

const DAY: Duration = Duration::from_hours(24);
/// Renewal comes weeks before the end; this close to it something has failed.
const FEW_DAYS: u64 = 10;
/// Codes of two-factor sign-in change every half minute.
const MOST_SKEW: Duration = Duration::from_secs(30);

/// `GET /api/v1/reachability`.
#[derive(Debug, Deserialize)]
pub(super) struct Reachability {
    you: You,
    /// Milliseconds since 1970.
    time: u64,
    pub(super) media_ports: Vec<u16>,
    /// None where another program has them, and on older servers.
    #[serde(default)]
    pub(super) media_tcp_ports: Vec<u16>,
    pub(super) public_addresses: Vec<IpAddr>,
    pub(super) turn_port: Option<u16>,
    pub(super) turn_over_tls: bool,
}

/// How the server sees who asks.
#[derive(Debug, Deserialize)]
struct You {
    address: IpAddr,
    secure: bool,
    host: String,
}

/// Whether what is found out is what others would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Elsewhere,
    /// The machine of the server: its loopback says that it runs, not that anybody gets there.
    Here,
}

/// Everything that can be found out about it from here.
pub(super) async fn look(site: &Site, from: From, report: &mut Report) {
    if site.encrypted && !certificate(site, report).await {
        return;
    }
    let Some(reachability) = http(site, report).await else { return };
    web_sockets(site, report).await;
    let (seen, relayed) = turn(site, &reachability, report).await;
    media(site, &reachability, (from, relayed), report).await;
    if let (Some(seen), Reach::World) = (seen, reach(reachability.you.address))
        && seen.ip().is_ipv4() == reachability.you.address.is_ipv4()
        && seen.ip() != reachability.you.address
    {
        report.weak(
            "proxy",
            format!(
                "The server believes that we come from {}, but it is {}: its limits count the wrong address.",
                reachability.you.address,
                seen.ip()
            ),
            "Let the proxy in front of it run on the same machine and set X-Forwarded-For.",
        );
    }
}

/// False when there is no TLS at all.
async fn certificate(site: &Site, report: &mut Report) -> bool {
    let shown = match site.connect_encrypted(site.port, b"http/1.1").await {
        Ok((_, shown)) => shown,
        Err(error) => {
            let what = unreachable(&error, site.port, "TCP");
            report.bad(
                "https",
                format!("There is no HTTPS at {}: {what}.", site.url()),
                "Serve HTTPS there: --tls-listen with --tls acme, or a proxy with a certificate; and open the port.",
            );
            return false;
        }
    };
    say_certificate(&site.host, &shown, SystemTime::now(), report);
    true
}

/// Says what a browser would say of it.
fn say_certificate(host: &str, shown: &Shown, now: SystemTime, report: &mut Report) {
    let bad = |report: &mut Report, found: String, change: &str| report.bad("certificate", found, change);
    let another = "Get another one: --tls acme does it by itself.";
    let Some((names, [not_before, not_after])) = describe(&shown.der) else {
        return bad(report, "The certificate cannot be read.".to_owned(), another);
    };
    let left = not_after.duration_since(now).unwrap_or_default().as_secs() / DAY.as_secs();
    let renew = "Renew it: with --tls acme the server does that by itself, with --tls files it takes a new file at once.";
    // What is wrong with it itself before who signed it: one that nobody knows may also be for another name.
    if now > not_after {
        bad(report, "The certificate has expired: browsers refuse it.".to_owned(), renew);
    } else if now < not_before {
        let found = "The certificate is not valid yet: browsers refuse it.".to_owned();
        bad(report, found, "Set the clock of the machine that made it, or of this one.");
    } else if !names.iter().any(|name| name_covers(name, host.trim_matches(['[', ']']))) {
        let found = format!("The certificate is for {}, not for {host}: browsers refuse it.", list(&names));
        let change = format!("Get one for {host} (--tls-name {host}), or use the name that it is for.");
        bad(report, found, &change);
    } else if shown.is_from_a_stranger() {
        report.weak(
            "certificate",
            "Browsers do not know who signed the certificate: they warn each person first, apps refuse, and calls cannot use TURN over TLS.",
            "Get one from an authority (--tls acme), or let the file of --tls-cert hold the whole chain.",
        );
    } else if let Some(wrong) = &shown.wrong {
        bad(report, format!("Browsers refuse the certificate: {wrong}."), another);
    } else if left < FEW_DAYS {
        report.weak("certificate", format!("The certificate ends in {left} days."), renew);
    } else {
        report.good("certificate", format!("The certificate is good for {host}, for {left} more days."));
    }
}

/// Whether it is a VoxLink, and what a proxy before it does.
async fn http(site: &Site, report: &mut Report) -> Option<Reachability> {
    let answer = match site.get("/api/v1/reachability").await {
        Ok(answer) => answer,
        Err(error) => {
            let what = unreachable(&error, site.port, "TCP");
            report.bad(
                "http",
                format!("Nothing answers at {}: {what}.", site.url()),
                "Start the server, let it listen on an address that others reach (--listen), and open the port.",
            );
            return None;
        }
    };
    let known = answer.status.is_success().then(|| serde_json::from_slice::<Reachability>(&answer.body).ok());
    let Some(reachability) = known.flatten() else {
        let server = answer.headers.get("server").and_then(|value| value.to_str().ok());
        let who = server.map(|name| format!(" ({name})")).unwrap_or_default();
        report.bad(
            "http",
            format!("What answers at {}{who} is no VoxLink, or an older one: {}.", site.url(), answer.status),
            "Check the address, and what the proxy before the server passes on: it must pass every path.",
        );
        return None;
    };
    report.good("http", format!("VoxLink answers at {}.", site.url()));
    if site.encrypted && !reachability.you.secure {
        report.bad(
            "proxy",
            "The proxy does not tell the server that people come by HTTPS: it gives out addresses with ws://, which browsers refuse.",
            "Let the proxy set X-Forwarded-Proto: https.",
        );
    }
    if reachability.you.host != site.authority() {
        report.bad(
            "proxy",
            format!("The proxy calls the server {:?} instead of {:?}: WebSockets are refused and addresses are wrong.", reachability.you.host, site.authority()),
            "Let the proxy pass the Host header on as it came (nginx: proxy_set_header Host $http_host).",
        );
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let theirs = Duration::from_millis(reachability.time);
    let skew = theirs.abs_diff(now);
    if skew > MOST_SKEW {
        report.weak(
            "clock",
            format!("The clocks of the server and of this machine are {} seconds apart: codes of two-factor sign-in fail on the wrong one.", skew.as_secs()),
            "Let both keep their time by NTP.",
        );
    }
    Some(reachability)
}

/// The gateway and the voice gateway.
async fn web_sockets(site: &Site, report: &mut Report) {
    for (path, name, talks) in
        [("/gateway?v=10&encoding=json", "messages", true), ("/voice?v=8", "calls", true)]
    {
        let change = "Let the proxy pass WebSockets on (nginx: proxy_http_version 1.1 and the Upgrade and Connection headers).";
        match site.web_socket(path, talks).await {
            Ok(Ok(())) => report.good("websocket", format!("The WebSocket of {name} opens.")),
            Ok(Err(status)) => report.bad(
                "websocket",
                format!("The WebSocket of {name} does not open: the answer is {status}."),
                change,
            ),
            Err(error) => report.bad(
                "websocket",
                format!("The WebSocket of {name} opens and says nothing: {error}."),
                change,
            ),
        }
    }
}

/// Where media is sent to: the addresses that the operator named, else the name's own.
async fn targets(site: &Site, named: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    match named.is_empty() {
        true => site.addresses(port).await.unwrap_or_default(),
        false => named.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
    }
}

/// The media ports; `relayed` when TURN makes up for them.
async fn media(site: &Site, reachability: &Reachability, (from, relayed): (From, bool), report: &mut Report) {
    let named = match from {
        From::Elsewhere => &reachability.public_addresses[..],
        From::Here => &[],
    };
    let [mut open, mut closed] = [Vec::new(), Vec::new()];
    for port in &reachability.media_ports {
        let mut answered = false;
        for to in targets(site, named, *port).await {
            answered = answered || stun::over_udp(to).await.is_ok();
        }
        if answered { &mut open } else { &mut closed }.push(*port);
    }
    let [mut open_tcp, mut closed_tcp] = [Vec::new(), Vec::new()];
    for port in &reachability.media_tcp_ports {
        let mut answered = false;
        for to in targets(site, named, *port).await {
            answered = answered || stun::over_framed_tcp(to).await.is_ok();
        }
        if answered { &mut open_tcp } else { &mut closed_tcp }.push(*port);
    }
    let ports = list(&closed);
    let change =
        format!("Open UDP {ports} in the firewall, forward it in the router, publish it from the container.");
    let by_tcp = closed_tcp.is_empty() && !open_tcp.is_empty();
    match (closed.is_empty(), by_tcp, relayed) {
        (true, ..) => match from {
            From::Elsewhere => {
                report.good("media", format!("Calls get through: UDP {} answers.", list(&open)));
            }
            From::Here => report.good("media", format!("Calls are served here on UDP {}.", list(&open))),
        },
        (false, true, _) => report.weak(
            "media",
            format!(
                "Nothing comes back from UDP {ports}: calls go over TCP, where each loss holds up the sound."
            ),
            change,
        ),
        (false, false, true) => report.weak(
            "media",
            format!(
                "Nothing comes back from UDP {ports}: calls go through TURN, which costs the server more."
            ),
            change,
        ),
        (false, false, false) => {
            report.bad(
                "media",
                format!("Nothing comes back from UDP {ports}: calls do not come up."),
                change,
            );
        }
    }
    if by_tcp {
        report.good("media-tcp", format!("Calls get through over TCP as well: {} answers.", list(&open_tcp)));
    } else if closed_tcp.is_empty() {
        report.weak(
            "media-tcp",
            "The server takes no calls over TCP: another program has the media ports there.",
            "See the server's log, or choose other ports with --media-listen.",
        );
    } else {
        let without = match relayed {
            true => "people in networks that block UDP have calls through TURN only",
            false => "people in networks that block UDP have no calls",
        };
        let ports = list(&closed_tcp);
        report.weak(
            "media-tcp",
            format!("Nothing comes back from TCP {ports}: {without}."),
            format!(
                "Open TCP {ports} in the firewall, forward it in the router, publish it from the container."
            ),
        );
    }
}

/// TURN on each transport; our own address as it is seen there, and whether any of them works.
async fn turn(site: &Site, reachability: &Reachability, report: &mut Report) -> (Option<SocketAddr>, bool) {
    let (mut seen, mut works) = (None, false);
    let Some(port) = reachability.turn_port else {
        report.weak(
            "turn",
            "The server has no TURN: people in networks that block UDP have no calls.",
            "Take --turn-mode off away, or see in the server's log why port 3478 could not be served.",
        );
        return (None, false);
    };
    let mut udp = Err(io::Error::from(io::ErrorKind::TimedOut));
    for to in targets(site, &[], port).await {
        if udp.is_err() {
            udp = stun::over_udp(to).await;
        }
    }
    let tcp = async {
        let mut stream = site.connect(port).await?;
        stun::over_stream(&mut stream).await
    };
    for (transport, answer) in [("UDP", udp), ("TCP", tcp.await)] {
        match answer {
            Ok(mapped) => {
                (seen, works) = (Some(mapped), true);
                report.good("turn", format!("TURN answers on {transport} {port}."));
            }
            Err(error) => report.weak(
                "turn",
                format!("TURN does not answer on {transport} {port}: {}.", unreachable(&error, port, transport)),
                format!("Open {transport} {port} in the firewall, forward it in the router, publish it from the container."),
            ),
        }
    }
    if site.encrypted && reachability.turn_over_tls {
        let encrypted = async {
            let (mut stream, _) = site.connect_encrypted(site.port, b"stun.turn").await?;
            stun::over_stream(&mut stream).await
        };
        match encrypted.await {
            Ok(mapped) => {
                (seen, works) = (Some(mapped), true);
                report.good("turn", format!("TURN over TLS answers on the port of HTTPS, {}.", site.port));
            }
            Err(error) => report.weak(
                "turn",
                format!("TURN over TLS does not answer on port {}: {error}.", site.port),
                "What decrypts before the server passes HTTP only: let --tls-listen have a port of its own (TCP 5349 or 443 of another address).",
            ),
        }
    } else if !reachability.turn_over_tls {
        report.weak(
            "turn",
            "There is no TURN over TLS: people in networks that let only HTTPS through have no calls.",
            "Serve HTTPS by the server itself: --tls-listen 0.0.0.0:443 --tls acme --tls-name YOUR.NAME.",
        );
    }
    (seen, works)
}

fn unreachable(error: &io::Error, port: u16, transport: &str) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            format!("nothing comes back from {transport} port {port} (a firewall, or no way there)")
        }
        io::ErrorKind::ConnectionRefused => format!("nobody listens on {transport} port {port}"),
        _ => error.to_string(),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
}
