//! The UDP sockets of relayed addresses.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};

use mio::{Interest, Registry, Token, net::UdpSocket};
use voxlink_service_kit::Env;
use voxlink_turn::{OpenError, RelayId, stun::attributes::Family};

/// Ports tried before an allocation is refused: at half of them in use one in a million fails.
const TRIES: usize = 20;

/// One relayed address.
pub(super) struct RelaySocket {
    pub(super) relay: RelayId,
    pub(super) socket: UdpSocket,
    /// Peers of ours that it speaks to: where they are, and the name under which the client knows them.
    pub(super) names: Vec<(SocketAddr, SocketAddr)>,
}

/// All of them.
pub(super) struct RelaySockets {
    ports: RangeInclusive<u16>,
    addresses: Vec<IpAddr>,
    first_token: usize,
    sockets: slab::Slab<RelaySocket>,
    places: HashMap<RelayId, usize>,
}

impl RelaySockets {
    /// `first_token` and all above it are theirs.
    pub(super) fn new(ports: RangeInclusive<u16>, addresses: Vec<IpAddr>, first_token: usize) -> Self {
        Self { ports, addresses, first_token, sockets: slab::Slab::new(), places: HashMap::new() }
    }

    pub(super) fn by_token(&mut self, token: Token) -> Option<&mut RelaySocket> {
        self.sockets.get_mut(token.0.checked_sub(self.first_token)?)
    }

    pub(super) fn get(&mut self, relay: RelayId) -> Option<&mut RelaySocket> {
        self.sockets.get_mut(*self.places.get(&relay)?)
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
        let any: IpAddr = match ip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
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
            let Ok(first) = UdpSocket::bind(SocketAddr::new(any, port)) else { continue };
            let second = match next {
                Some(next) => match UdpSocket::bind(SocketAddr::new(any, last)) {
                    Ok(second) => Some((next, second)),
                    Err(_) => continue,
                },
                None => None,
            };
            let opened = [Some((relay, first)), second].into_iter().flatten();
            if opened.map(|(relay, socket)| self.keep(relay, socket, registry)).all(|kept| kept.is_ok()) {
                return Ok(SocketAddr::new(ip, port));
            }
            self.close(relay, registry);
            next.iter().for_each(|next| self.close(*next, registry));
        }
        Err(OpenError)
    }

    fn keep(&mut self, relay: RelayId, mut socket: UdpSocket, registry: &Registry) -> io::Result<()> {
        let entry = self.sockets.vacant_entry();
        registry.register(&mut socket, Token(self.first_token + entry.key()), Interest::READABLE)?;
        self.places.insert(relay, entry.key());
        entry.insert(RelaySocket { relay, socket, names: Vec::new() });
        Ok(())
    }

    pub(super) fn close(&mut self, relay: RelayId, registry: &Registry) {
        let Some(mut closed) = self.places.remove(&relay).and_then(|place| self.sockets.try_remove(place))
        else {
            return;
        };
        // It is closed right after: nothing is lost when it cannot be told.
        let _closed = registry.deregister(&mut closed.socket);
    }
}
