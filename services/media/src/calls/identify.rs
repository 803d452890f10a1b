//! Voice ops 0 and 7: a socket shows its pass, for a new session or to go on with one.

use std::{collections::VecDeque, time::Instant};

use aws_lc_rs::constant_time;
use voxlink_protocol::{Secret, Timestamp};

use super::{
    Calls, Output, SocketId,
    listening::Hearing,
    quality::Timeline,
    relief::Strain,
    seat::{Link, Live},
};
use crate::voice::{
    close::VoiceClose,
    frame::{self, Identify, Numbered, Resume},
    replay::Replay,
};

impl Calls {
    /// Op 0. An older session on the same seat ends.
    pub(super) fn identify(&mut self, socket: SocketId, asked: &Identify, wall: Timestamp, now: Instant) {
        let pass = self.pass_key.verify(&asked.token, wall).filter(|pass| {
            pass.user_id == asked.user_id
                && pass.server() == asked.server_id
                && pass.session_id == asked.session_id
        });
        let Some(pass) = pass else { return self.close(socket, Some(VoiceClose::BadPass)) };
        let user = pass.user_id;
        let seated = self.seats.get(&user).is_some_and(|seat| {
            seat.session_id == pass.session_id
                && seat.channel == pass.channel_id
                && seat.guild == pass.guild_id
        });
        if !seated {
            return self.close(socket, Some(VoiceClose::SessionOver));
        }
        self.reset_seat(user, VoiceClose::Disconnected, now);
        let peer = self.fresh_peer();
        let media_session = format!("{:x}-{:x}", self.started.0, peer.0);
        self.outputs.push_back(Output::Send(socket, frame::ready(user, &media_session).into()));
        let Some(seat) = self.seats.get_mut(&user) else { return };
        seat.live = Some(Live {
            peer,
            media_session,
            token: asked.token.clone(),
            socket: Some(socket),
            alone_since: now,
            link: Link::New,
            joined: false,
            present: false,
            speaking: false,
            unanswered: VecDeque::new(),
            replay: Replay::default(),
            timeline: Timeline::default(),
            strain: Strain::default(),
            hearing: Hearing::default(),
            relieves: false,
            willing: asked.peer,
            reacts_from: now,
        });
        self.peers.insert(peer, user);
        self.sockets.insert(socket, user);
    }

    /// Op 7: everything missed, then op 9.
    pub(super) fn resume(&mut self, socket: SocketId, asked: &Resume) {
        match self.resumable(socket, asked) {
            Ok((missed, replaced)) => {
                if let Some(old) = replaced {
                    self.close(old, Some(VoiceClose::Replaced));
                }
                self.outputs.extend(missed.into_iter().map(|frame| Output::Send(socket, frame)));
                self.outputs.push_back(Output::Send(socket, frame::resumed().into()));
            }
            Err(close) => self.close(socket, Some(close)),
        }
    }

    /// Attaches the socket; what it missed, and the socket whose place it takes.
    fn resumable(
        &mut self,
        socket: SocketId,
        asked: &Resume,
    ) -> Result<(Vec<Numbered>, Option<SocketId>), VoiceClose> {
        let user = *self.sessions.get(&asked.session_id).ok_or(VoiceClose::SessionOver)?;
        let seat = self.seats.get_mut(&user).filter(|seat| seat.server() == asked.server_id);
        let live = seat.and_then(|seat| seat.live.as_mut()).ok_or(VoiceClose::SessionOver)?;
        if !is_same(&live.token, &asked.token) {
            return Err(VoiceClose::BadPass);
        }
        let seen = asked.seq_ack.and_then(|seq| u64::try_from(seq).ok()).unwrap_or_default();
        let missed = live.replay.after(seen).ok_or(VoiceClose::SessionOver)?.collect();
        let replaced = live.socket.replace(socket);
        self.sockets.insert(socket, user);
        Ok((missed, replaced))
    }
}

fn is_same(known: &Secret, shown: &Secret) -> bool {
    constant_time::verify_slices_are_equal(known.expose().as_bytes(), shown.expose().as_bytes()).is_ok()
}
