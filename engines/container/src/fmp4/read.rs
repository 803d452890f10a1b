//! Reading back what [`super::init`] and [`super::segment`] write, for whoever wants to know what a stream holds.

use super::{
    Sample,
    boxes::{Children, child},
};
use crate::Size;

/// It is no such segment, or is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no segment of fragmented MP4, or cut off")]
pub struct ReadError;

/// A track as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadTrack {
    /// What its runs name it by.
    pub id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// The name of its entry: `Opus`, `mp4a`, `avc1`, `vp09`, `av01`.
    pub coded: [u8; 4],
    /// What the entry's last box holds: `dOps`, `esds`, `avcC`, `vpcC`, `av1C`.
    pub config: Vec<u8>,
    /// Of pictures.
    pub size: Option<Size>,
}

/// Samples of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Whose.
    pub track: u32,
    /// When the first begins, in ticks of the track.
    pub time: u64,
    /// In their order.
    pub samples: Vec<Sample>,
}

/// Of the fields before the first box: of sound, and of pictures.
const SOUND_ENTRY: usize = 28;
const PICTURE_ENTRY: usize = 78;

/// What an initialisation segment names.
///
/// # Errors
/// [`ReadError`] when it is none, or cut off.
pub fn tracks(init: &[u8]) -> Result<Vec<ReadTrack>, ReadError> {
    let mut top = Children { rest: init };
    let movie = top.find(|(name, _)| name == b"moov").map(|(_, body)| body).ok_or(ReadError)?;
    if top.by_ref().count() > 0 || !top.rest.is_empty() {
        return Err(ReadError);
    }
    let all = Children { rest: movie }.filter(|(name, _)| name == b"trak");
    all.map(|(_, body)| track(body).ok_or(ReadError)).collect()
}

fn track(body: &[u8]) -> Option<ReadTrack> {
    let id = u32_at(child(body, b"tkhd")?, 12)?;
    let media = child(body, b"mdia")?;
    let timescale = u32_at(child(media, b"mdhd")?, 12)?;
    let table = child(child(media, b"minf")?, b"stbl")?;
    let (coded, entry) = Children { rest: child(table, b"stsd")?.get(8..)? }.next()?;
    let is_video = child(child(media, b"minf")?, b"vmhd").is_some();
    let size = is_video.then(|| {
        Some(Size { width: (u32_at(entry, 24)? >> 16) as u16, height: (u32_at(entry, 24)? & 0xffff) as u16 })
    });
    let fields = if is_video { PICTURE_ENTRY } else { SOUND_ENTRY };
    let config = Children { rest: entry.get(fields..)? }.last()?.1.to_vec();
    Some(ReadTrack { id, timescale, coded, config, size: size.flatten() })
}

/// What a media segment holds, whatever number of tracks it is of.
///
/// # Errors
/// [`ReadError`] when it is none, or cut off.
pub fn fragments(segment: &[u8]) -> Result<Vec<Fragment>, ReadError> {
    let mut top = Children { rest: segment };
    let mut found = Vec::new();
    loop {
        let at = segment.len() - top.rest.len();
        match top.next() {
            Some((name, body)) if &name == b"moof" => {
                let from = segment.get(at..).ok_or(ReadError)?;
                let all = Children { rest: body };
                for (_, traf) in all.filter(|(name, _)| name == b"traf") {
                    found.push(fragment(traf, from).ok_or(ReadError)?);
                }
            }
            Some(_) => {}
            None if top.rest.is_empty() && !found.is_empty() => return Ok(found),
            None => return Err(ReadError),
        }
    }
}

/// `from`: where its `moof` begins.
fn fragment(traf: &[u8], from: &[u8]) -> Option<Fragment> {
    let track = u32_at(child(traf, b"tfhd")?, 4)?;
    let decode_time = child(traf, b"tfdt")?;
    let time = u64::from(u32_at(decode_time, 4)?) << 32 | u64::from(u32_at(decode_time, 8)?);
    let run = child(traf, b"trun")?;
    let count = usize::try_from(u32_at(run, 4)?).ok()?;
    let mut at = usize::try_from(u32_at(run, 8)?).ok()?;
    let told = run.get(12..)?.as_chunks::<12>().0;
    if told.len() != count {
        return None;
    }
    let mut samples = Vec::with_capacity(count);
    for one in told {
        let (duration, size, flags) = (u32_at(one, 0)?, u32_at(one, 4)?, u32_at(one, 8)?);
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        let payload = from.get(at..end)?.to_vec();
        samples.push(Sample { duration, is_key: flags & 0x1_0000 == 0, payload });
        at = end;
    }
    Some(Fragment { track, time, samples })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
