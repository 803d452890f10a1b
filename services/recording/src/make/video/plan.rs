//! Who is to be seen when: the recording cut into scenes in which nobody comes or goes. Pure.

use std::time::Duration;

use voxlink_sfu::PersonId;

use super::clips::Clip;

/// Pictures a second, so that a picture is a whole number of milliseconds.
pub(super) const RATE: u64 = 25;
/// Changes closer than this, in pictures, are one: people come in all at once.
const TOGETHER: u64 = 12;
/// No scene is longer, in pictures: what a crash costs, and how far an encoder that hangs can get.
const LONGEST: u64 = 120 * RATE;

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) person: PersonId,
    pub(super) is_screen: bool,
    /// The clip that is seen there; `None`: their name.
    pub(super) clip: Option<usize>,
}

/// A piece in which nothing comes or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    /// In pictures, `to` not included.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Screens first, then cameras, then people without a picture; each in the order of their coming.
    pub(super) tiles: Vec<Shown>,
}

/// Cuts a recording of this length; `presence` says who was in it from when until when, in the order of their coming.
pub(super) fn scenes(
    clips: &[Clip],
    presence: &[(PersonId, Duration, Duration)],
    length: Duration,
) -> Vec<Scene> {
    let end =
        u64::try_from((length.as_millis() * u128::from(RATE)).div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
    let mut edges: Vec<u64> = clips
        .iter()
        .map(|clip| (clip.from, clip.to))
        .chain(presence.iter().map(|(_, from, to)| (*from, *to)))
        .flat_map(|(from, to)| [frame(from), frame(to)])
        .collect();
    edges.sort_unstable();
    let mut cuts = vec![0];
    for edge in edges {
        let last = cuts.last().copied().unwrap_or_default();
        if edge >= last + TOGETHER && edge + TOGETHER <= end {
            cuts.push(edge);
        }
    }
    cuts.push(end);
    let mut scenes: Vec<Scene> = Vec::new();
    for pair in cuts.windows(2) {
        let [from, to] = *pair else { continue };
        let tiles = tiles(clips, presence, time((from + to) / 2));
        match scenes.last_mut() {
            Some(before) if before.tiles == tiles => before.to = to,
            _ => scenes.push(Scene { from, to, tiles }),
        }
    }
    scenes.into_iter().flat_map(pieces).collect()
}

fn tiles(clips: &[Clip], presence: &[(PersonId, Duration, Duration)], at: Duration) -> Vec<Shown> {
    let now = |from: Duration, to: Duration| from <= at && at < to;
    let seen = clips.iter().enumerate().filter(|(_, clip)| now(clip.from, clip.to));
    let (screens, cameras): (Vec<_>, Vec<_>) = seen.partition(|(_, clip)| clip.is_screen());
    let show = |(index, clip): (usize, &Clip)| Shown {
        person: clip.person(),
        is_screen: clip.is_screen(),
        clip: Some(index),
    };
    let mut tiles: Vec<Shown> = screens.into_iter().map(show).collect();
    let coming =
        |person: PersonId| presence.iter().position(|(one, ..)| *one == person).unwrap_or(usize::MAX);
    let mut faces: Vec<Shown> = cameras.into_iter().map(show).collect();
    faces.sort_by_key(|tile| (coming(tile.person), tile.person.0));
    for (person, ..) in presence.iter().filter(|(_, from, to)| now(*from, *to)) {
        if faces.iter().all(|tile| tile.person != *person) {
            faces.push(Shown { person: *person, is_screen: false, clip: None });
        }
    }
    tiles.extend(faces);
    tiles
}

/// Long scenes in pieces of the same length.
fn pieces(scene: Scene) -> impl Iterator<Item = Scene> {
    let length = scene.to - scene.from;
    let count = length.div_ceil(LONGEST).max(1);
    (0..count).map(move |piece| Scene {
        from: scene.from + length * piece / count,
        to: scene.from + length * (piece + 1) / count,
        tiles: scene.tiles.clone(),
    })
}

/// The picture that is shown at this time.
fn frame(at: Duration) -> u64 {
    u64::try_from(at.as_millis() * u128::from(RATE) / 1_000).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

/// When a picture is shown.
pub(super) const fn time(frame: u64) -> Duration {
    Duration::from_millis(frame * (1_000 / RATE))
}

#[cfg(test)]
mod tests {
    use voxlink_sfu::Source;

    use super::*;
    use crate::capture::names::TrackName;

    const ANNA: PersonId = PersonId(9);
    const BEN: PersonId = PersonId(2);

    fn clip(person: PersonId, source: Source, from: u64, to: u64) -> Clip {
        let track = TrackName { person, source, number: 0 };
        Clip { track, from: Duration::from_millis(from), to: Duration::from_millis(to) }
    }

    fn stay(person: PersonId, from: u64, to: u64) -> (PersonId, Duration, Duration) {
        (person, Duration::from_millis(from), Duration::from_millis(to))
    }

    #[test]
    fn scenes_follow_who_is_there_and_what_they_show() {
        let clips = [clip(ANNA, Source::Camera, 2_000, 10_000), clip(BEN, Source::Screen, 5_000, 8_000)];
        let presence = [stay(ANNA, 100, 10_000), stay(BEN, 1_000, 9_000)];
        let found = scenes(&clips, &presence, Duration::from_millis(10_010));
        let shown = |t: &Shown| (t.person.0, t.is_screen, t.clip.is_some());
        let short: Vec<_> = found
            .iter()
            .map(|scene| (scene.from, scene.to, scene.tiles.iter().map(shown).collect::<Vec<_>>()))
            .collect();
        let (anna, ben) = ((9, false, true), (2, false, false));
        assert_eq!(
            short,
            [
                (0, 25, vec![(9, false, false)]),
                (25, 50, vec![(9, false, false), ben]),
                (50, 125, vec![anna, ben]),
                (125, 200, vec![(2, true, true), anna, ben]),
                (200, 225, vec![anna, ben]),
                (225, 251, vec![anna]),
            ]
        );
    }

    #[test]
    fn whoever_comes_at_once_comes_at_once_and_long_scenes_are_cut() {
        let presence = [stay(ANNA, 0, 600_000), stay(BEN, 300, 600_000)];
        let found = scenes(&[], &presence, Duration::from_secs(600));
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|scene| scene.tiles.len() == 2));
        assert!(found.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!((found[0].from, found[4].to), (0, 15_000));
        let nobody = scenes(&[], &[], Duration::ZERO);
        assert_eq!(nobody, [Scene { from: 0, to: 1, tiles: Vec::new() }]);
    }
}
