//! The loop of the relay's thread: wait, take what is there, let the engine decide, send.
//!
//! Nothing is allocated for a datagram that is relayed: batches are taken into buffers that stay, headers are written
//! in place, and what leaves waits in the outboxes of `udp` or in parcels.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener},
    ops::{Range, RangeInclusive},
    os::fd::AsRawFd,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, Waker, net::TcpListener, unix::SourceFd};
use tokio::sync::mpsc;
use voxlink_service_kit::Env;
use voxlink_turn::{ClientKey, Event, HEAD_ROOM, Output, RelayId, Server, Transport, Verdict};

use super::{
    Command, Place,
    onward::{Onward, PADDING},
    sockets::RelaySockets,
    streams::{Read, Socket, Streams},
};
use crate::{
    counters::ShardCounters,
    parcel::{Mailbox, Parcel, Route},
    udp::{UdpPort, sys},
};

const WAKE: Token = Token(0);
const UDP: Token = Token(1);
const TCP: Token = Token(2);
const FIRST_STREAM: usize = 16;
const FIRST_RELAY: usize = 1 << 20;
/// Sockets told of at once; the others are told of with the next wait.
const MOST_EVENTS: usize = 1_024;
/// Nothing to do: look again after this, for connections that do nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Between two looks for connections that do nothing.
const LOOK_FOR_IDLE: Duration = Duration::from_secs(1);
/// Between two looks at the sockets while there is much to relay: a wake-up costs as much as two packets.
const COALESCE: Duration = Duration::from_micros(1_000);
/// So many datagrams within that time are much.
const MUCH: usize = 4;
/// Datagrams and connections taken from one socket before the others get their turn.
const MOST_AT_ONCE: usize = 256;
/// Datagrams taken from a relay socket with one call: the packets of one picture.
const RELAY_BATCH: usize = 16;

/// What a client over UDP sends out of a relayed address; sorted so that each socket sends once.
struct Leaving {
    relay: RelayId,
    to: SocketAddr,
    /// Which datagram of the batch, and what of it.
    index: usize,
    payload: Range<usize>,
}

pub(super) struct Relay {
    server: Server,
    env: Env,
    poll: Poll,
    udp: UdpPort,
    tcp: TcpListener,
    /// What a client over UDP is taken to have sent to.
    local: SocketAddr,
    streams: Streams,
    onward: Onward,
    leaving: Vec<Leaving>,
    /// What came to a relayed address, with room for the header.
    received: sys::Inbox<RELAY_BATCH>,
    /// From the shards, and what was taken out of it last.
    mailbox: Arc<Mailbox>,
    parcel: Parcel<Route>,
    counters: Arc<ShardCounters>,
    inbox: mpsc::Receiver<Command>,
    /// Sockets that may have more than was taken.
    again: Vec<Token>,
    wake_at: Option<Instant>,
    idle_at: Instant,
    /// Datagrams taken since then, which is counted anew every [`COALESCE`].
    taken: usize,
    counted_since: Instant,
}

/// How the thread is connected with the others.
pub(super) struct Ties {
    /// What is asked of it.
    pub(super) inbox: mpsc::Receiver<Command>,
    /// What shards send to relayed addresses.
    pub(super) mailbox: Arc<Mailbox>,
    /// Where each shard takes what is for it.
    pub(super) shards: Vec<Arc<Mailbox>>,
    pub(super) counters: Arc<ShardCounters>,
}

/// What shards put in is written to in place.
pub(crate) fn mailbox() -> Arc<Mailbox> {
    Mailbox::with_room(HEAD_ROOM, PADDING)
}

impl Relay {
    pub(super) fn new(
        server: Server,
        (udp, tcp): (UdpPort, StdTcpListener),
        ports: RangeInclusive<u16>,
        place: Place,
        env: Env,
        ties: Ties,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let woken = waker.clone();
        // One that cannot be woken looks after a while by itself.
        ties.mailbox.set_wake(move || _ = woken.wake());
        tcp.set_nonblocking(true)?;
        let mut tcp = TcpListener::from_std(tcp);
        poll.registry().register(&mut SourceFd(&udp.descriptor().as_raw_fd()), UDP, Interest::READABLE)?;
        poll.registry().register(&mut tcp, TCP, Interest::READABLE)?;
        let counters = ties.counters;
        let relays = RelaySockets::new(ports, place.relay_addresses, FIRST_RELAY, counters.clone());
        let relay = Self {
            server,
            poll,
            local: udp.local_address()?,
            udp,
            tcp,
            streams: Streams::new(FIRST_STREAM, FIRST_RELAY),
            onward: Onward::new(relays, &place.sfu, ties.shards, counters.clone()),
            leaving: Vec::with_capacity(sys::BATCH),
            received: sys::Inbox::with_room(HEAD_ROOM, PADDING),
            parcel: ties.mailbox.parcel(),
            mailbox: ties.mailbox,
            counters,
            inbox: ties.inbox,
            again: Vec::new(),
            wake_at: None,
            idle_at: env.clock.monotonic(),
            taken: 0,
            counted_since: env.clock.monotonic(),
            env,
        };
        Ok((relay, waker))
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(MOST_EVENTS);
        let mut ready = Vec::new();
        loop {
            let now = self.wait(&mut events);
            ready.append(&mut self.again);
            ready.extend(events.iter().map(mio::event::Event::token));
            ready.sort_unstable();
            ready.dedup();
            for token in ready.drain(..) {
                self.attend(token, now);
            }
            self.take_parcel(now);
            if !self.take_commands(now) {
                return;
            }
            if self.wake_at.is_some_and(|at| now >= at) {
                self.wake_at = None;
                self.server.handle_timeout(now);
            }
            if now >= self.idle_at {
                self.idle_at = now + LOOK_FOR_IDLE;
                for token in self.streams.idle(now) {
                    self.close(token);
                }
            }
            self.drain(now);
            self.onward.flush();
            self.udp.flush();
        }
    }

    /// Sleeps until there is something to do; the time. While there is much it sleeps anyhow, for it to become a batch.
    fn wait(&mut self, events: &mut Events) -> Instant {
        let now = self.env.clock.monotonic();
        let due = self.wake_at.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now)).min(LONGEST_WAIT);
        let is_busy = self.taken >= MUCH;
        if is_busy || now.saturating_duration_since(self.counted_since) >= COALESCE {
            (self.taken, self.counted_since) = (0, now);
        }
        let timeout = match self.again.is_empty() {
            true if is_busy => {
                std::thread::sleep(COALESCE.min(due));
                Duration::ZERO
            }
            true => due,
            false => Duration::ZERO,
        };
        if let Err(error) = self.poll.poll(events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "waiting failed");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.env.clock.monotonic()
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
            let count = self.udp.received();
            for index in 0..count {
                let Some((remote, bytes)) = self.udp.datagram(index) else { continue };
                let client = ClientKey { transport: Transport::Udp, local: self.local, remote };
                match self.server.handle_client(now, client, bytes) {
                    Verdict::Relay { relay, to, payload, dont_fragment: false } => {
                        self.leaving.push(Leaving { relay, to, index, payload });
                    }
                    verdict => self.onward.take(verdict, bytes),
                }
            }
            self.send_leaving();
            self.cross(now);
            self.drain(now);
            self.taken += count;
            taken += count;
            if count < sys::BATCH {
                return;
            }
            if taken >= MOST_AT_ONCE {
                self.again.push(UDP);
                return;
            }
        }
    }

    fn send_leaving(&mut self) {
        self.leaving.sort_unstable_by_key(|leaving| (leaving.relay, leaving.index));
        for Leaving { relay, to, index, payload } in self.leaving.drain(..) {
            if let Some(payload) = self.udp.bytes(index).and_then(|bytes| bytes.get(payload)) {
                self.onward.relays.send(relay, to, payload);
            }
        }
        self.onward.relays.flush();
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
        let is_open = self.streams.flush(token);
        let (server, onward, taken) = (&mut self.server, &mut self.onward, &mut self.taken);
        let read = self.streams.read(token, |client, frame| {
            *taken += 1;
            onward.take(server.handle_client(now, client, frame), frame);
        });
        self.cross(now);
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

    /// From relayed addresses to others, without the sockets of either.
    fn cross(&mut self, now: Instant) {
        for index in 0..self.onward.crossing.len() {
            if let Some((&(relay, from), slot)) = self.onward.crossing.slot_mut(index) {
                deliver((&mut self.server, &mut self.udp, &mut self.streams), (relay, from), slot, now);
            }
        }
        self.onward.crossing.clear();
    }

    /// What shards say to relayed addresses.
    fn take_parcel(&mut self, now: Instant) {
        self.mailbox.take(&mut self.parcel);
        self.taken += self.parcel.len();
        for index in 0..self.parcel.len() {
            let Some((route, slot)) = self.parcel.slot_mut(index) else { continue };
            let Some(relay) = self.server.relay_at(route.to) else { continue };
            deliver((&mut self.server, &mut self.udp, &mut self.streams), (relay, route.from), slot, now);
        }
    }

    fn read_relay(&mut self, token: Token, now: Instant) {
        for _ in 0..MOST_AT_ONCE / RELAY_BATCH {
            let Some((relay, socket)) = self.onward.relays.by_token(token) else { return };
            let count = match self.received.receive(socket) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP answer to something sent earlier: what is behind it comes with the next call.
                Err(_) => continue,
            };
            for index in 0..self.received.len() {
                let Some((datagram, slot)) = self.received.slot_mut(index) else { continue };
                // No path of a call carries such a long one, and half of it is of no use.
                if datagram.is_cut {
                    continue;
                }
                self.counters.packets_in.add(1);
                self.counters.bytes_in.add(datagram.length);
                let hands = (&mut self.server, &mut self.udp, &mut self.streams);
                deliver(hands, (relay, datagram.from), slot, now);
            }
            self.taken += count;
            if count < RELAY_BATCH {
                return;
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
                        self.onward.relays.open((relay, next), family, even, self.poll.registry(), &self.env);
                    self.server.relay_opened(relay, opened);
                }
                Output::CloseRelay(relay) => self.onward.relays.close(relay, self.poll.registry()),
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

/// A datagram for a relayed address, to the client behind it. It stands between [`HEAD_ROOM`] and [`PADDING`] bytes.
fn deliver(
    (server, udp, streams): (&mut Server, &mut UdpPort, &mut Streams),
    (relay, from): (RelayId, SocketAddr),
    slot: &mut [u8],
    now: Instant,
) {
    let Some(end) = slot.len().checked_sub(PADDING) else { return };
    let Some(length) = end.checked_sub(HEAD_ROOM) else { return };
    let Some(head) = slot.first_chunk_mut::<HEAD_ROOM>() else { return };
    let Some(to) = server.handle_peer(now, relay, from, length, head) else { return };
    if let Some(zeroes) = slot.get_mut(end..end + to.padding) {
        zeroes.fill(0);
    }
    let Some(bytes) = slot.get(HEAD_ROOM - to.prefix..end + to.padding) else { return };
    match to.client.transport {
        Transport::Udp => udp.send_to_run(to.client.remote, bytes),
        Transport::Tcp | Transport::Tls => streams.send(&to.client, bytes),
    }
}
