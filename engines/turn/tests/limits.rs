//! Sizes of answers, quotas, rates, revocation: what keeps one client from being everybody's trouble.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod cases;
mod support;
mod wire;

use std::time::Duration;

use cases::{Auth, Step, Then, Wire, bytes, case, peer, udp};
use support::{World, address, client, config};
use voxlink_turn::{
    ClientKey, Ended, Event, Transport,
    stun::{Class, Message, Method, Writer, attributes as a},
};

/// IPv4 and UDP headers.
const HEADERS_V4: usize = 28;
/// IPv6 and UDP headers.
const HEADERS_V6: usize = 48;

fn bare(method: Method) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Class::Request, method, [1; 12]);
    bytes
}

fn step(number: usize, user: &'static str, method: Method, attributes: Vec<(u16, cases::Value)>) -> Step {
    Step::Request { client: number, method, attributes, auth: Auth::Good(user) }
}

fn allocate(number: usize, user: &'static str) -> Step {
    step(number, user, Method::Allocate, vec![udp()])
}

fn outcome(world: &mut World, step: Step) -> Then {
    cases::run(world, &case("", vec![], step, Then::Silence)).unwrap()
}

#[test]
fn what_a_spoofed_source_sends_comes_out_hardly_larger() {
    for (remote, headers) in [("8.8.4.4:4000", HEADERS_V4), ("[2606:4700::1]:4000", HEADERS_V6)] {
        let from = ClientKey { remote: address(remote), ..client(0) };
        for (method, percent) in [
            (Method::Binding, 170),
            (Method::Allocate, 200),
            (Method::Refresh, 200),
            (Method::CreatePermission, 200),
            (Method::ChannelBind, 200),
        ] {
            let mut world = World::new(config());
            let request = bare(method);
            world.send(from, &request);
            let answer = &world.to_clients[0].1;
            let (asked, answered) = (request.len() + headers, answer.len() + headers);
            eprintln!("{method:?} from {remote}: {asked} bytes on the wire in, {answered} out");
            assert!(answered * 100 <= asked * percent, "{method:?}: {asked} in, {answered} out");
        }
    }
}

#[test]
fn a_source_that_proved_nothing_gets_so_many_answers_in_a_second() {
    let mut config = config();
    config.limits.replies = 10;
    let mut world = World::new(config);
    for _ in 0..100 {
        world.send(client(0), &bare(Method::Binding));
        world.send(client(1), &bare(Method::Allocate));
    }
    // Both clients have one address.
    assert_eq!(world.to_clients.len(), 10);
    assert_eq!(world.server.counters().reply_limited, 190);
    world.pass(Duration::from_secs(1));
    assert!(world.ask(0, &bare(Method::Binding)).is_some());
}

#[test]
fn one_household_of_ipv6_is_one_source() {
    let mut config = config();
    config.limits.replies = 10;
    let mut world = World::new(config);
    for host in 1..=100u16 {
        let remote = (std::net::Ipv6Addr::new(0x2606, 0, 0, 1, 0, 0, 0, host), 4_000).into();
        world.send(ClientKey { remote, ..client(0) }, &bare(Method::Binding));
    }
    assert_eq!(world.to_clients.len(), 10);
    let remote = address("[2606:0:0:2::1]:4000");
    world.send(ClientKey { remote, ..client(0) }, &bare(Method::Binding));
    assert_eq!(world.to_clients.len(), 11);
}

#[test]
fn an_allocation_that_is_over_relays_nothing_although_nobody_woke_the_server() {
    let mut world = World::new(config());
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    world.pass(Duration::from_secs(400));
    let permit = step(0, "a", Method::CreatePermission, vec![peer()]);
    assert_eq!(outcome(&mut world, permit), Then::Success);
    let relay = *world.relays.keys().next().unwrap();
    let send = Step::Send { client: 0, attributes: vec![peer(), bytes(a::DATA, b"hello")] };
    world.now += Duration::from_secs(199);
    assert_eq!(outcome(&mut world, send.clone()), Then::Arrives);
    world.now += Duration::from_secs(1);
    assert_eq!(outcome(&mut world, send), Then::Lost);
    world.peer_sends(relay, address("8.8.8.8:5000"), b"hello");
    assert!(world.to_clients.is_empty());
}

#[test]
fn thousands_of_spoofed_sources_leave_no_allocation_and_no_wake_up_behind() {
    let mut world = World::new(config());
    for number in 0..20_000u32 {
        let remote = (std::net::Ipv4Addr::from(0x0800_0000 + number * 977), 4_000).into();
        world.send(ClientKey { remote, ..client(0) }, &bare(Method::Allocate));
    }
    assert_eq!((world.server.allocations(), world.wake), (0, None));
}

#[test]
fn an_address_and_the_server_are_full_at_some_time() {
    let mut config = config();
    config.limits.per_address = 3;
    let mut world = World::new(config.clone());
    for number in 0..3 {
        assert_eq!(outcome(&mut world, allocate(number, ["a", "b", "c"][number])), Then::Lifetime(600));
    }
    assert_eq!(outcome(&mut world, allocate(3, "d")), Then::Refused(486));
    // Clients from 256 on have another address.
    assert_eq!(outcome(&mut world, allocate(256, "d")), Then::Lifetime(600));

    config.limits.total = 1;
    let mut world = World::new(config);
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    assert_eq!(outcome(&mut world, allocate(256, "b")), Then::Refused(486));
    world.pass(Duration::from_secs(601));
    assert_eq!(outcome(&mut world, allocate(256, "b")), Then::Lifetime(600));
}

#[test]
fn while_sockets_open_slowly_a_client_waits_and_one_who_leaves_gets_nothing() {
    let mut world = World::new(config());
    world.is_slow = true;
    let dual = || vec![udp(), bytes(a::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])];
    assert_eq!(outcome(&mut world, step(0, "a", Method::Allocate, dual())), Then::Silence);
    // The same transaction again is no second request, and nothing else is possible yet.
    assert_eq!(outcome(&mut world, step(0, "a", Method::Allocate, dual())), Then::Silence);
    assert_eq!(outcome(&mut world, step(0, "a", Method::CreatePermission, vec![peer()])), Then::Refused(437));
    world.to_clients.clear();
    world.open_late();
    let (to, answer) = world.to_clients.pop().unwrap();
    let message = Message::parse(&answer).unwrap();
    assert_eq!((to, message.class, world.relays.len()), (client(0), Class::Success, 2));
    assert!(world.to_clients.is_empty());

    assert_eq!(outcome(&mut world, allocate(1, "b")), Then::Silence);
    world.server.client_gone(&client(1));
    world.drain();
    world.to_clients.clear();
    world.open_late();
    assert_eq!((world.to_clients.len(), world.relays.len(), world.server.allocations()), (0, 2, 1));
}

#[test]
fn the_sfu_is_reached_as_long_as_it_is_listed() {
    let mut world = World::new(config());
    let sfu = || cases::at(support::SFU);
    let send = Step::Send { client: 0, attributes: vec![sfu(), bytes(a::DATA, b"hello")] };
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    assert_eq!(outcome(&mut world, step(0, "a", Method::CreatePermission, vec![sfu()])), Then::Success);
    assert_eq!(outcome(&mut world, send.clone()), Then::Arrives);
    world.server.set_local_peers(Vec::new());
    assert_eq!(outcome(&mut world, send), Then::Lost);
    assert_eq!(world.server.counters().forbidden_peer, 1);
}

#[test]
fn ports_that_are_kept_count_although_their_allocation_has_ended() {
    let mut world = World::new(config());
    let reserve = || step(0, "a", Method::Allocate, vec![udp(), bytes(a::EVEN_PORT, &[0x80])]);
    let end = || step(0, "a", Method::Refresh, vec![bytes(a::LIFETIME, &[0; 4])]);
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        outcomes.push(outcome(&mut world, reserve()));
        outcome(&mut world, end());
    }
    assert_eq!(outcomes[..4], [Then::Lifetime(600); 4]);
    assert_eq!((outcomes[4], outcomes[5]), (Then::Refused(486), Then::Refused(486)));
    assert_eq!(world.relays.len(), 4);
    world.pass(Duration::from_secs(31));
    assert_eq!(world.relays.len(), 0);
    assert_eq!(outcome(&mut world, reserve()), Then::Lifetime(600));
}

#[test]
fn without_ports_the_answer_is_508_and_while_draining_too() {
    let mut world = World::new(config());
    world.no_ports = true;
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Refused(508));
    assert_eq!((world.server.allocations(), world.events.len()), (0, 0));
    world.no_ports = false;
    world.server.set_draining(true);
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Refused(508));
    world.server.set_draining(false);
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
}

#[test]
fn a_user_who_is_ended_loses_all_allocations_and_every_credential_of_that_moment() {
    let mut world = World::new(config());
    for (number, user) in [(0, "alice/1"), (1, "alice/2"), (2, "bob")] {
        assert_eq!(outcome(&mut world, allocate(number, user)), Then::Lifetime(600));
    }
    world.server.end_session(world.now, "alice", "1");
    world.drain();
    assert_eq!((world.server.allocations(), world.relays.len()), (2, 2));
    assert_eq!(outcome(&mut world, allocate(0, "alice/1")), Then::Refused(401));
    assert_eq!(outcome(&mut world, allocate(3, "alice/2")), Then::Lifetime(600));

    world.server.end_user(world.now, "alice");
    world.drain();
    assert_eq!((world.server.allocations(), world.relays.len()), (1, 1));
    assert_eq!(outcome(&mut world, allocate(1, "alice/2")), Then::Refused(401));
    assert_eq!(outcome(&mut world, step(2, "bob", Method::Refresh, vec![])), Then::Lifetime(600));
    let revoked = |event: &&Event| matches!(event, Event::AllocationClosed { why: Ended::Revoked, .. });
    assert_eq!(world.events.iter().filter(revoked).count(), 3);
}

#[test]
fn bytes_past_the_rate_are_dropped_and_the_next_second_is_free_again() {
    let mut config = config();
    config.limits.allocation_rate = 1_000;
    let mut world = World::new(config);
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    let permit = step(0, "a", Method::CreatePermission, vec![peer()]);
    assert_eq!(outcome(&mut world, permit), Then::Success);
    let send = Step::Send { client: 0, attributes: vec![peer(), bytes(a::DATA, &[1; 400])] };
    for expected in [Then::Arrives, Then::Arrives, Then::Lost] {
        assert_eq!(outcome(&mut world, send.clone()), expected);
    }
    // The way back is counted as well.
    let relay = *world.relays.keys().next().unwrap();
    world.to_clients.clear();
    world.peer_sends(relay, address("8.8.8.8:5000"), &[0; 400]);
    assert_eq!((world.to_clients.len(), world.server.counters().rate_limited), (0, 2));
    world.pass(Duration::from_secs(1));
    assert_eq!(outcome(&mut world, send), Then::Arrives);
}

#[test]
fn a_closed_stream_ends_its_allocation_and_channel_data_to_a_stream_is_padded() {
    let mut world = World::new(config());
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    let number = bytes(a::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
    let bind = step(0, "a", Method::ChannelBind, vec![number, peer()]);
    assert_eq!(outcome(&mut world, bind), Then::Success);
    let relay = *world.relays.keys().next().unwrap();
    world.to_clients.clear();
    world.peer_sends(relay, address("8.8.8.8:5000"), b"hello");
    assert_eq!(world.to_clients.pop().unwrap().1, b"\x40\x00\x00\x05hello");
    world.peer_sends(relay, address("8.8.8.8:5001"), b"hello");
    let data = world.to_clients.pop().unwrap().1;
    let message = Message::parse(&data).unwrap();
    assert_eq!((message.class, message.method), (Class::Indication, Method::Data));
    assert_eq!((message.peer, &data[message.data.unwrap()]), (Some(address("8.8.8.8:5001")), &b"hello"[..]));

    world.server.client_gone(&ClientKey { transport: Transport::Tcp, ..client(0) });
    world.drain();
    assert_eq!(world.server.allocations(), 1, "that was another 5-tuple");
    world.server.client_gone(&client(0));
    world.drain();
    assert_eq!((world.server.allocations(), world.relays.len()), (0, 0));
}

#[test]
fn rfc_5766_channels_are_there_when_switched_on() {
    let mut config = config();
    config.channels = voxlink_turn::ChannelRange::Rfc5766;
    let mut world = World::new(config);
    assert_eq!(outcome(&mut world, allocate(0, "a")), Then::Lifetime(600));
    for (number, expected) in [(0x7FFFu16, Then::Success), (0x3FFF, Then::Refused(400))] {
        let [high, low] = number.to_be_bytes();
        let attributes = vec![bytes(a::CHANNEL_NUMBER, &[high, low, 0, 0]), peer()];
        assert_eq!(outcome(&mut world, step(0, "a", Method::ChannelBind, attributes)), expected);
    }
}
