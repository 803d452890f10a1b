//! This machine: room for data, sockets and packets, and its clock.

use std::{net::IpAddr, path::Path};

use super::{
    addresses::{Reach, reach},
    report::Report,
    system::{clock_is_kept, free_bytes},
};
use crate::descriptors;

const GIB: u64 = 1 << 30;
/// Below this the next busy evening may fill it.
const LITTLE_ROOM: u64 = 2 * GIB;
const NO_ROOM: u64 = GIB / 4;
/// A socket for each client, and each file that is open.
const FEW_FILES: u64 = 4_096;
/// What media asks for; a burst of a hundred video streams for some 50 ms.
const UDP_BUFFER: u64 = 8 << 20;

/// Looks at all of it.
pub(super) fn look(data: &Path, report: &mut Report) {
    room(data, report);
    files(report);
    buffers(report);
    clock(report);
}

fn room(data: &Path, report: &mut Report) {
    let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let nearest = data.ancestors().find_map(|place| Some((place, free_bytes(place)?)));
    let Some((place, free)) = nearest else { return };
    let (place, shown) = (place.display(), format!("{:.1} GiB", free as f64 / GIB as f64));
    let change = "Make room, or move the data folder to a larger disk (--data-dir).";
    if free < NO_ROOM {
        report.bad("disk", format!("Only {shown} are free at {place}: writing is about to fail."), change);
    } else if free < LITTLE_ROOM {
        report.weak("disk", format!("Only {shown} are free at {place}."), change);
    } else {
        report.good("disk", format!("{shown} are free at {place}."));
    }
}

fn files(report: &mut Report) {
    // As `serve` does at its start.
    let limit = descriptors::raise_limit();
    if limit < FEW_FILES {
        report.weak(
            "open-files",
            format!("This user may have {limit} files open: that many people at once, and no more."),
            "Raise the limit (systemd: LimitNOFILE=65536; Docker: --ulimit nofile=65536).",
        );
    } else {
        report.good("open-files", format!("Up to {limit} files may be open at once."));
    }
}

fn buffers(report: &mut Report) {
    for name in ["rmem_max", "wmem_max"] {
        let text = std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).unwrap_or_default();
        // Not told in some containers: then it is the host's affair.
        let Ok(most) = text.trim().parse::<u64>() else { continue };
        if most < UDP_BUFFER {
            report.weak(
                "udp-buffers",
                format!("The system buffers at most {} KiB of a UDP socket ({name}): large calls lose packets in bursts.", most / 1024),
                format!("sysctl -w net.core.{name}={UDP_BUFFER}, and in /etc/sysctl.d to keep it."),
            );
        } else {
            report.good("udp-buffers", format!("UDP sockets may buffer enough ({name})."));
        }
    }
}

fn clock(report: &mut Report) {
    match clock_is_kept() {
        None => {}
        Some(true) => report.good("clock", "The clock is kept by NTP."),
        Some(false) => report.weak(
            "clock",
            "Nothing keeps this machine's clock: codes of two-factor sign-in and certificates need the right time.",
            "Run an NTP client (systemd-timesyncd, chrony).",
        ),
    }
}

/// What the server shows itself at, and who can reach that.
pub(super) fn addresses(public: &[IpAddr], interfaces: &[IpAddr], media_ports: &str, report: &mut Report) {
    let best = |addresses: &[IpAddr]| {
        let reaches: Vec<Reach> = addresses.iter().map(|address| reach(*address)).collect();
        [Reach::World, Reach::CarrierNat, Reach::Private].into_iter().find(|wanted| reaches.contains(wanted))
    };
    let shown = |addresses: &[IpAddr]| {
        let worth = addresses.iter().filter(|address| reach(**address) != Reach::Nobody);
        worth.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    if !public.is_empty() {
        let foreign: Vec<IpAddr> =
            public.iter().filter(|address| !interfaces.contains(address)).copied().collect();
        match best(public) {
            Some(Reach::World) if foreign.is_empty() => {
                report.good("address", format!("Calls are offered at {}, an address of this machine.", shown(public)));
            }
            Some(Reach::World) => report.good(
                "address",
                format!(
                    "Calls are offered at {}. A router must forward UDP and TCP {media_ports} from there to this machine.",
                    shown(&foreign)
                ),
            ),
            Some(Reach::CarrierNat) => report.weak(
                "address",
                format!("Calls are offered at {} only, which is inside the NAT of a provider: people elsewhere cannot reach that.", shown(public)),
                "Ask the provider for an address of your own or use IPv6; or run the server elsewhere.",
            ),
            Some(Reach::Private | Reach::Nobody) | None => report.weak(
                "address",
                format!("Calls are offered at {} only: people elsewhere cannot reach that.", shown(public)),
                "Let --public-address name the address that the world sees.",
            ),
        }
        return;
    }
    match best(interfaces) {
        Some(Reach::World) => {
            report.good("address", format!("Calls are offered at {}.", shown(interfaces)));
        }
        Some(Reach::CarrierNat) => report.weak(
            "address",
            format!("This machine is behind its provider's NAT ({}): nobody outside can reach it by IPv4.", shown(interfaces)),
            "Ask the provider for an address of your own or use IPv6; or run the server elsewhere.",
        ),
        Some(Reach::Private) => report.weak(
            "address",
            format!("This machine has only addresses of its own network ({}): people elsewhere cannot reach them.", shown(interfaces)),
            format!("If they should, forward UDP and TCP {media_ports} in the router to this machine and name the router's public address with --public-address. Two STUN servers elsewhere tell what NAT the router is (--stun HOST:PORT, twice)."),
        ),
        Some(Reach::Nobody) | None => report.weak(
            "address",
            "This machine has no network: only programs on it reach the server.",
            "Connect it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::report::State;

    fn said(public: &[&str], interfaces: &[&str]) -> (State, String) {
        let parse = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mut report = Report::default();
        addresses(&parse(public), &parse(interfaces), "7882", &mut report);
        let found = report.findings.pop().unwrap();
        (found.state, found.found + &found.change.unwrap_or_default())
    }

    #[test]
    fn what_calls_are_offered_at_is_judged_by_who_can_reach_it() {
        assert_eq!(said(&[], &["127.0.0.1", "8.8.8.8"]).0, State::Good);
        let (state, words) = said(&[], &["127.0.0.1", "192.168.1.5", "fe80::1"]);
        assert_eq!(state, State::Weak);
        assert!(
            words.contains("192.168.1.5") && words.contains("--public-address") && !words.contains("fe80")
        );
        assert!(said(&[], &["100.70.0.1", "192.168.1.5"]).1.contains("provider"));
        assert!(said(&["8.8.8.8"], &["192.168.1.5"]).1.contains("forward UDP and TCP 7882"));
        assert!(!said(&["8.8.8.8"], &["8.8.8.8"]).1.contains("forward"));
        assert_eq!(said(&["10.0.0.1"], &["10.0.0.1"]).0, State::Weak);
        assert!(said(&["100.64.0.1"], &["100.64.0.1"]).1.contains("inside the NAT of a provider"));
    }
}
