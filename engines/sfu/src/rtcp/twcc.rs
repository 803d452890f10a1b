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

/// How many packets a feedback message reports and how many of them as lost, from its chunks alone.
pub(crate) fn count_lost(body: &[u8]) -> Option<(u32, u32)> {
    let total = u32::from(u16::from_be_bytes([*body.get(2)?, *body.get(3)?]));
    let mut left = total;
    let mut lost = 0;
    let mut at = 8;
    while left > 0 {
        let chunk = u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]);
        at += 2;
        let (width, symbols) = match chunk >> 14 {
            0 | 1 => {
                let run = u32::from(chunk & 0x1fff).min(left);
                lost += if chunk >> 13 == 0 { run } else { 0 };
                left -= run;
                if run == 0 {
                    return None;
                }
                continue;
            }
            2 => (1, 14),
            _ => (2, 7),
        };
        for symbol in 0..symbols.min(left) {
            let shift = 14 - width * (symbol + 1);
            lost += u32::from(chunk >> shift & ((1 << width) - 1) == 0);
        }
        left -= symbols.min(left);
    }
    Some((total, lost))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            reported += count_lost(&body).expect("our own").0;
        }
        assert_eq!(reported, 1_000);
        recorder.record(30_000, start);
        assert!(recorder.next_body(&mut body).is_some());
        assert_eq!(count_lost(&body), Some((1, 0)));
    }
}
