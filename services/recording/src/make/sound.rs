//! One track as FLAC or WAV: from the recording's beginning to its end, without gaps, so that all of them lie side by side
//! on one clock in any editor.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter, Write as _},
    path::Path,
    time::Duration,
};

use voxlink_audio::{Channels, FRAME, SAMPLE_RATE, timeline::Timeline};
use voxlink_container::{
    flac,
    matroska::{ReadError, Reader},
    wav,
};

use super::{
    cause::Cause,
    job::{Interrupted, Watch},
    kind::Format,
};
use crate::capture::names::TrackName;

/// Frames between two reports.
const FRAMES_A_REPORT: u64 = 250;
/// RFC 6716 §3.1: this bit of the first byte says that there are two channels.
const STEREO: u8 = 0x04;

impl From<ReadError> for Cause {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error.into(),
            ReadError::NoHeader | ReadError::TooLong(_) => Self::Broken,
        }
    }
}

/// Writes `file` beside the track; how long it became, in bytes.
///
/// # Errors
/// When the track cannot be read, the disk refuses, or nobody wants it any more.
pub(super) fn write(
    folder: &Path,
    track: TrackName,
    format: Format,
    file: &str,
    length: Duration,
    watch: &Watch<'_>,
) -> Result<u64, Interrupted> {
    let from = folder.join(track.to_string());
    let channels = channels_of(&from)?;
    let samples = u64::try_from(length.as_millis()).unwrap_or(0) * u64::from(SAMPLE_RATE) / 1_000;
    let arriving = folder.join(format!("{file}.tmp"));
    let mut out = BufWriter::new(File::create(&arriving).map_err(Cause::from)?);
    let written = decode(&from, channels, format, samples, &mut out, watch)
        .and_then(|()| Ok(out.flush().and_then(|()| out.get_ref().sync_data()).map_err(Cause::from)?))
        .and_then(|()| Ok(fs::rename(&arriving, folder.join(file)).map_err(Cause::from)?));
    if written.is_err() {
        // What the disk did not take all of is in nobody's way.
        let _gone = fs::remove_file(&arriving);
    }
    written?;
    Ok(fs::metadata(folder.join(file)).map_err(Cause::from)?.len())
}

/// Two as soon as one packet has two.
fn channels_of(path: &Path) -> Result<Channels, Cause> {
    let mut reader = Reader::open(BufReader::new(File::open(path)?))?;
    let mut packet = Vec::new();
    while reader.next(&mut packet)?.is_some() {
        if packet.first().is_some_and(|first| first & STEREO != 0) {
            return Ok(Channels::Stereo);
        }
    }
    Ok(Channels::Mono)
}

enum Sink {
    Flac(flac::Writer),
    Wav,
}

fn decode(
    path: &Path,
    channels: Channels,
    format: Format,
    samples: u64,
    out: &mut BufWriter<File>,
    watch: &Watch<'_>,
) -> Result<(), Interrupted> {
    let mut reader =
        Reader::open(BufReader::new(File::open(path).map_err(Cause::from)?)).map_err(Cause::from)?;
    let mut sound = Timeline::new(channels).map_err(|_| Cause::Broken)?;
    let (count, mut bytes) = (channels.count() as u8, Vec::new());
    let mut sink = match format {
        Format::Flac => Sink::Flac(flac::Writer::begin(count, SAMPLE_RATE, samples, &mut bytes)),
        Format::Wav => {
            wav::begin(wav::Format { channels: count, rate: SAMPLE_RATE, samples }, &mut bytes);
            Sink::Wav
        }
    };
    let (mut packet, mut frame) = (Vec::new(), vec![0.0; FRAME * channels.count()]);
    let mut next = reader.next(&mut packet).map_err(Cause::from)?;
    let (mut done, mut frames) = (0, 0_u64);
    while done < samples {
        while sound.wants(FRAME)
            && let Some(block) = next
        {
            let at = block.at.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000;
            // What is no packet is a gap.
            let _broken = sound.push(u64::try_from(at).unwrap_or(u64::MAX), &packet);
            next = reader.next(&mut packet).map_err(Cause::from)?;
        }
        sound.pull(&mut frame);
        let here = usize::try_from(samples - done).unwrap_or(FRAME).min(FRAME);
        let heard = frame.get(..here * channels.count()).unwrap_or_default();
        match &mut sink {
            Sink::Flac(flac) => flac.write(heard, &mut bytes),
            Sink::Wav => wav::write(heard, &mut bytes),
        }
        out.write_all(&bytes).map_err(Cause::from)?;
        bytes.clear();
        done += here as u64;
        frames += 1;
        if frames.is_multiple_of(FRAMES_A_REPORT) {
            watch.tell(done as f32 / samples as f32)?;
        }
    }
    if let Sink::Flac(flac) = sink {
        flac.finish(&mut bytes);
    }
    out.write_all(&bytes).map_err(Cause::from)?;
    Ok(())
}
