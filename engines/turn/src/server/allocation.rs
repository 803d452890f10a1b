//! One allocation: a client's relayed addresses, and who may speak through them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::stun::{TransactionId, attributes::Family};

use super::{
    api::{ClientKey, RelayId},
    auth::Protection,
    quota::Bucket,
};

/// RFC 8656 §9: a permission lasts five minutes unless refreshed.
pub(crate) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656 §12: a channel lasts ten minutes unless refreshed.
pub(crate) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// More peers than any call has; coturn got such a cap in 4.13.
pub(crate) const MAX_PERMISSIONS: usize = 64;
/// As many as permissions.
pub(crate) const MAX_CHANNELS: usize = 64;

/// An address in 18 bytes instead of the 32 of a `SocketAddr`; IPv4 as mapped, which no peer of IPv6 can be
/// ([`super::policy`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Packed {
    ip: [u8; 16],
    port: u16,
}

fn pack_ip(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

impl Packed {
    fn new(address: SocketAddr) -> Self {
        Self { ip: pack_ip(address.ip()), port: address.port() }
    }

    fn unpack(self) -> SocketAddr {
        SocketAddr::new(IpAddr::from(self.ip).to_canonical(), self.port)
    }
}

/// A relayed address, or one that is being opened.
pub(crate) struct Relay {
    pub(crate) id: RelayId,
    pub(crate) family: Family,
    /// `None` until the caller has opened it.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) expires: Instant,
}

/// The Allocate that made it, so that its retransmission is answered the same (RFC 8656 §7.2).
pub(crate) struct Origin {
    pub(crate) transaction: TransactionId,
    pub(crate) has_fingerprint: bool,
    pub(crate) lifetime: u32,
    pub(crate) reservation: Option<([u8; 8], RelayId)>,
    /// The second family was asked for and is not there.
    pub(crate) additional_error: Option<(Family, u16)>,
    /// The success response was sent.
    pub(crate) answered: bool,
}

/// An address that may speak to the client.
struct Permission {
    ip: [u8; 16],
    expires: Instant,
}

struct Channel {
    number: u16,
    peer: Packed,
    expires: Instant,
}

/// Pushes without room for more than there is: most allocations have one or two peers for as long as they live.
fn push_tight<T>(list: &mut Vec<T>, entry: T) {
    if list.len() < 4 {
        list.reserve_exact(1);
    }
    list.push(entry);
}

pub(crate) struct Allocation {
    pub(crate) client: ClientKey,
    pub(crate) user: Arc<str>,
    pub(crate) username: Box<str>,
    pub(crate) protection: Protection,
    pub(crate) origin: Origin,
    /// At most one of each family.
    pub(crate) relays: [Option<Relay>; 2],
    /// At most [`MAX_PERMISSIONS`] and [`MAX_CHANNELS`], and nearly always one or two: looked through from the first on.
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    pub(crate) bucket: Bucket,
    pub(crate) up: u64,
    pub(crate) down: u64,
    /// When the table of deadlines looks at it next.
    pub(crate) deadline: Instant,
}

/// Why a channel cannot be bound.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChannelError {
    /// The number has another peer, or the peer another number.
    Taken,
    /// There are [`MAX_CHANNELS`].
    Full,
}

impl Allocation {
    pub(crate) fn new(
        client: ClientKey,
        user: Arc<str>,
        username: Box<str>,
        protection: Protection,
        origin: Origin,
        bucket: Bucket,
        deadline: Instant,
    ) -> Self {
        Self {
            client,
            user,
            username,
            protection,
            origin,
            relays: [None, None],
            permissions: Vec::new(),
            channels: Vec::new(),
            bucket,
            up: 0,
            down: 0,
            deadline,
        }
    }

    /// The relay whose address has this family, opened and not expired.
    pub(crate) fn relay(&self, family: Family, now: Instant) -> Option<(RelayId, SocketAddr)> {
        let relay = self.relays.iter().flatten().find(|relay| relay.family == family)?;
        (relay.expires > now).then_some((relay.id, relay.address?))
    }

    pub(crate) fn is_opening(&self) -> bool {
        self.relays.iter().flatten().any(|relay| relay.address.is_none())
    }

    pub(crate) fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        let ip = pack_ip(ip);
        self.permissions.iter().any(|permission| permission.ip == ip && permission.expires > now)
    }

    /// How many of these would be new.
    pub(crate) fn has_room_for(&mut self, ips: &[IpAddr], now: Instant) -> bool {
        if self.permissions.len() + ips.len() > MAX_PERMISSIONS {
            self.permissions.retain(|permission| permission.expires > now);
        }
        let is_known = |ip: &[u8; 16]| self.permissions.iter().any(|permission| permission.ip == *ip);
        let packed = ips.iter().map(|ip| pack_ip(*ip));
        let mut fresh: Vec<_> = packed.filter(|ip| !is_known(ip)).collect();
        fresh.sort();
        fresh.dedup();
        self.permissions.len() + fresh.len() <= MAX_PERMISSIONS
    }

    pub(crate) fn permit(&mut self, ip: IpAddr, now: Instant) {
        let (ip, expires) = (pack_ip(ip), now + PERMISSION_LIFETIME);
        match self.permissions.iter_mut().find(|permission| permission.ip == ip) {
            Some(known) => known.expires = expires,
            None => push_tight(&mut self.permissions, Permission { ip, expires }),
        }
    }

    /// The peer of a channel that is bound.
    pub(crate) fn peer_of(&self, number: u16, now: Instant) -> Option<SocketAddr> {
        let is_it = |channel: &&Channel| channel.number == number && channel.expires > now;
        Some(self.channels.iter().find(is_it)?.peer.unpack())
    }

    /// The channel of a peer that has one.
    pub(crate) fn channel_of(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        let peer = Packed::new(peer);
        let is_it = |channel: &&Channel| channel.peer == peer && channel.expires > now;
        Some(self.channels.iter().find(is_it)?.number)
    }

    /// Binds, or binds again.
    pub(crate) fn bind(&mut self, number: u16, peer: SocketAddr, now: Instant) -> Result<(), ChannelError> {
        let of_number = self.peer_of(number, now);
        let of_peer = self.channel_of(peer, now);
        if of_number.is_some_and(|other| other != peer) || of_peer.is_some_and(|other| other != number) {
            return Err(ChannelError::Taken);
        }
        let (peer, expires) = (Packed::new(peer), now + CHANNEL_LIFETIME);
        // What has expired is nobody's, and must not be found before what takes its place.
        self.channels.retain(|channel| channel.expires > now);
        let is_full = self.channels.len() >= MAX_CHANNELS;
        match self.channels.iter_mut().find(|channel| channel.number == number) {
            Some(known) => known.expires = expires,
            None if is_full => return Err(ChannelError::Full),
            None => push_tight(&mut self.channels, Channel { number, peer, expires }),
        }
        Ok(())
    }

    /// What it takes in memory, tables included.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.username.len()
            + self.user.len()
            + 16
            + self.permissions.capacity() * size_of::<Permission>()
            + self.channels.capacity() * size_of::<Channel>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::api::Transport, stun::integrity::Algorithm};

    fn allocation(now: Instant) -> Allocation {
        let remote = SocketAddr::from(([8, 8, 8, 8], 4_000));
        let client = ClientKey { transport: Transport::Udp, local: remote, remote };
        let protection = Protection { key: [0; 16], algorithm: Algorithm::Sha1 };
        let origin = Origin {
            transaction: [0; 12],
            has_fingerprint: false,
            lifetime: 600,
            reservation: None,
            additional_error: None,
            answered: true,
        };
        let username = "1700003600:123456789012345678/123456789012345678".into();
        Allocation::new(
            client,
            "123456789012345678".into(),
            username,
            protection,
            origin,
            Bucket::full(1, now),
            now,
        )
    }

    #[test]
    fn an_allocation_of_a_call_takes_less_than_a_kibibyte_of_its_own() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        // Behind a NAT: the SFU's two addresses, one of them on a channel.
        for last in 0..3 {
            allocation.permit(IpAddr::from([8, 8, 8, last]), now);
        }
        allocation.bind(0x4000, SocketAddr::from(([8, 8, 8, 0], 1)), now).expect("a channel");
        // The tables of the server, half empty at worst: one entry in each of by_client, by_relay, by_address, and a deadline.
        let tables = 3 * 2 * 9;
        let (own, all) = (allocation.bytes(), allocation.bytes() + tables + 48);
        eprintln!("an allocation: {own} bytes of its own, {all} with its entries in the server's tables");
        assert!(own <= 1_024, "{own}");
    }

    #[test]
    fn a_number_that_a_peer_has_left_for_another_does_not_take_its_new_one() {
        let now = Instant::now();
        let mut allocation = allocation(now);
        let [first, second] = [1, 2].map(|last| SocketAddr::from(([8, 8, 8, last], 1)));
        allocation.bind(0x4000, first, now).expect("a channel");
        let later = now + CHANNEL_LIFETIME;
        allocation.bind(0x4001, first, later).expect("its first one has expired");
        allocation.bind(0x4000, second, later).expect("nobody has it");
        assert_eq!(allocation.channel_of(first, later), Some(0x4001));
        assert_eq!(allocation.channel_of(second, later), Some(0x4000));
    }
}
