//! Tracks as they were cut off become files with a length and an index.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::Path,
};

use voxlink_container::matroska::{self, Codec, FinishError, Finished};
use voxlink_protocol::UserId;

use crate::{capture::names::TrackName, store::tracks::Track};

/// Finishes all that lies in `raw` into `folder`; what was finished before stays. Returns what there is.
///
/// # Errors
/// When the disk refuses. What nothing can be made of is left out.
pub(super) fn finish(raw: &Path, folder: &Path) -> io::Result<Vec<(TrackName, Track)>> {
    for name in names(raw)? {
        let (from, to) = (raw.join(name.to_string()), folder.join(name.to_string()));
        if !to.exists() && !finish_one(&from, &to)? {
            tracing::warn!(track = %name, "a track of a recording has nothing that can be read");
        }
        fs::remove_file(&from)?;
    }
    if raw.exists() {
        fs::remove_dir(raw)?;
    }
    let mut all = Vec::new();
    for name in names(folder)? {
        let path = folder.join(name.to_string());
        let mut file = File::open(&path)?;
        match matroska::finish(&mut file, &mut io::sink()) {
            Ok(finished) => all.extend(describe(name, &finished, file.metadata()?.len())),
            Err(error) => tracing::warn!(%error, track = %name, "a track of a recording cannot be read"),
        }
    }
    all.sort_by_key(|(name, _)| (name.person, name.source_name(), name.number));
    Ok(all)
}

/// Files of tracks in a folder; none where there is no folder.
pub(super) fn names(folder: &Path) -> io::Result<Vec<TrackName>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(TrackName::parse));
    }
    Ok(names)
}

/// False when nothing can be made of it.
fn finish_one(from: &Path, to: &Path) -> io::Result<bool> {
    let arriving = to.with_extension("tmp");
    let mut out = BufWriter::new(File::create(&arriving)?);
    match matroska::finish(&mut File::open(from)?, &mut out) {
        Ok(finished) if finished.blocks > 0 => {
            out.flush()?;
            out.get_ref().sync_data()?;
            fs::rename(&arriving, to)?;
            Ok(true)
        }
        Ok(_) | Err(FinishError::Read(_) | FinishError::Foreign) => {
            fs::remove_file(&arriving)?;
            Ok(false)
        }
        Err(FinishError::Io(error)) => Err(error),
    }
}

fn describe(name: TrackName, finished: &Finished, bytes: u64) -> Option<(TrackName, Track)> {
    let (_, from, to) = *finished.spans.first()?;
    let codec = match &finished.header.tracks.first()?.codec {
        Codec::Opus(_) => "opus",
        Codec::Vp8 { .. } => "vp8",
        Codec::Vp9 { .. } => "vp9",
        Codec::Av1 { .. } => "av1",
        Codec::H264 { .. } => "h264",
        Codec::Other { .. } => return None,
    };
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let track = Track {
        file: name.to_string(),
        user: UserId::new(name.person.0),
        source: name.source_name().to_owned(),
        codec: codec.to_owned(),
        starts_ms: milliseconds(from),
        duration_ms: milliseconds(to.saturating_sub(from)),
        bytes,
    };
    Some((name, track))
}
