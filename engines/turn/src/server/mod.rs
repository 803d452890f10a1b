//! The server: who has which relayed address, and what becomes of each datagram.
//!
//! Before a request has proved who sent it, nothing is kept of it but a counter in a table of fixed size.

mod allocate;
mod allocation;
mod api;
mod auth;
mod binding;
mod channel;
mod config;
mod data;
mod deadlines;
mod nonce;
mod permission;
mod policy;
mod quota;
mod refresh;
mod reply;
mod slots;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use aws_lc_rs::hmac;
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::stun::{Class, Message, Method};

pub use api::{
    ClientKey, Counters, Ended, Event, HEAD_ROOM, LocalPeer, OpenError, Output, RelayId, ToClient, Transport,
    Verdict,
};
pub use config::{ChannelRange, Config, Limits, Secret};
pub use policy::{Network, NetworkError, SPECIAL_PURPOSE};

use allocate::Reservation;
use allocation::{Allocation, Relay};
use deadlines::Deadlines;
use nonce::Nonces;
use policy::Policy;
use quota::{Bucket, Quotas, ReplyLimit};
use reply::ReplyTo;
use slots::Slots;

/// Error codes (RFC 8489 §14.8, RFC 8656 §19).
mod code {
    pub(super) const BAD_REQUEST: u16 = 400;
    pub(super) const UNAUTHENTICATED: u16 = 401;
    pub(super) const FORBIDDEN: u16 = 403;
    pub(super) const UNKNOWN_ATTRIBUTE: u16 = 420;
    pub(super) const ALLOCATION_MISMATCH: u16 = 437;
    pub(super) const STALE_NONCE: u16 = 438;
    pub(super) const FAMILY_NOT_SUPPORTED: u16 = 440;
    pub(super) const WRONG_CREDENTIALS: u16 = 441;
    pub(super) const TRANSPORT_NOT_SUPPORTED: u16 = 442;
    pub(super) const PEER_FAMILY_MISMATCH: u16 = 443;
    pub(super) const QUOTA_REACHED: u16 = 486;
    pub(super) const INSUFFICIENT_CAPACITY: u16 = 508;
}

/// Requests are dropped past this many outputs; only a caller that does not drain gets here.
const MAX_OUTPUTS: usize = 8_192;

/// A STUN and TURN server without hands.
pub struct Server {
    config: Config,
    policy: Policy,
    nonces: Nonces,
    reply_limit: ReplyLimit,
    /// Boxed: a table that grows would keep room for twice as many.
    allocations: Slab<Box<Allocation>>,
    by_client: Slots,
    by_relay: Slots,
    by_address: Slots,
    reservations: FxHashMap<[u8; 8], Reservation>,
    deadlines: Deadlines,
    quotas: Quotas,
    revoked: FxHashMap<Box<str>, u64>,
    total_bucket: Bucket,
    /// Makes reservation tokens.
    tokens: hmac::Key,
    /// Of Data indications, which need to be different but not secret.
    next_transaction: u64,
    next_relay: u64,
    outputs: VecDeque<Output>,
    counters: Counters,
    is_draining: bool,
    started: Instant,
    unix_at_start: Duration,
}

impl Server {
    /// `unix` is the time since 1970 at `now`. The seed must not be guessable: nonces and tokens come from it. Servers
    /// that share it take each other's nonces.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant, unix: Duration) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &seed);
        let derive = |label: &[u8]| {
            let mut out = [0; 32];
            out.copy_from_slice(hmac::sign(&key, label).as_ref());
            out
        };
        Self {
            policy: Policy::new(&config),
            nonces: Nonces::new(&derive(b"nonce")),
            reply_limit: ReplyLimit::new(derive(b"reply limit"), now),
            allocations: Slab::new(),
            by_client: Slots::default(),
            by_relay: Slots::default(),
            by_address: Slots::default(),
            reservations: FxHashMap::default(),
            deadlines: Deadlines::default(),
            quotas: Quotas::default(),
            revoked: FxHashMap::default(),
            total_bucket: Bucket::full(config.limits.total_rate, now),
            tokens: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"tokens")),
            next_transaction: 0,
            next_relay: 0,
            outputs: VecDeque::new(),
            counters: Counters::default(),
            is_draining: false,
            started: now,
            unix_at_start: unix,
            config,
        }
    }

    /// Tells the time since 1970 anew, after somebody has set the clock.
    pub fn set_unix_time(&mut self, now: Instant, unix: Duration) {
        self.started = now;
        self.unix_at_start = unix;
    }

    /// Puts other secrets in place. Allocations live on.
    pub fn set_secrets(&mut self, secrets: Vec<Secret>) {
        self.config.secrets = secrets;
    }

    /// Says anew who is reached in memory; whoever is not named any more is not reached from the next datagram on.
    /// Their hosts belong into `Config::own_addresses`, so that the addresses stay ours.
    pub fn set_local_peers(&mut self, peers: Vec<SocketAddr>) {
        self.config.local_peers = peers;
        self.policy = Policy::new(&self.config);
    }

    /// While draining, new allocations are refused with 508 and those that are stay.
    pub fn set_draining(&mut self, draining: bool) {
        self.is_draining = draining;
    }

    /// One datagram, or one frame of a stream, from a client.
    pub fn handle_client(&mut self, now: Instant, client: ClientKey, datagram: &[u8]) -> Verdict {
        match datagram.first() {
            Some(0x40..0x80) => self.channel_data(now, &client, datagram),
            Some(0..0x40) => match Message::parse(datagram) {
                Ok(message) => self.message(now, client, &message),
                Err(_) => self.garbage(),
            },
            _ => self.garbage(),
        }
    }

    fn garbage(&mut self) -> Verdict {
        self.counters.garbage += 1;
        Verdict::Nothing
    }

    fn message(&mut self, now: Instant, client: ClientKey, message: &Message<'_>) -> Verdict {
        match (message.class, message.method) {
            (Class::Indication, Method::Send) => return self.send_indication(now, &client, message),
            // RFC 8489 §6.3.2: a Binding indication only keeps a NAT open.
            (Class::Indication, Method::Binding) => return Verdict::Nothing,
            (Class::Request, Method::Binding) => self.binding(now, client, message),
            (
                Class::Request,
                Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind,
            ) => {
                if self.outputs.len() >= MAX_OUTPUTS {
                    self.counters.queue_full += 1;
                } else {
                    self.request(now, client, message);
                }
            }
            (Class::Request, Method::Send | Method::Data)
            | (Class::Indication, _)
            | (Class::Success | Class::Error, _) => return self.garbage(),
        }
        Verdict::Nothing
    }

    fn request(&mut self, now: Instant, client: ClientKey, message: &Message<'_>) {
        self.sweep(now);
        let slot = self.slot_of(&client);
        let mut reply = ReplyTo::new(client, message);
        let caller = match self.authenticate(self.unix(now), &client, message, slot) {
            Ok(caller) => caller,
            Err(code) => return self.refuse_unproven(now, &reply, code),
        };
        reply.protection = Some(caller.protection);
        if !message.unknown.kinds().is_empty() {
            return self.refuse_unknown(&reply, &message.unknown);
        }
        let outcome = if message.method == Method::Allocate {
            self.allocate(now, slot, &reply, message, &caller)
        } else {
            match slot.and_then(|slot| self.allocations.get(slot).map(|held| (slot, held))) {
                None => Err(code::ALLOCATION_MISMATCH),
                Some((_, held)) if *held.user != *caller.name.user => Err(code::WRONG_CREDENTIALS),
                Some((_, held)) if !held.origin.answered => Err(code::ALLOCATION_MISMATCH),
                Some((slot, _)) => match message.method {
                    Method::Refresh => self.refresh(now, slot, &reply, message),
                    Method::CreatePermission => self.create_permission(now, slot, &reply, message),
                    _ => self.channel_bind(now, slot, &reply, message),
                },
            }
        };
        if let Err(code) = outcome {
            self.refuse(&reply, code);
        }
    }

    /// What to do next; `None` until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.deadlines.announce().map(Output::WakeAt))
    }

    /// A moment said by [`Output::WakeAt`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.deadlines.woken();
        self.sweep(now);
    }

    /// A client's stream was closed.
    pub fn client_gone(&mut self, client: &ClientKey) {
        if let Some(slot) = self.slot_of(client) {
            self.remove(slot, Ended::Gone);
        }
    }

    /// Ends all allocations of a user; credentials that live now open none any more.
    pub fn end_user(&mut self, now: Instant, user: &str) {
        self.revoke(user, self.unix(now));
        for slot in self.quotas.slots_of(user) {
            self.remove(slot, Ended::Revoked);
        }
    }

    /// The same for credentials issued to `user/session`.
    pub fn end_session(&mut self, now: Instant, user: &str, session: &str) {
        let both = format!("{user}/{session}");
        self.revoke(&both, self.unix(now));
        for slot in self.quotas.slots_of(user) {
            let name = self.allocations.get(slot).and_then(|held| held.username.split_once(':'));
            if name.is_some_and(|(_, name)| name == both) {
                self.remove(slot, Ended::Revoked);
            }
        }
    }

    /// The relay of a relayed address, for datagrams that come to it in memory.
    #[must_use]
    pub fn relay_at(&self, address: SocketAddr) -> Option<RelayId> {
        let is_it = |relay: &&Relay| relay.address == Some(address);
        let of = |slot| self.allocations.get(slot)?.relays.iter().flatten().find(is_it);
        self.by_address.find(&address, |slot| of(slot).is_some()).and_then(of).map(|relay| relay.id)
    }

    fn slot_of(&self, client: &ClientKey) -> Option<usize> {
        let is_theirs = |slot| self.allocations.get(slot).is_some_and(|held| held.client == *client);
        self.by_client.find(client, is_theirs)
    }

    fn slot_behind(&self, relay: RelayId) -> Option<usize> {
        let has_it = |held: &Allocation| held.relays.iter().flatten().any(|one| one.id == relay);
        self.by_relay.find(&relay, |slot| self.allocations.get(slot).is_some_and(|held| has_it(held)))
    }

    /// What was dropped or refused.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many allocations there are.
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.quotas.total()
    }

    fn unix(&self, now: Instant) -> u64 {
        (self.unix_at_start + now.saturating_duration_since(self.started)).as_secs()
    }

    fn fresh_relay(&mut self) -> RelayId {
        self.next_relay += 1;
        RelayId(self.next_relay)
    }
}
