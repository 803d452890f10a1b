//! Building one compound packet in a fixed buffer.

use super::{
    NACK, PAYLOAD_FEEDBACK, PLI, RECEIVER_REPORT, ReportBlock, SENDER_REPORT, SOURCE_DESCRIPTION,
    TRANSPORT_CC, TRANSPORT_FEEDBACK,
};

/// What one compound may hold: leaves room for the SRTCP trailer within 1,200 bytes.
const CAPACITY: usize = 1_160;
/// Report blocks in one packet (five bits).
const MAX_REPORTS: usize = 31;

/// A compound packet in the making. What does not fit is left out.
pub(crate) struct Writer {
    buffer: [u8; CAPACITY],
    used: usize,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { buffer: [0; CAPACITY], used: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes still free.
    pub(crate) fn room(&self) -> usize {
        CAPACITY - self.used
    }

    /// Writes one packet: `body` is padded to words. False when it does not fit.
    fn packet(&mut self, count: u8, packet_type: u8, parts: &[&[u8]]) -> bool {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        let length = 4 + body.next_multiple_of(4);
        if length > self.room() {
            return false;
        }
        let out = &mut self.buffer[self.used..self.used + length];
        out.fill(0);
        out[0] = 0x80 | count;
        out[1] = packet_type;
        out[2..4].copy_from_slice(&((length / 4 - 1) as u16).to_be_bytes());
        let mut at = 4;
        for part in parts {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.used += length;
        true
    }

    fn blocks(reports: &[ReportBlock]) -> ([u8; 24 * MAX_REPORTS], usize) {
        let mut out = [0; 24 * MAX_REPORTS];
        let count = reports.len().min(MAX_REPORTS);
        for (report, out) in reports.iter().zip(out.as_chunks_mut::<24>().0) {
            out[..4].copy_from_slice(&report.ssrc.to_be_bytes());
            out[4..8].copy_from_slice(
                &(u32::from(report.fraction_lost) << 24 | report.lost.min(0x7f_ffff)).to_be_bytes(),
            );
            out[8..12].copy_from_slice(&report.highest.to_be_bytes());
            out[12..16].copy_from_slice(&report.jitter.to_be_bytes());
            out[16..20].copy_from_slice(&report.last_report.to_be_bytes());
            out[20..24].copy_from_slice(&report.delay.to_be_bytes());
        }
        (out, count)
    }

    pub(crate) fn sender_report(
        &mut self,
        ssrc: u32,
        ntp: u64,
        timestamp: u32,
        packets: u32,
        octets: u32,
        reports: &[ReportBlock],
    ) -> bool {
        let (blocks, count) = Self::blocks(reports);
        self.packet(
            count as u8,
            SENDER_REPORT,
            &[
                &ssrc.to_be_bytes(),
                &ntp.to_be_bytes(),
                &timestamp.to_be_bytes(),
                &packets.to_be_bytes(),
                &octets.to_be_bytes(),
                &blocks[..24 * count],
            ],
        )
    }

    pub(crate) fn receiver_report(&mut self, ssrc: u32, reports: &[ReportBlock]) -> bool {
        let (blocks, count) = Self::blocks(reports);
        self.packet(count as u8, RECEIVER_REPORT, &[&ssrc.to_be_bytes(), &blocks[..24 * count]])
    }

    /// SDES with a CNAME (RFC 3550 §6.5.1) of at most 255 bytes.
    pub(crate) fn cname(&mut self, ssrc: u32, name: &str) -> bool {
        let name = &name.as_bytes()[..name.len().min(255)];
        // The list of items ends with at least one zero byte.
        self.packet(1, SOURCE_DESCRIPTION, &[&ssrc.to_be_bytes(), &[1, name.len() as u8], name, &[0]])
    }

    /// Asks for lost packets, given in rising order; packs them into as few items as it can.
    pub(crate) fn nack(&mut self, sender: u32, media: u32, lost: impl Iterator<Item = u16>) -> bool {
        const MAX_ITEMS: usize = 64;
        let mut items = [0u8; 4 * MAX_ITEMS];
        let mut count = 0;
        let mut open: Option<(u16, u16)> = None;
        let mut close = |(first, mask): (u16, u16)| {
            if count < MAX_ITEMS {
                items[4 * count..4 * count + 2].copy_from_slice(&first.to_be_bytes());
                items[4 * count + 2..4 * count + 4].copy_from_slice(&mask.to_be_bytes());
                count += 1;
            }
        };
        for sequence in lost {
            open = match open {
                Some((first, mask)) if (1..=16).contains(&sequence.wrapping_sub(first)) => {
                    Some((first, mask | 1 << (sequence.wrapping_sub(first) - 1)))
                }
                Some(item) => {
                    close(item);
                    Some((sequence, 0))
                }
                None => Some((sequence, 0)),
            };
        }
        if let Some(item) = open {
            close(item);
        }
        count > 0
            && self.packet(
                NACK,
                TRANSPORT_FEEDBACK,
                &[&sender.to_be_bytes(), &media.to_be_bytes(), &items[..4 * count]],
            )
    }

    pub(crate) fn pli(&mut self, sender: u32, media: u32) -> bool {
        self.packet(PLI, PAYLOAD_FEEDBACK, &[&sender.to_be_bytes(), &media.to_be_bytes()])
    }

    /// Transport-wide feedback; `body` comes from [`super::twcc`].
    pub(crate) fn transport_feedback(&mut self, sender: u32, media: u32, body: &[u8]) -> bool {
        self.packet(TRANSPORT_CC, TRANSPORT_FEEDBACK, &[&sender.to_be_bytes(), &media.to_be_bytes(), body])
    }
}
