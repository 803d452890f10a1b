//! Voice op 1: an offer for the engine, and op 4: its answer.

use std::time::{Duration, Instant};

use voxlink_sfu::{Answer, OfferError, PeerId, PersonId, Role};

use super::{Calls, SocketId, room};
use crate::{
    shard::Command,
    voice::{
        close::VoiceClose,
        frame::{SelectProtocol, ServerFrame},
    },
};

/// A shard answers within a millisecond; one that does not is broken.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

impl Calls {
    /// The first offer joins, later ones renegotiate; the shard answers in order.
    pub(super) fn select_protocol(&mut self, socket: SocketId, asked: SelectProtocol, now: Instant) {
        let SelectProtocol { revision, offer, sources } = asked;
        let Some(seat) = self.seat_of(socket) else { return };
        let (channel, gates, sending) = (seat.channel, seat.gates(), seat.taken_sources());
        let person = PersonId(seat.user.get());
        let Some(live) = seat.live.as_mut() else { return };
        live.unanswered.push_back(now + ANSWER_WITHIN);
        let peer = live.peer;
        if std::mem::replace(&mut live.joined, true) {
            return self.tell_shard(channel, Command::Renegotiate { peer, revision, offer, sources });
        }
        let room = room(channel);
        let role = Role::Member { sources };
        self.tell_shard(channel, Command::Join { room, peer, person, revision, offer, role, gates });
        // Op 20 may have come before op 1.
        if sending != Default::default() {
            self.tell_shard(channel, Command::SetSources { peer, sources: sending });
        }
    }

    /// The shard's answer.
    pub(super) fn answered(
        &mut self,
        peer: PeerId,
        revision: u64,
        result: Result<Answer, OfferError>,
        now: Instant,
    ) {
        let Some(user) = self.peers.get(&peer).copied() else {
            return self.stranger_answered(peer, result, now);
        };
        let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) else { return };
        live.unanswered.pop_front();
        match result {
            Ok(answer) => {
                let media_session = live.media_session.clone();
                self.tell(
                    user,
                    &ServerFrame::SessionDescription { revision, sdp: answer.sdp, media_session },
                );
            }
            Err(OfferError::Malformed(reason) | OfferError::Unusable(reason)) => {
                tracing::debug!(%reason, peer = peer.0, "an offer could not be answered");
                self.reset_seat(user, VoiceClose::BadRequest, now);
            }
            Err(OfferError::UnknownPeer) => self.reset_seat(user, VoiceClose::SessionOver, now),
        }
    }
}
