//! What goes in and out of the server.

use std::{net::SocketAddr, ops::Range, sync::Arc, time::Instant};

use crate::stun::attributes::Family;

/// How a client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream; the caller frames it with [`crate::framing`].
    Tcp,
    /// A stream under TLS, framed alike.
    Tls,
}

/// The 5-tuple that an allocation belongs to (RFC 8656 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey {
    /// How it reaches us.
    pub transport: Transport,
    /// Our address, as the client sees it.
    pub local: SocketAddr,
    /// The client's, as we see it.
    pub remote: SocketAddr,
}

/// A relay socket of the caller. Never used twice in the life of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId(pub(crate) u64);

/// Somebody who is reached without a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalPeer {
    /// Another relayed address of ours: hand the payload to [`crate::Server::handle_peer`] of this relay.
    Relay(RelayId),
    /// An address of `Config::local_peers`, as the SFU's.
    Listed(SocketAddr),
}

/// What becomes of a client's datagram.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to relay: dropped (see [`Counters`]), or answered through `poll`.
    Nothing,
    /// Send this part of the datagram from the relay's socket.
    Relay {
        /// From which socket.
        relay: RelayId,
        /// To which peer.
        to: SocketAddr,
        /// Where in the datagram.
        payload: Range<usize>,
        /// Rather drop it than send it in pieces (RFC 8656 §18.9).
        dont_fragment: bool,
    },
    /// Hand this part over in memory.
    ToLocal {
        /// The relayed address it comes from.
        from: SocketAddr,
        /// Who gets it.
        to: LocalPeer,
        /// Where in the datagram.
        payload: Range<usize>,
    },
}

/// Room that must be free before a peer's payload: the larger header is that of a Data indication over IPv6.
pub const HEAD_ROOM: usize = 64;

/// A peer's datagram on its way to the client.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToClient {
    /// To whom.
    pub client: ClientKey,
    /// How many bytes at the end of the head room go before the payload.
    pub prefix: usize,
    /// How many zero bytes go behind it.
    pub padding: usize,
}

/// Why there is no relay socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

/// Something for the caller to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes to the client from the address it spoke to.
    Transmit {
        /// To whom.
        client: ClientKey,
        /// A whole STUN message.
        bytes: Vec<u8>,
    },
    /// Open a UDP socket for a relayed address and answer with [`crate::Server::relay_opened`].
    OpenRelay {
        /// What it is called from now on.
        relay: RelayId,
        /// IPv4 or IPv6.
        family: Family,
        /// The port must be even (RFC 8656 §18.7).
        even: bool,
        /// The next port must be opened as well, under this name, and kept.
        next: Option<RelayId>,
    },
    /// Close a relay's socket; one that is still being opened is closed once it is open.
    CloseRelay(RelayId),
    /// Call [`crate::Server::handle_timeout`] then; replaces the moment said before.
    WakeAt(Instant),
    /// Somebody may want to know.
    Event(Event),
}

/// Why an allocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client said so.
    Deleted,
    /// It was not refreshed.
    Expired,
    /// [`crate::Server::end_user`] or [`crate::Server::end_session`].
    Revoked,
    /// [`crate::Server::client_gone`].
    Gone,
}

/// What happened to an allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client has a relayed address.
    AllocationOpened {
        /// Whose credential it was.
        user: Arc<str>,
        /// Which client.
        client: ClientKey,
    },
    /// It has none any more.
    AllocationClosed {
        /// Whose credential it was.
        user: Arc<str>,
        /// Which client.
        client: ClientKey,
        /// Why.
        why: Ended,
        /// Payload bytes from client to peers.
        up: u64,
        /// Payload bytes from peers to client.
        down: u64,
    },
}

/// What was dropped or refused since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Not STUN, not ChannelData, or broken.
    pub garbage: u64,
    /// Answers that were not sent because that source had enough in this second.
    pub reply_limited: u64,
    /// Requests that were answered with an error.
    pub refused: u64,
    /// Data for or from somebody without permission, channel or allocation.
    pub no_permission: u64,
    /// Data to an address that the policy refuses.
    pub forbidden_peer: u64,
    /// Data past a byte rate.
    pub rate_limited: u64,
    /// Requests that were dropped because the caller does not drain.
    pub queue_full: u64,
}
