//! All connections, and how many there may be.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustc_hash::FxHashMap;
use socket2::SockRef;

use super::stream::{KERNEL_BUFFER, Number, State, Stream};

/// Connections at once: a browser has one for each candidate and network that it tries, and keeps one.
const MOST: usize = 4_096;
/// From one address: an office behind a NAT.
const MOST_FROM_ONE: usize = 512;
/// Of those that no shard has answered yet: they live for seconds.
const MOST_UNANSWERED: usize = 1_024;
const MOST_UNANSWERED_FROM_ONE: usize = 64;
/// The first frame must come within this, and its answer: both take a round trip.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// A connection that a shard has nothing to say to belongs to nobody any more: checks of consent are answered every few
/// seconds, for half a minute after the last one (RFC 7675 §5.1).
const SILENT: Duration = Duration::from_secs(60);
/// Tokens of streams begin here; below are the ports and the waker.
pub(super) const FIRST_TOKEN: usize = 1_024;

/// How many somebody has.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: usize,
    unanswered: usize,
}

pub(super) struct Streams {
    streams: FxHashMap<Number, Stream>,
    next: Number,
    count: Count,
    from_one: FxHashMap<IpAddr, Count>,
}

impl Streams {
    pub(super) fn new() -> Self {
        let (streams, from_one) = (FxHashMap::default(), FxHashMap::default());
        Self { streams, next: Number::FIRST, count: Count::default(), from_one }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn token(number: Number) -> Token {
        Token(FIRST_TOKEN + number.index())
    }

    pub(super) fn by_token(token: Token) -> Option<Number> {
        token.0.checked_sub(FIRST_TOKEN).and_then(Number::of_index)
    }

    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut Stream> {
        self.streams.get_mut(&number)
    }

    /// Somebody has connected to a port; closed again when there are too many of them.
    pub(super) fn accept(
        &mut self,
        mut socket: TcpStream,
        remote: SocketAddr,
        port: usize,
        (registry, now): (&Registry, Instant),
    ) {
        let Ok(local) = socket.local_addr() else { return };
        let whose = who(remote.ip());
        let theirs = self.from_one.get(&whose).copied().unwrap_or_default();
        if self.count.all >= MOST
            || self.count.unanswered >= MOST_UNANSWERED
            || theirs.all >= MOST_FROM_ONE
            || theirs.unanswered >= MOST_UNANSWERED_FROM_ONE
        {
            return;
        }
        // Sound must not wait for more of it, nor pile up where nobody can drop it. A kernel that refuses is only slower.
        let _slower = socket.set_nodelay(true);
        let _later = SockRef::from(&socket).set_send_buffer_size(KERNEL_BUFFER);
        let number = self.free_number();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if registry.register(&mut socket, Self::token(number), interest).is_err() {
            return;
        }
        self.streams.insert(number, Stream::new(socket, (local, remote), port, now));
        for count in [&mut self.count, self.from_one.entry(whose).or_default()] {
            count.all += 1;
            count.unanswered += 1;
        }
    }

    fn free_number(&mut self) -> Number {
        loop {
            let number = self.next;
            self.next = number.next();
            if !self.streams.contains_key(&number) {
                return number;
            }
        }
    }

    /// A shard has something for this stream: it is somebody's. Whether that is news.
    pub(super) fn answered(&mut self, number: Number, now: Instant) -> bool {
        let Some(stream) = self.streams.get_mut(&number) else { return false };
        stream.since = now;
        if stream.state != State::Asked {
            return false;
        }
        stream.state = State::Answered;
        let theirs = self.from_one.get_mut(&who(stream.remote.ip()));
        for count in [Some(&mut self.count), theirs].into_iter().flatten() {
            count.unanswered = count.unanswered.saturating_sub(1);
        }
        true
    }

    pub(super) fn close(&mut self, number: Number, registry: &Registry) {
        let Some(mut stream) = self.streams.remove(&number) else { return };
        // It is closed right after.
        let _closed = registry.deregister(&mut stream.socket);
        let whose = who(stream.remote.ip());
        let unanswered = usize::from(stream.state != State::Answered);
        let theirs = self.from_one.get_mut(&whose);
        for count in [Some(&mut self.count), theirs].into_iter().flatten() {
            count.all = count.all.saturating_sub(1);
            count.unanswered = count.unanswered.saturating_sub(unanswered);
        }
        if self.from_one.get(&whose).is_some_and(|count| count.all == 0) {
            self.from_one.remove(&whose);
        }
    }

    /// Those that have said nothing worth an answer, and those that nobody speaks to any more.
    pub(super) fn overdue(&self, now: Instant) -> Vec<Number> {
        let is_overdue = |stream: &Stream| {
            let patience = if stream.state == State::Answered { SILENT } else { FIRST_WITHIN };
            now.saturating_duration_since(stream.since) >= patience
        };
        self.streams.iter().filter(|(_, stream)| is_overdue(stream)).map(|(number, _)| *number).collect()
    }
}

/// Whom an address belongs to, as far as counting goes: of IPv6 everybody has a /64.
fn who(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}
