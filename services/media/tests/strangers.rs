//! coturn's own clients against our relay: programs by people who have never seen it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    net::{Ipv4Addr, UdpSocket},
    process::{Child, Command, Stdio},
};

use support::Server;
use voxlink_media::{TurnChannels, TurnConfig, TurnSecret};
use voxlink_turn::{Secret, credentials};

const PEER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const CLIENTS: usize = 2;
const MESSAGES: usize = 10;

fn is_installed() -> bool {
    let found =
        Command::new("turnutils_uclient").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("left out: coturn's clients are not installed (apt-get install coturn)");
    }
    found
}

/// That answers what it gets; ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Peer {
    fn start(port: u16) -> Self {
        let mut command = Command::new("turnutils_peer");
        command.args(["-L", &PEER.to_string(), "-p", &port.to_string()]);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

/// Their clients choose channels that only RFC 5766 knows.
async fn server(ports: std::ops::RangeInclusive<u16>) -> Server {
    let config = TurnConfig {
        ports,
        channels: TurnChannels::Rfc5766,
        secrets: vec![TurnSecret::new("secret")],
        allowed: vec![PEER.to_string().parse().unwrap()],
        ..TurnConfig::new("127.0.0.1:0".parse().unwrap())
    };
    Server::start_with_turn_of(config).await
}

/// What the client said, with these flags and credentials.
async fn run(server: &Server, flags: &[&str], password: Option<&str>) -> String {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let made = credentials::issue(&Secret::new("secret"), "1/1", unix + 3_600);
    let mut command = Command::new("turnutils_uclient");
    command
        .args(["-u", &made.username, "-w", password.unwrap_or(&made.password)])
        .args(["-n", &MESSAGES.to_string(), "-m", &CLIENTS.to_string(), "-c", "-z", "5"])
        .args(["-p", &server.media.turn_port().unwrap().to_string()])
        .args(flags)
        .arg("127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap());
    let output = output.await.unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// All that was sent came back.
fn assert_whole(said: &str) {
    let last = said.lines().rev().find(|line| line.contains("tot_recv_msgs"));
    let number = |name: &str| -> usize {
        let (_, rest) = last.unwrap_or_else(|| panic!("{said}")).split_once(name).unwrap();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let (sent, received) = (number("tot_send_msgs="), number("tot_recv_msgs="));
    assert!(sent > 0 && sent.is_multiple_of(MESSAGES), "{said}");
    assert_eq!(sent, received, "{said}");
}

/// A port that nobody has.
fn free_port() -> u16 {
    UdpSocket::bind((PEER, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_reaches_a_peer_by_channel_by_indication_and_over_tcp() {
    if !is_installed() {
        return;
    }
    let server = server(36_000..=36_999).await;
    let port = free_port();
    let _peer = Peer::start(port);
    let (peer, port) = (PEER.to_string(), port.to_string());
    for flags in [&[][..], &["-s"], &["-t"], &["-g"], &["-t", "-s"]] {
        let flags = [flags, &["-e", &peer, "-r", &port]].concat();
        assert_whole(&run(&server, &flags, None).await);
    }
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn their_clients_reach_each_other() {
    if !is_installed() {
        return;
    }
    let server = server(37_000..=37_999).await;
    for flags in [&["-y"][..], &["-y", "-s"], &["-y", "-t"]] {
        assert_whole(&run(&server, flags, None).await);
    }
    // From one relayed address to another nothing leaves by a socket.
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn their_client_with_a_wrong_password_gets_nothing() {
    if !is_installed() {
        return;
    }
    let server = server(38_000..=38_999).await;
    let said = run(&server, &["-y"], Some("wrong")).await;
    assert!(said.contains("Cannot complete Allocation"), "{said}");
    assert!(!said.contains("tot_recv_msgs"), "{said}");
    server.media.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn their_stun_client_learns_its_address() {
    if !is_installed() {
        return;
    }
    let server = server(39_000..=39_999).await;
    let port = server.media.turn_port().unwrap().to_string();
    let output = tokio::task::spawn_blocking(move || {
        Command::new("turnutils_stunclient").args(["-p", &port, "127.0.0.1"]).output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.await.unwrap().stdout).into_owned();
    assert!(said.contains("reflexive addr: 127.0.0.1:"), "{said}");
    server.media.shutdown().await;
}
