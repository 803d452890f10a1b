//! A small picture of a recording.

use std::{fs, path::Path, time::Duration};

use super::{
    THUMBNAIL,
    cause::Cause,
    ffmpeg::{Ffmpeg, Run, arguments},
    job::{Interrupted, Watch},
};

/// No longer than this.
const LIMIT: Duration = Duration::from_secs(60);
const ARRIVING: &str = "thumbnail.tmp";

/// Draws what `file` shows at this time into the folder of the recording. A file of which nothing can be shown leaves it
/// without; else how many bytes it has.
///
/// # Errors
/// When it is not wanted any more, or the disk refuses.
pub(crate) fn draw(
    ffmpeg: &Ffmpeg,
    folder: &Path,
    file: &Path,
    at: Duration,
    patience: Duration,
    watch: &Watch<'_>,
) -> Result<Option<u64>, Interrupted> {
    let Ok(file) = file.strip_prefix(folder) else { return Ok(None) };
    let (input, at) = (format!("file:{}", file.display()), format!("{:.3}", at.as_secs_f64()));
    let from = ["-threads", "1", "-noaccurate_seek", "-seek_timestamp", "1", "-ss", &at, "-i", &input];
    let to = [
        "-frames:v",
        "1",
        "-vf",
        "scale=640:360:force_original_aspect_ratio=decrease",
        "-c:v",
        "mjpeg",
        "-q:v",
        "5",
        "-f",
        "mjpeg",
        ARRIVING,
    ];
    let run = Run {
        arguments: arguments(from).chain(arguments(to)).collect(),
        limit: LIMIT,
        patience: patience.min(LIMIT),
    };
    let drawn = ffmpeg.run(&run, folder, watch, |_| Ok(()));
    let arriving = folder.join(ARRIVING);
    let bytes = fs::metadata(&arriving).map_or(0, |known| known.len());
    match drawn {
        Ok(()) if bytes > 0 => {
            fs::rename(arriving, folder.join(THUMBNAIL)).map_err(Cause::from)?;
            Ok(Some(bytes))
        }
        Ok(()) | Err(Interrupted::Failed(_)) => {
            let _gone = fs::remove_file(arriving);
            Ok(None)
        }
        Err(Interrupted::Stopped) => Err(Interrupted::Stopped),
    }
}
