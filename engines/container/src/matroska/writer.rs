//! Blocks as they come: what was appended so far is always a file that plays.

use std::time::{Duration, SystemTime};

use super::{
    MAX_BLOCK, Track, TrackNumber,
    ebml::{Out, UNKNOWN_SIZE},
    ids,
};

/// A cluster has the times of its blocks relative to its own, in sixteen bits; and a player seeks to clusters.
const LONGEST_CLUSTER: u64 = 5_000;
/// A key frame begins a cluster when the one before it is this old.
const WORTH_A_CLUSTER: u64 = 1_000;
/// RFC 9559 §5.1.2.9: times are in milliseconds.
pub(super) const TIMESTAMP_SCALE: u64 = 1_000_000;
/// DateUTC counts from 2001-01-01 (RFC 8794 §7.6), which is this many seconds after 1970.
const MILLENNIUM: u64 = 978_307_200;

/// What the file says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Info {
    /// For people; may be empty.
    pub title: String,
    /// When its time zero was.
    pub started: Option<SystemTime>,
    /// How long it plays, when that is known.
    pub duration: Option<Duration>,
}

/// One frame or packet of a track.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Which.
    pub track: TrackNumber,
    /// Since the beginning of the recording; kept in milliseconds.
    pub at: Duration,
    /// Decoding can begin here. All sound is.
    pub is_key: bool,
    /// As the codec has it.
    pub payload: &'a [u8],
}

/// Why a block is not written; nothing was appended then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The header named no such track.
    #[error("the file has no track {}", .0.get())]
    UnknownTrack(TrackNumber),
    /// Longer than [`MAX_BLOCK`].
    #[error("a block of {0} bytes is longer than any frame")]
    TooLong(usize),
}

/// One file that is being written.
#[derive(Debug)]
pub struct Writer {
    /// With whether they are video.
    tracks: Vec<(TrackNumber, bool)>,
    /// The time of the open cluster in milliseconds.
    cluster: Option<u64>,
}

impl Writer {
    /// Appends the header. All tracks are known from here on; a codec's configuration cannot change in the file.
    #[must_use]
    pub fn begin(info: &Info, tracks: &[Track], out: &mut Vec<u8>) -> Self {
        write_ebml_header(tracks, out);
        let mut out = Out(out);
        out.long_head(ids::SEGMENT, UNKNOWN_SIZE);
        write_info(info, &mut out);
        write_tracks(tracks, &mut out);
        let tracks = tracks.iter().map(|track| (track.number, track.codec.is_video())).collect();
        Self { tracks, cluster: None }
    }

    /// Appends a block, behind the head of a new cluster when one is due. Times may go back a little between tracks.
    ///
    /// # Errors
    /// When the track is unknown or the block too long.
    pub fn write(&mut self, block: &Block<'_>, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let track = self.tracks.iter().find(|(number, _)| *number == block.track);
        let Some((_, is_video)) = track else { return Err(WriteError::UnknownTrack(block.track)) };
        if block.payload.len() > MAX_BLOCK {
            return Err(WriteError::TooLong(block.payload.len()));
        }
        let at = milliseconds(block.at);
        // Every block of sound is a key: it fills clusters.
        let is_seek_point = block.is_key && *is_video;
        let mut out = Out(out);
        let open = self.cluster.filter(|cluster| match at.checked_sub(*cluster) {
            Some(after) => after < LONGEST_CLUSTER && !(is_seek_point && after >= WORTH_A_CLUSTER),
            None => cluster - at <= LONGEST_CLUSTER,
        });
        let cluster = open.unwrap_or_else(|| {
            out.long_head(ids::CLUSTER, UNKNOWN_SIZE);
            out.number(ids::TIMESTAMP, at);
            at
        });
        self.cluster = Some(cluster);
        // Both are less than six seconds apart.
        let relative = (at as i64 - cluster as i64) as i16;
        let [high, low] = relative.to_be_bytes();
        let head = [0x80 | block.track.get(), high, low, if block.is_key { 0x80 } else { 0 }];
        out.bytes(ids::SIMPLE_BLOCK, &[&head, block.payload]);
        Ok(())
    }
}

/// To the nearest.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from((time.as_micros() + 500) / 1_000).unwrap_or(u64::MAX).min(i64::MAX as u64)
}

pub(super) fn write_ebml_header(tracks: &[Track], out: &mut Vec<u8>) {
    let doc_type = if tracks.iter().all(|track| track.codec.fits_webm()) { "webm" } else { "matroska" };
    Out(out).master(ids::EBML, |out| {
        out.number(ids::EBML_VERSION, 1);
        out.number(ids::EBML_READ_VERSION, 1);
        out.number(ids::EBML_MAX_ID_LENGTH, 4);
        out.number(ids::EBML_MAX_SIZE_LENGTH, 8);
        out.text(ids::DOC_TYPE, doc_type);
        out.number(ids::DOC_TYPE_VERSION, 4);
        out.number(ids::DOC_TYPE_READ_VERSION, 2);
    });
}

pub(super) fn write_info(info: &Info, out: &mut Out<'_>) {
    out.master(ids::INFO, |out| {
        out.number(ids::TIMESTAMP_SCALE, TIMESTAMP_SCALE);
        if let Some(duration) = info.duration {
            out.float(ids::DURATION, milliseconds(duration) as f64);
        }
        if let Some(date) = info.started.and_then(nanoseconds_of_millennium) {
            out.bytes(ids::DATE_UTC, &[&date.to_be_bytes()]);
        }
        if !info.title.is_empty() {
            out.text(ids::TITLE, &info.title);
        }
        out.text(ids::MUXING_APP, "VoxLink");
        out.text(ids::WRITING_APP, "VoxLink");
    });
}

pub(super) fn write_tracks(tracks: &[Track], out: &mut Out<'_>) {
    out.master(ids::TRACKS, |out| tracks.iter().for_each(|track| track.write(out)));
}

fn nanoseconds_of_millennium(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.checked_sub(Duration::from_secs(MILLENNIUM))?.as_nanos()).ok()
}

pub(super) fn time_of_millennium(nanoseconds: u64) -> Option<SystemTime> {
    let since = Duration::from_secs(MILLENNIUM).checked_add(Duration::from_nanos(nanoseconds))?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}
