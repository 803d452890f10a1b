//! The loop of the relay's thread: wait, take what is there, let the engine decide, send.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener},
    ops::RangeInclusive,
    os::fd::AsRawFd,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, Waker, net::TcpListener, unix::SourceFd};
use tokio::sync::mpsc;
use voxlink_service_kit::Env;
use voxlink_turn::{ClientKey, Event, HEAD_ROOM, LocalPeer, Output, RelayId, Server, Transport, Verdict};

use super::{
    Command, Place,
    sockets::RelaySockets,
    streams::{Read, Socket, Streams},
};
use crate::udp::UdpPort;

const WAKE: Token = Token(0);
const UDP: Token = Token(1);
const TCP: Token = Token(2);
const FIRST_STREAM: usize = 16;
const FIRST_RELAY: usize = 1 << 20;
/// Nothing to do: look again after this, for connections that do nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Datagrams and connections taken from one socket before the others get their turn.
const MOST_AT_ONCE: usize = 256;
/// The largest payload, which no path carries in one piece.
const MAX_PAYLOAD: usize = 65_536;

pub(super) struct Relay {
    server: Server,
    env: Env,
    poll: Poll,
    udp: UdpPort,
    tcp: TcpListener,
    /// What a client over UDP is taken to have sent to.
    local: SocketAddr,
    streams: Streams,
    relays: RelaySockets,
    sfu: Vec<(SocketAddr, SocketAddr)>,
    inbox: mpsc::Receiver<Command>,
    /// Sockets that may have more than was taken.
    again: Vec<Token>,
    wake_at: Option<Instant>,
    buffer: Box<[u8]>,
}

impl Relay {
    pub(super) fn new(
        server: Server,
        (udp, tcp): (UdpPort, StdTcpListener),
        ports: RangeInclusive<u16>,
        place: Place,
        env: Env,
        inbox: mpsc::Receiver<Command>,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        tcp.set_nonblocking(true)?;
        let mut tcp = TcpListener::from_std(tcp);
        poll.registry().register(&mut SourceFd(&udp.descriptor().as_raw_fd()), UDP, Interest::READABLE)?;
        poll.registry().register(&mut tcp, TCP, Interest::READABLE)?;
        let relay = Self {
            server,
            env,
            poll,
            local: udp.local_address()?,
            udp,
            tcp,
            streams: Streams::new(FIRST_STREAM, FIRST_RELAY),
            relays: RelaySockets::new(ports, place.relay_addresses, FIRST_RELAY),
            sfu: place.sfu,
            inbox,
            again: Vec::new(),
            wake_at: None,
            buffer: vec![0; HEAD_ROOM + MAX_PAYLOAD + 4].into_boxed_slice(),
        };
        Ok((relay, waker))
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let now = self.env.clock.monotonic();
            let due = self.wake_at.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now));
            let timeout = if self.again.is_empty() { due.min(LONGEST_WAIT) } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "waiting failed");
                std::thread::sleep(Duration::from_millis(1));
            }
            let now = self.env.clock.monotonic();
            let mut ready = std::mem::take(&mut self.again);
            ready.extend(events.iter().map(mio::event::Event::token));
            ready.sort_unstable();
            ready.dedup();
            for token in ready {
                self.attend(token, now);
            }
            if !self.take_commands(now) {
                return;
            }
            if self.wake_at.is_some_and(|at| now >= at) {
                self.wake_at = None;
                self.server.handle_timeout(now);
            }
            for token in self.streams.idle(now) {
                self.close(token);
            }
            self.drain(now);
            self.udp.flush();
        }
    }

    fn attend(&mut self, token: Token, now: Instant) {
        match token {
            WAKE => {}
            UDP => self.read_udp(now),
            TCP => self.accept(now),
            token if self.streams.has(token) => self.attend_stream(token, now),
            token => self.read_relay(token, now),
        }
    }

    fn take_commands(&mut self, now: Instant) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::EndLogin(user, login)) => {
                    self.server.end_session(now, &user.get().to_string(), &login.get().to_string());
                }
                Ok(Command::Carry { socket, local, remote }) => {
                    let key = ClientKey { transport: Transport::Tls, local, remote };
                    self.streams.accept(Socket::carried(socket), key, self.poll.registry(), now);
                }
                Ok(Command::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => return false,
                Err(mpsc::error::TryRecvError::Empty) => return true,
            }
        }
    }

    fn read_udp(&mut self, now: Instant) {
        let mut taken = 0;
        while self.udp.receive() {
            for index in 0..self.udp.received() {
                let Some((remote, bytes)) = self.udp.datagram(index) else { continue };
                let client = ClientKey { transport: Transport::Udp, local: self.local, remote };
                let verdict = self.server.handle_client(now, client, bytes);
                if let Some((relay, from, payload)) =
                    send(&self.server, &mut self.relays, &self.sfu, verdict, bytes)
                {
                    let payload = payload.to_vec();
                    self.hand_over(relay, from, &payload, now);
                }
            }
            self.drain(now);
            taken += self.udp.received();
            if taken >= MOST_AT_ONCE {
                self.again.push(UDP);
                return;
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..MOST_AT_ONCE {
            match self.tcp.accept() {
                Ok((socket, remote)) => {
                    let Ok(local) = socket.local_addr() else { continue };
                    // Small frames must not wait; a kernel that refuses is only slower.
                    let _slower = socket.set_nodelay(true);
                    let key = ClientKey { transport: Transport::Tcp, local, remote };
                    self.streams.accept(Socket::Tcp(socket), key, self.poll.registry(), now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::debug!(%error, "a connection to TURN could not be accepted");
                    return;
                }
            }
        }
        self.again.push(TCP);
    }

    fn attend_stream(&mut self, token: Token, now: Instant) {
        let mut verdicts = Vec::new();
        let server = &mut self.server;
        let is_open = self.streams.flush(token);
        let read = self.streams.read(token, |client, frame| {
            let verdict = server.handle_client(now, client, frame);
            if verdict != Verdict::Nothing {
                verdicts.push((verdict, frame.to_vec()));
            }
        });
        for (verdict, frame) in verdicts {
            let local = send(&self.server, &mut self.relays, &self.sfu, verdict, &frame);
            if let Some((relay, from, payload)) = local {
                self.hand_over(relay, from, payload, now);
            }
        }
        match read {
            Read::Drained if is_open => {}
            Read::More if is_open => self.again.push(token),
            Read::Drained | Read::More | Read::Over => self.close(token),
        }
        self.drain(now);
    }

    fn close(&mut self, token: Token) {
        if let Some(client) = self.streams.close(token, self.poll.registry()) {
            self.server.client_gone(&client);
        }
    }

    /// From one relayed address to another, without the sockets of either.
    fn hand_over(&mut self, relay: RelayId, from: SocketAddr, payload: &[u8], now: Instant) {
        let Some(room) = self.buffer.get_mut(HEAD_ROOM..HEAD_ROOM + payload.len()) else { return };
        room.copy_from_slice(payload);
        self.deliver(relay, from, payload.len(), now);
    }

    /// A datagram for a relayed address, whose payload is in the buffer behind the head room.
    fn deliver(&mut self, relay: RelayId, from: SocketAddr, length: usize, now: Instant) {
        let Some((head, _)) = self.buffer.split_first_chunk_mut::<HEAD_ROOM>() else { return };
        let Some(to) = self.server.handle_peer(now, relay, from, length, head) else { return };
        let end = HEAD_ROOM + length;
        let padding = if to.client.transport == Transport::Udp { 0 } else { to.padding };
        if let Some(zeroes) = self.buffer.get_mut(end..end + padding) {
            zeroes.fill(0);
        }
        let Some(bytes) = self.buffer.get(HEAD_ROOM - to.prefix..end + padding) else { return };
        match to.client.transport {
            Transport::Udp => self.udp.send(to.client.remote, bytes, None),
            Transport::Tcp | Transport::Tls => self.streams.send(&to.client, bytes),
        }
    }

    fn read_relay(&mut self, token: Token, now: Instant) {
        for _ in 0..MOST_AT_ONCE {
            let Some(socket) = self.relays.by_token(token) else { return };
            let Some(room) = self.buffer.get_mut(HEAD_ROOM..HEAD_ROOM + MAX_PAYLOAD) else { return };
            match socket.socket.recv_from(room) {
                Ok((length, from)) => {
                    let name = socket.names.iter().find(|(known, _)| *known == from);
                    let from = name.map_or(from, |(_, name)| *name);
                    let relay = socket.relay;
                    self.deliver(relay, from, length, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP answer to something sent earlier.
                Err(_) => {}
            }
        }
        self.again.push(token);
    }

    /// Does what the engine asks for.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit { client, bytes } => match client.transport {
                    Transport::Udp => self.udp.send(client.remote, &bytes, None),
                    Transport::Tcp | Transport::Tls => self.streams.send(&client, &bytes),
                },
                Output::OpenRelay { relay, family, even, next } => {
                    let opened =
                        self.relays.open((relay, next), family, even, self.poll.registry(), &self.env);
                    self.server.relay_opened(relay, opened);
                }
                Output::CloseRelay(relay) => self.relays.close(relay, self.poll.registry()),
                Output::WakeAt(at) => self.wake_at = Some(at),
                Output::Event(Event::AllocationOpened { client, .. }) => {
                    if let Some(stream) = self.streams.of(&client) {
                        stream.count(true, now);
                    }
                }
                Output::Event(Event::AllocationClosed { client, .. }) => {
                    if let Some(stream) = self.streams.of(&client) {
                        stream.count(false, now);
                    }
                }
            }
        }
    }
}

/// Sends a client's payload to where it goes, except to another relayed address of ours: that, and from which.
fn send<'a>(
    server: &Server,
    relays: &mut RelaySockets,
    sfu: &[(SocketAddr, SocketAddr)],
    verdict: Verdict,
    datagram: &'a [u8],
) -> Option<(RelayId, SocketAddr, &'a [u8])> {
    match verdict {
        Verdict::Nothing => {}
        Verdict::Relay { relay, to, payload, dont_fragment: _ } => {
            // As on the open net: what cannot be sent is lost.
            let _lost = relays.get(relay)?.socket.send_to(datagram.get(payload)?, to);
        }
        Verdict::ToLocal { from, to: LocalPeer::Listed(candidate), payload } => {
            let relay = relays.get(server.relay_at(from)?)?;
            let (_, place) = *sfu.iter().find(|(known, _)| *known == candidate)?;
            match relay.names.iter_mut().find(|(known, _)| *known == place) {
                Some((_, name)) => *name = candidate,
                None => relay.names.push((place, candidate)),
            }
            let _lost = relay.socket.send_to(datagram.get(payload)?, place);
        }
        Verdict::ToLocal { from, to: LocalPeer::Relay(relay), payload } => {
            return Some((relay, from, datagram.get(payload)?));
        }
    }
    None
}
