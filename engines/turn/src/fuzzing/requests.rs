//! One client that has credentials and means no good, and peers that send anything.

use std::{net::IpAddr, time::Duration};

use super::world::{OWN_V4, OWN_V6, SFU, UNIX, World, address, client, config};
use crate::{
    Secret, credentials,
    stun::{
        Class, Message, Method, Writer, attributes as a,
        integrity::{Algorithm, long_term_key},
    },
};

const METHODS: [Method; 6] = [
    Method::Binding,
    Method::Allocate,
    Method::Refresh,
    Method::CreatePermission,
    Method::ChannelBind,
    Method::Send,
];
/// Before the credential ends.
const LONGEST: Duration = Duration::from_secs(3_000);

/// Operations, each behind a byte with its length: what it is, and its bytes. Whatever an authenticated client asks for,
/// answers are STUN, there is one allocation of one 5-tuple, and nothing leaves for an address that nobody may reach.
pub fn server(operations: &[u8]) -> bool {
    let mut world = World::new({
        let mut config = config();
        config.limits.replies = u32::MAX;
        config
    });
    let (mut nonce, mut successes) = (Vec::new(), 0);
    let credential = credentials::issue(&Secret::new("secret"), "alice", UNIX + LONGEST.as_secs() + 600);
    let key = long_term_key(&credential.username, "voxlink", &credential.password);
    for operation in pieces(operations) {
        let Some((&kind, bytes)) = operation.split_first() else { continue };
        match usize::from(kind % 9) {
            method @ 0..6 => {
                let method = METHODS[method];
                let request = signed(method, bytes, &[credential.username.as_bytes(), &nonce, &key]);
                world.send(client(0), &request);
            }
            6 => world.send(client(0), bytes),
            7 => {
                if let (Some(relay), Some((&from, payload))) =
                    (world.relays.keys().next().copied(), bytes.split_first())
                {
                    world.peer_sends(relay, ([8, 8, 8, from], 5_000).into(), payload);
                }
            }
            _ => {
                let millis = bytes.iter().map(|byte| u64::from(*byte) * 1_000).sum();
                if world.elapsed() < LONGEST {
                    world.pass(Duration::from_millis(millis).min(LONGEST - world.elapsed()));
                }
            }
        }
        for (to, answer) in std::mem::take(&mut world.to_clients) {
            assert_eq!(to, client(0));
            let Ok(answer) = Message::parse(&answer) else {
                // What peers sent, on a channel.
                assert!(matches!(answer.first(), Some(0x40..=0x4F)) && answer.len() >= 4);
                continue;
            };
            successes += usize::from(answer.class == Class::Success && answer.method != Method::Binding);
            if let Some(fresh) = answer.nonce {
                nonce = fresh.to_vec();
            }
        }
        for (from, to, _) in std::mem::take(&mut world.to_peers) {
            assert!([OWN_V4, OWN_V6].iter().any(|own| address_is(from.ip(), own)), "{from}");
            assert!(to.port() != 0 && (to == address(SFU) || may_be_reached(to.ip())), "{to}");
        }
        world.events.clear();
        assert!(world.server.allocations() <= 1 && world.relays.len() <= 4, "one 5-tuple, one allocation");
    }
    successes > 0
}

/// A request with any attributes, each as kind, length and value, in front of what proves it.
fn signed(method: Method, mut attributes: &[u8], [username, nonce, key]: &[&[u8]; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let class = if method == Method::Send { Class::Indication } else { Class::Request };
    let mut writer = Writer::new(&mut bytes, class, method, *b"transaction!");
    while let Some((&[high, low, length], rest)) = attributes.split_first_chunk() {
        let (value, rest) = rest.split_at(usize::from(length).min(rest.len()));
        writer.bytes(u16::from_be_bytes([high, low]), value);
        attributes = rest;
    }
    if method != Method::Send {
        writer.bytes(a::USERNAME, username).bytes(a::REALM, b"voxlink").bytes(a::NONCE, nonce);
        writer.integrity(Algorithm::Sha1, key);
    }
    bytes
}

fn address_is(ip: IpAddr, text: &str) -> bool {
    text.parse() == Ok(ip)
}

/// Written anew and by other means than the server's policy, of the ranges that would hurt most.
fn may_be_reached(ip: IpAddr) -> bool {
    if [OWN_V4, OWN_V6, "9.9.9.9"].iter().any(|never| address_is(ip, never)) {
        return false;
    }
    match ip {
        IpAddr::V4(v4) => {
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6.is_unique_local())
                && v6.to_ipv4().is_none_or(|v4| may_be_reached(v4.into()))
        }
    }
}

/// Pieces of an input, each behind a byte with its length; the last one may be cut short.
fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first()?;
        let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        Some(piece)
    })
}
