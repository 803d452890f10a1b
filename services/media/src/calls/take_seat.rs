//! Gateway op 4 with a channel: sit down, or move.

use std::time::Instant;

use voxlink_protocol::{
    Timestamp,
    bus::{self, SeatRefused, TakeSeat},
    voice::CallPass,
};

use super::{
    Calls,
    seat::{Seat, Stream},
};
use crate::{shard::Command, voice::close::VoiceClose};

impl Calls {
    /// One seat per person: whatever else they held ends. The same session asking for the same channel again keeps its
    /// media; a session that moves keeps its seat, and its old voice socket ends.
    pub(crate) fn take_seat(
        &mut self,
        request: &TakeSeat,
        wall: Timestamp,
        now: Instant,
    ) -> Result<bus::Seat, SeatRefused> {
        let pass = self.pass_key.verify(&request.pass, wall).ok_or(SeatRefused::BadPass)?;
        let user = pass.user_id;
        let others = self.people_in(pass.channel_id).filter(|other| *other != user).count();
        if pass.user_limit > 0 && others >= pass.user_limit as usize {
            return Err(SeatRefused::Full);
        }
        if !self.seats.get(&user).is_some_and(|seat| is_same(seat, &pass)) {
            let stream = self.stream_to_keep(&pass);
            self.vacate_for(&pass);
            self.sessions.insert(pass.session_id.clone(), user);
            self.sit_down(Seat { stream, ..Seat::new(&pass, now) });
        }
        let Some(seat) = self.seats.get_mut(&user) else { return Err(SeatRefused::BadPass) };
        (seat.may_speak, seat.may_stream) = (pass.may_speak, pass.may_stream);
        (seat.self_mute, seat.self_deaf) = (request.self_mute, request.self_deaf);
        let (state, channel, gates) = (seat.state(), seat.channel, seat.gates());
        match &seat.live {
            Some(live) if live.joined => {
                let peer = live.peer;
                self.tell_shard(channel, Command::SetGates { peer, gates });
            }
            Some(_) => {}
            None => seat.vacant_since = now,
        }
        self.publish(state.clone(), pass.guild_id, channel);
        Ok(bus::Seat { state, endpoint: String::new() })
    }

    /// A stream into the same channel goes on beside the new session.
    fn stream_to_keep(&mut self, pass: &CallPass) -> Option<Stream> {
        let seat = self.seats.get_mut(&pass.user_id).filter(|seat| seat.channel == pass.channel_id)?;
        seat.stream.take()
    }

    /// The place is free: whoever held it was sent away.
    pub(super) fn sit_down(&mut self, seat: Seat) {
        self.rooms.insert((seat.channel, seat.user));
        if let Some(guild) = seat.guild {
            self.guilds.insert((guild, seat.user));
        }
        let channel = seat.channel;
        self.seats.insert(seat.user, seat);
        self.settle_pair(channel);
    }

    /// Ends what the person held before. Within one guild, or one conversation, the new state says it all.
    fn vacate_for(&mut self, pass: &CallPass) {
        let Some(seat) = self.seats.get(&pass.user_id) else { return };
        let (server, guild, channel, left) = (seat.server(), seat.guild, seat.channel, seat.left_state());
        self.drop_seat(pass.user_id, Some(VoiceClose::Disconnected));
        if server != pass.server() {
            self.publish(left, guild, channel);
        }
    }
}

fn is_same(seat: &Seat, pass: &CallPass) -> bool {
    seat.session_id == pass.session_id && seat.channel == pass.channel_id && seat.guild == pass.guild_id
}
