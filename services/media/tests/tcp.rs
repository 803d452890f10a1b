//! Calls over TCP (RFC 6544): whole ones, and what those get who are in none.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use support::{
    LOUNGE, Server,
    client::{Client, pump},
};
use voxlink_media::stun::{
    Class, Message, Method, Writer,
    attributes::{USERNAME, XOR_MAPPED_ADDRESS, read_xor_address},
    integrity::Algorithm,
};
use voxlink_test_client::{Framed, Rest, Wire};

/// Longer than the server is patient with anybody.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn people_hear_each_other_over_tcp_and_udp() {
    let server = Server::start(2).await;
    let mut anna = Client::joined_by(&server, 1, LOUNGE, Wire::over_tcp()).await;
    let mut boris = Client::joined_by(&server, 2, LOUNGE, Wire::over_tcp()).await;
    let mut clara = Client::joined(&server, 3, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris, &mut clara], "all hear", |all| {
        all[0].hears(2) && all[0].hears(3) && all[1].hears(1) && all[2].hears(1) && all[2].hears(2)
    })
    .await;

    // Another network: the same call over another connection.
    anna.restart_ice().await;
    pump(&mut [&mut anna, &mut boris, &mut clara], "answered", |all| {
        all[0].last(4).unwrap()["revision"] == 2
    })
    .await;
    anna.heard.clear();
    boris.heard.clear();
    pump(&mut [&mut anna, &mut boris, &mut clara], "heard again", |all| all[0].hears(2) && all[1].hears(1))
        .await;
    let counters = server.media.counters();
    assert_eq!((counters.lost_relayed, counters.dropped_out, counters.panics), (0, 0, 0), "{counters:?}");
    server.media.shutdown().await;
}

/// Waits for the end of a connection; what came before.
async fn until_closed(stream: &mut Framed) -> Vec<Vec<u8>> {
    let (end, mut came) = (Instant::now() + PATIENCE, Vec::new());
    while Instant::now() < end {
        match stream.receive() {
            Ok(Some(datagram)) => came.push(datagram),
            Ok(None) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(_closed) => return came,
        }
    }
    panic!("it was not closed");
}

fn question(fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    fill(&mut Writer::new(&mut bytes, Class::Request, Method::Binding, *b"transaction!"));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_credentials_gets_no_answer_and_is_not_kept() {
    let server = Server::start(1).await;
    let to = server.media.addresses()[0];
    let check = question(|writer| {
        writer.bytes(USERNAME, b"someones:name").integrity(Algorithm::Sha1, b"guessed").fingerprint();
    });
    let mut all = vec![Framed::connect(to).unwrap()];
    let long = vec![0; 1_500];
    for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", &[0x80; 200], &check, &long] {
        let mut stream = Framed::connect(to).unwrap();
        stream.send(said).unwrap();
        all.push(stream);
    }
    // One that says half of it.
    let mut half = TcpStream::connect(to).unwrap();
    half.write_all(&[0, 100, 0, 1]).unwrap();
    for stream in &mut all {
        assert_eq!(until_closed(stream).await, Vec::<Vec<u8>>::new());
    }
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(half.read(&mut [0; 10]).unwrap(), 0);
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_nothing_but_the_own_address_gets_that() {
    let server = Server::start(2).await;
    let reply = Rest::new(server.http).send("GET".parse().unwrap(), "/api/v1/reachability", ().into()).await;
    let body = reply.unwrap().body;
    assert_eq!(body["media_tcp_ports"], body["media_ports"]);
    for port in body["media_tcp_ports"].as_array().unwrap() {
        let port = u16::try_from(port.as_u64().unwrap()).unwrap();
        let mut stream = Framed::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        stream.send(&question(|_| ())).unwrap();
        let came = until_closed(&mut stream).await;
        let [answer] = &came[..] else { panic!("{came:?}") };
        let answer = Message::parse(answer).unwrap();
        let mapped = read_xor_address(answer.attribute(XOR_MAPPED_ADDRESS).unwrap(), b"transaction!");
        assert_eq!(mapped, stream.local().ok());
    }
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_few_connections_that_say_nothing() {
    let server = Server::start(1).await;
    let to = server.media.addresses()[0];
    let mut all: Vec<Framed> = (0..65).map(|_| Framed::connect(to).unwrap()).collect();
    let mut last = all.pop().unwrap();
    until_closed(&mut last).await;
    // The others were not closed for it, and a call comes up once they are.
    let open = all.iter_mut().map(Framed::receive).filter(|got| matches!(got, Ok(None))).count();
    assert_eq!(open, 64);
    for stream in &mut all {
        until_closed(stream).await;
    }
    let mut anna = Client::joined_by(&server, 1, LOUNGE, Wire::over_tcp()).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_has_over_tcp_is_served_over_udp() {
    let server = Server::start(1).await;
    let to = server.media.addresses()[0];
    // Another server of media finds the number of UDP free and that of TCP taken.
    server.media.shutdown().await;
    let _taken = std::net::TcpListener::bind(to).unwrap();
    let again = Server::start_at(to).await;
    assert_eq!(again.media.addresses(), [to]);
    let mut anna = Client::joined(&again, 1, LOUNGE).await;
    let mut boris = Client::joined(&again, 2, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    let reply = Rest::new(again.http).send("GET".parse().unwrap(), "/api/v1/reachability", ().into()).await;
    assert_eq!(reply.unwrap().body["media_tcp_ports"], serde_json::json!([]));
    again.media.shutdown().await;
}
