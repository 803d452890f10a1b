//! How seats and live sessions end: everything they held is let go of here and nowhere else.

use std::time::Instant;

use voxlink_protocol::UserId;

use super::{Calls, Output, StrangerRefused, room};
use crate::{
    mixer::Order,
    shard::Command,
    voice::{close::VoiceClose, frame::ServerFrame},
};

impl Calls {
    /// Frees the seat and tells the others. `close` goes to its voice socket, if there is one.
    pub(super) fn end_seat(&mut self, user: UserId, close: Option<VoiceClose>) {
        let Some(seat) = self.seats.get(&user) else { return };
        let (guild, channel, left) = (seat.guild, seat.channel, seat.left_state());
        self.drop_seat(user, close);
        self.publish(left, guild, channel);
    }

    /// The person's page is gone. Another one may take the seat within seconds, and the seat is free until then: whoever
    /// is still in the call sees at once that nobody is there.
    pub(super) fn leave_page(&mut self, user: UserId) {
        let alone = self.seats.get(&user).filter(|seat| seat.guild.is_none() && seat.stream.is_none());
        let Some((channel, left)) = alone.map(|seat| (seat.channel, seat.left_state())) else {
            return self.give_up_seat(user, None);
        };
        self.drop_seat(user, None);
        self.publish_direct(left, channel, true);
    }

    /// The live session is over for good; a stream that its person publishes beside it keeps the seat.
    pub(super) fn give_up_seat(&mut self, user: UserId, close: Option<VoiceClose>) {
        let Some(session_id) =
            self.seats.get(&user).and_then(|seat| Some(seat.stream.as_ref()?.session_id.clone()))
        else {
            return self.end_seat(user, close);
        };
        self.end_live(user, close);
        if let Some(seat) = self.seats.get_mut(&user) {
            let held = std::mem::replace(&mut seat.session_id, session_id);
            (seat.self_mute, seat.self_deaf) = (false, false);
            self.sessions.remove(&held);
        }
        self.publish_state_of(user);
    }

    /// Frees the seat without a word to the others.
    pub(super) fn drop_seat(&mut self, user: UserId, close: Option<VoiceClose>) {
        self.end_live(user, close);
        self.silence(user);
        if let Some(seat) = self.seats.remove(&user) {
            self.sessions.remove(&seat.session_id);
            self.rooms.remove(&(seat.channel, user));
            if let Some(guild) = seat.guild {
                self.guilds.remove(&(guild, user));
            }
            if let Some(stream) = seat.stream {
                self.forget_stranger(stream.peer, StrangerRefused::Unknown);
            }
            self.settle_pair(seat.channel);
        }
    }

    /// The session is over, the seat stays for a new one.
    pub(super) fn reset_seat(&mut self, user: UserId, close: VoiceClose, now: Instant) {
        let was_showing =
            self.seats.get(&user).is_some_and(|seat| seat.sources.camera || seat.sources.screen);
        self.end_live(user, Some(close));
        if let Some(seat) = self.seats.get_mut(&user) {
            seat.vacant_since = now;
        }
        if was_showing {
            self.publish_state_of(user);
        }
    }

    /// Ends the live session on a seat: engine, socket, and what the others see.
    pub(super) fn end_live(&mut self, user: UserId, close: Option<VoiceClose>) {
        let Some(seat) = self.seats.get_mut(&user) else { return };
        seat.sources = Default::default();
        let Some(mut live) = seat.live.take() else { return };
        let channel = seat.channel;
        self.peers.remove(&live.peer);
        if live.hearing.ends() {
            let order = Order::Listen { room: room(channel), peer: live.peer, wish: None };
            self.outputs.push_back(Output::Mixer(order));
        }
        if live.joined {
            self.tell_shard(channel, Command::Leave { peer: live.peer });
        }
        if let Some(socket) = live.socket {
            self.close(socket, close);
        }
        if live.present {
            self.tell_all(&self.present_in(channel), &ServerFrame::ClientDisconnect(user));
        }
        self.settle_pair(channel);
    }

    /// Lets a socket go; `None` when it is gone already.
    pub(super) fn close(&mut self, socket: super::SocketId, close: Option<VoiceClose>) {
        self.sockets.remove(&socket);
        if let Some(close) = close {
            self.outputs.push_back(super::Output::Close(socket, close));
        }
    }
}
