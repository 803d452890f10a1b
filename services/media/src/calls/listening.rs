//! Voice op 30: who hears one mix instead of each one, because they say so or because their link takes no more.

use std::time::{Duration, Instant};

use voxlink_protocol::{ChannelId, UserId};
use voxlink_sfu::{PeerId, PersonId};

use super::{
    Calls, Output, SocketId,
    automatic::{Automatic, Way},
    room,
    seat::Seat,
};
use crate::{
    mixer::{Order, Rate, Wish},
    voice::{
        frame::ServerFrame,
        listening::{Asked, Mode, Told},
    },
};

/// After a mix that the server could not make.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Percent: losses are told in steps, so that not each count is another wish.
const LOSS_STEP: u8 = 5;

/// How one person hears the others.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    asked: Asked,
    automatic: Automatic,
    loss: u8,
    /// What the mixer was told; `None` while each one is heard.
    wish: Option<Wish>,
    refused_until: Option<Instant>,
    /// What the client was told last.
    told: Option<Told>,
}

impl Hearing {
    /// What the mixer is to be told.
    fn wanted(&self, now: Instant) -> Option<Wish> {
        let is_mixed = match self.asked.mode {
            Mode::Each => false,
            Mode::Mixed => true,
            Mode::Automatic => self.automatic.is_mixed(),
        };
        if !is_mixed || self.refused_until.is_some_and(|until| now < until) {
            return None;
        }
        let most = self.asked.bitrate.map_or(Rate::High, Rate::within);
        let without = self.asked.without.iter().map(|user| PersonId(user.get())).collect();
        Some(Wish { rate: self.automatic.rate().min(most), loss: self.loss, hears_self: false, without })
    }

    /// What others send makes no difference: the mix is what comes.
    pub(super) fn is_mixed(&self) -> bool {
        self.wish.is_some()
    }

    /// It is over; true when the mixer must be told.
    pub(super) fn ends(&mut self) -> bool {
        self.wish.take().is_some()
    }
}

impl Calls {
    /// What a client asks for; the answer is how it is.
    pub(super) fn set_listening(&mut self, socket: SocketId, asked: Asked, now: Instant) {
        let Some(seat) = self.seat_of(socket) else { return };
        let user = seat.user;
        let Some(live) = seat.live.as_mut() else { return };
        if live.hearing.asked.mode != asked.mode {
            live.hearing.refused_until = None;
        }
        live.hearing.asked = asked;
        self.settle_listening(user, now);
    }

    /// Tells the mixer and the client what changed, if anything did.
    pub(super) fn settle_listening(&mut self, user: UserId, now: Instant) {
        let Some(seat) = self.seats.get_mut(&user) else { return };
        let channel = seat.channel;
        let Some(live) = seat.live.as_mut() else { return };
        let peer = live.peer;
        let wish = live.hearing.wanted(now).filter(|_| live.present);
        if wish != live.hearing.wish {
            live.hearing.wish.clone_from(&wish);
            self.outputs.push_back(Output::Mixer(Order::Listen { room: room(channel), peer, wish }));
        }
        self.tell_listening(user);
    }

    fn tell_listening(&mut self, user: UserId) {
        let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) else { return };
        let hearing = &mut live.hearing;
        let told = Told {
            mode: hearing.asked.mode,
            bitrate: hearing.wish.as_ref().map(|wish| wish.rate.bitrate()),
            is_refused: hearing.refused_until.is_some(),
        };
        // Who never asked is not told either.
        let is_usual = hearing.told.is_none() && hearing.asked == Asked::default();
        if hearing.told != Some(told) && !is_usual {
            hearing.told = Some(told);
            self.tell(user, &ServerFrame::Listening(told));
        }
    }

    /// A count of how somebody's way is.
    pub(super) fn judge_listening(&mut self, user: UserId, now: Instant) {
        let Some(channel) = self.seats.get(&user).map(|seat| seat.channel) else { return };
        let others = self.sounds_of_others(channel, user);
        let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) else { return };
        let Some(sample) = live.timeline.newest() else { return };
        let way = Way { loss: sample.down.loss, target_kbps: sample.down.target_kbps, others };
        let hearing = &mut live.hearing;
        if hearing.asked.mode == Mode::Each {
            return;
        }
        hearing.automatic.note(way, hearing.wish.is_some());
        if let Some(loss) = way.loss {
            let percent = (loss.clamp(0.0, 1.0) * 100.0) as u8;
            hearing.loss = percent.next_multiple_of(LOSS_STEP);
        }
        hearing.refused_until.take_if(|until| now >= *until);
        self.settle_listening(user, now);
    }

    /// How many sounds of others somebody in this call may hear.
    fn sounds_of_others(&self, channel: ChannelId, user: UserId) -> usize {
        let sounds = |seat: &Seat| {
            let gates = seat.gates();
            let own = seat.live.as_ref().is_some_and(|live| live.present);
            let microphone = own && seat.sources.microphone && gates.may_speak && !gates.muted;
            let streams = seat.stream.as_ref().is_some_and(|stream| stream.shown);
            let screen = gates.may_speak && gates.may_stream && (streams || own && seat.sources.screen_audio);
            usize::from(microphone) + usize::from(screen)
        };
        let others = self.people_in(channel).filter(|other| *other != user);
        others.filter_map(|other| self.seats.get(&other)).map(sounds).sum()
    }

    /// The mixer has no mix for this listener, who hears each one.
    pub(crate) fn no_mix(&mut self, peer: PeerId, now: Instant) {
        let Some(user) = self.peers.get(&peer).copied() else { return };
        let Some(live) = self.seats.get_mut(&user).and_then(|seat| seat.live.as_mut()) else { return };
        if live.hearing.wish.take().is_some() {
            live.hearing.refused_until = Some(now + REFUSED_FOR);
            self.tell_listening(user);
        }
    }
}
