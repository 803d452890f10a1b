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

impl Sample {
    /// What a table says of it.
    #[must_use]
    pub fn info(&self) -> SampleInfo {
        let bytes = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        SampleInfo { duration: self.duration, is_key: self.is_key, bytes }
    }
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

/// A sample whose payload lies elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleInfo {
    /// In ticks of its track.
    pub duration: u32,
    /// Decoding can begin here.
    pub is_key: bool,
    /// How long its payload is.
    pub bytes: u32,
}

/// As [`Run`], without the payloads.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Whose.
    pub track: TrackId,
    /// When the first begins, in ticks of the track.
    pub time: u64,
    /// In decoding order.
    pub samples: &'a [SampleInfo],
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
    let infos: Vec<Vec<SampleInfo>> =
        runs.iter().map(|run| run.samples.iter().map(Sample::info).collect()).collect();
    let tables: Vec<Table<'_>> = (runs.iter().zip(&infos))
        .map(|(run, samples)| Table { track: run.track, time: run.time, samples })
        .collect();
    let mut bytes = head(sequence, &tables);
    runs.iter().flat_map(|run| run.samples).for_each(|sample| bytes.extend_from_slice(&sample.payload));
    bytes
}

/// All of a segment but its payloads, which follow it as the tables name them: several segments may share one copy of them.
#[must_use]
pub fn head(sequence: u32, tables: &[Table<'_>]) -> Vec<u8> {
    let tables: Vec<&Table<'_>> = tables.iter().filter(|table| !table.samples.is_empty()).collect();
    let size = |table: &Table<'_>| -> u64 { table.samples.iter().map(|one| u64::from(one.bytes)).sum() };
    let count: usize = tables.iter().map(|table| table.samples.len()).sum();
    let mut bytes = Vec::with_capacity(12 * count + 128 * tables.len() + 64);
    let mut out = Out(&mut bytes);
    out.boxed(b"styp", |out| {
        out.bytes(b"msdh");
        out.u32(0);
        out.bytes(b"msdhiso6");
    });
    let moof_at = out.0.len();
    let mut offsets = Vec::with_capacity(tables.len());
    out.boxed(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence));
        for table in &tables {
            offsets.push(fragment(out, table));
        }
    });
    // Behind the moof and the head of the mdat.
    let mut begins = (out.0.len() - moof_at) as u64 + 8;
    for (table, at) in tables.iter().zip(offsets) {
        if let Some(place) = out.0.get_mut(at..at + 4) {
            place.copy_from_slice(&u32::try_from(begins).unwrap_or(u32::MAX).to_be_bytes());
        }
        begins += size(table);
    }
    let payload: u64 = tables.iter().map(|table| size(table)).sum();
    out.u32(u32::try_from(payload + 8).unwrap_or(u32::MAX));
    out.bytes(b"mdat");
    bytes
}

/// Returns where the offset of its data stands.
fn fragment(out: &mut Out<'_>, table: &Table<'_>) -> usize {
    let mut at = 0;
    out.boxed(b"traf", |out| {
        out.full(b"tfhd", 0, BASE_IS_MOOF, |out| out.u32(table.track.0.get()));
        out.full(b"tfdt", 1, 0, |out| out.u64(table.time));
        out.full(b"trun", 0, TOLD, |out| {
            out.u32(u32::try_from(table.samples.len()).unwrap_or(u32::MAX));
            at = out.0.len();
            out.u32(0);
            for sample in table.samples {
                out.u32(sample.duration);
                out.u32(sample.bytes);
                out.u32(if sample.is_key { KEY } else { BUILDS_ON_OTHERS });
            }
        });
    });
    at
}
