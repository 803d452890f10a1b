//! Binding: tells whoever asks which address we see (RFC 8489 §12). Needs no credentials.

use std::time::Instant;

use crate::stun::{Message, attributes as a};

use super::{
    Server,
    api::ClientKey,
    code,
    reply::{ReplyTo, seen},
};

impl Server {
    pub(super) fn binding(&mut self, now: Instant, client: ClientKey, message: &Message<'_>) {
        let reply = ReplyTo::new(client, message);
        if !self.may_answer(now, &client) {
            return;
        }
        if message.is_malformed {
            return self.refuse(&reply, code::BAD_REQUEST);
        }
        if !message.unknown.kinds().is_empty() {
            return self.refuse_unknown(&reply, &message.unknown);
        }
        self.succeed(&reply, |writer| {
            writer.xor_address(a::XOR_MAPPED_ADDRESS, seen(&client));
        });
    }
}
