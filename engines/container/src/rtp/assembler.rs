//! Packets in any order in, frames in their order out.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::{Builder, Format};
use crate::Size;

/// Packets that wait for one that is missing, at most: two seconds of 4K at 10 Mbit/s. Past it the oldest gap is given up.
pub const MAX_WAITING: usize = 2_048;
/// A sequence number this far off is a sender that began anew.
const RESTART: i64 = 4_096;

/// A packet without its header.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Of the header, or the original one out of RTX.
    pub sequence: u16,
    /// Of the header.
    pub timestamp: u32,
    /// Of the header.
    pub marker: bool,
    /// Without padding; an empty one only holds its place.
    pub payload: &'a [u8],
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// As sent.
    pub timestamp: u32,
    /// When the first of its packets came.
    pub arrival: Instant,
    /// Decoding can begin here.
    pub is_key: bool,
    /// As the container wants it.
    pub payload: Vec<u8>,
    /// Of a key frame that says so.
    pub size: Option<Size>,
    /// `av1C` or `avcC` of a key frame; when it changes, a new file has to begin.
    pub config: Option<Vec<u8>>,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// A frame.
    Frame(Frame),
    /// Packets that did not come in time, or did not make sense. For video a key frame is wanted now.
    Lost {
        /// How many.
        packets: u64,
    },
}

#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    arrival: Instant,
}

/// One stream.
#[derive(Debug)]
pub struct Assembler {
    format: Format,
    patience: Duration,
    waiting: BTreeMap<i64, Waiting>,
    /// The sequence number that is due, and the newest that came, without their wrap.
    due: Option<i64>,
    newest: i64,
    builder: Builder,
    /// Of the frame that is being built: its timestamp, and when its first packet came.
    open: Option<(u32, Instant)>,
    /// Frames that build on others are left out until a key frame comes.
    needs_key: bool,
    out: VecDeque<Assembled>,
}

impl Assembler {
    /// Waits up to `patience` for a packet that is missing: long enough for an RTX, which is two round trips.
    #[must_use]
    pub fn new(format: Format, patience: Duration) -> Self {
        Self {
            format,
            patience,
            waiting: BTreeMap::new(),
            due: None,
            newest: 0,
            builder: Builder::new(format),
            open: None,
            needs_key: format != Format::Opus,
            out: VecDeque::new(),
        }
    }

    /// What comes next for video is of no use before a key frame.
    #[must_use]
    pub const fn wants_key_frame(&self) -> bool {
        self.needs_key
    }

    /// Takes a packet; to be followed by [`Self::poll`] until `None`, or frames pile up. One that came before, or came too
    /// late, changes nothing.
    pub fn handle(&mut self, packet: Packet<'_>, now: Instant) {
        let sequence = match self.due {
            None => i64::from(packet.sequence),
            Some(_) => self.newest + i64::from(packet.sequence.wrapping_sub(self.newest as u16) as i16),
        };
        let due = *self.due.get_or_insert(sequence);
        if (sequence - due).abs() > RESTART {
            self.restart(packet, now);
            return;
        }
        if sequence < due {
            return;
        }
        self.newest = self.newest.max(sequence);
        self.keep(sequence, packet, now);
        if self.waiting.len() > MAX_WAITING {
            while self.take_due() {}
            if self.waiting.len() > MAX_WAITING {
                self.give_up_gap();
            }
        }
    }

    /// The next frame or loss. `now` decides whether what is missing is still waited for.
    pub fn poll(&mut self, now: Instant) -> Option<Assembled> {
        loop {
            if let Some(out) = self.out.pop_front() {
                return Some(out);
            }
            if self.take_due() {
                continue;
            }
            if self
                .waiting
                .values()
                .any(|packet| now.saturating_duration_since(packet.arrival) >= self.patience)
            {
                self.give_up_gap();
            } else {
                return None;
            }
        }
    }

    /// When [`Self::poll`] will give up on what is missing, if nothing comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let oldest = self.waiting.values().map(|packet| packet.arrival).min()?;
        oldest.checked_add(self.patience)
    }

    /// The stream has ended: nothing is waited for any more. Then `poll` until `None`.
    pub fn end(&mut self) {
        self.patience = Duration::ZERO;
        if self.waiting.is_empty() {
            self.close();
        }
    }

    fn keep(&mut self, sequence: i64, packet: Packet<'_>, arrival: Instant) {
        let Packet { timestamp, marker, payload, .. } = packet;
        self.waiting.entry(sequence).or_insert_with(|| Waiting {
            timestamp,
            marker,
            payload: payload.to_vec(),
            arrival,
        });
    }

    /// Goes on behind the gap.
    fn give_up_gap(&mut self) {
        let (Some(due), Some((&next, _))) = (self.due, self.waiting.first_key_value()) else { return };
        self.due = Some(next);
        self.abandon(next.abs_diff(due));
    }

    fn restart(&mut self, packet: Packet<'_>, now: Instant) {
        let waiting = self.waiting.len() as u64;
        self.waiting.clear();
        self.newest = i64::from(packet.sequence);
        self.due = Some(self.newest);
        self.abandon(waiting);
        self.keep(self.newest, packet, now);
    }

    /// What was being built is lost as well.
    fn abandon(&mut self, packets: u64) {
        self.builder.reset();
        self.open = None;
        self.needs_key = self.format != Format::Opus;
        if packets > 0 {
            self.out.push_back(Assembled::Lost { packets });
        }
    }

    /// `false` when the packet that is due is not here.
    fn take_due(&mut self) -> bool {
        let Some(due) = self.due else { return false };
        let Some(packet) = self.waiting.remove(&due) else { return false };
        self.due = Some(due + 1);
        self.take(packet);
        true
    }

    /// The packet that is due.
    fn take(&mut self, packet: Waiting) {
        if self.open.is_some_and(|(timestamp, _)| timestamp != packet.timestamp) {
            self.close();
        }
        if packet.payload.is_empty() {
            return;
        }
        if self.open.is_none() && !self.builder.begins(&packet.payload) {
            // The middle of something whose beginning is lost; that has been said unless the stream began so.
            if !self.needs_key {
                self.abandon(1);
            }
            return;
        }
        let (_, first) = self.open.get_or_insert((packet.timestamp, packet.arrival));
        *first = (*first).min(packet.arrival);
        if self.builder.push(&packet.payload).is_err() {
            self.abandon(1);
        } else if packet.marker || self.format == Format::Opus {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some((timestamp, arrival)) = self.open.take() else { return };
        let Some(built) = self.builder.finish() else {
            self.abandon(1);
            return;
        };
        if self.needs_key && !built.is_key {
            return;
        }
        self.needs_key = false;
        let super::Built { payload, is_key, size, config } = built;
        self.out.push_back(Assembled::Frame(Frame { timestamp, arrival, is_key, payload, size, config }));
    }
}
