//! Allocate (RFC 8656 §7): a client gets one relayed address, or one of each family.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;

use crate::stun::{
    Message, Method,
    attributes::{self as a, Family, PROTOCOL_UDP},
};

use super::{
    Server,
    allocation::{Allocation, Origin, Relay},
    api::{Ended, Event, OpenError, Output, RelayId},
    auth::Caller,
    code,
    deadlines::Due,
    quota::Bucket,
    reply::{ReplyTo, seen},
};

/// RFC 8656 §3.2: the default.
pub(crate) const MIN_LIFETIME: u32 = 600;
/// RFC 8656 §7.2 recommends at most an hour.
pub(crate) const MAX_LIFETIME: u32 = 3_600;
/// RFC 8656 §7.2: at least 30 s.
const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// A port next to one that was given out, for the client who asked for it.
pub(crate) struct Reservation {
    pub(crate) relay: RelayId,
    address: SocketAddr,
    user: Arc<str>,
    expires: Instant,
}

/// Which addresses a request wants.
struct Wanted {
    family: Family,
    additional: bool,
    even: bool,
    reserve_next: bool,
    token: Option<[u8; 8]>,
}

impl Wanted {
    fn parse(message: &Message<'_>) -> Result<Self, u16> {
        match message.requested_transport {
            None => return Err(code::BAD_REQUEST),
            Some(PROTOCOL_UDP) => {}
            Some(_) => return Err(code::TRANSPORT_NOT_SUPPORTED),
        }
        let names_family = message.requested_family.is_some() || message.additional_family.is_some();
        if message.reservation.is_some() && (message.even_port.is_some() || names_family)
            || message.requested_family.is_some() && message.additional_family.is_some()
            || message.additional_family.is_some() && message.even_port == Some(true)
        {
            return Err(code::BAD_REQUEST);
        }
        let parse = |number: u8| Family::parse(number).ok_or(code::FAMILY_NOT_SUPPORTED);
        let family = message.requested_family.map(parse).transpose()?.unwrap_or(Family::V4);
        let additional = message.additional_family.map(parse).transpose()?;
        // RFC 8656 §7.2: the first one is IPv4 already.
        if additional == Some(Family::V4) {
            return Err(code::BAD_REQUEST);
        }
        Ok(Self {
            family,
            additional: additional.is_some(),
            even: message.even_port.is_some(),
            reserve_next: message.even_port == Some(true),
            token: message.reservation,
        })
    }
}

/// What the client asks for, within our bounds (RFC 8656 §7.2).
pub(crate) fn lifetime(asked: Option<u32>) -> u32 {
    asked.unwrap_or(MIN_LIFETIME).clamp(MIN_LIFETIME, MAX_LIFETIME)
}

impl Server {
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        slot: Option<usize>,
        reply: &ReplyTo,
        message: &Message<'_>,
        caller: &Caller<'_>,
    ) -> Result<(), u16> {
        if let Some((slot, held)) = slot.and_then(|slot| self.allocations.get(slot).map(|held| (slot, held)))
        {
            if held.origin.transaction != reply.transaction || *held.username != *caller.name.text {
                return Err(code::ALLOCATION_MISMATCH);
            }
            if held.origin.answered {
                self.answer_allocate(slot);
            }
            return Ok(());
        }
        let wanted = Wanted::parse(message)?;
        let supports = |family| self.config.relay_addresses.iter().any(|ip| Family::of(*ip) == family);
        let has_additional = wanted.additional && supports(Family::V6);
        if wanted.token.is_none() && !supports(wanted.family) {
            return Err(code::FAMILY_NOT_SUPPORTED);
        }
        if self.is_draining {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        let ip = reply.client.remote.ip();
        // A kept port is a socket as well, and outlives the allocation that it was kept beside.
        let is_theirs = |reservation: &&Reservation| *reservation.user == *caller.name.user;
        let kept = match wanted.reserve_next {
            true => 1 + self.reservations.values().filter(is_theirs).count(),
            false => 0,
        };
        if !self.quotas.has_room(&self.config.limits, caller.name.user, ip, kept) {
            return Err(code::QUOTA_REACHED);
        }
        let reserved = match wanted.token {
            Some(token) => Some(self.take_reservation(&token, caller.name.user, now)?),
            None => None,
        };
        let lifetime = lifetime(message.lifetime);
        let expires = now + Duration::from_secs(lifetime.into());
        let origin = Origin {
            transaction: reply.transaction,
            has_fingerprint: reply.has_fingerprint,
            lifetime,
            reservation: None,
            additional_error: (wanted.additional && !has_additional)
                .then_some((Family::V6, code::FAMILY_NOT_SUPPORTED)),
            answered: false,
        };
        let entry = self.allocations.vacant_entry();
        let slot = entry.key();
        let user = self.quotas.add(caller.name.user, ip, slot);
        let bucket = Bucket::full(self.config.limits.allocation_rate, now);
        let username = caller.name.text.into();
        entry.insert(Box::new(Allocation::new(
            reply.client,
            user,
            username,
            caller.protection,
            origin,
            bucket,
            expires,
        )));
        self.by_client.insert(&reply.client, slot);
        self.deadlines.add(expires, Due::Allocation(slot));
        match reserved {
            Some(reserved) => {
                let family = Family::of(reserved.address.ip());
                self.add_relay(slot, reserved.relay, family, expires);
                self.relay_opened(reserved.relay, Ok(reserved.address));
            }
            None => self.open_relays(slot, &wanted, has_additional, expires),
        }
        Ok(())
    }

    fn open_relays(&mut self, slot: usize, wanted: &Wanted, has_additional: bool, expires: Instant) {
        let next = wanted.reserve_next.then(|| self.fresh_relay());
        if let (Some(next), Some(held)) = (next, self.allocations.get_mut(slot)) {
            let mut token = [0; 8];
            token.copy_from_slice(&hmac::sign(&self.tokens, &next.0.to_be_bytes()).as_ref()[..8]);
            held.origin.reservation = Some((token, next));
        }
        for family in [Some(wanted.family), has_additional.then_some(Family::V6)].into_iter().flatten() {
            let relay = self.fresh_relay();
            self.add_relay(slot, relay, family, expires);
            self.outputs.push_back(Output::OpenRelay { relay, family, even: wanted.even, next });
        }
    }

    fn add_relay(&mut self, slot: usize, id: RelayId, family: Family, expires: Instant) {
        let Some(held) = self.allocations.get_mut(slot) else { return };
        if let Some(free) = held.relays.iter_mut().find(|relay| relay.is_none()) {
            *free = Some(Relay { id, family, address: None, expires });
            self.by_relay.insert(&id, slot);
        }
    }

    fn take_reservation(&mut self, token: &[u8; 8], user: &str, now: Instant) -> Result<Reservation, u16> {
        let is_theirs = |reservation: &Reservation| *reservation.user == *user && reservation.expires > now;
        if !self.reservations.get(token).is_some_and(is_theirs) {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        let reservation = self.reservations.remove(token).ok_or(code::INSUFFICIENT_CAPACITY)?;
        self.deadlines.remove(reservation.expires, Due::Reservation(*token));
        Ok(reservation)
    }

    /// The answer to [`Output::OpenRelay`]: the relayed address as peers see it, or that there is none. With a next
    /// port, `Ok` says that both are open.
    pub fn relay_opened(&mut self, relay: RelayId, outcome: Result<SocketAddr, OpenError>) {
        // Ended meanwhile: `CloseRelay` has been said.
        let Some(slot) = self.slot_behind(relay) else { return };
        let Some(held) = self.allocations.get_mut(slot) else { return };
        let Some(entry) = held.relays.iter_mut().find(|entry| entry.as_ref().is_some_and(|r| r.id == relay))
        else {
            return;
        };
        match (outcome, entry.as_mut()) {
            (Ok(address), Some(opened)) => {
                if opened.address.replace(address).is_some() {
                    return;
                }
                self.by_address.insert(&address, slot);
            }
            (Err(OpenError), Some(failed)) => {
                held.origin.additional_error = Some((failed.family, code::INSUFFICIENT_CAPACITY));
                held.origin.reservation = None;
                *entry = None;
                self.by_relay.remove(&relay, slot);
            }
            (_, None) => return,
        }
        if !held.is_opening() && !held.origin.answered {
            self.finish_allocate(slot);
        }
    }

    fn finish_allocate(&mut self, slot: usize) {
        let Some(held) = self.allocations.get_mut(slot) else { return };
        let Some(first) = held.relays.iter().flatten().find_map(|relay| relay.address) else {
            let reply = ReplyTo {
                client: held.client,
                method: Method::Allocate,
                transaction: held.origin.transaction,
                has_fingerprint: held.origin.has_fingerprint,
                protection: Some(held.protection),
            };
            self.remove(slot, Ended::Gone);
            return self.refuse(&reply, code::INSUFFICIENT_CAPACITY);
        };
        held.origin.answered = true;
        if let Some((token, relay)) = held.origin.reservation {
            let granted = Duration::from_secs(held.origin.lifetime.into());
            let expires = held.deadline.checked_sub(granted).unwrap_or(held.deadline) + RESERVATION_LIFETIME;
            let address = SocketAddr::new(first.ip(), first.port().saturating_add(1));
            let reservation = Reservation { relay, address, user: Arc::clone(&held.user), expires };
            self.reservations.insert(token, reservation);
            self.deadlines.add(expires, Due::Reservation(token));
        }
        let opened = Event::AllocationOpened { user: Arc::clone(&held.user), client: held.client };
        self.answer_allocate(slot);
        self.outputs.push_back(Output::Event(opened));
    }

    /// The success response; the same each time.
    fn answer_allocate(&mut self, slot: usize) {
        let Some(held) = self.allocations.get(slot) else { return };
        let reply = ReplyTo {
            client: held.client,
            method: Method::Allocate,
            transaction: held.origin.transaction,
            has_fingerprint: held.origin.has_fingerprint,
            protection: Some(held.protection),
        };
        let relayed: Vec<_> = held.relays.iter().flatten().filter_map(|relay| relay.address).collect();
        let Origin { lifetime, reservation, additional_error, .. } = held.origin;
        self.succeed(&reply, |writer| {
            for address in relayed {
                writer.xor_address(a::XOR_RELAYED_ADDRESS, address);
            }
            writer.number(a::LIFETIME, lifetime);
            writer.xor_address(a::XOR_MAPPED_ADDRESS, seen(&reply.client));
            if let Some((token, _)) = reservation {
                writer.bytes(a::RESERVATION_TOKEN, &token);
            }
            if let Some((family, code)) = additional_error {
                let [hundreds, rest] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or(0));
                writer.bytes(a::ADDRESS_ERROR_CODE, &[family.number(), 0, hundreds, rest]);
            }
        });
    }

    /// Ends an allocation and all that is its own.
    pub(super) fn remove(&mut self, slot: usize, why: Ended) {
        let Some(held) = self.allocations.try_remove(slot).map(|held| *held) else { return };
        self.by_client.remove(&held.client, slot);
        self.deadlines.remove(held.deadline, Due::Allocation(slot));
        self.quotas.remove(&held.user, held.client.remote.ip(), slot);
        for relay in held.relays.into_iter().flatten() {
            self.forget_relay(slot, &relay);
        }
        if !held.origin.answered {
            // The caller opens the next port together with the first one.
            held.origin.reservation.into_iter().for_each(|(_, next)| {
                self.outputs.push_back(Output::CloseRelay(next));
            });
            return;
        }
        let (user, client) = (held.user, held.client);
        let closed = Event::AllocationClosed { user, client, why, up: held.up, down: held.down };
        self.outputs.push_back(Output::Event(closed));
    }

    /// Ends one family of an allocation.
    pub(super) fn close_relay(&mut self, slot: usize, family: Family) {
        let Some(held) = self.allocations.get_mut(slot) else { return };
        let closed = held.relays.each_mut().map(|entry| entry.take_if(|relay| relay.family == family));
        for relay in closed.iter().flatten() {
            self.forget_relay(slot, relay);
        }
    }

    fn forget_relay(&mut self, slot: usize, relay: &Relay) {
        self.by_relay.remove(&relay.id, slot);
        if let Some(address) = relay.address {
            self.by_address.remove(&address, slot);
        }
        self.outputs.push_back(Output::CloseRelay(relay.id));
    }
}
