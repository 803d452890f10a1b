//! Refresh (RFC 8656 §8): keeps an allocation or ends it.

use std::time::{Duration, Instant};

use crate::stun::{
    Message,
    attributes::{self as a, Family},
};

use super::{Server, allocate, api::Ended, code, reply::ReplyTo};

impl Server {
    pub(super) fn refresh(
        &mut self,
        now: Instant,
        slot: usize,
        reply: &ReplyTo,
        message: &Message<'_>,
    ) -> Result<(), u16> {
        let family = match message.requested_family {
            Some(number) => Some(Family::parse(number).ok_or(code::FAMILY_NOT_SUPPORTED)?),
            None => None,
        };
        let held = self.allocations.get_mut(slot).ok_or(code::ALLOCATION_MISMATCH)?;
        // RFC 8656 §8.2: a family that the allocation does not have.
        if family.is_some_and(|family| held.relay(family, now).is_none()) {
            return Err(code::PEER_FAMILY_MISMATCH);
        }
        let granted = if message.lifetime == Some(0) { 0 } else { allocate::lifetime(message.lifetime) };
        let is_meant = |of: Family| family.is_none_or(|family| family == of);
        if granted == 0 {
            let is_last = held.relays.iter().flatten().all(|relay| is_meant(relay.family));
            match family {
                Some(family) if !is_last => {
                    self.close_relay(slot, family);
                    self.reschedule(slot);
                }
                _ => self.remove(slot, Ended::Deleted),
            }
        } else {
            for relay in held.relays.iter_mut().flatten().filter(|relay| is_meant(relay.family)) {
                relay.expires = now + Duration::from_secs(granted.into());
            }
            self.reschedule(slot);
        }
        self.succeed(reply, |writer| {
            writer.number(a::LIFETIME, granted);
        });
        Ok(())
    }
}
