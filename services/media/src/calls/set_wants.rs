//! Voice op 22: how large the client shows what it receives.

use voxlink_sfu::Want;

use super::{Calls, SocketId};
use crate::shard::Command;

impl Calls {
    /// Tells the engine. Nothing is kept here: the client says it again when its slots change.
    pub(super) fn set_wants(&mut self, socket: SocketId, wants: Vec<Want>) {
        let Some(seat) = self.seat_of(socket) else { return };
        let channel = seat.channel;
        if let Some(peer) = seat.live.as_ref().filter(|live| live.joined).map(|live| live.peer) {
            self.tell_shard(channel, Command::SetWants { peer, wants });
        }
    }
}
