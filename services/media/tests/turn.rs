//! The relay over real sockets: an independent TURN client, over UDP and TCP, with credentials from the API.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use serde_json::Value;
use support::{
    LOUNGE, Server,
    client::{Client as Person, pump},
};
use turn_client_proto::{
    api::{Transmit, TurnConfig, TurnPollRet, TurnRecvRet},
    client::TurnClient,
    prelude::{DelayedTransmitBuild as _, TurnClientApi},
    stun::{Instant, types::TransportType},
    tcp::TurnClientTcp,
    types::TurnCredentials,
    udp::TurnClientUdp,
};
use voxlink_media::TurnConfig as Served;
use voxlink_protocol::{LoginId, UserId, bus::SessionRevoked};
use voxlink_test_client::{Rest, TurnPath, Wire};

/// Turns of 5 ms until something is given up.
const PATIENCE: usize = 1_000;
/// And until it is clear that nothing comes.
const BRIEFLY: usize = 40;

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

struct Client {
    theirs: TurnClient,
    socket: Socket,
    server: SocketAddr,
    local: SocketAddr,
    start: std::time::Instant,
    got: Vec<(SocketAddr, Vec<u8>)>,
}

impl Client {
    fn over_udp(server: SocketAddr, config: TurnConfig) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let local = socket.local_addr().unwrap();
        Self::new(TurnClientUdp::allocate(local, server, config).into(), Socket::Udp(socket), server, local)
    }

    fn over_tcp(server: SocketAddr, config: TurnConfig) -> Self {
        let socket = TcpStream::connect(server).unwrap();
        socket.set_nonblocking(true).unwrap();
        let local = socket.local_addr().unwrap();
        Self::new(TurnClientTcp::allocate(local, server, config).into(), Socket::Tcp(socket), server, local)
    }

    fn new(theirs: TurnClient, socket: Socket, server: SocketAddr, local: SocketAddr) -> Self {
        Self { theirs, socket, server, local, start: std::time::Instant::now(), got: Vec::new() }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap())
    }

    fn write(&mut self, bytes: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => _ = socket.send_to(bytes, self.server).unwrap(),
            Socket::Tcp(socket) => socket.write_all(bytes).unwrap(),
        }
    }

    fn step(&mut self) {
        let now = self.now();
        let _wake: TurnPollRet = self.theirs.poll(now);
        while let Some(transmit) = self.theirs.poll_transmit(now) {
            let bytes = transmit.data.to_vec();
            self.write(&bytes);
        }
        while self.theirs.poll_event().is_some() {}
        let mut buffer = [0; 4096];
        loop {
            let read = match &mut self.socket {
                Socket::Udp(socket) => socket.recv(&mut buffer),
                Socket::Tcp(socket) => socket.read(&mut buffer),
            };
            let length = match read {
                Ok(0) => return,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let transmit =
                Transmit::new(buffer[..length].to_vec(), self.theirs.transport(), self.server, self.local);
            if let TurnRecvRet::PeerData(data) = self.theirs.recv(transmit, now) {
                self.got.push((data.peer, data.data().to_vec()));
            }
        }
    }

    fn relayed(&self) -> Option<SocketAddr> {
        self.theirs.relayed_addresses().next().map(|(_, address)| address)
    }

    fn permit(&mut self, peer: SocketAddr) {
        let now = self.now();
        self.theirs.create_permission(TransportType::Udp, peer.ip(), now).unwrap();
    }

    fn send(&mut self, to: SocketAddr, payload: &[u8]) {
        let now = self.now();
        let built = self.theirs.send_to(TransportType::Udp, to, payload.to_vec(), now).unwrap();
        if let Some(transmit) = built {
            self.write(&transmit.data.build());
        }
    }
}

/// Lets the clients talk until this holds; false when it never does.
async fn until(clients: &mut [&mut Client], holds: impl Fn(&[&mut Client]) -> bool) -> bool {
    within(PATIENCE, clients, holds).await
}

/// As [`until`], for what must not happen.
async fn until_soon(clients: &mut [&mut Client], holds: impl Fn(&[&mut Client]) -> bool) -> bool {
    within(BRIEFLY, clients, holds).await
}

async fn within(turns: usize, clients: &mut [&mut Client], holds: impl Fn(&[&mut Client]) -> bool) -> bool {
    for _ in 0..turns {
        clients.iter_mut().for_each(|client| client.step());
        if holds(clients) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

/// What the API tells `token`: the server's address and the credentials.
async fn ice_server(server: &Server, token: &str) -> (SocketAddr, TurnConfig) {
    let rest = Rest::with_token(server.http, token);
    let reply = rest.send("GET".parse().unwrap(), "/api/v1/ice-servers", Value::Null).await;
    let body = reply.unwrap().body;
    let one = &body["ice_servers"][0];
    let port = server.media.turn_port().unwrap();
    assert_eq!(one["urls"][0], format!("turn:127.0.0.1:{port}?transport=udp"));
    assert_eq!(one["urls"][1], format!("turn:127.0.0.1:{port}?transport=tcp"));
    let text = |name: &str| one[name].as_str().unwrap().to_owned();
    let credentials = TurnCredentials::new(&text("username"), &text("credential"));
    (([127, 0, 0, 1], port).into(), TurnConfig::new(credentials))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_reach_each_other_through_the_relay_over_udp_and_tcp() {
    let server = Server::start_with_turn().await;
    let (address, annas) = ice_server(&server, "annas-token").await;
    let (_, boriss) = ice_server(&server, "boriss-token").await;
    let (mut anna, mut boris) = (Client::over_udp(address, annas), Client::over_tcp(address, boriss));
    let both = &mut [&mut anna, &mut boris];
    assert!(until(both, |all| all.iter().all(|one| one.relayed().is_some())).await);
    let (at_anna, at_boris) = (both[0].relayed().unwrap(), both[1].relayed().unwrap());
    both[0].permit(at_boris);
    both[1].permit(at_anna);
    let may = |one: &Client| one.theirs.have_permission(TransportType::Udp, at_anna.ip());
    assert!(until(both, |all| may(all[0]) && may(all[1])).await);
    both[0].send(at_boris, b"to the other");
    assert!(until(both, |all| all[1].got == [(at_anna, b"to the other".to_vec())]).await);
    both[1].send(at_anna, b"and back again!!");
    assert!(until(both, |all| all[0].got == [(at_boris, b"and back again!!".to_vec())]).await);

    // What was opened with a login ends with it.
    server.bus.publish(SessionRevoked { user: UserId::new(1), login: LoginId::new(1) });
    both[0].got.clear();
    for _ in 0..20 {
        both[1].send(at_anna, b"is anybody there");
        until(both, |_| true).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    both[0].got.clear();
    both[1].send(at_anna, b"nobody any more!");
    assert!(!until_soon(both, |all| !all[0].got.is_empty()).await);
    server.media.shutdown().await;
}

/// What the API tells `token`, for the plain client.
async fn path(server: &Server, token: &str) -> TurnPath {
    let reply = Rest::with_token(server.http, token)
        .send("GET".parse().unwrap(), "/api/v1/ice-servers", Value::Null)
        .await
        .unwrap();
    let text = |name: &str| reply.body["ice_servers"][0][name].as_str().unwrap().to_owned();
    let address = ([127, 0, 0, 1], server.media.turn_port().unwrap()).into();
    let local = "127.0.0.1:0".parse().unwrap();
    TurnPath::allocate(local, address, &text("username"), &text("credential")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_through_the_relay_reaches_its_shard_in_memory() {
    let server = Server::start_with_turn().await;
    let (annas, boriss) = (path(&server, "annas-token").await, path(&server, "boriss-token").await);
    let mut anna = Person::joined_by(&server, 1, LOUNGE, Wire::behind(annas)).await;
    let mut boris = Person::joined_by(&server, 2, LOUNGE, Wire::behind(boriss)).await;
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    let (calls, relayed) = (server.media.counters(), server.media.relay_counters());
    assert!(calls.packets_in > 20 && calls.packets_out > 20, "{calls:?}");
    assert_eq!(calls.sends, 0, "no shard has sent anything through a socket");
    assert_eq!((calls.lost_relayed, relayed.lost_relayed), (0, 0));
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_get_no_relay_and_other_ports_of_this_machine_are_closed() {
    let server = Server::start_with_turn().await;
    let (address, annas) = ice_server(&server, "annas-token").await;
    let wrong = TurnConfig::new(TurnCredentials::new("9999999999:1/1", "wrong"));
    let mut stranger = Client::over_udp(address, wrong);
    assert!(!until_soon(&mut [&mut stranger], |all| all[0].relayed().is_some()).await);

    let mut anna = Client::over_udp(address, annas);
    assert!(until(&mut [&mut anna], |all| all[0].relayed().is_some()).await);
    let secret = UdpSocket::bind("127.0.0.1:0").unwrap();
    secret.set_nonblocking(true).unwrap();
    let peer = secret.local_addr().unwrap();
    anna.permit(peer);
    until_soon(&mut [&mut anna], |_| false).await;
    if anna.theirs.have_permission(TransportType::Udp, peer.ip()) {
        anna.send(peer, b"let me in");
    }
    until_soon(&mut [&mut anna], |_| false).await;
    assert_eq!(secret.recv(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_address_that_is_taken_leaves_the_server_without_turn() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let turn = Served { is_default: true, ..Served::new(taken.local_addr().unwrap()) };
    let server = Server::start_with_turn_of(turn).await;
    assert_eq!(server.media.turn_port(), None);
    let rest = Rest::with_token(server.http, "annas-token");
    let reply = rest.send("GET".parse().unwrap(), "/api/v1/ice-servers", Value::Null).await.unwrap();
    assert_eq!(reply.body["ice_servers"], serde_json::json!([]));
    server.media.shutdown().await;
}
