//! Last-N: of many open microphones the loudest few are sent on. Pure; the room carries it out.
//!
//! In a small room everybody is heard. Past [`MOST_HEARD`] open microphones a place has to be won by speaking: at once
//! while one is free or its holder has been silent for a while, otherwise by being clearly louder. Who wins one is heard
//! from [`PRE_ROLL`] packets before, so that nobody's first word is cut.

use std::time::{Duration, Instant};

use super::assign::MAX_SLOTS;
use crate::peer::LOUD;

/// Microphones that are sent on at the same time; no room with fewer open ones leaves any out.
pub(crate) const MOST_HEARD: usize = 8;
/// Packets from before the first loud one that are sent as well: about a tenth of a second.
pub(crate) const PRE_ROLL: u64 = 5;
/// Who spoke within this time keeps the place against a newcomer who is no louder.
const HOLD: Duration = Duration::from_millis(1_500);
/// Louder by so many decibels takes the place of someone who speaks.
const CLEARLY: f32 = 6.0;
/// Share of the loudness that is left after a quieter packet: a word lasts a few of them.
const DECAY: f32 = 0.9;
/// RFC 6464 §3: levels go from 0, the loudest, to 127.
const SILENCE: u8 = 127;

/// What becomes of a microphone's packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Sent on.
    Heard,
    /// Sent on, with what was said just before it.
    Begins,
    /// Kept for the case that the next one begins.
    Unheard,
}

struct Place {
    track: usize,
    /// Decibels above silence.
    loudness: f32,
    /// When it last spoke.
    spoke: Instant,
}

/// Who holds a place.
#[derive(Default)]
pub(crate) struct Stage {
    places: Vec<Place>,
    open: usize,
}

impl Stage {
    /// So many microphones are open now.
    pub(crate) fn set_open(&mut self, microphones: usize) {
        self.open = microphones;
        if !self.is_contested() {
            self.places.clear();
        }
    }

    fn is_contested(&self) -> bool {
        self.open > MOST_HEARD
    }

    /// More microphones are open than anybody has slots.
    pub(crate) fn is_crowded(&self) -> bool {
        self.open > MAX_SLOTS
    }

    /// The microphone is gone or was turned off.
    pub(crate) fn forget(&mut self, track: usize) {
        self.places.retain(|place| place.track != track);
    }

    /// Whether packets of this microphone are sent on now.
    pub(crate) fn hears(&self, track: usize) -> bool {
        !self.is_contested() || self.places.iter().any(|place| place.track == track)
    }

    /// Takes the level (RFC 6464) of a packet; without one it counts as speech.
    pub(crate) fn note(&mut self, track: usize, level: Option<u8>, now: Instant) -> Verdict {
        if !self.is_contested() {
            return Verdict::Heard;
        }
        let level = level.map_or(LOUD, |level| level & SILENCE);
        let (loudness, speaks) = (f32::from(SILENCE - level), level <= LOUD);
        if let Some(place) = self.places.iter_mut().find(|place| place.track == track) {
            place.loudness = loudness.max(place.loudness * DECAY);
            if speaks {
                place.spoke = now;
            }
            return Verdict::Heard;
        }
        if !speaks {
            return Verdict::Unheard;
        }
        let place = Place { track, loudness, spoke: now };
        if self.places.len() < MOST_HEARD {
            self.places.push(place);
            return Verdict::Begins;
        }
        let is_idle = |held: &Place| now.saturating_duration_since(held.spoke) >= HOLD;
        let idle = self.places.iter_mut().filter(|held| is_idle(held)).min_by_key(|held| held.spoke);
        let weakest = match idle {
            Some(idle) => Some(idle),
            None => {
                let quieter = self.places.iter_mut().filter(|held| held.loudness + CLEARLY < loudness);
                quieter.min_by(|one, other| one.loudness.total_cmp(&other.loudness))
            }
        };
        match weakest {
            Some(weakest) => {
                *weakest = place;
                Verdict::Begins
            }
            None => Verdict::Unheard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Option<u8> = Some(90);

    fn speech(level: u8) -> Option<u8> {
        Some(level)
    }

    #[test]
    fn everybody_is_heard_until_there_are_too_many() {
        let (mut stage, now) = (Stage::default(), Instant::now());
        stage.set_open(MOST_HEARD);
        assert!((0..MOST_HEARD).all(|track| stage.note(track, QUIET, now) == Verdict::Heard));
        stage.set_open(MOST_HEARD + 1);
        assert!((0..=MOST_HEARD).all(|track| stage.note(track, QUIET, now) == Verdict::Unheard));
    }

    #[test]
    fn the_first_loud_packet_takes_a_free_place_and_one_whose_holder_is_silent() {
        let (mut stage, now) = (Stage::default(), Instant::now());
        stage.set_open(100);
        for track in 0..MOST_HEARD {
            assert_eq!(stage.note(track, speech(30), now), Verdict::Begins);
            assert_eq!(stage.note(track, speech(30), now), Verdict::Heard);
        }
        assert_eq!(stage.note(50, speech(30), now), Verdict::Unheard, "all places are taken by speakers");
        let later = now + HOLD;
        (1..MOST_HEARD).for_each(|track| _ = stage.note(track, speech(30), later));
        assert_eq!(stage.note(50, speech(45), later), Verdict::Begins);
        assert!(!stage.hears(0) && stage.hears(1) && stage.hears(50));
    }

    #[test]
    fn among_speakers_only_who_is_clearly_louder_takes_the_place_of_the_quietest() {
        let (mut stage, now) = (Stage::default(), Instant::now());
        stage.set_open(100);
        (0..MOST_HEARD).for_each(|track| _ = stage.note(track, speech(20 + track as u8), now));
        let quietest = MOST_HEARD - 1;
        assert_eq!(stage.note(50, speech(25), now), Verdict::Unheard);
        assert_eq!(stage.note(50, speech(10), now), Verdict::Begins);
        assert!(!stage.hears(quietest));
        // Two who are about as loud do not take turns with each packet.
        assert_eq!(stage.note(quietest, speech(25), now), Verdict::Unheard);
    }

    #[test]
    fn who_leaves_frees_the_place() {
        let (mut stage, now) = (Stage::default(), Instant::now());
        stage.set_open(100);
        (0..MOST_HEARD).for_each(|track| _ = stage.note(track, speech(30), now));
        stage.forget(3);
        assert_eq!(stage.note(50, speech(50), now), Verdict::Begins);
    }
}
