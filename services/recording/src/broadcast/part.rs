//! Segments whose payloads are shared: what several streams hold lies in memory once.

use bytes::{Bytes, BytesMut};
use voxlink_container::fmp4::{Sample, SampleInfo, Table, TrackId, head};

pub(super) const SOUND: TrackId = TrackId::ONE;
pub(super) const PICTURE: TrackId = TrackId::TWO;

/// What a segment holds of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// When the first sample begins, in ticks of the track.
    time: u64,
    samples: Vec<SampleInfo>,
    payload: Bytes,
}

impl Part {
    pub(super) fn new(time: u64, samples: impl IntoIterator<Item = Sample>) -> Self {
        let (mut infos, mut payload) = (Vec::new(), BytesMut::new());
        for sample in samples {
            infos.push(sample.info());
            payload.extend_from_slice(&sample.payload);
        }
        Self { time, samples: infos, payload: payload.freeze() }
    }

    fn table(&self, track: TrackId) -> Table<'_> {
        Table { track, time: self.time, samples: &self.samples }
    }
}

/// A segment: what comes before the payloads, then those of pictures and of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment([Bytes; 3]);

impl Segment {
    /// `sequence` counts up from one to the next of a stream.
    pub(super) fn new(sequence: u32, pictures: Option<&Part>, sound: &Part) -> Self {
        let tables = pictures.map(|pictures| pictures.table(PICTURE)).into_iter().chain([sound.table(SOUND)]);
        let head = head(sequence, &tables.collect::<Vec<_>>()).into();
        let pictures = pictures.map(|pictures| pictures.payload.clone()).unwrap_or_default();
        Self([head, pictures, sound.payload.clone()])
    }

    /// Something in one piece.
    pub(super) const fn of(bytes: Bytes) -> Self {
        Self([bytes, Bytes::new(), Bytes::new()])
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// What it is made of, one behind the other.
    pub(super) fn pieces(self) -> impl Iterator<Item = Bytes> {
        self.0.into_iter().filter(|piece| !piece.is_empty())
    }

    /// All of it.
    #[cfg(test)]
    pub(super) fn whole(&self) -> Vec<u8> {
        self.0.concat()
    }
}
