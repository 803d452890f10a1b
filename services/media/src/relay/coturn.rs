//! The settings of an external coturn that relays as ours does and refuses whom ours refuses.

use std::fmt::Write as _;

use voxlink_turn::Network;

use super::{SPECIAL_PURPOSE, TurnConfig};

/// coturn counts up to where an `int` ends.
const MOST: u64 = 1 << 30;

/// What stands in `turnserver.conf`; coturn 4.17 or newer.
#[must_use]
pub fn coturn_config(turn: &TurnConfig, public_addresses: &[std::net::IpAddr]) -> String {
    let limits = &turn.limits;
    let mut text = format!(
        "# For coturn 4.17 or newer (older ones have known holes). Made by: voxlink admin turn-config\n\
         # It holds the secret: chmod 640, chgrp turnserver.\n\
         listening-port={}\nrealm={}\nfingerprint\nuse-auth-secret\n",
        turn.listen.port(),
        turn.realm
    );
    for secret in turn.secrets.iter().take(2) {
        line(&mut text, "static-auth-secret", secret.expose());
    }
    for (name, number) in [
        ("stale-nonce", 600),
        ("user-quota", limits.per_user as u64),
        ("total-quota", limits.total as u64),
        ("max-bps", limits.allocation_rate),
        ("bps-capacity", limits.total_rate),
        ("min-port", (*turn.ports.start()).into()),
        ("max-port", (*turn.ports.end()).into()),
    ] {
        line(&mut text, name, &number.min(MOST).to_string());
    }
    for address in public_addresses {
        line(&mut text, "external-ip", &address.to_string());
    }
    text.push_str(
        "no-tcp-relay\nno-multicast-peers\nno-cli\nno-software-attribute\nno-rfc5780\n\
         no-stun-backward-compatibility\nresponse-origin-only-with-rfc5780\n",
    );
    text.push_str(
        "# Without a certificate there is no turns: — remove these two once cert and pkey are named.\n",
    );
    text.push_str("no-tls\nno-dtls\n");
    text.push_str("# What nobody may reach through it.\n");
    for range in SPECIAL_PURPOSE.iter().chain(&turn.denied) {
        line(&mut text, "denied-peer-ip", &written(range));
    }
    // coturn lets an allowed address go before a denied one, ours does not: what is denied always is not allowed here.
    let is_denied = |range: &&Network| turn.denied.iter().any(|denied| range.contains(denied.first()));
    for range in turn.allowed.iter().filter(|range| !is_denied(range)) {
        line(&mut text, "allowed-peer-ip", &written(range));
    }
    text.push_str("# The server itself, for calls through its own addresses.\n");
    for address in public_addresses {
        line(&mut text, "allowed-peer-ip", &address.to_string());
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _written = writeln!(text, "{name}={value}");
}

fn written(range: &Network) -> String {
    format!("{}-{}", range.first(), range.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_ours_goes_by() {
        let mut turn = TurnConfig::new(([0, 0, 0, 0], 3478).into());
        turn.secrets = ["current", "before"].map(voxlink_turn::Secret::new).to_vec();
        let parse = |text: &str| text.parse::<Network>().expect("a range");
        turn.denied = vec![parse("10.0.0.5")];
        turn.allowed = vec![parse("10.0.0.0/24"), parse("192.168.4.0/24")];
        let text = coturn_config(&turn, &[[203, 0, 113, 5].into()]);
        for wanted in [
            "static-auth-secret=current\nstatic-auth-secret=before",
            "listening-port=3478",
            "realm=voxlink",
            "user-quota=12",
            "min-port=61000\nmax-port=64999",
            "external-ip=203.0.113.5",
            "denied-peer-ip=169.254.0.0-169.254.255.255",
            "denied-peer-ip=64:ff9b::-64:ff9b::ffff:ffff",
            "denied-peer-ip=10.0.0.5-10.0.0.5",
            "allowed-peer-ip=192.168.4.0-192.168.4.255",
            "allowed-peer-ip=203.0.113.5",
        ] {
            assert!(
                text.lines().collect::<Vec<_>>().join("\n").contains(wanted),
                "{wanted} is not in\n{text}"
            );
        }
        assert!(
            !text.contains("allowed-peer-ip=10.0.0.0"),
            "what is denied always would be allowed:\n{text}"
        );
        assert_eq!(text.matches("denied-peer-ip").count(), 15 + 13 + 1);
    }
}
