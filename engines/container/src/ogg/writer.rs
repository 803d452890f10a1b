//! Packets to pages of a second each.

use super::{
    MAX_PACKET,
    page::{self, FIRST, Head, LAST},
};
use crate::{OpusHead, packet_samples};

/// A page is closed when it sounds this long: what a kill may cost, and how finely a player seeks.
const PAGE_SAMPLES: u64 = 48_000;
/// RFC 3533 §6: the count of segments is one byte.
const MAX_SEGMENTS: usize = 255;

/// Why a packet is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It does not begin like Opus.
    #[error("no Opus packet")]
    NotOpus,
    /// It is longer than [`MAX_PACKET`].
    #[error("a packet of {0} bytes")]
    TooLong(usize),
}

/// One file that is being written.
#[derive(Debug)]
pub struct Writer {
    serial: u32,
    sequence: u32,
    /// Samples up to the end of the last packet, and of the last page.
    granule: u64,
    written: u64,
    segments: Vec<u8>,
    body: Vec<u8>,
    pre_skip: u64,
}

impl Writer {
    /// Appends the two headers. `serial` tells streams in one file apart and should be random; `comments` are
    /// `("TITLE", "…")` and the like, names in ASCII without "=".
    #[must_use]
    pub fn begin(head: OpusHead, comments: &[(&str, &str)], serial: u32, out: &mut Vec<u8>) -> Self {
        let pre_skip = u64::from(head.pre_skip);
        let mut writer = Self {
            serial,
            sequence: 0,
            granule: 0,
            written: 0,
            segments: Vec::new(),
            body: Vec::new(),
            pre_skip,
        };
        writer.lace(&head.to_bytes());
        writer.page(FIRST, 0, out);
        let mut tags = b"OpusTags".to_vec();
        let mut text = |text: &str| {
            tags.extend_from_slice(&(text.len() as u32).to_le_bytes());
            tags.extend_from_slice(text.as_bytes());
        };
        text("VoxLink");
        let comments: Vec<String> = comments.iter().map(|(name, value)| shortened(name, value)).collect();
        tags.extend_from_slice(&(comments.len() as u32).to_le_bytes());
        for comment in &comments {
            tags.extend_from_slice(&(comment.len() as u32).to_le_bytes());
            tags.extend_from_slice(comment.as_bytes());
        }
        tags.truncate(MAX_SEGMENTS * 255 - 1);
        writer.lace(&tags);
        writer.page(0, 0, out);
        writer
    }

    /// Takes a packet; appends a page when one is full.
    ///
    /// # Errors
    /// When it is none of Opus, or longer than Opus has.
    pub fn write(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
        let samples = packet_samples(packet).ok_or(WriteError::NotOpus)?;
        if packet.len() > MAX_PACKET {
            return Err(WriteError::TooLong(packet.len()));
        }
        let full = self.segments.len() + packet.len() / 255 + 1 > MAX_SEGMENTS;
        if !self.segments.is_empty() && (full || self.granule - self.written >= PAGE_SAMPLES) {
            self.page(0, self.granule, out);
        }
        self.lace(packet);
        self.granule += u64::from(samples);
        Ok(())
    }

    /// Samples after the pre-skip so far.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.granule.saturating_sub(self.pre_skip)
    }

    /// Appends the last page. With `samples` the file ends there, within the last page.
    pub fn finish(mut self, samples: Option<u64>, out: &mut Vec<u8>) {
        let wanted = samples.map_or(self.granule, |samples| samples.saturating_add(self.pre_skip));
        let end = wanted.clamp(self.written, self.granule);
        self.page(LAST, end, out);
    }

    /// RFC 3533 §5: lengths of 255 go on, a smaller one ends the packet.
    fn lace(&mut self, packet: &[u8]) {
        self.segments.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
    }

    fn page(&mut self, flags: u8, granule: u64, out: &mut Vec<u8>) {
        let head = Head { flags, granule, serial: self.serial, sequence: self.sequence };
        page::write(head, &self.segments, &self.body, out);
        self.sequence = self.sequence.wrapping_add(1);
        self.written = granule;
        self.segments.clear();
        self.body.clear();
    }
}

/// A comment that leaves room for others on the one page that they have.
fn shortened(name: &str, value: &str) -> String {
    const LONGEST: usize = 1_024;
    let end = (0..=LONGEST.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    format!("{name}={}", value.get(..end).unwrap_or_default())
}
