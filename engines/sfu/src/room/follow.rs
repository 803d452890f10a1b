//! What viewers without a client of ours see and hear: whoever is followed, in as many slots as they offer.
//!
//! [`Floor`] says who has the word, slowly enough that pictures do not flap; [`rank`] puts what is live into order. Both
//! are pure.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use super::{
    Room,
    assign::{Live, mix_of},
};
use crate::{
    sdp::codecs::Codec,
    worker::{Follow, MediaKind, PersonId, Source},
};

/// Pauses between sentences do not end a turn: the sound stays with the speaker that long.
const LINGER: Duration = Duration::from_millis(1_500);
/// A cough is no turn: the picture follows a speaker who has had the word that long.
const SETTLE: Duration = Duration::from_millis(400);
/// A picture stays at least that long, so that a quick exchange does not flicker.
const DWELL: Duration = Duration::from_secs(2);
/// Of people who speak at the same time without a pause each is heard that long: an open microphone beside a fan must
/// not keep the word forever.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// Who has the word in a room.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    /// Who spoke last, and since when they have the word.
    holder: Option<(PersonId, Instant)>,
    /// When they were last heard speaking.
    heard: Option<Instant>,
    talking: bool,
    /// Whose picture is shown, and since when.
    stage: Option<(PersonId, Instant)>,
}

impl Floor {
    /// Takes who speaks now; true when what followers get may change.
    pub(crate) fn update(&mut self, speaking: &[PersonId], now: Instant) -> bool {
        let before = (self.speaker(), self.holder.map(|(person, _)| person), self.on_stage());
        let since = |at: Instant| now.saturating_duration_since(at);
        let keeps = self.holder.is_some_and(|(person, began)| {
            let others = speaking.iter().any(|other| *other != person);
            speaking.contains(&person) && !(others && since(began) >= LONGEST_TURN)
        });
        if !keeps {
            let next = speaking.iter().find(|next| self.holder.is_none_or(|(person, _)| **next != person));
            if let Some(next) = next.or(speaking.first()) {
                self.holder = Some((*next, now));
            }
        }
        if !speaking.is_empty() {
            self.heard = Some(now);
        }
        self.talking = self.heard.is_some_and(|heard| since(heard) < LINGER);
        if let Some((person, began)) = self.holder {
            let free = self.stage.is_none_or(|(shown, at)| shown != person && since(at) >= DWELL);
            if free && (self.stage.is_none() || since(began) >= SETTLE) {
                self.stage = Some((person, now));
            }
        }
        before != (self.speaker(), self.holder.map(|(person, _)| person), self.on_stage())
    }

    /// Who is speaking, or has just spoken.
    fn speaker(&self) -> Option<PersonId> {
        self.holder.filter(|_| self.talking).map(|(person, _)| person)
    }

    /// Who is to be seen.
    fn on_stage(&self) -> Option<PersonId> {
        self.stage.map(|(person, _)| person)
    }
}

/// The tracks of one kind that a follower may get, best first. What is shown already wins among equals.
pub(super) fn rank(
    follow: Follow,
    kind: MediaKind,
    live: &[Live],
    floor: &Floor,
    shown: &[usize],
) -> Vec<usize> {
    let followed = |one: &&Live| match follow {
        Follow::Person(person) => one.person == person,
        Follow::Stage => one.source != Source::Mixed,
    };
    let mut found: Vec<&Live> = live.iter().filter(|one| one.kind == kind).filter(followed).collect();
    let has_screen = live.iter().filter(followed).any(|one| one.source == Source::Screen);
    let score = |one: &Live| match (follow, one.source) {
        (Follow::Person(_), Source::Screen) => 3,
        (Follow::Person(_), Source::ScreenAudio) if has_screen => 3,
        (Follow::Person(_), Source::Microphone) => 2,
        (Follow::Person(_), Source::Camera | Source::ScreenAudio) => 1,
        (Follow::Stage, Source::Screen) => 4,
        (Follow::Stage, Source::Microphone) if floor.speaker() == Some(one.person) => 3,
        (Follow::Stage, Source::ScreenAudio | Source::Sound) => 2,
        (Follow::Stage, Source::Camera) if floor.on_stage() == Some(one.person) => 2,
        (Follow::Stage, Source::Microphone) if floor.holder.is_some_and(|(who, _)| who == one.person) => 1,
        (Follow::Stage, Source::Microphone | Source::Camera) => 0,
        (_, Source::Mixed) | (Follow::Person(_), Source::Sound) => 0,
    };
    found.sort_by_key(|one| (Reverse(score(one)), Reverse(shown.contains(&one.track)), one.track));
    found.iter().map(|one| one.track).collect()
}

fn is_mix(track: usize, live: &[Live]) -> bool {
    live.iter().any(|one| one.track == track && one.source == Source::Mixed)
}

impl Room {
    /// Fills a viewer's slots: what is among the best stays where it is.
    pub(super) fn assign_viewer(&mut self, index: usize, follow: Follow, live: &[Live]) {
        let Self { peers, floor, .. } = self;
        let Some(peer) = peers.get_mut(index) else { return };
        let shown: Vec<usize> = peer.slots.iter().filter_map(|slot| slot.track).collect();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let slots = || peer.slots.iter().filter(|slot| slot.open && slot.kind == kind);
            let playable = |track: &usize| {
                let codec = live.iter().find(|one| one.track == *track).map(|one| one.codec);
                codec.is_some_and(|codec| slots().any(|slot| slot.chosen(codec).is_some()))
            };
            let mut best = match mix_of(peer.mix, live).filter(|_| kind == MediaKind::Audio) {
                Some(mix) => vec![mix],
                None => rank(follow, kind, live, floor, &shown),
            };
            best.retain(playable);
            best.truncate(slots().count());
            for slot in peer.slots.iter_mut().filter(|slot| slot.kind == kind) {
                match slot.track {
                    Some(track) if slot.open && best.contains(&track) => best.retain(|kept| *kept != track),
                    Some(track)
                        if slot.open && is_mix(track, live) && best.iter().any(|one| is_mix(*one, live)) =>
                    {
                        best.drain(..).for_each(|mix| slot.show_along(mix, Codec::Opus));
                    }
                    Some(_) => slot.show(None),
                    None => {}
                }
            }
            let free =
                peer.slots.iter_mut().filter(|slot| slot.open && slot.kind == kind && slot.track.is_none());
            for (slot, track) in free.zip(best) {
                let codec = live.iter().find(|one| one.track == track).map(|one| one.codec);
                slot.show(codec.map(|codec| (track, codec)));
            }
        }
    }

    /// Lets viewers follow who has the word now.
    pub(super) fn follow_speakers(&mut self, now: Instant) -> bool {
        if !self.peers.iter().any(|(_, peer)| peer.follow == Some(Follow::Stage)) {
            return false;
        }
        let speaking: Vec<PersonId> =
            self.peers.iter().filter(|(_, peer)| peer.is_speaking()).map(|(_, peer)| peer.person).collect();
        self.floor.update(&speaking, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::PeerId;

    const ANNA: PersonId = PersonId(1);
    const BORIS: PersonId = PersonId(2);

    /// Runs a timeline in steps of 100 ms; who is heard and who is seen whenever that changes.
    fn timeline(length: u64, speaks: impl Fn(u64) -> Vec<PersonId>) -> Vec<(u64, Option<u64>, Option<u64>)> {
        let (start, mut floor, mut told) = (Instant::now(), Floor::default(), Vec::new());
        for millis in (0..length).step_by(100) {
            if floor.update(&speaks(millis), start + Duration::from_millis(millis)) {
                let number = |person: Option<PersonId>| person.map(|person| person.0);
                told.push((millis, number(floor.speaker()), number(floor.on_stage())));
            }
        }
        told
    }

    #[test]
    fn the_word_passes_at_once_and_the_picture_after_a_moment() {
        let seen = timeline(8_000, |at| match at {
            0..=2_900 => vec![ANNA],
            3_000..=6_000 => vec![BORIS],
            _ => vec![],
        });
        let expected = [
            (0, Some(1), Some(1)),
            (3_000, Some(2), Some(1)),
            (3_400, Some(2), Some(2)),
            // Nobody speaks: the sound is free for a screen, the picture stays.
            (7_500, None, Some(2)),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_quick_exchange_does_not_make_the_picture_flicker() {
        let seen = timeline(10_000, |at| vec![if at / 500 % 2 == 0 { ANNA } else { BORIS }]);
        let pictures: Vec<u64> = seen.iter().filter_map(|(_, _, stage)| *stage).collect();
        let changes = pictures.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 5, "{seen:?}");
        assert!(seen.len() >= 19, "the sound follows each time: {seen:?}");
    }

    #[test]
    fn who_interrupts_does_not_get_the_word_but_who_never_stops_loses_it() {
        let seen = timeline(25_000, |at| if at < 1_000 { vec![ANNA] } else { vec![ANNA, BORIS] });
        let heard: Vec<(u64, u64)> =
            seen.iter().filter_map(|(at, heard, _)| Some((*at, (*heard)?))).collect();
        assert_eq!(heard.first(), Some(&(0, 1)));
        assert_eq!(heard.iter().find(|(_, who)| *who == 2), Some(&(10_000, 2)));
        assert_eq!(heard.last().map(|(_, who)| *who), Some(1), "and then the other one again: {heard:?}");
    }

    #[test]
    fn a_screen_comes_before_cameras_and_speech_before_its_sound() {
        let one = |track, person: PersonId, source: Source| {
            let codec = if source.kind() == MediaKind::Audio { Codec::Opus } else { Codec::Vp8 };
            let peer = PeerId(person.0);
            Live { track, owner: track, peer, person, kind: source.kind(), source, codec }
        };
        let live = [
            one(0, ANNA, Source::Camera),
            one(1, ANNA, Source::Microphone),
            one(2, BORIS, Source::Screen),
            one(3, BORIS, Source::ScreenAudio),
            one(4, BORIS, Source::Camera),
            one(5, BORIS, Source::Microphone),
        ];
        let mut floor = Floor::default();
        let video = |floor: &Floor, follow| rank(follow, MediaKind::Video, &live, floor, &[]);
        let audio = |floor: &Floor, follow| rank(follow, MediaKind::Audio, &live, floor, &[]);
        assert_eq!((video(&floor, Follow::Stage)[0], audio(&floor, Follow::Stage)[0]), (2, 3));
        floor.update(&[ANNA], Instant::now());
        assert_eq!(
            (video(&floor, Follow::Stage), audio(&floor, Follow::Stage)),
            (vec![2, 0, 4], vec![1, 3, 5])
        );
        assert_eq!(video(&floor, Follow::Person(BORIS)), [2, 4]);
        assert_eq!(audio(&floor, Follow::Person(BORIS)), [3, 5]);
        assert_eq!(audio(&floor, Follow::Person(ANNA)), [1]);
        assert_eq!(video(&floor, Follow::Person(PersonId(9))), [0; 0]);
        // Among equals the one that is shown stays.
        assert_eq!(rank(Follow::Stage, MediaKind::Audio, &live, &Floor::default(), &[5]), [3, 5, 1]);
    }
}
