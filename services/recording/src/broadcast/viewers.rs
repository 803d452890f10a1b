//! Who watches: each with an unguessable key in the address of their playlist, and no cookie. Pure.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use voxlink_protocol::{ChannelId, RecordingId, UserId};

/// Of all broadcasts. A place that nobody asked by for a minute is given to the next.
const MOST: usize = 10_000;
/// Pages that one person has open on one broadcast: the oldest gives way.
const MOST_OF_ONE: usize = 6;
/// Whoever asked for the playlist within so long watches: players ask every few seconds.
const WATCHES: Duration = Duration::from_secs(15);
/// An address is forgotten when it is not used for so long.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(120);
/// How often it is asked whether somebody still may.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// In the address of a playlist.
pub(super) type Key = u128;

#[derive(Clone, Copy, Debug)]
struct Viewer {
    broadcast: RecordingId,
    channel: ChannelId,
    user: UserId,
    seen: Instant,
    checked: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    all: HashMap<Key, Viewer>,
}

/// Somebody asked by their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Welcome,
    /// Whether they still may is to be asked; then [`Viewers::checked`].
    Ask(UserId, ChannelId),
}

impl Viewers {
    /// Somebody who may watch has come; false when there is no room.
    pub(super) fn admit(
        &mut self,
        key: Key,
        broadcast: RecordingId,
        channel: ChannelId,
        user: UserId,
        now: Instant,
    ) -> bool {
        let own = self.all.iter().filter(|(_, one)| one.user == user && one.broadcast == broadcast);
        let mut own: Vec<(Instant, Key)> = own.map(|(key, one)| (one.seen, *key)).collect();
        if own.len() >= MOST_OF_ONE {
            own.sort_unstable();
            own.first().map(|(_, oldest)| self.all.remove(oldest));
        }
        if self.all.len() >= MOST {
            self.all.retain(|_, one| now.saturating_duration_since(one.seen) < WATCHES);
        }
        if self.all.len() >= MOST {
            return false;
        }
        self.all.insert(key, Viewer { broadcast, channel, user, seen: now, checked: now });
        true
    }

    /// Somebody asks by their address for a playlist of this broadcast. `None`: it is not good (any more).
    pub(super) fn ask(&mut self, key: Key, broadcast: RecordingId, now: Instant) -> Option<Known> {
        let viewer = self.all.get_mut(&key).filter(|one| one.broadcast == broadcast)?;
        viewer.seen = now;
        let is_due = now.saturating_duration_since(viewer.checked) >= CHECK_EVERY;
        Some(if is_due { Known::Ask(viewer.user, viewer.channel) } else { Known::Welcome })
    }

    /// Whether they still may.
    pub(super) fn checked(&mut self, key: Key, may: bool, now: Instant) {
        match self.all.get_mut(&key) {
            Some(viewer) if may => viewer.checked = now,
            _ => _ = self.all.remove(&key),
        }
    }

    /// How many people watch this one.
    pub(super) fn count(&self, broadcast: RecordingId, now: Instant) -> u32 {
        let watches =
            |one: &&Viewer| one.broadcast == broadcast && now.saturating_duration_since(one.seen) < WATCHES;
        let people: BTreeSet<UserId> = self.all.values().filter(watches).map(|one| one.user).collect();
        u32::try_from(people.len()).unwrap_or(u32::MAX)
    }

    /// Forgets who left.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.all.retain(|_, one| now.saturating_duration_since(one.seen) < FORGOTTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: RecordingId = RecordingId::new(1);
    const CALL: ChannelId = ChannelId::new(10);
    const ANNA: UserId = UserId::new(5);

    #[test]
    fn whoever_asks_is_counted_until_they_stop_and_looked_at_again_now_and_then() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut viewers = Viewers::default();
        assert!(viewers.admit(7, ONE, CALL, ANNA, at(0)) && viewers.admit(8, ONE, CALL, ANNA, at(1)));
        assert!(viewers.admit(9, ONE, CALL, UserId::new(6), at(1)));
        assert_eq!(viewers.count(ONE, at(2)), 2, "two pages of one person are one");
        assert_eq!(viewers.count(RecordingId::new(2), at(2)), 0);
        assert_eq!(viewers.ask(7, ONE, at(9)), Some(Known::Welcome));
        assert_eq!(viewers.ask(7, RecordingId::new(2), at(9)), None);
        assert_eq!(viewers.ask(6, ONE, at(9)), None);
        assert_eq!(viewers.ask(7, ONE, at(12)), Some(Known::Ask(ANNA, CALL)));
        viewers.checked(7, true, at(12));
        assert_eq!(viewers.ask(7, ONE, at(13)), Some(Known::Welcome));
        assert_eq!(viewers.count(ONE, at(20)), 1);
        assert_eq!(viewers.ask(7, ONE, at(23)), Some(Known::Ask(ANNA, CALL)));
        viewers.checked(7, false, at(23));
        assert_eq!(viewers.ask(7, ONE, at(24)), None);
        viewers.sweep(at(200));
        assert!(viewers.all.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_one_person_takes_few_places_of_it() {
        let now = Instant::now();
        let mut viewers = Viewers::default();
        for key in 0..100 {
            assert!(viewers.admit(key, ONE, CALL, ANNA, now + Duration::from_millis(key as u64)));
        }
        assert_eq!(viewers.all.len(), MOST_OF_ONE);
        assert!(viewers.all.contains_key(&99) && !viewers.all.contains_key(&0));
        for user in 0..2 * MOST as u64 {
            viewers.admit(1_000 + u128::from(user), ONE, CALL, UserId::new(1_000 + user), now);
        }
        assert_eq!(viewers.all.len(), MOST);
        assert!(!viewers.admit(1, ONE, CALL, UserId::new(1), now));
        assert!(viewers.admit(1, ONE, CALL, UserId::new(1), now + WATCHES * 2), "others left");
    }
}
