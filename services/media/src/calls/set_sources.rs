//! Voice op 20: what is being sent from now on.

use voxlink_protocol::UserId;
use voxlink_sfu::SourceSet;

use super::{Calls, SocketId};
use crate::shard::Command;

impl Calls {
    /// Tells the engine, and the guild when camera or screen changed.
    pub(super) fn set_sources(&mut self, socket: SocketId, sources: SourceSet) {
        let Some(seat) = self.seat_of(socket) else { return };
        let before = seat.state();
        seat.sources = sources;
        let (user, after) = (seat.user, seat.state());
        self.tell_sources(user);
        if before != after {
            self.publish_state_of(user);
        }
    }

    /// What the engine is to take from someone's live session.
    pub(super) fn tell_sources(&mut self, user: UserId) {
        let Some(seat) = self.seats.get(&user) else { return };
        let (channel, sources) = (seat.channel, seat.taken_sources());
        if let Some(peer) = seat.live.as_ref().filter(|live| live.joined).map(|live| live.peer) {
            self.tell_shard(channel, Command::SetSources { peer, sources });
        }
    }
}
