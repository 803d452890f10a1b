//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01):
//! recorded and written for publishers, and read (cheaply) from subscribers.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::rtp::extend_sequence;

/// Arrivals kept until the next feedback: 100 ms at 30 Mbit/s of small packets.
const MAX_KEPT: usize = 2_048;
/// Packets in one message: keeps it well within one datagram.
const MAX_REPORTED: usize = 300;
const TICK: Duration = Duration::from_micros(250);
/// The reference time counts 64 ms.
const REFERENCE_TICKS: u64 = 256;

/// What arrived on one transport since the last feedback.
pub(crate) struct Recorder {
    start: Instant,
    /// Sequence number of the first entry of `arrivals`.
    base: u64,
    highest: Option<u64>,
    /// In 250 µs ticks since `start`.
    arrivals: VecDeque<Option<u64>>,
    message: u8,
}

impl Recorder {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, base: 0, highest: None, arrivals: VecDeque::new(), message: 0 }
    }

    /// Notes the arrival of a packet with this transport-wide sequence number.
    pub(crate) fn record(&mut self, sequence: u16, now: Instant) {
        // Starts one cycle up so that an early reordering does not go below zero.
        let extended = match self.highest {
            Some(highest) => extend_sequence(highest, sequence),
            None => u64::from(sequence) + (1 << 16),
        };
        if self.arrivals.is_empty() {
            if self.highest.is_some_and(|highest| extended <= highest) {
                return;
            }
            // Packets lost right after the last feedback are reported too, but not a huge jump.
            let expected = self.highest.map_or(extended, |highest| highest + 1);
            self.base = if extended - expected < MAX_KEPT as u64 { expected } else { extended };
        }
        let Some(offset) = extended.checked_sub(self.base) else { return };
        if offset >= MAX_KEPT as u64 {
            self.arrivals.clear();
            self.base = extended;
        }
        let offset = (extended - self.base) as usize;
        if offset >= self.arrivals.len() {
            self.arrivals.resize(offset + 1, None);
        }
        let ticks = now.saturating_duration_since(self.start).as_micros() / TICK.as_micros();
        self.arrivals[offset].get_or_insert(ticks as u64);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The next message's body, `None` when everything was reported.
    pub(crate) fn next_body(&mut self, out: &mut Vec<u8>) -> Option<()> {
        // A message starts with a packet that arrived or one lost before it; never with only losses.
        let first = self.arrivals.iter().flatten().next().copied()?;
        let reference = first / REFERENCE_TICKS;
        let mut previous = reference * REFERENCE_TICKS;
        let mut count = 0;
        let mut deltas = Vec::with_capacity(MAX_REPORTED * 2);
        let mut symbols = Vec::with_capacity(MAX_REPORTED);
        for arrival in self.arrivals.iter().take(MAX_REPORTED) {
            let Some(at) = arrival else {
                symbols.push(0u8);
                count += 1;
                continue;
            };
            let Ok(delta) = i16::try_from(*at as i64 - previous as i64) else { break };
            if let Ok(small) = u8::try_from(delta) {
                symbols.push(1);
                deltas.push(small);
            } else {
                symbols.push(2);
                deltas.extend(delta.to_be_bytes());
            }
            previous = *at;
            count += 1;
        }
        out.clear();
        out.extend((self.base as u16).to_be_bytes());
        out.extend((count as u16).to_be_bytes());
        out.extend(&(reference as u32).to_be_bytes()[1..]);
        out.push(self.message);
        self.message = self.message.wrapping_add(1);
        write_chunks(&symbols, out);
        out.extend(&deltas);
        self.arrivals.drain(..count);
        self.base += count as u64;
        Some(())
    }
}

fn write_chunks(symbols: &[u8], out: &mut Vec<u8>) {
    let mut rest = symbols;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|symbol| *symbol == first).count();
        let (chunk, taken) = if run >= 7 || run == rest.len() {
            (u16::from(*first) << 13 | run as u16, run)
        } else {
            let taken = rest.len().min(7);
            let packed = (0..7).fold(0u16, |packed, at| packed << 2 | u16::from(*rest.get(at).unwrap_or(&0)));
            (0xC000 | packed, taken)
        };
        out.extend(chunk.to_be_bytes());
        rest = &rest[taken..];
    }
}

/// A feedback message whose chunks and deltas are whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feedback<'a> {
    base: u16,
    /// Counts 64 ms, modulo 2^24.
    reference: u32,
    total: u16,
    lost: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What a message says of one packet, or of a run of lost ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Lost {
        first: u16,
        count: u16,
    },
    Arrived {
        sequence: u16,
        /// In 250 µs since the message's reference time.
        ticks: i32,
    },
}

/// A run of one symbol, or up to 14 symbols one by one.
#[derive(Clone, Copy)]
enum Chunk {
    Run { symbol: u8, count: u16 },
    Vector { bits: u16, width: u16, count: u16 },
}

impl Chunk {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let bits = u16::from_be_bytes(*head);
        let chunk = match bits >> 14 {
            0 | 1 => Self::Run { symbol: (bits >> 13 & 3) as u8, count: bits & 0x1fff },
            2 => Self::Vector { bits: bits << 2, width: 1, count: 14 },
            _ => Self::Vector { bits: bits << 2, width: 2, count: 7 },
        };
        Some((chunk, rest))
    }

    /// The first symbol and how often it comes in a row at least, and what is left.
    fn split(self) -> Option<(u8, u16, Self)> {
        match self {
            Self::Run { count: 0, .. } | Self::Vector { count: 0, .. } => None,
            Self::Run { symbol, count } => Some((symbol, count, Self::Run { symbol, count: 0 })),
            Self::Vector { bits, width, count } => {
                let rest = Self::Vector { bits: bits << width, width, count: count - 1 };
                Some(((bits >> (16 - width)) as u8, 1, rest))
            }
        }
    }
}

const LOST: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

impl<'a> Feedback<'a> {
    /// `None`: cut short, a run of nothing, or the reserved symbol.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, chunks) = body.split_first_chunk::<8>()?;
        let total = u16::from_be_bytes([head[2], head[3]]);
        let reference = u32::from_be_bytes([0, head[4], head[5], head[6]]);
        let (mut left, mut lost, mut length) = (total, 0, 0);
        let mut rest = chunks;
        while left > 0 {
            let (mut chunk, after) = Chunk::read(rest)?;
            rest = after;
            let before = left;
            while let Some((symbol, count, next)) = chunk.split().filter(|_| left > 0) {
                chunk = next;
                let count = count.min(left);
                left -= count;
                match symbol {
                    LOST => lost += count,
                    SMALL => length += usize::from(count),
                    LARGE => length += 2 * usize::from(count),
                    _ => return None,
                }
            }
            if left == before {
                return None;
            }
        }
        let base = u16::from_be_bytes([head[0], head[1]]);
        let chunks = chunks.get(..chunks.len() - rest.len())?;
        Some(Self { base, reference, total, lost, chunks, deltas: rest.get(..length)? })
    }

    /// How many packets it tells of.
    pub(crate) fn total(&self) -> u16 {
        self.total
    }

    /// How many of them did not arrive.
    pub(crate) fn lost(&self) -> u16 {
        self.lost
    }

    /// The time that arrivals are counted from: multiples of 64 ms, modulo 2^24 of them.
    pub(crate) fn reference(&self) -> u32 {
        self.reference
    }

    /// In the order of sending.
    pub(crate) fn reports(&self) -> Reports<'a> {
        let nothing = Chunk::Run { symbol: LOST, count: 0 };
        Reports {
            chunks: self.chunks,
            deltas: self.deltas,
            chunk: nothing,
            sequence: self.base,
            left: self.total,
            run: (LOST, 0),
            ticks: 0,
        }
    }
}

/// Iterates over a [`Feedback`].
pub(crate) struct Reports<'a> {
    chunks: &'a [u8],
    deltas: &'a [u8],
    chunk: Chunk,
    sequence: u16,
    left: u16,
    /// Symbol and how many of it are still to be told.
    run: (u8, u16),
    ticks: i32,
}

impl Iterator for Reports<'_> {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        while self.run.1 == 0 {
            if self.left == 0 {
                return None;
            }
            if let Some((symbol, count, rest)) = self.chunk.split() {
                self.chunk = rest;
                let count = count.min(self.left);
                self.left -= count;
                self.run = (symbol, count);
            } else {
                (self.chunk, self.chunks) = Chunk::read(self.chunks)?;
            }
        }
        let sequence = self.sequence;
        let (symbol, count) = self.run;
        let told = if symbol == LOST { count } else { 1 };
        self.run.1 -= told;
        self.sequence = sequence.wrapping_add(told);
        let delta = match symbol {
            LOST => return Some(Report::Lost { first: sequence, count }),
            SMALL => {
                let (delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i32::from(*delta)
            }
            _ => {
                let (delta, rest) = self.deltas.split_first_chunk::<2>()?;
                self.deltas = rest;
                i32::from(i16::from_be_bytes(*delta))
            }
        };
        self.ticks += delta;
        Some(Report::Arrived { sequence, ticks: self.ticks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_lost(body: &[u8]) -> Option<(u16, u16)> {
        Feedback::parse(body).map(|feedback| (feedback.total(), feedback.lost()))
    }

    #[test]
    fn what_was_recorded_is_what_is_read_packet_by_packet() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        let arrivals = [(65_530u16, 70), (65_531, 71), (65_535, 170), (3, 169), (4, 400)];
        for (sequence, millis) in arrivals {
            recorder.record(sequence, start + Duration::from_millis(millis));
        }
        let mut body = Vec::new();
        assert!(recorder.next_body(&mut body).is_some());
        let feedback = Feedback::parse(&body).expect("our own");
        assert_eq!(feedback.reference(), 1);
        let mut arrived = Vec::new();
        let mut lost = 0;
        for report in feedback.reports() {
            match report {
                Report::Lost { count, .. } => lost += count,
                Report::Arrived { sequence, ticks } => {
                    arrived.push((sequence, u64::from(64 + ticks.unsigned_abs() / 4)))
                }
            }
        }
        assert_eq!(arrived, arrivals);
        assert_eq!(lost, feedback.lost());
    }

    #[test]
    fn losses_between_arrivals_are_reported_once() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        for (sequence, millis) in [(65_534u16, 100), (65_535, 101), (1, 300), (2, 299)] {
            recorder.record(sequence, start + Duration::from_millis(millis));
        }
        let mut body = Vec::new();
        assert!(recorder.next_body(&mut body).is_some());
        assert_eq!(body[..4], [255, 254, 0, 5]);
        assert_eq!(count_lost(&body), Some((5, 1)));
        assert!(recorder.next_body(&mut body).is_none());
        // 3 was lost after the feedback: the next one says so.
        recorder.record(4, start + Duration::from_millis(320));
        assert!(recorder.next_body(&mut body).is_some());
        assert_eq!(body[..4], [0, 3, 0, 2]);
        assert_eq!(count_lost(&body), Some((2, 1)));
    }

    #[test]
    fn many_packets_are_split_over_messages_and_a_jump_is_bounded() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        (0..1_000).for_each(|sequence| recorder.record(sequence, start + Duration::from_millis(50)));
        let mut body = Vec::new();
        let mut reported = 0;
        while recorder.next_body(&mut body).is_some() {
            assert!(body.len() < 1_100);
            reported += u32::from(count_lost(&body).expect("our own").0);
        }
        assert_eq!(reported, 1_000);
        recorder.record(30_000, start);
        assert!(recorder.next_body(&mut body).is_some());
        assert_eq!(count_lost(&body), Some((1, 0)));
    }
}
