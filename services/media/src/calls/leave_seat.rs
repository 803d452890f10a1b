//! Gateway op 4 without a channel, or the end of the gateway session.

use voxlink_protocol::bus::LeaveSeat;

use super::Calls;
use crate::voice::close::VoiceClose;

impl Calls {
    /// False when this session holds no such seat.
    pub(crate) fn leave_seat(&mut self, request: &LeaveSeat) -> bool {
        let held = self.seats.get(&request.user).is_some_and(|seat| {
            seat.session_id == request.session_id
                && request.guild.is_none_or(|guild| seat.guild == Some(guild))
        });
        if held {
            self.give_up_seat(request.user, Some(VoiceClose::Disconnected));
        }
        held
    }
}
