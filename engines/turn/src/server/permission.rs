//! CreatePermission (RFC 8656 §10): lets addresses speak to the client; all of a request or none.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use crate::stun::{Message, attributes::Family};

use super::{Server, code, reply::ReplyTo};

impl Server {
    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        slot: usize,
        reply: &ReplyTo,
        message: &Message<'_>,
    ) -> Result<(), u16> {
        if message.peers == 0 || message.is_malformed {
            return Err(code::BAD_REQUEST);
        }
        // RFC 8656 §9: a permission is for an address, the port is ignored.
        let ips: Vec<IpAddr> = message.peer_addresses().map(|peer| peer.ip()).collect();
        for ip in &ips {
            self.check_peer(now, slot, *ip)?;
        }
        let held = self.allocations.get_mut(slot).ok_or(code::ALLOCATION_MISMATCH)?;
        if !held.has_room_for(&ips, now) {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        ips.into_iter().for_each(|ip| held.permit(ip, now));
        self.succeed(reply, |_| ());
        Ok(())
    }

    /// Whether this allocation may ever speak with that address.
    pub(super) fn check_peer(&self, now: Instant, slot: usize, ip: IpAddr) -> Result<(), u16> {
        let held = self.allocations.get(slot).ok_or(code::ALLOCATION_MISMATCH)?;
        if held.relay(Family::of(ip), now).is_none() {
            return Err(code::PEER_FAMILY_MISMATCH);
        }
        if self.policy.may_permit(ip) { Ok(()) } else { Err(code::FORBIDDEN) }
    }

    /// The same, with the port.
    pub(super) fn check_peer_port(&self, peer: SocketAddr) -> Result<(), u16> {
        self.policy.passage(peer, |peer| self.relay_at(peer)).map(drop).ok_or(code::FORBIDDEN)
    }
}
