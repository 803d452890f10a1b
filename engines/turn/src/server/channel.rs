//! ChannelBind (RFC 8656 §12): a number of four bytes instead of a header of 36.

use std::time::Instant;

use crate::stun::Message;

use super::{Server, allocation::ChannelError, code, reply::ReplyTo};

impl Server {
    pub(super) fn channel_bind(
        &mut self,
        now: Instant,
        slot: usize,
        reply: &ReplyTo,
        message: &Message<'_>,
    ) -> Result<(), u16> {
        let (Some(number), Some(peer), 1, false) =
            (message.channel, message.peer, message.peers, message.is_malformed)
        else {
            return Err(code::BAD_REQUEST);
        };
        if !self.config.channels.numbers().contains(&number) {
            return Err(code::BAD_REQUEST);
        }
        self.check_peer(now, slot, peer.ip())?;
        self.check_peer_port(peer)?;
        let held = self.allocations.get_mut(slot).ok_or(code::ALLOCATION_MISMATCH)?;
        if !held.has_room_for(&[peer.ip()], now) {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        match held.bind(number, peer, now) {
            Ok(()) => held.permit(peer.ip(), now),
            Err(ChannelError::Taken) => return Err(code::BAD_REQUEST),
            Err(ChannelError::Full) => return Err(code::INSUFFICIENT_CAPACITY),
        }
        self.succeed(reply, |_| ());
        Ok(())
    }
}
