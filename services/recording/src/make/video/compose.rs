//! Scenes become files, and files a video.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use super::{
    super::{
        Made,
        cause::Cause,
        ffmpeg::{Encoding, Run, arguments},
        job::{Interrupted, Watch},
        thumbnail,
    },
    Order, clips,
    clips::Clip,
    draw::{Canvas, Text},
    layout::{Area, HEIGHT, Layout, WIDTH, layout},
    plan::{RATE, Scene, time},
};
use crate::{capture::names::TrackName, finish::products::MIX};

/// Where pieces wait to be put together.
const WORK: &str = "video.work";
/// What the pieces there were made from.
const MADE_FROM: &str = "made-from";
/// Changes when pieces that were made before would not fit.
const VERSION: u32 = 1;
/// How much of the whole the pieces are; the rest is putting them together.
const PIECES: f32 = 0.95;
/// A piece may take this, and so many times its length.
const AT_LEAST: Duration = Duration::from_secs(120);
const TIMES_ITS_LENGTH: u32 = 20;
/// A key frame at least so often, in pictures: how finely a player seeks.
const KEY_EVERY: &str = "125";

/// Makes `file` in the folder of a recording.
pub(super) fn compose(
    order: &Order,
    folder: &Path,
    file: &str,
    clips: &[Clip],
    scenes: &[Scene],
    watch: &Watch<'_>,
) -> Result<Made, Interrupted> {
    let work = folder.join(WORK);
    prepare(&work, &format!("{VERSION} {} {:?} {clips:?} {scenes:?}", order.ffmpeg.version, sorted(order)))?;
    let total = scenes.last().map_or(1, |scene| scene.to);
    let mut list = String::new();
    for (number, scene) in scenes.iter().enumerate() {
        let name = format!("{number:05}.mkv");
        list.push_str(&format!("file {name}\n"));
        watch.tell(scene.from as f32 / total as f32 * PIECES)?;
        // Made before a crash.
        if !work.join(&name).exists() {
            Piece { order, folder, work: &work, clips, scene, total }.make(&name, watch)?;
        }
    }
    fs::write(work.join("list.txt"), list).map_err(Cause::from)?;
    put_together(order, &work, file, time(total), watch)?;
    let made = work.join(file);
    let bytes = fs::File::open(&made)
        .and_then(|made| made.sync_data().and_then(|()| made.metadata()))
        .map_err(Cause::from)?
        .len();
    thumbnail::draw(&order.ffmpeg, folder, &made, time(total / 2), order.patience, watch)?;
    fs::rename(&made, folder.join(file)).map_err(Cause::from)?;
    fs::remove_dir_all(&work).map_err(Cause::from)?;
    Ok(Made { bytes, note: (!order.ffmpeg.writes_text).then_some(Cause::NoNames) })
}

/// Takes away the pieces of a video that is not made.
pub(super) fn clear(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder.join(WORK)) {
        tracing::warn!(%error, "the pieces of a video stay");
    }
}

fn sorted(order: &Order) -> Vec<(u64, &str)> {
    let mut names: Vec<(u64, &str)> =
        order.names.iter().map(|(person, name)| (person.0, name.as_str())).collect();
    names.sort_unstable();
    names
}

/// A folder that holds nothing but pieces of this very video.
fn prepare(work: &Path, made_from: &str) -> Result<(), Cause> {
    let before = fs::read_to_string(work.join(MADE_FROM));
    if before.is_ok_and(|before| before == made_from) {
        return Ok(());
    }
    match fs::remove_dir_all(work) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    // Its parent is gone when the recording is.
    fs::create_dir(work)?;
    fs::write(work.join(MADE_FROM), made_from)?;
    Ok(())
}

/// One scene on its way to a file.
struct Piece<'a> {
    order: &'a Order,
    folder: &'a Path,
    work: &'a Path,
    clips: &'a [Clip],
    scene: &'a Scene,
    total: u64,
}

/// A clip and where it is seen.
type Placed = (Clip, Area);

impl Piece<'_> {
    fn make(&self, name: &str, watch: &Watch<'_>) -> Result<(), Interrupted> {
        let mut blind = HashSet::new();
        loop {
            match self.encode(&blind, watch) {
                Ok(()) => break,
                // Some picture cannot be decoded from here on: its person is shown without.
                Err(Interrupted::Failed(Cause::FfmpegFailed)) => {
                    let before = blind.len();
                    for (clip, _) in self.placed(&blind).1 {
                        if !clips::shows(self.order, self.folder, clip.track, time(self.scene.from), watch)? {
                            blind.insert(clip.track);
                        }
                    }
                    if blind.len() == before {
                        return Err(Cause::FfmpegFailed.into());
                    }
                }
                Err(other) => return Err(other),
            }
        }
        fs::rename(self.work.join("piece.tmp"), self.work.join(name)).map_err(Cause::from)?;
        Ok(())
    }

    fn placed(&self, blind: &HashSet<TrackName>) -> (Layout, Vec<Placed>) {
        let screens = self.scene.tiles.iter().filter(|tile| tile.is_screen).count();
        let places = layout(screens, self.scene.tiles.len() - screens);
        let placed = places.places.iter().filter_map(|(tile, area)| {
            let clip = self.clips.get(self.scene.tiles.get(*tile)?.clip?)?;
            (!blind.contains(&clip.track)).then_some((*clip, *area))
        });
        let placed = placed.collect();
        (places, placed)
    }

    fn encode(&self, blind: &HashSet<TrackName>, watch: &Watch<'_>) -> Result<(), Interrupted> {
        let (places, placed) = self.placed(blind);
        let texts = self.draw(&places, &placed)?;
        let (from, pictures) = (time(self.scene.from), self.scene.to - self.scene.from);
        let size = format!("{WIDTH}x{HEIGHT}");
        let ground = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", &size, "-framerate", "25"];
        let mut all: Vec<OsString> = arguments(ground).chain(arguments(["-i", "ground.rgb"])).collect();
        let since = format!("{:.3}", from.as_secs_f64());
        for (clip, _) in &placed {
            // From the key frame before on, as the last picture before the scene is seen until the next one comes; and
            // without setting up everything anew where the size changes.
            let seek = ["-threads", "1", "-reinit_filter", "0", "-noaccurate_seek", "-seek_timestamp", "1"];
            let input = format!("file:../{}", clip.track);
            all.extend(arguments(seek).chain(arguments(["-ss", &since, "-i", &input])));
        }
        let graph = graph(&texts, &placed);
        let pictures = pictures.to_string();
        all.extend(arguments([
            "-filter_threads",
            "1",
            "-filter_complex_threads",
            "1",
            "-filter_complex",
            &graph,
        ]));
        all.extend(arguments(["-map", "[out]", "-frames:v", &pictures]));
        all.extend(arguments(encoder(self.order.ffmpeg.encoding)));
        all.extend(arguments(["-threads", "1", "-pix_fmt", "yuv420p", "-f", "matroska", "piece.tmp"]));
        // A process that outlived a crash writes into the one that is gone.
        match fs::remove_file(self.work.join("piece.tmp")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Cause::from(error).into()),
            Ok(()) | Err(_) => {}
        }
        let length = time(self.scene.to) - from;
        let run = Run {
            arguments: all,
            limit: AT_LEAST + length * TIMES_ITS_LENGTH,
            patience: self.order.patience,
        };
        let whole = time(self.total).as_secs_f32();
        self.order.ffmpeg.run(&run, self.work, watch, |done| {
            watch.tell((from + done.min(length)).as_secs_f32() / whole * PIECES)
        })
    }

    /// Draws what stands still; the texts that ffmpeg writes on it.
    fn draw(&self, places: &Layout, placed: &[Placed]) -> Result<Vec<String>, Cause> {
        let (mut canvas, mut texts) = (Canvas::new(), Vec::new());
        for (at, (tile, area)) in places.places.iter().enumerate() {
            let Some(tile) = self.scene.tiles.get(*tile) else { continue };
            canvas.tile(*area);
            let name = self.order.names.get(&tile.person).map_or("?", String::as_str);
            if placed.iter().all(|(_, other)| other != area) {
                canvas.circle(*area, tile.person.0);
                texts.push(Text::initial(*area, name));
            }
            let is_last = at + 1 == places.places.len();
            let more =
                if is_last && places.more > 0 { format!(" (+{})", places.more) } else { String::new() };
            texts.push(Text::below(*area, &format!("{name}{more}")));
        }
        let mut ground = fs::File::create(self.work.join("ground.rgb"))?;
        ground.write_all(canvas.bytes())?;
        if !self.order.ffmpeg.writes_text {
            return Ok(Vec::new());
        }
        let mut filters = Vec::new();
        for (number, text) in texts.iter().filter(|text| !text.words.is_empty()).enumerate() {
            let file = format!("text{number}.txt");
            fs::write(self.work.join(&file), &text.words)?;
            filters.push(text.filter(&file));
        }
        Ok(filters)
    }
}

/// The ground with its texts, once; pictures scaled into their tiles and laid over it.
fn graph(texts: &[String], placed: &[Placed]) -> String {
    let mut filters: Vec<String> = texts.to_vec();
    filters.extend(["format=yuv420p".to_owned(), "loop=loop=-1:size=1".to_owned()]);
    let mut graph = format!("[0:v]{}[v0]", filters.join(","));
    for (index, (_, area)) in placed.iter().enumerate() {
        let Area { x, y, width, height } = area;
        let input = index + 1;
        graph.push_str(&format!(
            ";[{input}:v]scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2:eval=frame\
             :flags=bilinear,setsar=1,fps={RATE}:start_time=0[t{input}]\
             ;[v{index}][t{input}]overlay=x={x}+({width}-w)/2:y={y}+({height}-h)/2[v{input}]"
        ));
    }
    graph.push_str(&format!(";[v{}]null[out]", placed.len()));
    graph
}

fn encoder(encoding: Encoding) -> impl Iterator<Item = &'static str> {
    let words: &[&str] = match encoding {
        Encoding::Mp4 => {
            &["-c:v", "libx264", "-preset", "veryfast", "-crf", "25", "-profile:v", "main", "-bf", "0"]
        }
        Encoding::Webm => &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1500k"],
    };
    words.iter().copied().chain(["-g", KEY_EVERY])
}

fn put_together(
    order: &Order,
    work: &Path,
    file: &str,
    length: Duration,
    watch: &Watch<'_>,
) -> Result<(), Interrupted> {
    let (mix, seconds) = (format!("file:../{MIX}"), format!("{:.3}", length.as_secs_f64()));
    let inputs = ["-f", "concat", "-i", "list.txt", "-i", &mix, "-map", "0:v", "-map", "1:a", "-c:v", "copy"];
    let sound: &[&str] = match order.ffmpeg.encoding {
        // The index before the pictures: it plays while it comes.
        Encoding::Mp4 => &["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "mp4"],
        Encoding::Webm => &["-c:a", "copy", "-f", "webm"],
    };
    let last = ["-threads", "1", "-t", &seconds];
    let all = arguments(inputs).chain(arguments(last)).chain(arguments(sound.iter().copied()));
    let run = Run {
        arguments: all.chain([OsString::from(file)]).collect(),
        limit: AT_LEAST + length,
        patience: order.patience,
    };
    let whole = length.as_secs_f32().max(0.001);
    order.ffmpeg.run(&run, work, watch, |done| {
        watch.tell(PIECES + (1.0 - PIECES) * done.min(length).as_secs_f32() / whole)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pieces_of_the_same_video_outlive_a_crash_and_those_of_another_do_not() {
        let folder = std::env::temp_dir().join(format!("voxlink-compose-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let work = folder.join(WORK);
        prepare(&work, "one").unwrap();
        fs::write(work.join("00000.mkv"), "made").unwrap();
        prepare(&work, "one").unwrap();
        assert!(work.join("00000.mkv").exists());
        prepare(&work, "another").unwrap();
        assert!(!work.join("00000.mkv").exists());
        fs::remove_dir_all(&folder).unwrap();
        assert!(prepare(&work, "one").is_err(), "nothing is made of what was deleted");
        assert!(!folder.exists());
    }

    #[test]
    fn each_picture_is_scaled_into_its_tile_and_laid_over_the_ground() {
        let area = Area { x: 8, y: 10, width: 100, height: 50 };
        let track = TrackName::parse("1.camera.0.mkv").unwrap();
        let clip = Clip { track, from: Duration::ZERO, to: Duration::from_secs(1) };
        let graph = graph(&["drawtext=a".to_owned()], &[(clip, area)]);
        assert_eq!(
            graph,
            "[0:v]drawtext=a,format=yuv420p,loop=loop=-1:size=1[v0];[1:v]scale=100:50:\
             force_original_aspect_ratio=decrease:force_divisible_by=2:eval=frame:flags=bilinear,setsar=1,\
             fps=25:start_time=0[t1];[v0][t1]overlay=x=8+(100-w)/2:y=10+(50-h)/2[v1];[v1]null[out]"
        );
    }
}
