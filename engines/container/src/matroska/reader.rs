//! Blocks out of a file, also of one that is cut off or still being written.

use std::{io, io::Read, time::Duration};

use super::{
    MAX_BLOCK, Track, TrackNumber, ebml,
    ebml::UNKNOWN_SIZE,
    ids,
    writer::{Info, TIMESTAMP_SCALE, time_of_millennium},
};

/// Headers longer than this are not of recordings.
pub(super) const MAX_HEADER_ELEMENT: u64 = 1 << 20;
/// Milliseconds that a time may say: three hundred years, past which arithmetic would need care.
const MAX_TIME: u64 = 1 << 43;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not begin like Matroska, or has no tracks before its first block.
    #[error("not a Matroska file, or cut off within its header")]
    NoHeader,
    /// An element of the header, or a block, is longer than what we read.
    #[error("an element of {0} bytes")]
    TooLong(u64),
    /// From the `Read`.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What stands before the blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Title and duration; a file that was not finished has no duration.
    pub info: Info,
    /// All that we understand.
    pub tracks: Vec<Track>,
}

/// The head of a block; its payload is in the buffer that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBlock {
    /// Whose.
    pub track: TrackNumber,
    /// Since the beginning of the recording.
    pub at: Duration,
    /// Decoding can begin here.
    pub is_key: bool,
}

/// What was found where, for those who copy rather than decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Cluster {
        at: u64,
    },
    /// The element (a group with its block counts as one) lies in these bytes of the file.
    Block {
        block: ReadBlock,
        from: u64,
        to: u64,
    },
}

/// Reads from the beginning to the end, once.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    /// Bytes taken so far.
    position: u64,
    header: Header,
    /// Nanoseconds in one unit of a timestamp; we write [`super::writer::TIMESTAMP_SCALE`].
    pub(super) scale: u64,
    /// The head that ended the header, not acted on yet.
    pending: Option<Head>,
    cluster: u64,
    is_torn: bool,
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    id: u32,
    size: u64,
    /// Where the element begins.
    from: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ReadError::NoHeader`] for what is something else or too short, [`ReadError::TooLong`], [`ReadError::Io`].
    pub fn open(input: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input,
            position: 0,
            header: Header::default(),
            scale: TIMESTAMP_SCALE,
            pending: None,
            cluster: 0,
            is_torn: false,
            is_over: false,
        };
        let first = reader.head()?.ok_or(ReadError::NoHeader)?;
        if first.id != ids::EBML || !reader.skip(first.size)? {
            return Err(ReadError::NoHeader);
        }
        let mut body = Vec::new();
        while let Some(head) = reader.head()? {
            match head.id {
                ids::SEGMENT => {}
                ids::INFO | ids::TRACKS => {
                    if head.size > MAX_HEADER_ELEMENT {
                        return Err(ReadError::TooLong(head.size));
                    }
                    if !reader.fill(&mut body, head.size)? {
                        return Err(ReadError::NoHeader);
                    }
                    if head.id == ids::INFO { reader.read_info(&body) } else { reader.read_tracks(&body) }
                }
                ids::CLUSTER => {
                    reader.pending = Some(head);
                    break;
                }
                _ if !reader.skip(head.size)? => break,
                _ => {}
            }
        }
        if reader.header.tracks.is_empty() {
            return Err(ReadError::NoHeader);
        }
        Ok(reader)
    }

    /// What stands before the blocks.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the end that was reached is no clean one: something was cut off or makes no sense.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// The next block, whose payload replaces what is in `payload`. `None` at the end, however it came about.
    ///
    /// # Errors
    /// [`ReadError::Io`] only: the end of what can be understood is an end.
    pub fn next(&mut self, payload: &mut Vec<u8>) -> Result<Option<ReadBlock>, ReadError> {
        loop {
            match self.step(payload)? {
                Some(Found::Block { block, .. }) => return Ok(Some(block)),
                Some(Found::Cluster { .. }) => {}
                None => return Ok(None),
            }
        }
    }

    /// As [`Self::next`], telling of clusters and places as well. Elements of all levels are walked flat: the heads of
    /// masters are passed, so that a missing size does not matter.
    pub(super) fn step(&mut self, payload: &mut Vec<u8>) -> Result<Option<Found>, ReadError> {
        while !self.is_over {
            let head = match self.pending.take() {
                Some(head) => head,
                None => match self.head()? {
                    Some(head) => head,
                    None => break,
                },
            };
            match head.id {
                ids::CLUSTER | ids::SEGMENT => {}
                ids::TIMESTAMP => {
                    if head.size > 8 || !self.fill(payload, head.size)? {
                        return Ok(self.torn());
                    }
                    self.cluster = ebml::number(payload).unwrap_or_default();
                    return Ok(Some(Found::Cluster { at: self.in_milliseconds(self.cluster) }));
                }
                ids::SIMPLE_BLOCK | ids::BLOCK_GROUP => {
                    if head.size > MAX_BLOCK as u64 + 64 || !self.fill(payload, head.size)? {
                        return Ok(self.torn());
                    }
                    let block = match head.id {
                        ids::SIMPLE_BLOCK => self.block(payload, 0, None),
                        _ => self.group(payload),
                    };
                    if let Some(block) = block {
                        return Ok(Some(Found::Block { block, from: head.from, to: self.position }));
                    }
                }
                // Something else is passed, unless it goes on past the end.
                _ => {
                    if head.size == UNKNOWN_SIZE || !self.skip(head.size)? {
                        return Ok(self.torn());
                    }
                }
            }
        }
        self.is_over = true;
        Ok(None)
    }

    const fn torn(&mut self) -> Option<Found> {
        self.is_torn = true;
        self.is_over = true;
        None
    }

    fn in_milliseconds(&self, time: u64) -> u64 {
        u64::try_from(u128::from(time) * u128::from(self.scale) / 1_000_000).unwrap_or(MAX_TIME).min(MAX_TIME)
    }

    /// Takes the block's head off `payload`. A laced block, which we never write, is left out.
    fn block(&self, payload: &mut Vec<u8>, start: usize, key: Option<bool>) -> Option<ReadBlock> {
        let (track, length) = ebml::read_size(payload.get(start..)?)?;
        let at = start + length;
        let [high, low, flags] = *payload.get(at..)?.first_chunk::<3>()?;
        if flags & 0x06 != 0 {
            return None;
        }
        let track = TrackNumber::new(u8::try_from(track).ok()?)?;
        let time = self.cluster.saturating_add_signed(i64::from(i16::from_be_bytes([high, low])));
        payload.drain(..at + 3);
        let is_key = key.unwrap_or(flags & 0x80 != 0);
        Some(ReadBlock { track, at: Duration::from_millis(self.in_milliseconds(time)), is_key })
    }

    /// A block with more about it: without a reference to another it is a key.
    fn group(&self, payload: &mut Vec<u8>) -> Option<ReadBlock> {
        let is_key = !ebml::children(payload).any(|(id, _)| id == ids::REFERENCE_BLOCK);
        let (_, body) = ebml::children(payload).find(|(id, _)| *id == ids::BLOCK)?;
        let body = body.to_vec();
        *payload = body;
        self.block(payload, 0, Some(is_key))
    }

    /// The next element's head. `None` at the end of the file and where no element begins.
    fn head(&mut self) -> Result<Option<Head>, ReadError> {
        let from = self.position;
        let mut bytes = [0; 12];
        let mut take = |reader: &mut Self, at: usize, end: usize| -> Result<Option<usize>, ReadError> {
            let Some(room) = bytes.get_mut(at..end) else { return Ok(None) };
            Ok(reader
                .take(room)?
                .then(|| bytes.get(at).map_or(0, |first| first.leading_zeros() as usize + 1)))
        };
        let Some(id_length) = take(self, 0, 1)? else { return Ok(None) };
        let whole = id_length <= 4 && take(self, 1, id_length)?.is_some();
        let size_length = if whole { take(self, id_length, id_length + 1)? } else { None };
        let head = id_length + size_length.unwrap_or_default();
        let whole =
            size_length.is_some_and(|length| length <= 8) && take(self, id_length + 1, head)?.is_some();
        let read = bytes.get(..head).filter(|_| whole).and_then(|bytes| {
            let (id, _) = ebml::read_id(bytes)?;
            let (size, _) = ebml::read_size(bytes.get(id_length..)?)?;
            Some(Head { id, size, from })
        });
        if read.is_none() {
            (self.is_torn, self.is_over) = (true, true);
        }
        Ok(read)
    }

    /// Fills `room`; `false` when the file ends before.
    fn take(&mut self, room: &mut [u8]) -> Result<bool, ReadError> {
        let mut filled = 0;
        while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += filled as u64;
        Ok(filled == room.len())
    }

    /// Replaces what is in `body` by `size` bytes, which take memory only as they come.
    fn fill(&mut self, body: &mut Vec<u8>, size: u64) -> Result<bool, ReadError> {
        body.clear();
        let read = self.input.by_ref().take(size).read_to_end(body)? as u64;
        self.position += read;
        Ok(read == size)
    }

    fn skip(&mut self, size: u64) -> Result<bool, ReadError> {
        let read = io::copy(&mut self.input.by_ref().take(size), &mut io::sink())?;
        self.position += read;
        Ok(read == size)
    }

    fn read_info(&mut self, body: &[u8]) {
        let mut duration = None;
        for (id, body) in ebml::children(body) {
            match id {
                ids::TIMESTAMP_SCALE => {
                    self.scale = ebml::number(body).filter(|scale| *scale > 0).unwrap_or(TIMESTAMP_SCALE);
                }
                ids::DURATION => duration = ebml::float(body),
                ids::DATE_UTC => self.header.info.started = ebml::number(body).and_then(time_of_millennium),
                ids::TITLE => String::from_utf8_lossy(body).as_ref().clone_into(&mut self.header.info.title),
                _ => {}
            }
        }
        let units = duration.filter(|units| (0.0..1e15).contains(units));
        self.header.info.duration =
            units.map(|units| Duration::from_millis(self.in_milliseconds(units as u64)));
    }

    fn read_tracks(&mut self, body: &[u8]) {
        let entries = ebml::children(body).filter(|(id, _)| *id == ids::TRACK_ENTRY);
        for track in entries.filter_map(|(_, entry)| Track::read(entry)) {
            if self.header.tracks.iter().all(|other| other.number != track.number) {
                self.header.tracks.push(track);
            }
        }
    }
}
