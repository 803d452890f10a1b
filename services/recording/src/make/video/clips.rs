//! When there are pictures of whom.

use std::{fs, fs::File, io::BufReader, path::Path, time::Duration};

use voxlink_container::matroska::Reader;
use voxlink_sfu::{PersonId, Source};

use super::{
    super::{
        cause::Cause,
        ffmpeg::{Run, arguments},
        job::{Interrupted, Watch},
    },
    Order,
};
use crate::capture::names::TrackName;

/// A camera that sends nothing for longer is off.
const CAMERA_PAUSE: Duration = Duration::from_secs(3);
/// A screen on which nothing moves is sent about once a second.
const SCREEN_PAUSE: Duration = Duration::from_secs(8);
/// For a look at the first picture.
const LOOK_WITHIN: Duration = Duration::from_secs(30);
/// For the last picture.
const ONE_PICTURE: Duration = Duration::from_millis(40);

/// Pictures of one person without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clip {
    pub(super) track: TrackName,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Clip {
    pub(super) const fn person(&self) -> PersonId {
        self.track.person
    }

    pub(super) fn is_screen(&self) -> bool {
        self.track.source == Source::Screen
    }
}

/// Reads the times of all pictures. Tracks of which no picture can be decoded are left out.
pub(super) fn find(order: &Order, folder: &Path, watch: &Watch<'_>) -> Result<Vec<Clip>, Interrupted> {
    let mut all = Vec::new();
    for track in &order.tracks {
        watch.check()?;
        if shows(order, folder, *track, Duration::ZERO, watch)? {
            all.extend(spans(*track, &times(&folder.join(track.to_string()))?));
        } else {
            tracing::warn!(%track, "no picture of a track can be decoded");
        }
    }
    Ok(all)
}

/// Whether a picture can be decoded from there on.
pub(super) fn shows(
    order: &Order,
    folder: &Path,
    track: TrackName,
    from: Duration,
    watch: &Watch<'_>,
) -> Result<bool, Interrupted> {
    const PROBE: &str = "probe.tmp";
    let from = format!("{:.3}", from.as_secs_f64());
    let input = format!("file:{track}");
    let words = ["-threads", "1", "-seek_timestamp", "1", "-ss", &from, "-i", &input];
    let to = ["-frames:v", "1", "-vf", "scale=16:16", "-f", "rawvideo", PROBE];
    let run = Run {
        arguments: arguments(words).chain(arguments(to)).collect(),
        limit: LOOK_WITHIN.max(order.patience),
        patience: order.patience,
    };
    let looked = order.ffmpeg.run(&run, folder, watch, |_| Ok(()));
    let size = fs::metadata(folder.join(PROBE)).map_or(0, |known| known.len());
    match fs::remove_file(folder.join(PROBE)) {
        Ok(()) | Err(_) => {}
    }
    match looked {
        Ok(()) | Err(Interrupted::Failed(Cause::FfmpegFailed)) => Ok(size > 0),
        Err(other) => Err(other),
    }
}

fn times(path: &Path) -> Result<Vec<Duration>, Cause> {
    let mut reader = Reader::open(BufReader::new(File::open(path)?))?;
    let (mut payload, mut all) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next(&mut payload)? {
        all.push(block.at);
    }
    Ok(all)
}

/// What lies closer together than a pause is one clip.
fn spans(track: TrackName, times: &[Duration]) -> Vec<Clip> {
    let pause = if track.source == Source::Screen { SCREEN_PAUSE } else { CAMERA_PAUSE };
    let mut clips: Vec<Clip> = Vec::new();
    for at in times {
        match clips.last_mut() {
            Some(clip) if *at <= clip.to + pause => clip.to = clip.to.max(*at + ONE_PICTURE),
            _ => clips.push(Clip { track, from: *at, to: *at + ONE_PICTURE }),
        }
    }
    clips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_was_off_makes_two_clips_and_a_still_screen_makes_one() {
        let ms = Duration::from_millis;
        let times = [1_000, 1_040, 1_080, 6_000, 6_040].map(ms);
        let of = |source| TrackName { person: PersonId(1), source, number: 0 };
        let (camera, screen) = (of(Source::Camera), of(Source::Screen));
        let clip = |track, from, to| Clip { track, from: ms(from), to: ms(to) };
        assert_eq!(spans(camera, &times), [clip(camera, 1_000, 1_120), clip(camera, 6_000, 6_080)]);
        assert_eq!(spans(screen, &times), [clip(screen, 1_000, 6_080)]);
        assert_eq!(spans(camera, &[]), []);
    }
}
