//! Load for a TURN server that does not wait for it: so many packets each millisecond both ways, each with a number, and
//! an exact count of those that did not arrive.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use voxlink_test_client::TurnPath;
use voxlink_turn::stun::Message;

use crate::{call::Turn, stage::CLIENTS};

/// Packets each way in a millisecond.
const EACH_WAY: u64 = 10;
const WARM_UP: Duration = Duration::from_millis(1_000);
const MEASURED: Duration = Duration::from_secs(6);
/// What is on its way when the sending ends has this long.
const LATE: Duration = Duration::from_millis(300);
/// Between two looks at all sockets of clients and peers.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
const PEERS: usize = 16;
const CHANNEL: u16 = 0x4000;

/// One kind of load.
pub(crate) struct Cell {
    pub name: &'static str,
    /// Payload bytes.
    pub size: usize,
    /// ChannelData both ways; else Send and Data.
    pub on_channel: bool,
}

/// What came of it.
pub(crate) struct Outcome {
    /// Of the server for a packet, while the load was measured.
    pub micros: f64,
    /// From the first to the last.
    pub sent: u64,
    pub lost: u64,
}

/// Clients with an allocation each, and their peers.
pub(crate) struct Clients {
    paths: Vec<TurnPath>,
    peers: Vec<UdpSocket>,
}

/// Each number once, of one direction.
struct Seen {
    numbers: Vec<AtomicU8>,
    count: AtomicU64,
}

impl Seen {
    fn new(most: usize) -> Self {
        Self { numbers: (0..most).map(|_| AtomicU8::new(0)).collect(), count: AtomicU64::new(0) }
    }

    fn mark(&self, number: u32) {
        if let Some(seen) = self.numbers.get(number as usize)
            && seen.swap(1, Relaxed) == 0
        {
            self.count.fetch_add(1, Relaxed);
        }
    }
}

impl Clients {
    /// Allocates one after the other.
    pub(crate) fn open(credentials: &[Turn], cell: &Cell) -> io::Result<Self> {
        // coturn remembers 5-tuples beyond their end: each time other addresses.
        static TIMES: AtomicU8 = AtomicU8::new(0);
        let here = SocketAddr::from(([25, 1, 200, TIMES.fetch_add(1, Relaxed)], 0));
        let peers: Vec<UdpSocket> =
            (0..PEERS).map(|_| UdpSocket::bind((CLIENTS, 0))).collect::<io::Result<_>>()?;
        let mut paths = Vec::with_capacity(credentials.len());
        for (index, Turn { server, username, password }) in credentials.iter().enumerate() {
            let mut path = TurnPath::allocate(here, *server, username, password)?;
            let peer = peers[index % PEERS].local_addr()?;
            match cell.on_channel {
                true => path.bind_channel(CHANNEL, peer)?,
                false => path.permit(peer)?,
            }
            paths.push(path);
        }
        Ok(Self { paths, peers })
    }

    /// Gives all of them back.
    pub(crate) fn end(&mut self) {
        for path in &mut self.paths {
            if let Err(error) = path.end() {
                eprintln!("an allocation was not given back: {error}");
            }
        }
    }

    /// Sends for [`WARM_UP`] and [`MEASURED`].
    pub(crate) fn load(&self, cell: &Cell, cpu: impl Fn() -> Duration) -> Outcome {
        let most = usize::try_from((WARM_UP + MEASURED).as_millis()).unwrap_or(0) * EACH_WAY as usize;
        let seen = [Arc::new(Seen::new(most)), Arc::new(Seen::new(most))];
        let done = Arc::new(AtomicBool::new(false));
        let reader = std::thread::spawn({
            let (seen, done) = (seen.clone(), done.clone());
            let sockets = |all: Vec<&UdpSocket>| -> Vec<UdpSocket> {
                all.into_iter().map(|socket| socket.try_clone().expect("descriptors are left")).collect()
            };
            let clients = sockets(self.paths.iter().map(|path| &path.socket).collect());
            let peers = sockets(self.peers.iter().collect());
            move || read(&clients, &peers, &seen, &done)
        });
        let micros = self.send(cell, cpu);
        std::thread::sleep(LATE);
        done.store(true, Relaxed);
        reader.join().expect("the reader ends");
        let received: u64 = seen.iter().map(|seen| seen.count.load(Relaxed)).sum();
        let sent = 2 * most as u64;
        Outcome { micros, sent, lost: sent - received }
    }

    /// The CPU for a packet of the measured part, in microseconds.
    fn send(&self, cell: &Cell, cpu: impl Fn() -> Duration) -> f64 {
        let relayed: Vec<SocketAddr> = self.paths.iter().map(|path| path.relayed).collect();
        let peers: Vec<SocketAddr> =
            self.peers.iter().map(|peer| peer.local_addr().expect("bound")).collect();
        let (mut payload, mut datagram) = (vec![7_u8; cell.size], Vec::new());
        let warm = u32::try_from(WARM_UP.as_millis()).unwrap_or(0);
        let all = warm + u32::try_from(MEASURED.as_millis()).unwrap_or(0);
        let start = Instant::now();
        let mut before = Duration::ZERO;
        for tick in 0..all {
            if tick == warm {
                before = cpu();
            }
            let due = start + Duration::from_millis(tick.into());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for index in 0..EACH_WAY as u32 {
                let number = tick * EACH_WAY as u32 + index;
                payload[..4].copy_from_slice(&number.to_be_bytes());
                let client = number as usize % self.paths.len();
                let peer = client % PEERS;
                match cell.on_channel {
                    true => TurnPath::wrap(CHANNEL, &payload, &mut datagram),
                    false => TurnPath::indicate(peers[peer], &payload, &mut datagram),
                }
                self.paths[client].send(&datagram);
                let _lost = self.peers[peer].send_to(&payload, relayed[client]);
            }
        }
        let cpu = cpu() - before;
        cpu.as_secs_f64() * 1e6 / f64::from(2 * EACH_WAY as u32 * (all - warm))
    }
}

/// Reads all sockets until `done` and marks what came: at peers what went up, at clients what came down. It looks now
/// and then instead of waiting: a network card's other end wakes nobody on the server's account either.
fn read(clients: &[UdpSocket], peers: &[UdpSocket], seen: &[Arc<Seen>; 2], done: &AtomicBool) {
    let [up, down] = seen;
    for socket in clients.iter().chain(peers) {
        socket.set_nonblocking(true).expect("a socket can be made non-blocking");
    }
    let mut buffer = [0; 2048];
    let mut is_last = false;
    while !is_last {
        is_last = done.load(Relaxed);
        for (sockets, seen, is_client) in [(clients, down, true), (peers, up, false)] {
            for socket in sockets {
                while let Ok(length) = socket.recv(&mut buffer) {
                    if let Some(number) = number(&buffer[..length], is_client) {
                        seen.mark(number);
                    }
                }
            }
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// What the payload begins with; at clients it stands in ChannelData or in a Data indication.
fn number(datagram: &[u8], is_client: bool) -> Option<u32> {
    let payload = match (is_client, TurnPath::unwrap(datagram)) {
        (false, _) => datagram,
        (true, Some((_, payload))) => payload,
        (true, None) => datagram.get(Message::parse(datagram).ok()?.data?)?,
    };
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
