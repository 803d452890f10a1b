//! Tracks as they were cut off become files with a length and an index.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use voxlink_container::{
    matroska::{self, Block, Codec, FinishError, Finished, ReadError, Reader, WriteError, Writer},
    packet_samples,
};
use voxlink_protocol::UserId;
use voxlink_sfu::MediaKind;

use crate::{capture::names::TrackName, store::tracks::Track};

/// Silence (RFC 6716 §3.2): six frames of 20 ms, and one.
const LONG_SILENCE: &[u8] =
    &[0xFB, 0x06, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE];
const SHORT_SILENCE: &[u8] = &[0xF8, 0xFF, 0xFE];
const LONG: Duration = Duration::from_millis(120);
const SHORT: Duration = Duration::from_millis(20);

/// Why a track cannot be finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrackError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Finish(#[from] FinishError),
}

/// A track that has something in it.
pub(super) struct Found {
    pub(super) name: TrackName,
    /// Where it is: as it was cut off, or finished before a crash.
    pub(super) path: PathBuf,
    /// When it ends.
    pub(super) end: Duration,
}

/// The tracks of a recording.
///
/// # Errors
/// When the folders cannot be read. What nothing can be made of is left out.
pub(super) fn find(raw: &Path, folder: &Path) -> io::Result<Vec<Found>> {
    let cut_off = names(raw)?;
    let finished: Vec<TrackName> =
        names(folder)?.into_iter().filter(|name| !cut_off.contains(name)).collect();
    let places = cut_off.into_iter().map(|name| (name, raw));
    let mut all = Vec::new();
    for (name, place) in places.chain(finished.into_iter().map(|name| (name, folder))) {
        let path = place.join(name.to_string());
        match matroska::finish(&mut File::open(&path)?, &mut io::sink()) {
            Ok(Finished { spans, .. }) => {
                all.extend(spans.first().map(|(_, _, end)| Found { name, path, end: *end }));
            }
            Err(error) => tracing::warn!(%error, track = %name, "a track of a recording cannot be read"),
        }
    }
    all.sort_by_key(|found| (found.name.person, found.name.source_name(), found.name.number));
    Ok(all)
}

/// Finishes those that were cut off into `folder`, and describes all.
///
/// # Errors
/// When one cannot be read or the disk refuses.
pub(super) fn finish(found: &[Found], raw: &Path, folder: &Path) -> Result<Vec<Track>, TrackError> {
    let mut all = Vec::new();
    for Found { name, path, .. } in found {
        let to = folder.join(name.to_string());
        if *path != to {
            finish_one(*name, path, &to)?;
        }
        let mut file = File::open(&to)?;
        let finished = matroska::finish(&mut file, &mut io::sink())?;
        all.extend(describe(*name, &finished, file.metadata()?.len()));
    }
    match fs::remove_dir_all(raw) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(all),
    }
}

/// Files of tracks in a folder; none where there is no folder.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<TrackName>> {
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

fn finish_one(name: TrackName, from: &Path, to: &Path) -> Result<(), TrackError> {
    let filled = to.with_extension("filled");
    let from = match name.source.kind() {
        MediaKind::Video => from,
        MediaKind::Audio => {
            let mut out = BufWriter::new(File::create(&filled)?);
            fill(from, &mut out)?;
            out.flush()?;
            filled.as_path()
        }
    };
    let arriving = to.with_extension("tmp");
    let mut out = BufWriter::new(File::create(&arriving)?);
    matroska::finish(&mut File::open(from)?, &mut out)?;
    out.flush()?;
    out.get_ref().sync_data()?;
    fs::rename(&arriving, to)?;
    match fs::remove_file(filled) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies a track of sound with silence where nothing was said, from the beginning of the recording on: browsers play a
/// gap in such a file as if it were not there.
fn fill(from: &Path, out: &mut impl Write) -> Result<(), TrackError> {
    let mut reader = Reader::open(BufReader::new(File::open(from)?))?;
    let header = reader.header().clone();
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&header.info, &header.tracks, &mut bytes);
    let (mut packet, mut end) = (Vec::new(), Duration::ZERO);
    while let Some(block) = reader.next(&mut packet)? {
        while let gap = block.at.saturating_sub(end)
            && gap >= SHORT
        {
            let (silence, lasts) = if gap >= LONG { (LONG_SILENCE, LONG) } else { (SHORT_SILENCE, SHORT) };
            let silence = Block { track: block.track, at: end, is_key: true, payload: silence };
            writer.write(&silence, &mut bytes)?;
            end += lasts;
        }
        let is_key = block.is_key;
        writer.write(&Block { track: block.track, at: block.at, is_key, payload: &packet }, &mut bytes)?;
        let samples = packet_samples(&packet).unwrap_or_default();
        end = end.max(block.at + Duration::from_micros(u64::from(samples) * 1_000 / 48));
        out.write_all(&bytes)?;
        bytes.clear();
    }
    Ok(())
}

fn describe(name: TrackName, finished: &Finished, bytes: u64) -> Option<Track> {
    let (_, from, to) = *finished.spans.first()?;
    let codec = match &finished.header.tracks.first()?.codec {
        Codec::Opus(_) => "opus",
        Codec::Vp8 { .. } => "vp8",
        Codec::Vp9 { .. } => "vp9",
        Codec::Av1 { .. } => "av1",
        Codec::H264 { .. } => "h264",
        Codec::Other { .. } => return None,
    };
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Some(Track {
        file: name.to_string(),
        user: UserId::new(name.person.0),
        source: name.source_name().to_owned(),
        codec: codec.to_owned(),
        starts_ms: milliseconds(from),
        duration_ms: milliseconds(to.saturating_sub(from)),
        bytes,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use voxlink_container::{
        OpusHead,
        matroska::{Info, Track as Kept, TrackNumber},
    };

    use super::*;

    #[test]
    fn gaps_are_filled_with_silence_from_the_beginning_on() {
        let folder = std::env::temp_dir().join(format!("voxlink-fill-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, number) = (folder.join("1.microphone.0.mkv"), TrackNumber::new(1).unwrap());
        let track = Kept { number, name: String::new(), codec: Codec::Opus(OpusHead::of(2)) };
        let mut bytes = Vec::new();
        let mut writer = Writer::begin(&Info::default(), &[track], &mut bytes);
        let said = [0x78, 1, 2, 3];
        for at in [311, 331, 1_000] {
            let at = Duration::from_millis(at);
            writer.write(&Block { track: number, at, is_key: true, payload: &said }, &mut bytes).unwrap();
        }
        fs::write(&from, &bytes).unwrap();
        let mut filled = Vec::new();
        fill(&from, &mut filled).unwrap();
        let mut reader = Reader::open(io::Cursor::new(filled)).unwrap();
        let (mut packet, mut end, mut heard) = (Vec::new(), 0, Vec::new());
        while let Some(block) = reader.next(&mut packet).unwrap() {
            let at = block.at.as_millis();
            assert!((end..end + 20).contains(&at), "{at} after {end}");
            end = at + u128::from(packet_samples(&packet).unwrap() / 48);
            if packet == said {
                heard.push(at);
            }
        }
        assert_eq!(heard, [311, 331, 1_000], "what was said stays where it was");
        fs::remove_dir_all(folder).unwrap();
    }
}
