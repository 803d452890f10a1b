//! What the operator decides.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use super::policy::Network;

/// A shared secret of REST credentials; does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text that stands in the configuration, of coturn as well.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for who writes another server's configuration.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which channel numbers a client may bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelRange {
    /// 0x4000 to 0x4FFF (RFC 8656 §12).
    #[default]
    Rfc8656,
    /// 0x4000 to 0x7FFF (RFC 5766 §11), which old clients pick from.
    Rfc5766,
}

impl ChannelRange {
    pub(crate) fn numbers(self) -> RangeInclusive<u16> {
        match self {
            Self::Rfc8656 => 0x4000..=0x4FFF,
            Self::Rfc5766 => 0x4000..=0x7FFF,
        }
    }
}

/// Bounds; past each one somebody is refused or something dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of one user. A browser makes one per interface and transport.
    pub per_user: usize,
    /// Allocations from one client address (IPv6: one /64). An office behind a NAT is one address.
    pub per_address: usize,
    /// Allocations in all.
    pub total: usize,
    /// Payload bytes per second of one allocation, both ways together.
    pub allocation_rate: u64,
    /// Payload bytes per second of all.
    pub total_rate: u64,
    /// Answers per second to one source (IPv6: one /64) that proved nothing yet.
    pub replies: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_user: 12,
            per_address: 256,
            total: 4_096,
            allocation_rate: 2_500_000,
            total_rate: 125_000_000,
            replies: 40,
        }
    }
}

/// All that is known at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Short, since each 401 carries it to whoever asked.
    pub realm: String,
    /// The first one is current; the second is the one before, valid while credentials of it live.
    pub secrets: Vec<Secret>,
    /// How long credentials live that are issued now; how long a revocation must be remembered.
    pub credential_lifetime: Duration,
    /// Which channel numbers are taken.
    pub channels: ChannelRange,
    /// The families that relay sockets can be opened in, by their addresses as peers see them.
    pub relay_addresses: Vec<IpAddr>,
    /// Every other address of this machine: a range in `allowed` must not open what else listens here.
    pub own_addresses: Vec<IpAddr>,
    /// Peers of ours that are reached in memory, as the SFU's addresses.
    pub local_peers: Vec<SocketAddr>,
    /// Where we listen: never a peer.
    pub listeners: Vec<SocketAddr>,
    /// Never a peer, whatever else is said: database, bus.
    pub denied: Vec<Network>,
    /// Peers to let through although their range is special, for LANs.
    pub allowed: Vec<Network>,
    /// Bounds.
    pub limits: Limits,
}
