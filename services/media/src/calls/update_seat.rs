//! Gateway op 4 with the channel one is in: mute or deafen oneself.

use voxlink_protocol::bus::UpdateSeat;

use super::Calls;
use crate::shard::Command;

impl Calls {
    /// False when this session holds no seat in this guild (or, without one, in a direct conversation).
    pub(crate) fn update_seat(&mut self, request: &UpdateSeat) -> bool {
        let Some(seat) = self.seats.get_mut(&request.user) else { return false };
        if seat.guild != request.guild || seat.session_id != request.session_id {
            return false;
        }
        (seat.self_mute, seat.self_deaf) = (request.self_mute, request.self_deaf);
        let (channel, gates) = (seat.channel, seat.gates());
        if let Some(peer) = seat.live.as_ref().filter(|live| live.joined).map(|live| live.peer) {
            self.tell_shard(channel, Command::SetGates { peer, gates });
        }
        self.publish_state_of(request.user);
        true
    }
}
