//! A message as it came in: one walk over its attributes, all of them typed.

use std::{net::SocketAddr, ops::Range};

use super::{
    COOKIE, HEADER, TransactionId, attributes as a,
    attributes::read_xor_address,
    be16,
    integrity::{self, Algorithm},
};

/// RFC 8489 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wants a response.
    Request,
    /// Wants none.
    Indication,
    /// What was asked for was done.
    Success,
    /// It was not; ERROR-CODE says why.
    Error,
}

impl Class {
    pub(super) fn bits(self) -> u16 {
        match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }
}

/// RFC 8489 §18.2 and RFC 8656 §17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// What is my address?
    Binding,
    /// Gives a relayed address.
    Allocate,
    /// Keeps or ends an allocation.
    Refresh,
    /// Client to peer.
    Send,
    /// Peer to client.
    Data,
    /// Lets peers' addresses through.
    CreatePermission,
    /// Gives a peer a short header.
    ChannelBind,
}

impl Method {
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Binding => 1,
            Self::Allocate => 3,
            Self::Refresh => 4,
            Self::Send => 6,
            Self::Data => 7,
            Self::CreatePermission => 8,
            Self::ChannelBind => 9,
        }
    }

    fn parse(number: u16) -> Option<Self> {
        [
            Self::Binding,
            Self::Allocate,
            Self::Refresh,
            Self::Send,
            Self::Data,
            Self::CreatePermission,
            Self::ChannelBind,
        ]
        .into_iter()
        .find(|method| method.number() == number)
    }
}

/// Why bytes are no message to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Shorter than a header, another cookie, a length that is not that of the datagram, an attribute past the end.
    NotStun,
    /// FINGERPRINT is there and wrong, or is not last.
    Fingerprint,
    /// A method that TURN over UDP does not have.
    UnknownMethod,
}

/// Comprehension-required attributes that we do not know, the first few (RFC 8489 §6.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    kinds: [u16; Self::MAX],
    count: usize,
}

impl Unknown {
    /// Enough for any honest client; a longer list would only make the answer longer.
    pub const MAX: usize = 8;

    fn add(&mut self, kind: u16) {
        if self.count < Self::MAX && !self.kinds().contains(&kind) {
            self.kinds[self.count] = kind;
            self.count += 1;
        }
    }

    /// Their numbers.
    #[must_use]
    pub fn kinds(&self) -> &[u16] {
        &self.kinds[..self.count]
    }
}

/// A parsed message. An attribute that comes twice counts the first time (RFC 8489 §14); what follows the integrity
/// is not protected and is ignored (§14.5).
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Request, indication or response.
    pub class: Class,
    /// What it is about.
    pub method: Method,
    /// Ties a response to its request.
    pub transaction: TransactionId,
    /// USERNAME, not yet known to be UTF-8.
    pub username: Option<&'a [u8]>,
    /// USERHASH.
    pub userhash: Option<&'a [u8]>,
    /// REALM.
    pub realm: Option<&'a [u8]>,
    /// NONCE.
    pub nonce: Option<&'a [u8]>,
    /// PASSWORD-ALGORITHM or PASSWORD-ALGORITHMS is there.
    pub has_password_algorithm: bool,
    /// LIFETIME in seconds.
    pub lifetime: Option<u32>,
    /// The protocol number in REQUESTED-TRANSPORT.
    pub requested_transport: Option<u8>,
    /// The number in REQUESTED-ADDRESS-FAMILY, which may mean nothing.
    pub requested_family: Option<u8>,
    /// The number in ADDITIONAL-ADDRESS-FAMILY.
    pub additional_family: Option<u8>,
    /// EVEN-PORT; true if the next port shall be kept as well.
    pub even_port: Option<bool>,
    /// RESERVATION-TOKEN.
    pub reservation: Option<[u8; 8]>,
    /// DONT-FRAGMENT is there.
    pub dont_fragment: bool,
    /// CHANNEL-NUMBER.
    pub channel: Option<u16>,
    /// Where in the datagram the value of DATA stands.
    pub data: Option<Range<usize>>,
    /// The first XOR-PEER-ADDRESS.
    pub peer: Option<SocketAddr>,
    /// How many XOR-PEER-ADDRESS there are.
    pub peers: usize,
    /// How many DATA there are.
    pub data_count: usize,
    /// XOR-MAPPED-ADDRESS, in responses.
    pub mapped: Option<SocketAddr>,
    /// The first XOR-RELAYED-ADDRESS, in responses.
    pub relayed: Option<SocketAddr>,
    /// ERROR-CODE, 300 to 699.
    pub error: Option<u16>,
    /// FINGERPRINT is there and right.
    pub has_fingerprint: bool,
    /// A known attribute whose value cannot be: to be refused with 400.
    pub is_malformed: bool,
    /// Attributes to refuse with 420.
    pub unknown: Unknown,
    sha1_at: Option<usize>,
    sha256_at: Option<Range<usize>>,
}

fn exactly<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

impl<'a> Message<'a> {
    /// Reads a whole datagram, or a whole frame of a stream.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let kind = be16(bytes, 0).ok_or(ParseError::NotStun)?;
        let length = usize::from(be16(bytes, 2).ok_or(ParseError::NotStun)?);
        let transaction =
            bytes.get(8..HEADER).and_then(|id| id.try_into().ok()).ok_or(ParseError::NotStun)?;
        if kind & 0xC000 != 0
            || !length.is_multiple_of(4)
            || length + HEADER != bytes.len()
            || bytes.get(4..8) != Some(&COOKIE)
        {
            return Err(ParseError::NotStun);
        }
        let class = match kind & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        };
        let number = (kind & 0xF) | (kind & 0xE0) >> 1 | (kind & 0x3E00) >> 2;
        let mut message = Self {
            bytes,
            class,
            method: Method::parse(number).ok_or(ParseError::UnknownMethod)?,
            transaction,
            username: None,
            userhash: None,
            realm: None,
            nonce: None,
            has_password_algorithm: false,
            lifetime: None,
            requested_transport: None,
            requested_family: None,
            additional_family: None,
            even_port: None,
            reservation: None,
            dont_fragment: false,
            channel: None,
            data: None,
            peer: None,
            peers: 0,
            data_count: 0,
            mapped: None,
            relayed: None,
            error: None,
            has_fingerprint: false,
            is_malformed: false,
            unknown: Unknown::default(),
            sha1_at: None,
            sha256_at: None,
        };
        message.walk()?;
        Ok(message)
    }

    fn walk(&mut self) -> Result<(), ParseError> {
        let mut at = HEADER;
        while at < self.bytes.len() {
            let kind = be16(self.bytes, at).ok_or(ParseError::NotStun)?;
            let length = usize::from(be16(self.bytes, at + 2).ok_or(ParseError::NotStun)?);
            let value = self.bytes.get(at + 4..at + 4 + length).ok_or(ParseError::NotStun)?;
            let next = at + 4 + length.next_multiple_of(4);
            if kind == a::FINGERPRINT {
                let expected = integrity::fingerprint(&self.bytes[..at]).to_be_bytes();
                if value != expected || next != self.bytes.len() {
                    return Err(ParseError::Fingerprint);
                }
                self.has_fingerprint = true;
            } else {
                self.take(kind, value, at);
            }
            at = next;
        }
        // The last attribute's padding is part of the message.
        if at == self.bytes.len() { Ok(()) } else { Err(ParseError::NotStun) }
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) {
        match kind {
            a::MESSAGE_INTEGRITY => {
                self.is_malformed |= value.len() != 20 || self.is_protected();
                self.sha1_at.get_or_insert(at);
            }
            a::MESSAGE_INTEGRITY_SHA256 => {
                let length = value.len();
                self.is_malformed |=
                    !(16..=32).contains(&length) || !length.is_multiple_of(4) || self.sha256_at.is_some();
                self.sha256_at.get_or_insert(at..at + 4 + length);
            }
            _ if self.is_protected() => {}
            _ => self.take_plain(kind, value, at).unwrap_or_else(|| self.is_malformed = true),
        }
    }

    fn take_plain(&mut self, kind: u16, value: &'a [u8], at: usize) -> Option<()> {
        match kind {
            a::USERNAME => drop(self.username.get_or_insert(value)),
            a::REALM => drop(self.realm.get_or_insert(value)),
            a::NONCE => drop(self.nonce.get_or_insert(value)),
            a::USERHASH => drop(self.userhash.get_or_insert(value)),
            a::PASSWORD_ALGORITHM | a::PASSWORD_ALGORITHMS => self.has_password_algorithm = true,
            a::LIFETIME => {
                let value = u32::from_be_bytes(exactly(value)?);
                self.lifetime.get_or_insert(value);
            }
            a::REQUESTED_TRANSPORT => {
                let [protocol, ..] = exactly::<4>(value)?;
                self.requested_transport.get_or_insert(protocol);
            }
            a::REQUESTED_ADDRESS_FAMILY => {
                let [family, ..] = exactly::<4>(value)?;
                self.requested_family.get_or_insert(family);
            }
            a::ADDITIONAL_ADDRESS_FAMILY => {
                let [family, ..] = exactly::<4>(value)?;
                self.additional_family.get_or_insert(family);
            }
            a::EVEN_PORT => {
                let [flags] = exactly(value)?;
                self.even_port.get_or_insert(flags & 0x80 != 0);
            }
            a::RESERVATION_TOKEN => {
                let token = exactly(value)?;
                self.reservation.get_or_insert(token);
            }
            a::DONT_FRAGMENT => self.dont_fragment = true,
            a::CHANNEL_NUMBER => {
                let [high, low, ..] = exactly::<4>(value)?;
                self.channel.get_or_insert(u16::from_be_bytes([high, low]));
            }
            a::DATA => {
                self.data.get_or_insert(at + 4..at + 4 + value.len());
                self.data_count += 1;
            }
            a::XOR_PEER_ADDRESS => {
                let peer = read_xor_address(value, &self.transaction)?;
                self.peer.get_or_insert(peer);
                self.peers += 1;
            }
            a::XOR_MAPPED_ADDRESS => self.mapped = read_xor_address(value, &self.transaction),
            a::XOR_RELAYED_ADDRESS => {
                let relayed = read_xor_address(value, &self.transaction)?;
                self.relayed.get_or_insert(relayed);
            }
            a::ERROR_CODE => {
                let [hundreds, rest] = [*value.get(2)?, *value.get(3)?];
                self.error = Some(u16::from(hundreds & 7) * 100 + u16::from(rest));
            }
            a::UNKNOWN_ATTRIBUTES => {}
            // RFC 8489 §14: below 0x8000 one must understand them.
            0..0x8000 => self.unknown.add(kind),
            _ => {}
        }
        Some(())
    }

    /// Whether there is an integrity attribute, right or wrong.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.sha1_at.is_some() || self.sha256_at.is_some()
    }

    /// The stronger of the integrity attributes that are there.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        match (&self.sha256_at, self.sha1_at) {
            (Some(_), _) => Some(Algorithm::Sha256),
            (None, Some(_)) => Some(Algorithm::Sha1),
            (None, None) => None,
        }
    }

    /// Whether the integrity was made with this key; takes the same time either way. Of two attributes the
    /// stronger counts.
    #[must_use]
    pub fn is_authentic(&self, key: &[u8]) -> bool {
        let (algorithm, at, end) = match (&self.sha256_at, self.sha1_at) {
            (Some(range), _) => (Algorithm::Sha256, range.start, range.end),
            (None, Some(at)) => (Algorithm::Sha1, at, at + 24),
            (None, None) => return false,
        };
        let Some(given) = self.bytes.get(at + 4..end) else { return false };
        let tag = integrity::tag(algorithm, key, self.bytes, at, given.len());
        let Some(expected) = tag.as_ref().get(..given.len()) else { return false };
        // A tag cut to nothing would prove nothing.
        given.len() >= 16 && aws_lc_rs::constant_time::verify_slices_are_equal(expected, given).is_ok()
    }

    /// Every XOR-PEER-ADDRESS before the integrity.
    pub fn peer_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let end = self.sha256_at.as_ref().map(|range| range.start).into_iter().chain(self.sha1_at).min();
        let end = end.unwrap_or(self.bytes.len());
        let mut at = HEADER;
        std::iter::from_fn(move || {
            while at < end {
                let kind = be16(self.bytes, at)?;
                let length = usize::from(be16(self.bytes, at + 2)?);
                let value = self.bytes.get(at + 4..at + 4 + length)?;
                at += 4 + length.next_multiple_of(4);
                if kind == a::XOR_PEER_ADDRESS {
                    return read_xor_address(value, &self.transaction);
                }
            }
            None
        })
    }

    /// A value that the caller knows by number, the first one; for tests and clients.
    #[must_use]
    pub fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut at = HEADER;
        while at < self.bytes.len() {
            let length = usize::from(be16(self.bytes, at + 2)?);
            if be16(self.bytes, at)? == wanted {
                return self.bytes.get(at + 4..at + 4 + length);
            }
            at += 4 + length.next_multiple_of(4);
        }
        None
    }
}
