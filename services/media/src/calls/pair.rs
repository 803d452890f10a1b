//! Two people alone in the call of a conversation talk directly: who may, and what they say to each other to find the way.
//! Their sessions here stay as they are, ready to carry everything again.

use std::time::{Duration, Instant};

use voxlink_protocol::{ChannelId, UserId};

use super::{Calls, SocketId};
use crate::voice::{
    direct::{DirectFrame, Path, PathState, Relay, Unpaired},
    frame::ServerFrame,
};

/// docs/protocol/voice.md: until a path that failed is tried again, the first time.
const LEAST_QUIET: Duration = Duration::from_secs(30);
/// The same, after many times.
const MOST_QUIET: Duration = Duration::from_secs(600);
/// docs/protocol/voice.md: when a network changed, no sooner than this: nobody makes the other one try all the time.
const SOON: Duration = Duration::from_secs(1);
/// docs/protocol/voice.md: after a third person, or a change of mind, so that comings and goings are not a dance.
const CALM: Duration = Duration::from_secs(2);

/// What a conversation's call knows of direct paths.
#[derive(Debug)]
pub(super) struct Pair {
    standing: Option<Standing>,
    rest: Rest,
    /// How long the rest after the next failure is.
    quiet: Duration,
}

/// When the next path may be tried.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// At once.
    Over,
    /// One ended just now.
    Begins,
    Until(Instant),
}

/// Two who were told to find a path.
#[derive(Clone, Copy, Debug)]
struct Standing {
    epoch: u64,
    people: [UserId; 2],
    since: Instant,
}

impl Standing {
    fn other(&self, than: UserId) -> Option<UserId> {
        match self.people {
            [one, other] if one == than => Some(other),
            [other, one] if one == than => Some(other),
            _ => None,
        }
    }
}

impl Calls {
    /// Op 27 of a client. Said again, it means that its network is another one: a path may be there now.
    pub(super) fn set_willing(&mut self, socket: SocketId, willing: bool, now: Instant) {
        let Some(seat) = self.seat_of(socket) else { return };
        let channel = seat.channel;
        let Some(live) = seat.live.as_mut() else { return };
        live.willing = willing;
        if let Some(pair) = self.pairs.get_mut(&channel)
            && let Rest::Until(until) = pair.rest
        {
            pair.rest = Rest::Until(until.min(now + SOON));
        }
        self.pair_up(channel, now);
    }

    /// Op 28: passed on while exactly this epoch stands. What comes late is nobody's any more.
    pub(super) fn relay(&mut self, socket: SocketId, relay: Relay) {
        if let Some((_, other)) = self.standing_of(socket, relay.epoch) {
            self.tell(other, &ServerFrame::Direct(DirectFrame::Relayed(relay)));
        }
    }

    /// Op 29.
    pub(super) fn path_is(&mut self, socket: SocketId, path: Path, now: Instant) {
        let Some((channel, other)) = self.standing_of(socket, path.epoch) else { return };
        match path.state {
            PathState::Up | PathState::Missing => {
                self.tell(other, &ServerFrame::Direct(DirectFrame::OtherPath(path)));
            }
            PathState::Failed => {
                let since = self.pairs.get(&channel).and_then(|pair| pair.standing).map(|one| one.since);
                self.unpair(channel, Unpaired::Failed);
                let Some(pair) = self.pairs.get_mut(&channel) else { return };
                // One that held longer than the last pause was worth the try.
                if since.is_some_and(|since| now >= since + pair.quiet) {
                    pair.quiet = LEAST_QUIET;
                }
                pair.rest = Rest::Until(now + pair.quiet);
                pair.quiet = (pair.quiet * 2).min(MOST_QUIET);
            }
        }
    }

    /// Call when somebody's media is there, or time has passed: connects the two, if they may be.
    pub(super) fn pair_up(&mut self, channel: ChannelId, now: Instant) {
        self.settle_pair(channel);
        let Ok(people) = self.fit(channel) else { return };
        let fresh = Pair { standing: None, rest: Rest::Over, quiet: LEAST_QUIET };
        let pair = self.pairs.entry(channel).or_insert(fresh);
        if pair.standing.is_some() {
            return;
        }
        match pair.rest {
            Rest::Begins => {
                pair.rest = Rest::Until(now + CALM);
                return;
            }
            Rest::Until(until) if now < until => return,
            Rest::Until(_) | Rest::Over => {}
        }
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        pair.rest = Rest::Over;
        pair.standing = Some(Standing { epoch, people, since: now });
        let [one, other] = people;
        for (user, with, polite) in [(one, other, false), (other, one, true)] {
            self.tell(user, &ServerFrame::Direct(DirectFrame::Paired { with, epoch, polite }));
        }
    }

    /// Call when a seat was taken or a session ended: ends what is no pair any more.
    pub(super) fn settle_pair(&mut self, channel: ChannelId) {
        let standing = self.pairs.get(&channel).and_then(|pair| pair.standing);
        if let Some(standing) = standing {
            match self.fit(channel) {
                Ok(people) if people == standing.people => {}
                Ok(_) => self.unpair(channel, Unpaired::Left),
                Err(reason) => self.unpair(channel, reason),
            }
        }
        // Who comes to somebody who sits alone is another pair, with another network perhaps.
        if self.people_in(channel).nth(1).is_none() {
            self.pairs.remove(&channel);
        }
    }

    /// Call about once a second.
    pub(super) fn sweep_pairs(&mut self, now: Instant) {
        let channels: Vec<ChannelId> = self.pairs.keys().copied().collect();
        for channel in channels {
            self.pair_up(channel, now);
        }
    }

    fn unpair(&mut self, channel: ChannelId, reason: Unpaired) {
        let Some(pair) = self.pairs.get_mut(&channel) else { return };
        let Some(standing) = pair.standing.take() else { return };
        pair.rest = Rest::Begins;
        for user in standing.people {
            self.tell(user, &ServerFrame::Direct(DirectFrame::Unpaired(reason)));
        }
    }

    /// The call of a socket and the other one there, while this epoch stands between them.
    fn standing_of(&mut self, socket: SocketId, epoch: u64) -> Option<(ChannelId, UserId)> {
        let seat = self.seat_of(socket)?;
        let (channel, user) = (seat.channel, seat.user);
        let standing = self.pairs.get(&channel)?.standing.filter(|standing| standing.epoch == epoch)?;
        Some((channel, standing.other(user)?))
    }

    /// The two who may talk directly in this call, or why nobody may.
    fn fit(&self, channel: ChannelId) -> Result<[UserId; 2], Unpaired> {
        let mut people = self.people_in(channel);
        let (Some(one), Some(other)) = (people.next(), people.next()) else { return Err(Unpaired::Left) };
        // Who publishes or watches by WHIP and WHEP needs the server, too; the sweep finds them soon enough.
        let watched = self.strangers.values().any(|stranger| stranger.pass.channel_id == channel);
        if people.next().is_some() || watched {
            return Err(Unpaired::Third);
        }
        if self.places.is_recorded(channel) {
            return Err(Unpaired::Recorded);
        }
        for user in [one, other] {
            let seat = self.seats.get(&user).filter(|seat| seat.guild.is_none()).ok_or(Unpaired::Left)?;
            let live = seat.live.as_ref().filter(|live| live.present).ok_or(Unpaired::Left)?;
            if !live.willing {
                return Err(Unpaired::Hidden);
            }
        }
        Ok([one, other])
    }
}
