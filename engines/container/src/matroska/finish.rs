//! A recording that ended, cleanly or by a kill, as a file with a duration and an index.

use std::{
    io,
    io::{Read, Seek, SeekFrom, Write},
    time::Duration,
};

use super::{
    Codec, Header, ReadBlock, ReadError, Reader, TrackNumber,
    ebml::Out,
    ids,
    reader::{Found, MAX_HEADER_ELEMENT},
    writer::{TIMESTAMP_SCALE, write_ebml_header, write_info, write_tracks},
};

/// Bytes copied at once.
const PIECE: usize = 64 << 10;
/// A video frame whose follower never came, in milliseconds.
const ONE_FRAME: u64 = 33;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The original has no header: nothing was recorded.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its times are not in milliseconds, or its header is larger than any of ours.
    #[error("the file is from another program")]
    Foreign,
    /// The copy could not be written, or the original not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What is in the copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Title, tracks, and the duration, which is known now.
    pub header: Header,
    /// Blocks that were kept.
    pub blocks: u64,
    /// The times of the first block and of the end of the last, for each track that has any.
    pub spans: Vec<(TrackNumber, Duration, Duration)>,
    /// Whether the original ended in the middle of something, which was left out.
    pub was_torn: bool,
}

/// A cluster of the original: its time, and where in the file its blocks are.
struct Cluster {
    at: u64,
    parts: Vec<(u64, u64)>,
}

impl Cluster {
    fn timestamp(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        Out(&mut bytes).number(ids::TIMESTAMP, self.at);
        bytes
    }

    fn size(&self) -> u64 {
        self.timestamp().len() as u64 + self.parts.iter().map(|(from, to)| to - from).sum::<u64>()
    }
}

/// Id and eight bytes of size.
const CLUSTER_HEAD: u64 = 12;

struct Cue {
    at: u64,
    track: TrackNumber,
    cluster: usize,
}

#[derive(Default)]
struct Span {
    track: Option<TrackNumber>,
    first: u64,
    last: u64,
    /// How long the last one lasts.
    tail: u64,
}

/// Writes a copy of `input` with sizes, duration, and an index before the blocks, so that a player that fetches ranges
/// seeks at once. Whatever is behind the last whole block is left out. Call `flush` or sync on what was written to.
///
/// # Errors
/// When `input` has no whole header, or reading or writing fails.
pub fn finish<R: Read + Seek, W: Write>(input: &mut R, output: &mut W) -> Result<Finished, FinishError> {
    input.seek(SeekFrom::Start(0))?;
    let mut scan = Scan::of(input)?;
    scan.header.info.duration =
        Some(Duration::from_millis(scan.spans.iter().map(Span::end).max().unwrap_or(0)));
    output.write_all(&scan.head().ok_or(FinishError::Foreign)?)?;
    let mut piece = vec![0; PIECE];
    for cluster in &scan.clusters {
        let mut head = Vec::new();
        Out(&mut head).long_head(ids::CLUSTER, cluster.size());
        head.extend_from_slice(&cluster.timestamp());
        output.write_all(&head)?;
        for &(from, to) in &cluster.parts {
            input.seek(SeekFrom::Start(from))?;
            let mut left = to - from;
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                let Some(room) = piece.get_mut(..length) else { break };
                input.read_exact(room)?;
                output.write_all(room)?;
                left -= length as u64;
            }
        }
    }
    let span = |span: &Span| {
        Some((span.track?, Duration::from_millis(span.first), Duration::from_millis(span.end())))
    };
    Ok(Finished {
        spans: scan.spans.iter().filter_map(span).collect(),
        header: scan.header,
        blocks: scan.blocks,
        was_torn: scan.was_torn,
    })
}

struct Scan {
    header: Header,
    clusters: Vec<Cluster>,
    cues: Vec<Cue>,
    spans: Vec<Span>,
    blocks: u64,
    was_torn: bool,
}

impl Scan {
    fn of<R: Read>(input: &mut R) -> Result<Self, FinishError> {
        let mut reader = Reader::open(io::BufReader::with_capacity(PIECE, input))?;
        if reader.scale != TIMESTAMP_SCALE {
            return Err(FinishError::Foreign);
        }
        let header = reader.header().clone();
        let mut scan = Self {
            header,
            clusters: Vec::new(),
            cues: Vec::new(),
            spans: Vec::new(),
            blocks: 0,
            was_torn: false,
        };
        let mut payload = Vec::new();
        while let Some(found) = reader.step(&mut payload)? {
            match found {
                Found::Cluster { at } => {
                    scan.clusters.retain(|cluster| !cluster.parts.is_empty());
                    scan.clusters.push(Cluster { at, parts: Vec::new() });
                }
                Found::Block { block, from, to } => scan.block(block, from, to, &payload),
            }
        }
        scan.clusters.retain(|cluster| !cluster.parts.is_empty());
        scan.was_torn = reader.is_torn();
        Ok(scan)
    }

    fn block(&mut self, block: ReadBlock, from: u64, to: u64, payload: &[u8]) {
        let index = self.clusters.len().saturating_sub(1);
        let Some(cluster) = self.clusters.last_mut() else { return };
        let Some(track) = self.header.tracks.iter().find(|track| track.number == block.track) else { return };
        match cluster.parts.last_mut() {
            Some((_, end)) if *end == from => *end = to,
            _ => cluster.parts.push((from, to)),
        }
        self.blocks += 1;
        let at = u64::try_from(block.at.as_millis()).unwrap_or(u64::MAX);
        let is_video = track.codec.is_video();
        let has_video = self.header.tracks.iter().any(|track| track.codec.is_video());
        let cued = self.cues.last().is_some_and(|cue| cue.cluster == index);
        if block.is_key && is_video == has_video && !cued {
            self.cues.push(Cue { at, track: block.track, cluster: index });
        }
        let place = self.spans.iter().position(|span| span.track == Some(block.track)).unwrap_or_else(|| {
            self.spans.push(Span { track: Some(block.track), first: at, last: at, tail: ONE_FRAME });
            self.spans.len() - 1
        });
        let Some(span) = self.spans.get_mut(place) else { return };
        span.first = span.first.min(at);
        match track.codec {
            Codec::Opus(_) => {
                span.tail = u64::from(crate::packet_samples(payload).unwrap_or(960)).div_ceil(48)
            }
            _ if at > span.last => span.tail = (at - span.last).min(10 * ONE_FRAME),
            _ => {}
        }
        span.last = span.last.max(at);
    }

    /// Everything before the first cluster. Places take eight bytes each, so that the length is known before they are.
    /// `None` when it would be longer than what we read.
    fn head(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        write_ebml_header(&self.header.tracks, &mut bytes);
        let (mut info, mut tracks) = (Vec::new(), Vec::new());
        write_info(&self.header.info, &mut Out(&mut info));
        write_tracks(&self.header.tracks, &mut Out(&mut tracks));
        if info.len().max(tracks.len()) as u64 > MAX_HEADER_ELEMENT {
            return None;
        }
        let seek_head = |places: [u64; 3]| {
            let mut bytes = Vec::new();
            Out(&mut bytes).master(ids::SEEK_HEAD, |out| {
                for (id, place) in [ids::INFO, ids::TRACKS, ids::CUES].into_iter().zip(places) {
                    out.master(ids::SEEK, |out| {
                        out.bytes(ids::SEEK_ID, &[&id.to_be_bytes()]);
                        out.long_number(ids::SEEK_POSITION, place);
                    });
                }
            });
            bytes
        };
        let info_at = seek_head([0; 3]).len() as u64;
        let tracks_at = info_at + info.len() as u64;
        let cues_at = tracks_at + tracks.len() as u64;
        let clusters_at = cues_at + self.cues_from(0).len() as u64;
        let clusters: u64 = self.clusters.iter().map(|cluster| CLUSTER_HEAD + cluster.size()).sum();
        Out(&mut bytes).long_head(ids::SEGMENT, clusters_at + clusters);
        bytes.extend_from_slice(&seek_head([info_at, tracks_at, cues_at]));
        bytes.extend_from_slice(&info);
        bytes.extend_from_slice(&tracks);
        bytes.extend_from_slice(&self.cues_from(clusters_at));
        Some(bytes)
    }

    /// The index of a file whose first cluster begins here within the segment.
    fn cues_from(&self, first: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(self.clusters.len());
        let mut place = first;
        for cluster in &self.clusters {
            places.push(place);
            place += CLUSTER_HEAD + cluster.size();
        }
        Out(&mut bytes).master(ids::CUES, |out| {
            for cue in &self.cues {
                let Some(place) = places.get(cue.cluster) else { continue };
                out.master(ids::CUE_POINT, |out| {
                    out.number(ids::CUE_TIME, cue.at);
                    out.master(ids::CUE_TRACK_POSITIONS, |out| {
                        out.number(ids::CUE_TRACK, u64::from(cue.track.get()));
                        out.long_number(ids::CUE_CLUSTER_POSITION, *place);
                    });
                });
            }
        });
        bytes
    }
}

impl Span {
    const fn end(&self) -> u64 {
        self.last.saturating_add(self.tail)
    }
}
