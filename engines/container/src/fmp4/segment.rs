//! A media segment: `styp`, one `moof` and its `mdat` (ISO/IEC 14496-12 §8.8, §8.16.2).

use super::{TrackId, boxes::Out};

/// One packet of sound or one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In ticks of its track.
    pub duration: u32,
    /// Decoding can begin here.
    pub is_key: bool,
    /// As [`super::Codec`] says.
    pub payload: Vec<u8>,
}

/// Samples of one track, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Whose.
    pub track: TrackId,
    /// When the first begins, in ticks of the track.
    pub time: u64,
    /// In decoding order, which is the order of showing: none of our senders has B-frames.
    pub samples: &'a [Sample],
}

/// §8.8.3.1: depends on no other, or on others and is no place to begin.
const KEY: u32 = 0x0200_0000;
const BUILDS_ON_OTHERS: u32 = 0x0101_0000;
/// Offsets count from the `moof` (§8.8.7).
const BASE_IS_MOOF: u32 = 0x02_0000;
/// Offset of the data; duration, size and flags of each sample (§8.8.8).
const TOLD: u32 = 0x01 | 0x100 | 0x200 | 0x400;

/// A segment of these runs; `sequence` counts up from one to the next. Runs without samples are left out.
#[must_use]
pub fn segment(sequence: u32, runs: &[Run<'_>]) -> Vec<u8> {
    let runs: Vec<&Run<'_>> = runs.iter().filter(|run| !run.samples.is_empty()).collect();
    let samples = || runs.iter().flat_map(|run| run.samples);
    let payload: usize = samples().map(|sample| sample.payload.len()).sum();
    let mut bytes = Vec::with_capacity(payload + 12 * samples().count() + 128 * runs.len() + 64);
    let mut out = Out(&mut bytes);
    out.boxed(b"styp", |out| {
        out.bytes(b"msdh");
        out.u32(0);
        out.bytes(b"msdhiso6");
    });
    let moof_at = out.0.len();
    let mut offsets = Vec::with_capacity(runs.len());
    out.boxed(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence));
        for run in &runs {
            offsets.push(fragment(out, run));
        }
    });
    // Behind the moof and the head of the mdat.
    let mut begins = out.0.len() - moof_at + 8;
    for (run, at) in runs.iter().zip(offsets) {
        if let Some(place) = out.0.get_mut(at..at + 4) {
            place.copy_from_slice(&u32::try_from(begins).unwrap_or(u32::MAX).to_be_bytes());
        }
        begins += run.samples.iter().map(|sample| sample.payload.len()).sum::<usize>();
    }
    out.boxed(b"mdat", |out| samples().for_each(|sample| out.bytes(&sample.payload)));
    bytes
}

/// Returns where the offset of its data stands.
fn fragment(out: &mut Out<'_>, run: &Run<'_>) -> usize {
    let mut at = 0;
    out.boxed(b"traf", |out| {
        out.full(b"tfhd", 0, BASE_IS_MOOF, |out| out.u32(run.track.0.get()));
        out.full(b"tfdt", 1, 0, |out| out.u64(run.time));
        out.full(b"trun", 0, TOLD, |out| {
            out.u32(u32::try_from(run.samples.len()).unwrap_or(u32::MAX));
            at = out.0.len();
            out.u32(0);
            for sample in run.samples {
                out.u32(sample.duration);
                out.u32(u32::try_from(sample.payload.len()).unwrap_or(u32::MAX));
                out.u32(if sample.is_key { KEY } else { BUILDS_ON_OTHERS });
            }
        });
    });
    at
}
