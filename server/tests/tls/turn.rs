//! STUN and TURN over TLS on the port of HTTPS, asked by an independent client.

use std::{net::SocketAddr, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use turn_client_proto::{
    api::{Transmit, TurnConfig, TurnRecvRet},
    client::TurnClient,
    prelude::{DelayedTransmitBuild as _, TurnClientApi},
    stun::{Instant, types::TransportType},
    tcp::TurnClientTcp,
    types::TurnCredentials,
};

use crate::{
    client::{ask, certificates, connect, connector},
    support::{Server, folder},
};

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// RFC 8489 §5: a Binding request without attributes.
const BINDING: &[u8] = b"\x00\x01\x00\x00\x21\x12\xA4\x42abcdefghijkl";

struct Client {
    theirs: TurnClient,
    stream: TlsStream<TcpStream>,
    server: SocketAddr,
    local: SocketAddr,
    start: std::time::Instant,
    got: Vec<(SocketAddr, Vec<u8>)>,
}

impl Client {
    async fn new(connector: &TlsConnector, at: &str, config: TurnConfig) -> Self {
        let stream = connect(connector, at, "localhost").await.unwrap();
        let (local, server) = (stream.get_ref().0.local_addr().unwrap(), at.parse().unwrap());
        let theirs = TurnClientTcp::allocate(local, server, config).into();
        Self { theirs, stream, server, local, start: std::time::Instant::now(), got: Vec::new() }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap())
    }

    /// Talks until this holds.
    async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(tokio::time::Instant::now() < deadline, "it does not come");
            let now = self.now();
            let _wake = self.theirs.poll(now);
            while let Some(transmit) = self.theirs.poll_transmit(now) {
                let bytes = transmit.data.to_vec();
                self.stream.write_all(&bytes).await.unwrap();
            }
            while self.theirs.poll_event().is_some() {}
            let mut buffer = [0; 4096];
            let read = timeout(Duration::from_millis(5), self.stream.read(&mut buffer)).await;
            let Ok(length) = read else { continue };
            let length = length.unwrap();
            assert_ne!(length, 0, "the server closed the connection");
            let got = buffer[..length].to_vec();
            let transmit = Transmit::new(got, TransportType::Tcp, self.server, self.local);
            let now = self.now();
            if let TurnRecvRet::PeerData(data) = self.theirs.recv(transmit, now) {
                self.got.push((data.peer, data.data().to_vec()));
            }
        }
    }

    fn relayed(&self) -> Option<SocketAddr> {
        self.theirs.relayed_addresses().next().map(|(_, address)| address)
    }

    async fn send(&mut self, to: SocketAddr, payload: &[u8]) {
        let now = self.now();
        let built = self.theirs.send_to(TransportType::Udp, to, payload.to_vec(), now).unwrap();
        let bytes = built.unwrap().data.build();
        self.stream.write_all(&bytes).await.unwrap();
    }
}

fn start(name: &str, turn: bool) -> (Server, TlsConnector, String) {
    let data = folder(name);
    let mut given = vec!["--tls-listen", "127.0.0.1:0", "--rate-limits", "off"];
    if turn {
        given.extend(["--turn-listen", "127.0.0.1:0", "--relay-ports", "40000-44999"]);
    }
    let server = Server::start(&data, &given);
    let at = server.encrypted.clone().unwrap();
    let connector = trusting(&data, &[]);
    (server, connector, at)
}

fn trusting(data: &Path, alpn: &[&[u8]]) -> TlsConnector {
    connector(&certificates(&data.join("tls/self-signed.pem")), alpn)
}

/// Registers somebody and asks which servers there are, all by HTTPS.
async fn ice_server(connector: &TlsConnector, at: &str, name: &str) -> (Vec<String>, TurnConfig) {
    let host = format!("host: {}\r\n", at.replace("127.0.0.1", "localhost"));
    let mut stream = connect(connector, at, "localhost").await.unwrap();
    let body = format!("{{\"username\":\"{name}\",\"password\":\"correct horse battery\"}}");
    let headers = format!("{host}content-type: application/json\r\n");
    let registered = ask(&mut stream, "POST /api/v1/auth/register", &headers, &body).await;
    let registered: serde_json::Value = json_of(&registered);
    let token = registered["token"].as_str().unwrap_or_else(|| panic!("{registered}"));
    let mut stream = connect(connector, at, "localhost").await.unwrap();
    let headers = format!("{host}authorization: Bearer {token}\r\n");
    let servers = json_of(&ask(&mut stream, "GET /api/v1/ice-servers", &headers, "").await);
    let one = &servers["ice_servers"][0];
    let urls = one["urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect();
    let text = |name: &str| one[name].as_str().unwrap();
    let credentials = TurnCredentials::new(text("username"), text("credential"));
    (urls, TurnConfig::new(credentials))
}

fn json_of(answer: &str) -> serde_json::Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[tokio::test]
async fn two_people_reach_each_other_through_the_port_of_https() {
    let (server, connector, at) = start("turns-relay", true);
    let (urls, annas) = ice_server(&connector, &at, "anna").await;
    let (_, boriss) = ice_server(&connector, &at, "boris").await;
    let port = at.parse::<SocketAddr>().unwrap().port();
    assert_eq!(urls[2], format!("turns:localhost:{port}?transport=tcp"));
    let mut anna = Client::new(&connector, &at, annas).await;
    let mut boris = Client::new(&connector, &at, boriss).await;
    anna.until(|one| one.relayed().is_some()).await;
    boris.until(|one| one.relayed().is_some()).await;
    let (at_anna, at_boris) = (anna.relayed().unwrap(), boris.relayed().unwrap());
    for (one, peer) in [(&mut anna, at_boris), (&mut boris, at_anna)] {
        let now = one.now();
        one.theirs.create_permission(TransportType::Udp, peer.ip(), now).unwrap();
        one.until(|one| one.theirs.have_permission(TransportType::Udp, peer.ip())).await;
    }
    anna.send(at_boris, b"to the other").await;
    boris.until(|one| one.got == [(at_anna, b"to the other".to_vec())]).await;
    boris.send(at_anna, b"and back again!!").await;
    anna.until(|one| one.got == [(at_boris, b"and back again!!".to_vec())]).await;

    // HTTP on the same port goes on meanwhile.
    let mut stream = connect(&connector, &at, "localhost").await.unwrap();
    assert!(ask(&mut stream, "GET /healthz", "host: x\r\n", "").await.contains("ok"));
    assert!(server.terminate().status.success(), "what is carried does not keep the server from stopping");
}

#[tokio::test]
async fn alpn_or_the_first_bytes_lead_to_stun() {
    let data = folder("turns-alpn");
    let given = ["--tls-listen", "127.0.0.1:0", "--turn-listen", "127.0.0.1:0"];
    let server = Server::start(&data, &given);
    let at = server.encrypted.clone().unwrap();
    for alpn in [&[][..], &[&b"stun.turn"[..]], &[b"stun.nat-discovery"]] {
        let mut stream = connect(&trusting(&data, alpn), &at, "localhost").await.unwrap();
        let local = stream.get_ref().0.local_addr().unwrap();
        stream.write_all(BINDING).await.unwrap();
        let mut answer = [0; 128];
        let length = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer[..2], b"\x01\x01", "a Binding success");
        // XOR-MAPPED-ADDRESS (RFC 8489 §14.2) of IPv4: the port and address that the server really sees.
        let mapped = answer[..length].windows(4).position(|at| at == [0, 0x20, 0, 8]).unwrap() + 4;
        let port = u16::from_be_bytes([answer[mapped + 2], answer[mapped + 3]]) ^ 0x2112;
        assert_eq!(port, local.port());
    }
    // Who offered HTTP only is not taken for STUN, whatever the bytes are.
    let mut stream = connect(&trusting(&data, &[b"http/1.1"]), &at, "localhost").await.unwrap();
    stream.write_all(BINDING).await.unwrap();
    let mut answer = Vec::new();
    let _closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
}

#[tokio::test]
async fn without_turn_such_a_connection_is_closed_and_nothing_is_listed() {
    let (_server, connector, at) = start("turns-off", false);
    let mut stream = connect(&connector, &at, "localhost").await.unwrap();
    stream.write_all(BINDING).await.unwrap();
    let mut answer = Vec::new();
    let _closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty());
    assert!(ask_is_fine(&connector, &at).await);
}

/// Some of what must end by itself: bytes that are no TURN, and a client that goes without a word.
#[tokio::test]
async fn what_is_no_turn_ends_alone() {
    let data = folder("turns-broken");
    let server = Server::start(&data, &["--tls-listen", "127.0.0.1:0", "--turn-listen", "127.0.0.1:0"]);
    let at = server.encrypted.clone().unwrap();
    let (connector, stun) = (trusting(&data, &[]), trusting(&data, &[b"stun.turn"]));
    let mut kept = Vec::new();
    for _ in 0..80 {
        let mut stream = connect(&stun, &at, "localhost").await.unwrap();
        // Not STUN and no channel: the framing is lost.
        let _closed = stream.write_all(&[0xC0; 64]).await;
        kept.push(stream);
    }
    for stream in &mut kept {
        let mut answer = Vec::new();
        let _closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    }
    // All places of this address are free again.
    let mut stream = connect(&connector, &at, "localhost").await.unwrap();
    stream.write_all(BINDING).await.unwrap();
    let mut answer = [0; 128];
    assert_ne!(timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap(), 0);
    assert!(ask_is_fine(&connector, &at).await);
}

async fn ask_is_fine(connector: &TlsConnector, at: &str) -> bool {
    let mut stream = connect(connector, at, "localhost").await.unwrap();
    ask(&mut stream, "GET /healthz", "host: x\r\n", "").await.contains("ok")
}
