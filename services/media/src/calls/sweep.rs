//! What time ends: seats that nobody came to or came back to, and shards that do not answer.

use std::time::{Duration, Instant};

use voxlink_protocol::UserId;

use super::{
    Calls,
    seat::{Link, Live, Seat},
};
use crate::voice::close::VoiceClose;

/// How long a seat waits for its voice socket to identify.
const VACANT_AT_MOST: Duration = Duration::from_secs(30);
/// How long a session waits for its socket when its media is gone as well.
const SILENT_AT_MOST: Duration = Duration::from_secs(15);
/// docs/protocol/voice.md: how long a session without media waits for its socket.
const ALONE_AT_MOST: Duration = Duration::from_secs(60);

enum Verdict {
    /// The seat is free.
    Free,
    /// The shard has left an offer unanswered.
    Crashed,
}

impl Calls {
    /// Call about once a second: none of these limits is finer.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let verdicts: Vec<(UserId, Verdict)> = self
            .seats
            .values()
            .filter_map(|seat| judge(seat, now).map(|verdict| (seat.user, verdict)))
            .collect();
        for (user, verdict) in verdicts {
            match verdict {
                Verdict::Free => self.give_up_seat(user, None),
                Verdict::Crashed => {
                    tracing::error!(%user, "a shard did not answer an offer");
                    self.reset_seat(user, VoiceClose::Crashed, now);
                }
            }
        }
        self.sweep_strangers(now);
        self.sweep_pairs(now);
        self.sweep_reactions(now);
    }
}

fn judge(seat: &Seat, now: Instant) -> Option<Verdict> {
    let Some(live) = &seat.live else {
        if seat.is_held_by_stream() {
            return None;
        }
        return (now >= seat.vacant_since + VACANT_AT_MOST).then_some(Verdict::Free);
    };
    if live.unanswered.front().is_some_and(|deadline| now >= *deadline) {
        return Some(Verdict::Crashed);
    }
    let patience = patience_with(live)?;
    (now >= live.alone_since + patience).then_some(Verdict::Free)
}

/// How long a session may be without a socket; `None` while it has one, or while its media flows.
fn patience_with(live: &Live) -> Option<Duration> {
    match (live.socket, live.link) {
        (Some(_), _) | (None, Link::Connected) => None,
        (None, Link::New) => Some(ALONE_AT_MOST),
        (None, Link::Disconnected) => Some(SILENT_AT_MOST),
    }
}
