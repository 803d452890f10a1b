//! Voice op 31: an emoji that everybody in the call sees for a moment.

use std::time::{Duration, Instant};

use super::{Calls, Output, SocketId};
use crate::voice::frame::{self, Emoji, Numbered};

/// From one reaction of a person to the next: what comes sooner is dropped.
const BETWEEN: Duration = Duration::from_millis(250);
/// Of one call in a second: more than this nobody can see, and each is told to everyone.
const MOST_A_SECOND: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// A second in which people react.
#[derive(Debug)]
pub(super) struct Stir {
    since: Instant,
    count: u32,
}

impl Calls {
    /// Tells the others; nothing is kept.
    pub(super) fn react(&mut self, socket: SocketId, emoji: Emoji, now: Instant) {
        let Some(seat) = self.seat_of(socket) else { return };
        let (user, channel) = (seat.user, seat.channel);
        let Some(live) = seat.live.as_mut().filter(|live| live.present && now >= live.reacts_from) else {
            return;
        };
        live.reacts_from = now + BETWEEN;
        let stir = self.stirred.entry(channel).or_insert(Stir { since: now, count: 0 });
        if now >= stir.since + SECOND {
            *stir = Stir { since: now, count: 0 };
        }
        stir.count += 1;
        if stir.count > MOST_A_SECOND {
            return;
        }
        let frame = Numbered::from(frame::reaction(user, emoji));
        for other in self.people_in(channel).filter(|other| *other != user).collect::<Vec<_>>() {
            let live = self.seats.get(&other).and_then(|seat| seat.live.as_ref());
            if let Some(socket) = live.and_then(|live| live.socket) {
                self.outputs.push_back(Output::Send(socket, frame.clone()));
            }
        }
    }

    /// Forgets calls in which nobody reacts any more.
    pub(super) fn sweep_reactions(&mut self, now: Instant) {
        self.stirred.retain(|_, stir| now < stir.since + SECOND);
    }
}
