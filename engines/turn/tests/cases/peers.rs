//! Addresses that nobody may reach through us, and our own, of which only what lives may be reached.

use voxlink_turn::stun::{Method, attributes as a};

use super::{Case, Step, Then, Value, allocate, at, bytes, case, data, number, peer, request, udp};

const V4: [&str; 22] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.7",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.9",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
];

const V6: [&str; 21] = [
    "::",
    "::1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::7",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "::ffff:0:127.0.0.1",
];

fn allocate_v6() -> Step {
    request(Method::Allocate, vec![udp(), bytes(a::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])])
}

pub(super) fn refused() -> Vec<Case> {
    let mut cases = Vec::new();
    let v4 = V4.iter().chain(&["9.9.9.9"]).map(|ip| (format!("{ip}:80"), allocate()));
    let v6 = V6.iter().map(|ip| (format!("[{ip}]:80"), allocate_v6()));
    for (address, open) in v4.chain(v6) {
        let given = vec![open];
        let permission = request(Method::CreatePermission, vec![at(&address)]);
        let name = format!("permission for {address}");
        cases.push(case(name, given.clone(), permission, Then::Refused(403)));
        let bind = request(Method::ChannelBind, vec![number(0x4000), at(&address)]);
        cases.push(case(format!("channel to {address}"), given.clone(), bind, Then::Refused(403)));
        let send = Step::Send { client: 0, attributes: vec![at(&address), data()] };
        cases.push(case(format!("send to {address}"), given, send, Then::Lost));
    }
    let two = request(Method::CreatePermission, vec![peer(), at("10.0.0.1:1")]);
    cases.push(case("one refused peer refuses all of them", vec![allocate()], two, Then::Refused(403)));
    let bind = request(Method::ChannelBind, vec![number(0x4000), at("8.8.8.8:0")]);
    cases.push(case("channel to port 0", vec![allocate()], bind, Then::Refused(403)));
    let permitted = vec![allocate(), request(Method::CreatePermission, vec![at("8.8.8.8:0")])];
    let send = Step::Send { client: 0, attributes: vec![at("8.8.8.8:0"), data()] };
    cases.push(case("send to port 0", permitted, send, Then::Lost));
    cases
}

pub(super) fn own() -> Vec<Case> {
    let other =
        |method, attributes| Step::Request { client: 1, method, attributes, auth: super::Auth::Good("bob") };
    let relayed = |client, add| (a::XOR_PEER_ADDRESS, Value::Relayed(client, add));
    let both = || {
        vec![
            allocate(),
            other(Method::Allocate, vec![udp()]),
            request(Method::CreatePermission, vec![relayed(1, 0)]),
            other(Method::CreatePermission, vec![relayed(0, 0)]),
        ]
    };
    let send = |peer| Step::Send { client: 0, attributes: vec![peer, data()] };
    let mut deleted = both();
    deleted.push(other(Method::Refresh, vec![bytes(a::LIFETIME, &[0; 4])]));
    let mut one_way = both();
    one_way.pop();
    let own = || vec![allocate(), request(Method::CreatePermission, vec![at("192.0.2.1:1")])];
    let bind = |peer| request(Method::ChannelBind, vec![number(0x4000), peer]);
    vec![
        case("from one of our relays to another", both(), send(relayed(1, 0)), Then::Arrives),
        case("to a relay that gave no permission back", one_way, send(relayed(1, 0)), Then::Lost),
        case("to a port of ours beside a relay", both(), send(relayed(1, 1)), Then::Lost),
        case("to a relay that has ended", deleted, send(relayed(1, 0)), Then::Lost),
        case("to the SFU", own(), send(at("192.0.2.1:7000")), Then::Arrives),
        case("to our own listener", own(), send(at("192.0.2.1:3478")), Then::Lost),
        case("to a database beside us", own(), send(at("192.0.2.1:5432")), Then::Lost),
        case("channel to the SFU", own(), bind(at("192.0.2.1:7000")), Then::Success),
        case("channel to our own listener", own(), bind(at("192.0.2.1:3478")), Then::Refused(403)),
        case("channel to a port of ours that is none", own(), bind(at("192.0.2.1:22")), Then::Refused(403)),
    ]
}
