//! The UDP sockets of relayed addresses.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::Arc,
};

use mio::{Interest, Registry, Token, unix::SourceFd};
use rustc_hash::FxHashMap;
use socket2::{Domain, Protocol, Socket, Type};
use voxlink_service_kit::Env;
use voxlink_turn::{OpenError, RelayId, stun::attributes::Family};

use crate::{counters::ShardCounters, udp::outbox::Outbox};

/// Ports tried before an allocation is refused: at half of them in use one in a million fails.
const TRIES: usize = 20;
/// Asked for; the kernel gives at most `net.core.rmem_max`. More than an allocation may carry in 100 ms.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// One relayed address.
struct RelaySocket {
    relay: RelayId,
    family: Family,
    socket: UdpSocket,
}

/// All of them.
pub(super) struct RelaySockets {
    ports: RangeInclusive<u16>,
    addresses: Vec<IpAddr>,
    first_token: usize,
    sockets: slab::Slab<RelaySocket>,
    places: FxHashMap<RelayId, usize>,
    /// What waits to leave from one socket, by the family of that socket.
    outboxes: [Outbox; 2],
    /// Which socket.
    leaving: Option<usize>,
    counters: Arc<ShardCounters>,
}

impl RelaySockets {
    /// `first_token` and all above it are theirs.
    pub(super) fn new(
        ports: RangeInclusive<u16>,
        addresses: Vec<IpAddr>,
        first_token: usize,
        counters: Arc<ShardCounters>,
    ) -> Self {
        Self {
            ports,
            addresses,
            first_token,
            sockets: slab::Slab::new(),
            places: FxHashMap::default(),
            outboxes: [Outbox::new(false), Outbox::new(true)],
            leaving: None,
            counters,
        }
    }

    /// The socket behind a token, and whose it is.
    pub(super) fn by_token(&self, token: Token) -> Option<(RelayId, BorrowedFd<'_>)> {
        let found = self.sockets.get(token.0.checked_sub(self.first_token)?)?;
        Some((found.relay, found.socket.as_fd()))
    }

    /// Sends from a relayed address, at the latest when [`Self::flush`] is called. What follows from the same one
    /// leaves with it. As on the open net, what cannot be sent is lost.
    pub(super) fn send(&mut self, relay: RelayId, to: SocketAddr, payload: &[u8]) {
        let Some(place) = self.places.get(&relay).copied() else { return };
        if self.leaving != Some(place) {
            self.flush();
            self.leaving = Some(place);
        }
        let Some(from) = self.sockets.get(place) else { return };
        let outbox = outbox(&mut self.outboxes, from.family);
        outbox.push_to_run(from.socket.as_fd(), &self.counters, to, None, payload);
    }

    /// As [`Self::send`], at once and in one piece or not at all (RFC 8656 §18.9). Who asks for that looks for the size
    /// that a path takes, and does so now and then.
    pub(super) fn send_whole(&mut self, relay: RelayId, to: SocketAddr, payload: &[u8]) {
        self.flush();
        let place = self.places.get(&relay);
        let Some(from) = place.and_then(|place| self.sockets.get(*place)) else { return };
        let outbox = outbox(&mut self.outboxes, from.family);
        outbox.send_whole(from.socket.as_fd(), &self.counters, to, payload);
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        let Some(from) = self.leaving.take().and_then(|place| self.sockets.get(place)) else { return };
        outbox(&mut self.outboxes, from.family).flush(from.socket.as_fd(), &self.counters);
    }

    /// Opens one, and the next port under another name when that is asked for; the relayed address.
    pub(super) fn open(
        &mut self,
        (relay, next): (RelayId, Option<RelayId>),
        family: Family,
        even: bool,
        registry: &Registry,
        env: &Env,
    ) -> Result<SocketAddr, OpenError> {
        let ip = self.addresses.iter().copied().find(|ip| Family::of(*ip) == family).ok_or(OpenError)?;
        let count = u32::from(self.ports.end().saturating_sub(*self.ports.start())) + 1;
        for _ in 0..TRIES {
            let random = u32::from_le_bytes(env.bytes());
            let mut port = self.ports.start().saturating_add((random % count) as u16);
            if even || next.is_some() {
                port &= !1;
            }
            let last = port.saturating_add(u16::from(next.is_some()));
            if !self.ports.contains(&port) || !self.ports.contains(&last) {
                continue;
            }
            let Ok(first) = bind(family, port) else { continue };
            let second = match next {
                Some(next) => match bind(family, last) {
                    Ok(second) => Some((next, second)),
                    Err(_) => continue,
                },
                None => None,
            };
            let opened = [Some((relay, first)), second].into_iter().flatten();
            if opened
                .map(|(relay, socket)| self.keep(relay, family, socket, registry))
                .all(|kept| kept.is_ok())
            {
                return Ok(SocketAddr::new(ip, port));
            }
            self.close(relay, registry);
            next.iter().for_each(|next| self.close(*next, registry));
        }
        Err(OpenError)
    }

    fn keep(
        &mut self,
        relay: RelayId,
        family: Family,
        socket: UdpSocket,
        registry: &Registry,
    ) -> io::Result<()> {
        let entry = self.sockets.vacant_entry();
        let token = Token(self.first_token + entry.key());
        registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
        self.places.insert(relay, entry.key());
        entry.insert(RelaySocket { relay, family, socket });
        Ok(())
    }

    pub(super) fn close(&mut self, relay: RelayId, registry: &Registry) {
        self.flush();
        let Some(closed) = self.places.remove(&relay).and_then(|place| self.sockets.try_remove(place)) else {
            return;
        };
        // It is closed right after: nothing is lost when it cannot be told.
        let _closed = registry.deregister(&mut SourceFd(&closed.socket.as_raw_fd()));
    }
}

fn outbox(outboxes: &mut [Outbox; 2], family: Family) -> &mut Outbox {
    let [v4, v6] = outboxes;
    match family {
        Family::V4 => v4,
        Family::V6 => v6,
    }
}

fn bind(family: Family, port: u16) -> io::Result<UdpSocket> {
    let (domain, any): (_, IpAddr) = match family {
        Family::V4 => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
        Family::V6 => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if family == Family::V6 {
        socket.set_only_v6(true)?;
    }
    // A smaller buffer than asked for only costs packets under bursts.
    let _smaller = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&SocketAddr::new(any, port).into())?;
    Ok(socket.into())
}
