//! Requests, data and broken bytes, after RFC 8656 and what was found in other servers.

use voxlink_turn::stun::{Method, attributes as a};

use super::{
    Auth, Case, Step, Then, Value, allocate, at, bytes, case, data as payload, next_peer, number, peer,
    request, udp,
};

fn with(auth: Auth) -> Step {
    Step::Request { client: 0, method: Method::Allocate, attributes: vec![udp()], auth }
}

fn named(name: &[u8]) -> Step {
    with(Auth::Named(name.to_vec()))
}

fn of_user(client: usize, user: &'static str, method: Method, attributes: Vec<(u16, Value)>) -> Step {
    Step::Request { client, method, attributes, auth: Auth::Good(user) }
}

fn lifetime(seconds: u32) -> (u16, Value) {
    bytes(a::LIFETIME, &seconds.to_be_bytes())
}

fn family(number: u8) -> (u16, Value) {
    bytes(a::REQUESTED_ADDRESS_FAMILY, &[number, 0, 0, 0])
}

fn permit() -> Step {
    request(Method::CreatePermission, vec![peer()])
}

fn bind(channel: u16) -> Step {
    request(Method::ChannelBind, vec![number(channel), peer()])
}

fn opened(then: Step) -> Vec<Step> {
    vec![allocate(), then]
}

pub(super) fn requests() -> Vec<Case> {
    [authentication(), allocation(), life(), permissions(), channels()].concat()
}

fn authentication() -> Vec<Case> {
    let refused = |name: &str, when, code| case(name, vec![], when, Then::Refused(code));
    let again = |name: &str, given, when, code| case(name, given, when, Then::Refused(code));
    let mut forged = refused("a flipped byte of the integrity", with(Auth::Good("alice")), 401);
    forged.tamper = |bytes| *bytes.last_mut().unwrap() ^= 1;
    let mut changed = refused("a changed protected attribute", with(Auth::Good("alice")), 401);
    changed.tamper = |bytes| bytes[25] ^= 1;
    vec![
        case("allocate", vec![], allocate(), Then::Lifetime(600)),
        case("allocate under SHA-256", vec![], with(Auth::Sha256("alice")), Then::Success),
        case("allocate with the secret before", vec![], with(Auth::OldSecret), Then::Success),
        case("a user with a session", vec![], named(b"1700003600:alice/7"), Then::Success),
        refused("no integrity", with(Auth::None), 401),
        refused("wrong key", with(Auth::WrongKey), 401),
        refused("wrong realm", with(Auth::WrongRealm), 401),
        refused("expired credential", with(Auth::Expired), 401),
        refused("username without a time", named(b"alice"), 401),
        refused("username whose time is no number", named(b"soon:alice"), 401),
        refused("username with a signed time", named(b"+1700003600:alice"), 401),
        refused("username with a time past 64 bits", named(b"99999999999999999999:alice"), 401),
        refused("username without a user", named(b"1700003600:"), 401),
        refused("username that is not UTF-8", named(b"1700003600:\xFF\xFE"), 401),
        refused("username of 500 bytes", named(&[b'7'; 500]), 401),
        refused("userhash, which we do not offer", with(Auth::UserHash), 401),
        refused("no username", with(Auth::Without(a::USERNAME)), 400),
        refused("no realm", with(Auth::Without(a::REALM)), 400),
        refused("no nonce", with(Auth::Without(a::NONCE)), 400),
        refused(
            "a password algorithm that we did not offer",
            request(Method::Allocate, vec![udp(), bytes(a::PASSWORD_ALGORITHM, &[0, 2, 0, 0])]),
            400,
        ),
        refused("bogus nonce", with(Auth::BogusNonce), 438),
        refused("nonce of another client", with(Auth::ForeignNonce), 438),
        again("nonce of eleven minutes ago", vec![allocate(), Step::Pass(660)], with(Auth::FirstNonce), 438),
        again("a request replayed from another address", vec![allocate()], Step::AgainFrom(1), 438),
        again(
            "another user on the 5-tuple",
            vec![allocate()],
            of_user(0, "mallory", Method::Refresh, vec![]),
            441,
        ),
        again(
            "another user's permission on the 5-tuple",
            vec![allocate()],
            of_user(0, "mallory", Method::CreatePermission, vec![peer()]),
            441,
        ),
        forged,
        changed,
    ]
}

fn allocation() -> Vec<Case> {
    let refused = |name: &str, attributes, code| {
        case(name, vec![], request(Method::Allocate, attributes), Then::Refused(code))
    };
    let even = |flags| bytes(a::EVEN_PORT, &[flags]);
    let additional = |family| bytes(a::ADDITIONAL_ADDRESS_FAMILY, &[family, 0, 0, 0]);
    let token = || bytes(a::RESERVATION_TOKEN, &[5; 8]);
    let granted =
        |name: &str, attributes| case(name, vec![], request(Method::Allocate, attributes), Then::Success);
    let six = |user| -> Vec<Step> {
        (0..5).map(|client| of_user(client, user, Method::Allocate, vec![udp()])).collect()
    };
    let reserved = || request(Method::Allocate, vec![udp(), even(0x80)]);
    let claim = |user| of_user(1, user, Method::Allocate, vec![udp(), (a::RESERVATION_TOKEN, Value::Token)]);
    let mut smuggled = refused("transport behind the integrity", vec![], 400);
    smuggled.tamper = |bytes| {
        bytes.extend([0, 0x19, 0, 4, 17, 0, 0, 0]);
        set_length(bytes);
    };
    vec![
        refused("no transport", vec![], 400),
        refused("transport of three bytes", vec![bytes(a::REQUESTED_TRANSPORT, &[17, 0, 0])], 400),
        refused("transport TCP", vec![bytes(a::REQUESTED_TRANSPORT, &[6, 0, 0, 0])], 442),
        refused("transport 255", vec![bytes(a::REQUESTED_TRANSPORT, &[255, 0, 0, 0])], 442),
        refused("unknown family", vec![udp(), family(3)], 440),
        refused("family 0", vec![udp(), family(0)], 440),
        refused("family of one byte", vec![udp(), bytes(a::REQUESTED_ADDRESS_FAMILY, &[1])], 400),
        refused("both family attributes", vec![udp(), family(1), additional(2)], 400),
        refused("IPv4 as the additional family", vec![udp(), additional(1)], 400),
        refused("next port with an additional family", vec![udp(), additional(2), even(0x80)], 400),
        refused("unknown attribute that must be understood", vec![udp(), bytes(0x7FFF, b"x")], 420),
        refused("bogus reservation token", vec![udp(), token()], 508),
        refused("reservation token of seven bytes", vec![udp(), bytes(a::RESERVATION_TOKEN, &[5; 7])], 400),
        refused("reservation token with EVEN-PORT", vec![udp(), token(), even(0)], 400),
        refused("reservation token with a family", vec![udp(), token(), family(1)], 400),
        refused("EVEN-PORT of two bytes", vec![udp(), bytes(a::EVEN_PORT, &[0, 0])], 400),
        refused("lifetime of three bytes", vec![udp(), bytes(a::LIFETIME, &[0, 0, 1])], 400),
        smuggled,
        granted("unknown attribute that may be ignored", vec![udp(), bytes(0xBFFF, b"x")]),
        granted("DONT-FRAGMENT", vec![udp(), bytes(a::DONT_FRAGMENT, b"")]),
        granted("IPv6", vec![udp(), family(2)]),
        granted("both families", vec![udp(), additional(2)]),
        granted("an even port", vec![udp(), even(0)]),
        granted("an even port and the next", vec![udp(), even(0x80)]),
        case("the reserved port", vec![reserved()], claim("alice"), Then::Success),
        case(
            "the reserved port a second time",
            vec![reserved(), claim("alice")],
            Step::Request {
                client: 2,
                method: Method::Allocate,
                attributes: vec![udp(), (a::RESERVATION_TOKEN, Value::Token)],
                auth: Auth::Good("alice"),
            },
            Then::Refused(508),
        ),
        case("somebody else's reserved port", vec![reserved()], claim("mallory"), Then::Refused(508)),
        case(
            "a reservation of 31 s ago",
            vec![reserved(), Step::Pass(31)],
            claim("alice"),
            Then::Refused(508),
        ),
        case("allocate twice", vec![allocate()], allocate(), Then::Refused(437)),
        case("allocate retransmitted", vec![allocate()], Step::Again, Then::Lifetime(600)),
        case(
            "the sixth allocation of a user",
            six("alice"),
            Step::Request {
                client: 5,
                method: Method::Allocate,
                attributes: vec![udp()],
                auth: Auth::Good("alice"),
            },
            Then::Refused(486),
        ),
        case(
            "another user's first beside five",
            six("alice"),
            Step::Request {
                client: 5,
                method: Method::Allocate,
                attributes: vec![udp()],
                auth: Auth::Good("bob"),
            },
            Then::Success,
        ),
    ]
}

fn life() -> Vec<Case> {
    let asks = |method, seconds| request(method, vec![udp(), lifetime(seconds)]);
    let end = || request(Method::Refresh, vec![lifetime(0)]);
    let refresh = |seconds| request(Method::Refresh, vec![lifetime(seconds)]);
    let both = || request(Method::Allocate, vec![udp(), bytes(a::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])]);
    let end_v6 = || request(Method::Refresh, vec![lifetime(0), family(2)]);
    let permit_v6 = request(Method::CreatePermission, vec![at("[2606:4700::1]:1")]);
    let mut cases = vec![
        case("allocate for 136 years", vec![], asks(Method::Allocate, u32::MAX), Then::Lifetime(3_600)),
        case("allocate for no time", vec![], asks(Method::Allocate, 0), Then::Lifetime(600)),
        case("allocate for 900 s", vec![], asks(Method::Allocate, 900), Then::Lifetime(900)),
        case("refresh for 136 years", vec![allocate()], refresh(u32::MAX), Then::Lifetime(3_600)),
        case("refresh for a second", vec![allocate()], refresh(1), Then::Lifetime(600)),
        case(
            "refresh without a time",
            vec![allocate()],
            request(Method::Refresh, vec![]),
            Then::Lifetime(600),
        ),
        case("refresh to end", vec![allocate()], end(), Then::Lifetime(0)),
        case("refresh after the end", opened(end()), refresh(600), Then::Refused(437)),
        case("refresh after expiry", vec![allocate(), Step::Pass(601)], refresh(600), Then::Refused(437)),
        case("allocate after the end", opened(end()), allocate(), Then::Lifetime(600)),
        case(
            "refresh of a family that is not there",
            vec![allocate()],
            request(Method::Refresh, vec![family(2)]),
            Then::Refused(443),
        ),
        case(
            "refresh of no family",
            vec![allocate()],
            request(Method::Refresh, vec![family(9)]),
            Then::Refused(440),
        ),
        case("one family ended, its peers", vec![both(), end_v6()], permit_v6, Then::Refused(443)),
        case("one family ended, the other's peers", vec![both(), end_v6()], permit(), Then::Success),
        case(
            "a credential that ran out keeps what it opened",
            vec![asks(Method::Allocate, 3_600), Step::Pass(3_590), refresh(600), Step::Pass(60)],
            refresh(600),
            Then::Lifetime(600),
        ),
    ];
    for (name, method) in [
        ("refresh", Method::Refresh),
        ("permission", Method::CreatePermission),
        ("channel", Method::ChannelBind),
    ] {
        let when = request(method, vec![number(0x4000), peer()]);
        cases.push(case(format!("{name} without an allocation"), vec![], when, Then::Refused(437)));
    }
    cases
}

fn permissions() -> Vec<Case> {
    let refused = |name: &str, attributes, code| {
        let when = request(Method::CreatePermission, attributes);
        case(name, vec![allocate()], when, Then::Refused(code))
    };
    let peer_of = |value: &[u8]| bytes(a::XOR_PEER_ADDRESS, value);
    let many = |count: u8| -> Vec<_> { (0..count).map(|last| at(&format!("8.8.8.{last}:1"))).collect() };
    let full = || opened(request(Method::CreatePermission, many(64)));
    let one_more = || request(Method::CreatePermission, vec![at("8.8.9.1:1")]);
    let mut later = full();
    later.push(Step::Pass(301));
    vec![
        case("permission", vec![allocate()], permit(), Then::Success),
        case("64 permissions", vec![allocate()], request(Method::CreatePermission, many(64)), Then::Success),
        refused("65 permissions at once", many(65), 508),
        case("the 65th permission", full(), one_more(), Then::Refused(508)),
        case("one of 64 again", full(), request(Method::CreatePermission, many(1)), Then::Success),
        case("the 65th after the others expired", later, one_more(), Then::Success),
        refused("permission for nobody", vec![], 400),
        refused("peer of four bytes", vec![peer_of(&[0, 1, 0, 0])], 400),
        refused("peer of no family", vec![peer_of(&[0, 3, 0, 0, 1, 2, 3, 4])], 400),
        refused(
            "IPv4 peer as long as IPv6",
            vec![peer_of(&[[0, 1, 0, 0].as_slice(), &[7; 16]].concat())],
            400,
        ),
        refused("a good and a broken peer", vec![peer(), peer_of(&[])], 400),
        refused("IPv6 peer of an IPv4 allocation", vec![at("[2606:4700::1]:1")], 443),
        refused("mapped peer of an IPv4 allocation", vec![at("[::ffff:127.0.0.1]:1")], 443),
        refused("unknown attribute beside a peer", vec![peer(), bytes(0x0030, b"")], 420),
    ]
}

fn channels() -> Vec<Case> {
    let refused = |name: &str, attributes, code| {
        case(name, vec![allocate()], request(Method::ChannelBind, attributes), Then::Refused(code))
    };
    let mut cases = vec![
        case("channel", vec![allocate()], bind(0x4000), Then::Success),
        case("the last channel", vec![allocate()], bind(0x4FFF), Then::Success),
        case("channel again", opened(bind(0x4000)), bind(0x4000), Then::Success),
        refused("channel without a number", vec![peer()], 400),
        refused("channel without a peer", vec![number(0x4000)], 400),
        refused("channel with two peers", vec![number(0x4000), peer(), at("8.8.8.9:1")], 400),
        refused("channel number of two bytes", vec![bytes(a::CHANNEL_NUMBER, &[0x40, 0]), peer()], 400),
        refused("channel with an IPv6 peer", vec![number(0x4000), at("[2606:4700::1]:1")], 443),
        case("another channel of the same peer", opened(bind(0x4000)), bind(0x4001), Then::Refused(400)),
        case(
            "the same channel of another peer",
            opened(bind(0x4000)),
            request(Method::ChannelBind, vec![number(0x4000), at("8.8.8.9:1")]),
            Then::Refused(400),
        ),
        case(
            "the same channel of another peer after ten minutes",
            vec![request(Method::Allocate, vec![udp(), lifetime(3_600)]), bind(0x4000), Step::Pass(601)],
            request(Method::ChannelBind, vec![number(0x4000), at("8.8.8.9:1")]),
            Then::Success,
        ),
    ];
    for wrong in [0x0000, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF] {
        let attributes = vec![number(wrong), peer()];
        cases.push(refused(&format!("channel {wrong:#06x}"), attributes, 400));
    }
    let mut all = vec![allocate()];
    all.extend((0..64).map(|index| {
        let peer = at(&format!("8.8.8.8:{}", 6_000 + index));
        request(Method::ChannelBind, vec![number(0x4000 + index), peer])
    }));
    cases.push(case("the 65th channel", all, bind(0x4100), Then::Refused(508)));
    cases
}

pub(super) fn data() -> Vec<Case> {
    let send = |attributes| Step::Send { client: 0, attributes };
    let sent = |name: &str, attributes, then| case(name, opened(permit()), send(attributes), then);
    let channel = |client, number, length| Step::ChannelData { client, number, length };
    let bound = || opened(bind(0x4000));
    let long = |then: Step| vec![request(Method::Allocate, vec![udp(), lifetime(3_600)]), then];
    let after = |mut steps: Vec<Step>, more: Step| {
        steps.push(more);
        steps
    };
    let end = || request(Method::Refresh, vec![lifetime(0)]);
    let from_peer = || Step::PeerSends { to_client: 0 };
    let good = || vec![peer(), payload()];
    vec![
        sent("send with permission", good(), Then::Arrives),
        case("send without permission", vec![allocate()], send(good()), Then::Lost),
        case("send without an allocation", vec![], send(good()), Then::Lost),
        case("send after 301 s", after(long(permit()), Step::Pass(301)), send(good()), Then::Lost),
        case("send at 299 s", after(long(permit()), Step::Pass(299)), send(good()), Then::Arrives),
        case("send after the end", after(opened(permit()), end()), send(good()), Then::Lost),
        sent("send without data", vec![peer()], Then::Lost),
        sent("send of no bytes", vec![peer(), bytes(a::DATA, b"")], Then::Arrives),
        sent("send without a peer", vec![payload()], Then::Lost),
        sent("send with two peers", vec![peer(), at("10.0.0.1:1"), payload()], Then::Lost),
        sent("send with two data", vec![peer(), payload(), payload()], Then::Lost),
        sent("send with an unknown attribute", vec![peer(), payload(), bytes(0x7ABC, b"")], Then::Lost),
        sent("send with DONT-FRAGMENT", vec![peer(), payload(), bytes(a::DONT_FRAGMENT, b"")], Then::Arrives),
        sent("send to an IPv6 peer", vec![at("[2606:4700::1]:1"), payload()], Then::Lost),
        sent("send to another address", vec![at("8.8.4.4:1"), payload()], Then::Lost),
        sent("send to another port of a permitted address", vec![next_peer(), payload()], Then::Arrives),
        case("channel data", bound(), channel(0, 0x4000, 5), Then::Arrives),
        case("channel data with padding", bound(), channel(0, 0x4000, 3), Then::Arrives),
        case("channel data longer than its datagram", bound(), channel(0, 0x4000, 6), Then::Lost),
        case(
            "channel data of 65,535 bytes that are not there",
            bound(),
            channel(0, 0x4000, 0xFFFF),
            Then::Lost,
        ),
        case("channel data on an unbound channel", bound(), channel(0, 0x4001, 5), Then::Lost),
        case("channel data from another client", bound(), channel(1, 0x4000, 5), Then::Lost),
        case("channel data without an allocation", vec![], channel(0, 0x4000, 5), Then::Lost),
        case(
            "channel data after its permission, the channel still bound",
            after(long(bind(0x4000)), Step::Pass(301)),
            channel(0, 0x4000, 5),
            Then::Lost,
        ),
        case(
            "channel data after ten minutes",
            after(after(long(bind(0x4000)), Step::Pass(601)), permit()),
            channel(0, 0x4000, 5),
            Then::Lost,
        ),
        case(
            "channel data just before ten minutes",
            after(after(long(bind(0x4000)), Step::Pass(599)), permit()),
            channel(0, 0x4000, 5),
            Then::Arrives,
        ),
        case("channel data after the end", after(bound(), end()), channel(0, 0x4000, 5), Then::Lost),
        case("from a peer with permission", opened(permit()), from_peer(), Then::Arrives),
        case("from a peer on a channel", bound(), from_peer(), Then::Arrives),
        case("from a peer without permission", vec![allocate()], from_peer(), Then::Lost),
        case("from a peer after 301 s", after(long(permit()), Step::Pass(301)), from_peer(), Then::Lost),
        case("from a peer after the end", after(opened(permit()), end()), from_peer(), Then::Lost),
    ]
}

fn set_length(bytes: &mut [u8]) {
    let length = u16::try_from(bytes.len() - 20).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
}

pub(super) fn broken() -> Vec<Case> {
    let silent = |name: &str, bytes: &[u8]| case(name, vec![], Step::Raw(bytes.to_vec()), Then::Silence);
    let header = |kind: u16, length: u16, cookie: u32, rest: &[u8]| {
        let mut bytes = [kind.to_be_bytes(), length.to_be_bytes()].concat();
        bytes.extend(cookie.to_be_bytes());
        bytes.extend([7; 12]);
        bytes.extend(rest);
        bytes
    };
    const COOKIE: u32 = 0x2112_A442;
    let raw = |name: &str, bytes: Vec<u8>, then| case(name, vec![], Step::Raw(bytes), then);
    let tampered = |name: &str, tamper: fn(&mut Vec<u8>), then| {
        let mut case = case(name, vec![], allocate(), then);
        case.tamper = tamper;
        case
    };
    vec![
        silent("no bytes", b""),
        silent("one byte", &[0]),
        silent("two bytes", &[0, 1]),
        silent("three bytes", &[0, 1, 0]),
        silent("nineteen bytes", &[0; 19]),
        silent("one byte of channel data", &[0x40]),
        silent("three bytes of channel data", &[0x40, 0, 0]),
        silent("neither STUN nor channel data", &[0x80; 40]),
        silent(
            "something like DTLS",
            &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        raw("binding", header(1, 0, COOKIE, &[]), Then::Success),
        raw("binding indication", header(0x11, 0, COOKIE, &[]), Then::Silence),
        raw("binding response", header(0x101, 0, COOKIE, &[]), Then::Silence),
        raw("binding error", header(0x111, 0, COOKIE, &[]), Then::Silence),
        raw("binding with an unknown attribute", header(1, 4, COOKIE, &[0x7F, 0, 0, 0]), Then::Refused(420)),
        raw("binding with an optional attribute", header(1, 4, COOKIE, &[0xBF, 0, 0, 0]), Then::Success),
        raw("binding with another cookie", header(1, 0, 0x2112_A443, &[]), Then::Silence),
        raw("binding of RFC 3489", header(1, 0, 0, &[]), Then::Silence),
        raw("length not a multiple of four", header(1, 3, COOKIE, &[0; 3]), Then::Silence),
        raw("length shorter than the datagram", header(1, 0, COOKIE, &[0x80; 4]), Then::Silence),
        raw("length longer than the datagram", header(1, 8, COOKIE, &[0x80; 4]), Then::Silence),
        raw("attribute past the end", header(1, 4, COOKIE, &[0x80, 0x22, 0, 8]), Then::Silence),
        raw("attribute of 65,535 bytes", header(1, 4, COOKIE, &[0x80, 0x22, 0xFF, 0xFF]), Then::Silence),
        raw("wrong fingerprint", header(1, 8, COOKIE, &[0x80, 0x28, 0, 4, 1, 2, 3, 4]), Then::Silence),
        raw("fingerprint of no bytes", header(1, 4, COOKIE, &[0x80, 0x28, 0, 0]), Then::Silence),
        raw("unknown method", header(0x3FF, 0, COOKIE, &[]), Then::Silence),
        raw("connect of RFC 6062", header(0x00A, 0, COOKIE, &[]), Then::Silence),
        raw("send as a request", header(0x006, 0, COOKIE, &[]), Then::Silence),
        raw("data from a client", header(0x017, 0, COOKIE, &[]), Then::Silence),
        raw("allocate as an indication", header(0x013, 0, COOKIE, &[]), Then::Silence),
        raw("allocate of twenty bytes", header(0x003, 0, COOKIE, &[]), Then::Refused(401)),
        raw(
            "integrity of nineteen bytes",
            header(0x003, 24, COOKIE, &[&[0, 8, 0, 19][..], &[1; 20]].concat()),
            Then::Refused(400),
        ),
        raw("integrity of no bytes", header(0x003, 4, COOKIE, &[0, 8, 0, 0]), Then::Refused(400)),
        raw(
            "SHA-256 integrity of four bytes",
            header(0x003, 8, COOKIE, &[0, 0x1C, 0, 4, 1, 2, 3, 4]),
            Then::Refused(400),
        ),
        tampered(
            "integrity twice",
            |bytes| {
                let again = bytes[bytes.len() - 24..].to_vec();
                bytes.extend(again);
                set_length(bytes);
            },
            Then::Refused(400),
        ),
        tampered(
            "an attribute behind the integrity",
            |bytes| {
                bytes.extend([0x7F, 0, 0, 0]);
                set_length(bytes);
            },
            Then::Success,
        ),
        tampered("a request cut by four bytes", |bytes| bytes.truncate(bytes.len() - 4), Then::Silence),
        tampered(
            "a request cut by its integrity",
            |bytes| {
                bytes.truncate(bytes.len() - 24);
                set_length(bytes);
            },
            Then::Refused(401),
        ),
    ]
}
