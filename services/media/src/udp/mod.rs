//! One UDP socket as a shard uses it: batches in, batches out, never blocking.

mod origins;
pub(crate) mod outbox;
pub(crate) mod sys;

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Duration,
};

use origins::Origins;
use outbox::Outbox;
use socket2::{Domain, Protocol, Socket, Type};

use crate::counters::ShardCounters;

/// Asked for; without `CAP_NET_ADMIN` the kernel gives at most `net.core.rmem_max` and `wmem_max`.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// A clock that was set meanwhile does not make a datagram older than this.
const LONGEST_LEFT: Duration = Duration::from_millis(100);

/// A bound socket with its buffers.
pub(crate) struct UdpPort {
    socket: UdpSocket,
    /// Where reports of receivers arrive, if apart.
    reports: Option<UdpSocket>,
    inbox: sys::Inbox,
    outbox: Outbox,
    origins: Option<Origins>,
    counters: Arc<ShardCounters>,
}

impl UdpPort {
    /// Binds; `[::]` takes IPv4 as well.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub(crate) fn bind(listen: SocketAddr, counters: Arc<ShardCounters>) -> io::Result<Self> {
        Self::of(bound(listen, false)?, None, counters)
    }

    /// As [`Self::bind`], with a queue of its own for the reports of receivers, if the kernel has that: most of what viewers
    /// send, which can wait for some milliseconds where media should not.
    pub(crate) fn bind_apart(listen: SocketAddr, counters: Arc<ShardCounters>) -> io::Result<Self> {
        // Sockets that share a port would share it with those of another VoxLink of this user as well: whether it is free
        // is found out by one that shares nothing.
        let free = bound(listen, false)?;
        let address = free.local_addr()?;
        drop(free);
        match bound_apart(address) {
            Ok([media, reports]) => Self::of(media, Some(reports), counters),
            Err(error) => {
                tracing::info!(%error, "reports of viewers come by the same queue as media");
                Self::bind(listen, counters)
            }
        }
    }

    fn of(socket: UdpSocket, reports: Option<UdpSocket>, counters: Arc<ShardCounters>) -> io::Result<Self> {
        let listen = socket.local_addr()?;
        let origins = listen.ip().is_unspecified().then(Origins::new);
        Ok(Self {
            socket,
            reports,
            inbox: sys::Inbox::new(),
            outbox: Outbox::new(listen.is_ipv6()),
            origins,
            counters,
        })
    }

    /// The address with the true port.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How much the kernel buffers on receive, in bytes (it reports twice what may be used).
    pub(crate) fn receive_buffer(&self) -> usize {
        socket2::SockRef::from(&self.socket).recv_buffer_size().unwrap_or_default()
    }

    /// To wait on.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// To wait on for reports, if they are apart.
    pub(crate) fn reports_descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.reports.as_ref().map(AsFd::as_fd)
    }

    /// Takes a batch of what is waiting, reports aside if they are apart; false when nothing was.
    pub(crate) fn receive(&mut self) -> bool {
        let received = self.inbox.receive(self.socket.as_fd());
        self.has_received(received)
    }

    /// The same for reports.
    pub(crate) fn receive_reports(&mut self) -> bool {
        let Some(socket) = &self.reports else { return false };
        let received = self.inbox.receive(socket.as_fd());
        self.has_received(received)
    }

    fn has_received(&self, received: io::Result<usize>) -> bool {
        match received {
            Ok(count) => count > 0,
            // An ICMP error of an earlier send surfaces here once; the datagrams behind it come with the next call.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.counters.receive_errors.add(1);
                false
            }
            Err(_) => false,
        }
    }

    /// How many datagrams the last batch holds.
    pub(crate) fn received(&self) -> usize {
        self.inbox.len()
    }

    /// One datagram of the last batch.
    pub(crate) fn datagram(&mut self, index: usize) -> Option<(SocketAddr, &mut [u8])> {
        let (datagram, bytes) = self.inbox.get_mut(index)?;
        self.counters.packets_in.add(1);
        self.counters.bytes_in.add(bytes.len());
        if let (Some(origins), Some(local)) = (&mut self.origins, datagram.to) {
            origins.remember(datagram.from, local);
        }
        Some((datagram.from, bytes))
    }

    /// How long a datagram of the last batch was left, at this Unix time; zero when that is not known.
    pub(crate) fn waited(&mut self, index: usize, unix: Duration) -> Duration {
        let came = self.inbox.get_mut(index).and_then(|(datagram, _)| datagram.at);
        came.map_or(Duration::ZERO, |came| unix.saturating_sub(came).min(LONGEST_LEFT))
    }

    /// The bytes of one datagram of the last batch, once more.
    pub(crate) fn bytes(&mut self, index: usize) -> Option<&[u8]> {
        self.inbox.get_mut(index).map(|(_, bytes)| &*bytes)
    }

    /// Queues one transmit of the engine; sends when the buffers are full.
    pub(crate) fn send(&mut self, to: SocketAddr, bytes: &[u8], segment: Option<usize>) {
        let from: Option<IpAddr> = self.origins.as_ref().and_then(|origins| origins.of(to));
        self.outbox.push(self.socket.as_fd(), &self.counters, to, from, bytes, segment);
    }

    /// As [`Self::send`], for one datagram of whom there may be more: those to one peer that have one size leave as
    /// one message.
    pub(crate) fn send_to_run(&mut self, to: SocketAddr, bytes: &[u8]) {
        let from: Option<IpAddr> = self.origins.as_ref().and_then(|origins| origins.of(to));
        self.outbox.push_to_run(self.socket.as_fd(), &self.counters, to, from, bytes);
    }

    /// Sends what is queued.
    pub(crate) fn flush(&mut self) {
        self.outbox.flush(self.socket.as_fd(), &self.counters);
    }

    /// As on a machine whose network card cannot segment.
    #[cfg(test)]
    pub(crate) fn without_segmentation(&mut self) {
        self.outbox.without_segmentation();
    }
}

fn bound(listen: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = unbound(listen, shared)?;
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// The first for all but reports, the second for those.
fn bound_apart(listen: SocketAddr) -> io::Result<[UdpSocket; 2]> {
    let media = unbound(listen, true)?;
    sys::take_reports_apart(media.as_fd())?;
    media.bind(&listen.into())?;
    let reports = bound(listen, true)?;
    sys::tell_arrival_time(reports.as_fd())?;
    Ok([media.into(), reports])
}

fn unbound(listen: SocketAddr, shared: bool) -> io::Result<Socket> {
    let is_v6 = listen.is_ipv6();
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if is_v6 {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    if sys::force_buffers(socket.as_fd(), SOCKET_BUFFER_BYTES).is_err() {
        // A smaller buffer than asked for is no reason to refuse: it only costs packets under bursts.
        let _smaller = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
        let _smaller = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    }
    if listen.ip().is_unspecified() {
        sys::tell_arrival_address(socket.as_fd(), is_v6)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{process::Command, time::SystemTime};

    use super::*;

    fn port(listen: &str) -> UdpPort {
        UdpPort::bind(listen.parse().unwrap(), Arc::default()).unwrap()
    }

    fn drain(port: &mut UdpPort, expected: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for _ in 0..100 {
            while port.receive() {
                for index in 0..port.received() {
                    all.push(port.datagram(index).unwrap().1.to_vec());
                }
            }
            if all.len() >= expected {
                return all;
            }
            sys::wait_readable([port.descriptor()], Duration::from_millis(20)).unwrap();
        }
        all
    }

    #[test]
    fn one_send_arrives_as_its_segments_with_and_without_offload() {
        for offload in [true, false] {
            let (mut alice, mut bob) = (port("127.0.0.1:0"), port("127.0.0.1:0"));
            if !offload {
                alice.without_segmentation();
            }
            let to = bob.local_address().unwrap();
            let burst: Vec<u8> = (0..2500_u32).map(|n| (n % 251) as u8).collect();
            alice.send(to, &burst, Some(1000));
            alice.send(to, b"alone", None);
            alice.flush();
            let got = drain(&mut bob, 4);
            assert_eq!(got, [&burst[..1000], &burst[1000..2000], &burst[2000..], b"alone"]);
            assert_eq!(alice.counters.packets_out.get(), 4);
            assert_eq!(alice.counters.bytes_out.get(), 2505);
        }
    }

    #[test]
    fn bursts_beyond_what_the_kernel_takes_at_once_arrive_whole() {
        let (mut alice, mut bob) = (port("127.0.0.1:0"), port("127.0.0.1:0"));
        let to = bob.local_address().unwrap();
        alice.send(to, &[7; 150 * 100], Some(100));
        alice.flush();
        assert_eq!(drain(&mut bob, 150).len(), 150);
    }

    #[test]
    fn a_send_that_fails_hinders_nobody_behind_it() {
        let (mut alice, mut bob) = (port("127.0.0.1:0"), port("127.0.0.1:0"));
        let to = bob.local_address().unwrap();
        // A socket bound to loopback cannot reach the outside.
        alice.send("192.0.2.1:9".parse().unwrap(), b"lost", None);
        alice.send("192.0.2.1:9".parse().unwrap(), &[0; 200], Some(100));
        alice.send(to, b"here", None);
        alice.flush();
        assert_eq!(drain(&mut bob, 1), [b"here"]);
        assert_eq!(alice.counters.send_errors.get(), 3);
        alice.send(to, &[1; 300], Some(100));
        alice.flush();
        assert_eq!(drain(&mut bob, 3).len(), 3);
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        for listen in ["0.0.0.0:0", "[::]:0"] {
            let mut server = port(listen);
            let number = server.local_address().unwrap().port();
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            // All of 127/8 is ours; without a chosen source the answer would come from 127.0.0.1.
            client.send_to(b"hello", ("127.0.0.2", number)).unwrap();
            sys::wait_readable([server.descriptor()], Duration::from_secs(2)).unwrap();
            assert!(server.receive());
            let from = server.datagram(0).unwrap().0;
            assert_eq!(from, client.local_addr().unwrap());
            server.send(from, b"answer", None);
            server.send(from, &[3; 20], Some(10));
            server.flush();
            let mut buffer = [0; 64];
            for expected in [6, 10, 10] {
                let (length, source) = client.recv_from(&mut buffer).unwrap();
                assert_eq!((length, source.to_string()), (expected, format!("127.0.0.2:{number}")));
            }
        }
    }

    #[test]
    fn what_must_stay_whole_is_sent_whole_or_not_at_all() {
        // A network of its own, whose one link takes 1,500 bytes.
        let played = std::thread::spawn(|| {
            if let Err(error) = sys::own_network() {
                return eprintln!("SKIPPED: a network of its own needs root ({error})");
            }
            let mut ip = Command::new("ip");
            if !ip.args(["link", "set", "lo", "mtu", "1500", "up"]).status().is_ok_and(|code| code.success())
            {
                return eprintln!("SKIPPED: there is no ip (apt-get install iproute2)");
            }
            for local in ["127.0.0.1:0", "[::1]:0"] {
                let (from, peer) = (UdpSocket::bind(local).unwrap(), UdpSocket::bind(local).unwrap());
                peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let (mut outbox, counters) = (Outbox::new(local.starts_with('[')), ShardCounters::default());
                let (to, mut buffer) = (peer.local_addr().unwrap(), [0; 4_000]);
                outbox.send_whole(from.as_fd(), &counters, to, &[1; 1_000]);
                assert_eq!(peer.recv(&mut buffer).unwrap(), 1_000);
                outbox.send_whole(from.as_fd(), &counters, to, &[2; 3_000]);
                assert_eq!(counters.send_errors.get(), 1, "{local}");
                // Afterwards pieces are good again, and nothing of the other came before.
                outbox.push_to_run(from.as_fd(), &counters, to, None, &[3; 3_500]);
                outbox.flush(from.as_fd(), &counters);
                assert_eq!((peer.recv(&mut buffer).unwrap(), buffer[0]), (3_500, 3));
            }
        });
        played.join().unwrap();
    }

    #[test]
    fn reports_of_receivers_come_by_their_own_queue() {
        for (listen, from) in [("0.0.0.0:0", "127.0.0.1:0"), ("[::]:0", "127.0.0.1:0"), ("[::]:0", "[::1]:0")]
        {
            let mut server = UdpPort::bind_apart(listen.parse().unwrap(), Arc::default()).unwrap();
            let number = server.local_address().unwrap().port();
            let client = UdpSocket::bind(from).unwrap();
            let to = SocketAddr::new(client.local_addr().unwrap().ip(), number);
            // RTP with and without a marker, DTLS, STUN, too short, empty; a NACK, a key frame request.
            let media: [&[u8]; 8] =
                [&[0x80, 96], &[0x90, 0xe0], &[22, 254], &[0, 201], &[0x80], &[], &[0x81, 205], &[0x81, 206]];
            let reports: [&[u8]; 4] = [&[0x80, 200], &[0x80, 201], &[0xa1, 201, 0], &[0x8f, 205, 1]];
            for bytes in media.iter().chain(&reports) {
                client.send_to(bytes, to).unwrap();
            }
            let waited = [server.descriptor(), server.reports_descriptor().unwrap()];
            assert_eq!(sys::wait_readable(waited, Duration::from_secs(2)).unwrap(), [true; 2]);
            let taken = |server: &mut UdpPort| -> Vec<Vec<u8>> {
                (0..server.received()).map(|at| server.datagram(at).unwrap().1.to_vec()).collect()
            };
            assert!(server.receive());
            assert_eq!(taken(&mut server), media);
            assert!(server.receive_reports());
            assert_eq!(taken(&mut server), reports);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let waited = server.waited(0, now);
            assert!(!waited.is_zero() && server.waited(0, now + Duration::from_millis(20)) > waited);
            assert!(!server.receive_reports());
        }
    }

    #[test]
    fn a_taken_port_is_refused() {
        let kinds = [UdpPort::bind, UdpPort::bind_apart];
        for (first, second) in kinds.iter().flat_map(|first| kinds.map(|second| (first, second))) {
            let first = first("127.0.0.1:0".parse().unwrap(), Arc::default()).unwrap();
            let again = second(first.local_address().unwrap(), Arc::default());
            assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AddrInUse);
        }
    }
}
