//! The abuse list of `engines/turn` over real sockets: all of it must hold on our running server. An installed coturn
//! plays the same, and how many it passes is printed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../../../engines/turn/tests/cases/mod.rs"]
mod cases;
mod support;

use std::{
    cell::Cell,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

use cases::{Case, Then, Wire};
use support::Server;
use voxlink_media::{TurnChannels, TurnConfig, TurnLimits, TurnSecret};
use voxlink_turn::stun::{Class, Message, Method, Writer};

/// Nobody's interface has it, so it is not the server's own address; it is allowed like a private network.
const PEERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// For an answer that must come, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// A UDP socket for each client of a case, and two peers beside each other.
struct Sockets {
    server: SocketAddr,
    clients: Vec<UdpSocket>,
    peers: [UdpSocket; 2],
    number: Cell<usize>,
    fences: u64,
}

/// Two ports beside each other.
fn peers() -> [UdpSocket; 2] {
    (0..200)
        .find_map(|_| {
            let first = UdpSocket::bind((PEERS, 0)).unwrap();
            let second = UdpSocket::bind((PEERS, first.local_addr().unwrap().port().checked_add(1)?)).ok()?;
            Some([first, second])
        })
        .unwrap()
}

impl Sockets {
    fn new(server: SocketAddr) -> Self {
        Self { server, clients: Vec::new(), peers: peers(), number: Cell::new(0), fences: 0 }
    }

    /// Nobody of the case before is there any more.
    fn begin(&mut self, number: usize) {
        self.number.set(number);
        self.clients.clear();
        for peer in &self.peers {
            take_all(peer);
        }
    }

    fn client(&mut self, number: usize) -> &UdpSocket {
        while self.clients.len() <= number {
            // Each case has an address of its own: a port may be given out again while the allocation of an earlier
            // case lives.
            let [.., high, low] = self.number.get().to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            self.clients.push(socket);
        }
        &self.clients[number]
    }

    /// All that came before the server answered three Bindings. The first may be read in a round that began before what
    /// was sent to another socket; the second is not, but its answer may leave before what that brings; by the third all
    /// is done.
    fn until_fences(&mut self, client: usize) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        for _ in 0..3 {
            self.fences += 1;
            let mut transaction = [0xFE; 12];
            transaction[4..].copy_from_slice(&self.fences.to_be_bytes());
            let mut bytes = Vec::new();
            Writer::new(&mut bytes, Class::Request, Method::Binding, transaction);
            let server = self.server;
            let socket = self.client(client);
            socket.send_to(&bytes, server).unwrap();
            let mut buffer = [0; 4096];
            loop {
                let length = socket.recv(&mut buffer).expect("the server answers Bindings");
                let message = Message::parse(&buffer[..length]);
                if message.is_ok_and(|message| message.transaction == transaction) {
                    break;
                }
                got.push(buffer[..length].to_vec());
            }
        }
        got
    }
}

/// Whether anything was there.
fn take_all(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let mut any = false;
    while socket.recv(&mut [0; 4096]).is_ok() {
        any = true;
    }
    socket.set_nonblocking(false).unwrap();
    any
}

/// ChannelData or a Data indication.
fn is_data(bytes: &[u8]) -> bool {
    let is_channel = bytes.first().is_some_and(|first| (0x40..0x80).contains(first));
    is_channel || Message::parse(bytes).is_ok_and(|message| message.method == Method::Data)
}

impl Wire for Sockets {
    fn ask(&mut self, client: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        let server = self.server;
        self.client(client).send_to(bytes, server).unwrap();
        self.until_fences(client)
            .into_iter()
            .find(|answer| Message::parse(answer).is_ok() && !is_data(answer))
    }

    fn reaches_peer(&mut self, client: usize, bytes: &[u8]) -> bool {
        let server = self.server;
        self.client(client).send_to(bytes, server).unwrap();
        self.until_fences(client);
        let at_peer = self.peers.iter().any(take_all);
        at_peer | self.clients.iter().any(take_all)
    }

    fn peer_reaches_client(&mut self, _from: SocketAddr, to: SocketAddr) -> bool {
        // A relay that has ended is no socket any more.
        let sent = self.peers[0].send_to(b"hello", to);
        sent.is_ok() && self.until_fences(0).iter().any(|bytes| is_data(bytes))
    }

    fn pass(&mut self, _seconds: u64) -> bool {
        false
    }

    fn unix(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    }

    fn peer(&self) -> SocketAddr {
        self.peers[0].local_addr().unwrap()
    }

    fn user(&self, name: &str) -> String {
        format!("{name}{}", self.number.get())
    }
}

/// The cases whose addresses are not those of the engine's test world. The server's own address is permitted here: it is
/// the port that decides.
fn playable() -> Vec<Case> {
    let names_the_world = |case: &Case| format!("{:?} {:?}", case.given, case.when).contains("192.0.2.1:");
    let is_playable = |case: &Case| !names_the_world(case) && case.name != "permission for 127.0.0.1:80";
    cases::all().into_iter().filter(is_playable).collect()
}

/// Passed, and those that were not, each in words. What cannot be played here is left out.
fn play(server: SocketAddr) -> (usize, Vec<String>) {
    let mut sockets = Sockets::new(server);
    let all = playable();
    let needs_v6 = |case: &Case| case.name == "IPv6" || case.name.starts_with("one family ended");
    let v6 = all.iter().find(|case| case.name == "IPv6").unwrap();
    sockets.begin(all.len());
    // A machine without IPv6 relays none of it.
    let has_v6 = !matches!(cases::play(&mut sockets, v6), Ok(Some(Then::Refused(440))));
    let (mut passed, mut wrong) = (0, Vec::new());
    for (number, case) in all.iter().enumerate().filter(|(_, case)| has_v6 || !needs_v6(case)) {
        sockets.begin(number);
        match cases::play(&mut sockets, case) {
            Ok(None) => {}
            Err((_, Then::Refused(440))) if !has_v6 => {}
            Ok(Some(got)) if got == case.then => passed += 1,
            Ok(Some(got)) => wrong.push(format!("{}: wanted {:?}, got {got:?}", case.name, case.then)),
            Err((step, got)) => wrong.push(format!("{}: {step:?} got {got:?}", case.name)),
        }
    }
    (passed, wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_abuse_gets_its_answer_over_real_sockets() {
    let config = TurnConfig {
        ports: 46_000..=48_999,
        secrets: ["secret", "secret before"].map(TurnSecret::new).to_vec(),
        channels: TurnChannels::Rfc8656,
        allowed: vec!["127.0.0.2".parse().unwrap()],
        denied: vec!["9.9.9.9".parse().unwrap()],
        limits: TurnLimits {
            per_user: 5,
            per_address: usize::MAX,
            replies: u32::MAX,
            ..TurnLimits::default()
        },
        ..TurnConfig::new("127.0.0.1:0".parse().unwrap())
    };
    let server = Server::start_with_turn_of(config).await;
    let address = ([127, 0, 0, 1], server.media.turn_port().unwrap()).into();
    let (passed, wrong) = tokio::task::spawn_blocking(move || play(address)).await.unwrap();
    eprintln!("ours passes {passed} cases");
    assert!(wrong.is_empty(), "{} cases\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed >= 150, "only {passed} cases were played");
    server.media.shutdown().await;
}

/// Ends with the test.
struct Coturn(Child);

impl Drop for Coturn {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn an_installed_coturn_plays_the_same_for_comparison() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cli = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let started = Command::new("turnserver")
        .args(["-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &port.to_string(), "-r", "voxlink"])
        .args(["--use-auth-secret", "--static-auth-secret=secret", "--static-auth-secret=secret before"])
        .args(["--user-quota=5", "--min-port=49000", "--max-port=51999", "--no-tls", "--no-dtls"])
        .args(["--allow-loopback-peers", "--cli-password=x", "--cli-port", &cli, "--denied-peer-ip=9.9.9.9"])
        .args(["--no-stdout-log", "--log-file=/dev/null", "--simple-log", "--pidfile=/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut coturn = match started {
        Ok(child) => Coturn(child),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return eprintln!("left out: coturn is not installed (apt-get install coturn)");
        }
        Err(error) => panic!("{error}"),
    };
    let server: SocketAddr = ([127, 0, 0, 1], port).into();
    if !answers(server, &mut coturn.0) {
        return eprintln!("left out: coturn does not answer here");
    }
    let outcome = std::panic::catch_unwind(|| play(server));
    match outcome {
        Ok((passed, wrong)) => {
            eprintln!("coturn passes {passed} of {} cases", passed + wrong.len());
        }
        Err(_) => eprintln!("coturn did not get through the cases"),
    }
}

/// Whether it comes up.
fn answers(server: SocketAddr, child: &mut Child) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, Class::Request, Method::Binding, [3; 12]);
    (0..50).any(|_| {
        let _lost = socket.send_to(&bytes, server);
        let is_alive = child.try_wait().is_ok_and(|ended| ended.is_none());
        is_alive && socket.recv(&mut [0; 256]).is_ok()
    })
}
