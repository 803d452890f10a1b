//! Answers. To strangers they are few and short: what a spoofed source sends us must not come out larger at a victim.

use std::{net::SocketAddr, time::Instant};

use crate::stun::{Class, Message, Method, TransactionId, Unknown, Writer, attributes as a};

use super::{
    Server,
    api::{ClientKey, Output},
    auth::Protection,
    code,
};

/// What an answer needs to know of its request.
pub(crate) struct ReplyTo {
    pub(crate) client: ClientKey,
    pub(crate) method: Method,
    pub(crate) transaction: TransactionId,
    pub(crate) has_fingerprint: bool,
    pub(crate) protection: Option<Protection>,
}

impl ReplyTo {
    pub(crate) fn new(client: ClientKey, message: &Message<'_>) -> Self {
        Self {
            client,
            method: message.method,
            transaction: message.transaction,
            has_fingerprint: message.has_fingerprint,
            protection: None,
        }
    }
}

/// The client's address as it would write it: a dual-stack socket shows IPv4 as mapped.
pub(super) fn seen(client: &ClientKey) -> SocketAddr {
    SocketAddr::new(client.remote.ip().to_canonical(), client.remote.port())
}

impl Server {
    /// Whether this source may have one more answer in this second.
    pub(super) fn may_answer(&mut self, now: Instant, client: &ClientKey) -> bool {
        let queue_has_room = self.outputs.len() < super::MAX_OUTPUTS;
        let may = self.reply_limit.allow(client.remote.ip(), self.config.limits.replies, now);
        self.counters.queue_full += u64::from(!queue_has_room);
        self.counters.reply_limited += u64::from(!may);
        may && queue_has_room
    }

    fn reply(&mut self, to: &ReplyTo, class: Class, fill: impl FnOnce(&mut Writer<'_>)) {
        let mut bytes = Vec::with_capacity(128);
        let mut writer = Writer::new(&mut bytes, class, to.method, to.transaction);
        fill(&mut writer);
        if let Some(protection) = &to.protection {
            writer.integrity(protection.algorithm, &protection.key);
        }
        // RFC 8489 §7: a client that sends no FINGERPRINT does not look for one.
        if to.has_fingerprint {
            writer.fingerprint();
        }
        self.outputs.push_back(Output::Transmit { client: to.client, bytes });
    }

    pub(super) fn succeed(&mut self, to: &ReplyTo, fill: impl FnOnce(&mut Writer<'_>)) {
        self.reply(to, Class::Success, fill);
    }

    pub(super) fn refuse(&mut self, to: &ReplyTo, code: u16) {
        self.counters.refused += 1;
        self.reply(to, Class::Error, |writer| {
            writer.error(code);
        });
    }

    pub(super) fn refuse_unknown(&mut self, to: &ReplyTo, unknown: &Unknown) {
        self.counters.refused += 1;
        let kinds: Vec<u8> = unknown.kinds().iter().flat_map(|kind| kind.to_be_bytes()).collect();
        self.reply(to, Class::Error, |writer| {
            writer.error(code::UNKNOWN_ATTRIBUTE).bytes(a::UNKNOWN_ATTRIBUTES, &kinds);
        });
    }

    /// To somebody who has not proved anything; with what they need to try again if that is the point.
    pub(super) fn refuse_unproven(&mut self, now: Instant, to: &ReplyTo, code: u16) {
        if !self.may_answer(now, &to.client) {
            return;
        }
        if !matches!(code, code::UNAUTHENTICATED | code::STALE_NONCE) {
            return self.refuse(to, code);
        }
        self.counters.refused += 1;
        let nonce = self.nonces.issue(&to.client, self.unix(now));
        let realm = self.config.realm.clone();
        self.reply(to, Class::Error, |writer| {
            writer.error(code).bytes(a::REALM, realm.as_bytes()).bytes(a::NONCE, &nonce);
        });
    }
}
