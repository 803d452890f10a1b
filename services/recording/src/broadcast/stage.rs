//! What is to be seen of a call: a shared screen before anything else, then the camera of who speaks. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use voxlink_sfu::{PersonId, Source};

/// Nothing is shown for less, unless it ends: who says one word is not cut to.
const AT_LEAST: Duration = Duration::from_secs(4);
/// For so long somebody has to be the loudest before they are shown.
const SPEAKS_FOR: Duration = Duration::from_millis(800);

/// A source of pictures.
pub(super) type Shown = (PersonId, Source);

/// Chooses for one broadcast.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// What sends, and since when.
    sending: HashMap<Shown, Instant>,
    chosen: Option<(Shown, Instant)>,
    /// The loudest who has a camera, and since when.
    loudest: Option<(PersonId, Instant)>,
}

impl Stage {
    /// A source sends, or stopped.
    pub(super) fn sends(&mut self, source: Shown, yes: bool, now: Instant) {
        match yes {
            true => _ = self.sending.entry(source).or_insert(now),
            false => _ = self.sending.remove(&source),
        }
    }

    /// Nothing of them is shown any more.
    pub(super) fn forget(&mut self, person: PersonId) {
        self.sending.retain(|(of, _), _| *of != person);
    }

    /// They are the loudest of those who speak in this moment.
    pub(super) fn heard(&mut self, person: PersonId, now: Instant) {
        let has_camera = self.sending.contains_key(&(person, Source::Camera));
        if has_camera && self.loudest.is_none_or(|(loudest, _)| loudest != person) {
            self.loudest = Some((person, now));
        }
    }

    /// What is to be seen now.
    pub(super) fn choose(&mut self, now: Instant) -> Option<Shown> {
        let current = self.chosen.filter(|(shown, _)| self.sending.contains_key(shown));
        let wanted = self.wanted(current.map(|(shown, _)| shown), now);
        let is_settled = |(shown, since): (Shown, Instant)| {
            let is_upgrade =
                shown.1 == Source::Camera && wanted.is_some_and(|(_, source)| source == Source::Screen);
            !is_upgrade && now.saturating_duration_since(since) < AT_LEAST
        };
        self.chosen = match current {
            Some(current) if Some(current.0) == wanted || is_settled(current) => Some(current),
            _ => wanted.map(|shown| (shown, now)),
        };
        self.chosen.map(|(shown, _)| shown)
    }

    fn wanted(&self, current: Option<Shown>, now: Instant) -> Option<Shown> {
        let of = |source: Source| self.sending.iter().filter(move |((_, other), _)| *other == source);
        // The screen that was shared last, as in the call itself.
        if let Some((screen, _)) = of(Source::Screen).max_by_key(|((person, _), since)| (**since, person.0)) {
            return Some(*screen);
        }
        let speaks = self.loudest.filter(|(_, since)| now.saturating_duration_since(*since) >= SPEAKS_FOR);
        let speaker = speaks.map(|(person, _)| (person, Source::Camera));
        let speaker = speaker.filter(|shown| self.sending.contains_key(shown));
        let first = || {
            of(Source::Camera).min_by_key(|((person, _), since)| (**since, person.0)).map(|(shown, _)| *shown)
        };
        speaker.or(current.filter(|(_, source)| *source == Source::Camera)).or_else(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: PersonId = PersonId(1);
    const BEN: PersonId = PersonId(2);

    #[test]
    fn the_camera_follows_who_speaks_but_not_every_word() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut stage = Stage::default();
        assert_eq!(stage.choose(at(0)), None);
        stage.sends((ANNA, Source::Camera), true, at(0));
        stage.sends((BEN, Source::Camera), true, at(10));
        assert_eq!(stage.choose(at(20)), Some((ANNA, Source::Camera)));
        stage.heard(BEN, at(5_000));
        assert_eq!(stage.choose(at(5_500)), Some((ANNA, Source::Camera)), "half a second is no speech");
        assert_eq!(stage.choose(at(5_900)), Some((BEN, Source::Camera)));
        stage.heard(ANNA, at(6_000));
        assert_eq!(stage.choose(at(9_000)), Some((BEN, Source::Camera)), "not so soon");
        assert_eq!(stage.choose(at(9_900)), Some((ANNA, Source::Camera)));
        stage.forget(ANNA);
        assert_eq!(stage.choose(at(10_000)), Some((BEN, Source::Camera)), "she is gone at once");
        stage.sends((BEN, Source::Camera), false, at(10_100));
        assert_eq!(stage.choose(at(10_100)), None);
    }

    #[test]
    fn a_screen_is_shown_at_once_and_the_newest_one() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut stage = Stage::default();
        stage.sends((ANNA, Source::Camera), true, at(0));
        assert_eq!(stage.choose(at(0)), Some((ANNA, Source::Camera)));
        stage.sends((BEN, Source::Screen), true, at(100));
        assert_eq!(stage.choose(at(100)), Some((BEN, Source::Screen)));
        stage.sends((ANNA, Source::Screen), true, at(200));
        assert_eq!(stage.choose(at(300)), Some((BEN, Source::Screen)));
        assert_eq!(stage.choose(at(4_200)), Some((ANNA, Source::Screen)));
        stage.sends((ANNA, Source::Screen), false, at(4_300));
        assert_eq!(stage.choose(at(4_300)), Some((BEN, Source::Screen)));
    }
}
