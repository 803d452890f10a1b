//! What lies in the folder of a recording beside its tracks.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use voxlink_protocol::UserId;

use crate::{capture::names::TrackName, make};

/// Everyone in one file, Ogg Opus.
pub(crate) const MIX: &str = "mix.opus";
/// Who spoke when, WebVTT.
pub(crate) const CAPTIONS: &str = "captions.vtt";
const SPEECH: &str = "speech.json";
const PEAKS: &str = "peaks";
/// What is known of the mix, beside it.
pub(crate) const KNOWN: [&str; 2] = [SPEECH, PEAKS];

/// When somebody spoke: from and to, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Speech {
    pub(crate) user_id: UserId,
    pub(crate) spoke: Vec<(u64, u64)>,
}

/// The loudest value of each 100 ms of the mix, 255 at full scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peaks(pub(crate) Vec<u8>);

/// Empty while it is not known yet.
pub(crate) fn speech(folder: &Path) -> Vec<Speech> {
    let read = fs::read(folder.join(SPEECH)).ok();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Empty while they are not known yet.
pub(crate) fn peaks(folder: &Path) -> Peaks {
    Peaks(fs::read(folder.join(PEAKS)).unwrap_or_default())
}

/// Stores both.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn keep(folder: &Path, speech: &[Speech], peaks: &Peaks) -> io::Result<()> {
    put(folder, SPEECH, &serde_json::to_vec(speech)?)?;
    put(folder, PEAKS, &peaks.0)
}

/// A whole file or none.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let arriving = folder.join(format!("{name}.tmp"));
    fs::write(&arriving, bytes)?;
    fs::File::open(&arriving)?.sync_data()?;
    fs::rename(arriving, folder.join(name))
}

/// Where a file that people may have lies; `None` for other names.
pub(crate) fn place(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_ours = matches!(name, MIX | CAPTIONS) || TrackName::parse(name).is_some() || make::is_ours(name);
    is_ours.then(|| folder.join(name))
}

/// By its name.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name {
        MIX => "audio/ogg",
        CAPTIONS => "text/vtt; charset=utf-8",
        _ if name.ends_with(".flac") => "audio/flac",
        _ if name.ends_with(".wav") => "audio/wav",
        _ if name.ends_with(".jpg") => "image/jpeg",
        _ if name.ends_with(".mp4") => "video/mp4",
        _ if name.contains(".microphone.") || name.contains(".screen_audio.") => "audio/webm",
        _ => "video/webm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_for_people_has_a_place() {
        let folder = Path::new("/r");
        assert_eq!(place(folder, "mix.opus"), Some(PathBuf::from("/r/mix.opus")));
        assert_eq!(place(folder, "1.camera.0.mkv"), Some(PathBuf::from("/r/1.camera.0.mkv")));
        for other in
            ["", "..", "../x", "speech.json", "raw/1.camera.0.mkv", "1.camera.0.mkv.tmp", "/etc/passwd"]
        {
            assert_eq!(place(folder, other), None, "{other}");
        }
        assert_eq!(content_type("1.microphone.0.mkv"), "audio/webm");
    }
}
