//! RTCP compound packets (RFC 3550 §6, RFC 4585, RFC 5104): read tolerantly, written exactly.

pub(crate) mod twcc;
pub(crate) mod write;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Feedback message types (RFC 4585 §6.2, §6.3; RFC 5104 §4.3.1; transport-wide-cc-extensions-01).
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;

/// One report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReportBlock {
    pub(crate) ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Packets lost in all, at most 2^23 - 1.
    pub(crate) lost: u32,
    pub(crate) highest: u32,
    /// In timestamp units.
    pub(crate) jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time.
    pub(crate) last_report: u32,
    /// Since that report arrived, in 1/65,536 s.
    pub(crate) delay: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        ntp: u64,
        timestamp: u32,
        reports: Reports<'a>,
    },
    ReceiverReport {
        reports: Reports<'a>,
    },
    Nack {
        media: u32,
        items: Words<'a>,
    },
    Pli {
        media: u32,
    },
    Fir {
        entries: Words<'a>,
    },
    /// Transport-wide feedback: everything after the two SSRCs.
    TransportFeedback {
        body: &'a [u8],
    },
    /// SDES, BYE (the signalling says who leaves), application packets and feedback that we do not use.
    Other,
}

/// Report blocks of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports<'a>(&'a [u8]);

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_first_chunk::<24>()?;
        self.0 = rest;
        let word = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        Some(ReportBlock {
            ssrc: word(0),
            fraction_lost: block[4],
            lost: word(4) & 0x00ff_ffff,
            highest: word(8),
            jitter: word(12),
            last_report: word(16),
            delay: word(20),
        })
    }
}

/// 32-bit words of one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a>(&'a [u8]);

impl Iterator for Words<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }
}

/// The sequence numbers that one NACK item asks for (RFC 4585 §6.2.1).
pub(crate) fn nack_sequences(item: u32) -> impl Iterator<Item = u16> {
    let first = (item >> 16) as u16;
    let mask = item as u16;
    std::iter::once(first)
        .chain((0..16u16).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| first.wrapping_add(bit + 1)))
}

/// The packets of a compound; stops at the first that is cut short or not version 2.
pub(crate) fn packets(compound: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<4>()?;
        let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        if head[0] >> 6 != 2 || length > rest.len() {
            return None;
        }
        let (packet, after) = rest.split_at(length);
        rest = after;
        Some(parse(head[0], head[1], packet))
    })
}

fn parse(first: u8, packet_type: u8, packet: &[u8]) -> Packet<'_> {
    parse_known(first, packet_type, packet).unwrap_or(Packet::Other)
}

fn parse_known(first: u8, packet_type: u8, packet: &[u8]) -> Option<Packet<'_>> {
    let count = usize::from(first & 0x1f);
    let mut body = packet.get(4..)?;
    if first & 0x20 != 0 {
        let padding = usize::from(*body.last()?);
        body = body.get(..body.len().checked_sub(padding)?)?;
    }
    let word = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let reports = |at: usize| {
        let blocks = body.get(at..)?;
        Some(Reports(&blocks[..blocks.len().min(count * 24)]))
    };
    Some(match packet_type {
        SENDER_REPORT => Packet::SenderReport {
            ssrc: word(0)?,
            ntp: u64::from(word(4)?) << 32 | u64::from(word(8)?),
            timestamp: word(12)?,
            reports: reports(24)?,
        },
        RECEIVER_REPORT => Packet::ReceiverReport { reports: reports(4)? },
        TRANSPORT_FEEDBACK if count == usize::from(NACK) => {
            Packet::Nack { media: word(4)?, items: Words(body.get(8..)?) }
        }
        TRANSPORT_FEEDBACK if count == usize::from(TRANSPORT_CC) => {
            Packet::TransportFeedback { body: body.get(8..)? }
        }
        PAYLOAD_FEEDBACK if count == usize::from(PLI) => Packet::Pli { media: word(4)? },
        PAYLOAD_FEEDBACK if count == usize::from(FIR) => Packet::Fir { entries: Words(body.get(8..)?) },
        _ => Packet::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = write::Writer::new();
        let block = ReportBlock {
            ssrc: 5,
            fraction_lost: 6,
            lost: 7,
            highest: 8,
            jitter: 9,
            last_report: 10,
            delay: 11,
        };
        out.sender_report(1, 2 << 32 | 3, 4, 5, 6, &[block]);
        out.receiver_report(1, &[block, block]);
        out.cname(1, "x");
        out.nack(1, 2, [65_534, 65_535, 0, 30].into_iter());
        out.pli(1, 2);
        out.bytes().to_vec()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let bytes = sample();
        let seen: Vec<_> = packets(&bytes).collect();
        assert_eq!(seen.len(), 5);
        let Packet::SenderReport { ssrc: 1, ntp, timestamp: 4, reports } = seen[0] else {
            unreachable!("{:?}", seen[0])
        };
        assert_eq!((ntp, reports.count()), (2 << 32 | 3, 1));
        let Packet::ReceiverReport { reports } = seen[1] else { unreachable!("{:?}", seen[1]) };
        assert_eq!(
            reports.map(|r| (r.ssrc, r.fraction_lost, r.lost, r.delay)).collect::<Vec<_>>(),
            [(5, 6, 7, 11); 2]
        );
        let Packet::Nack { media: 2, items } = seen[3] else { unreachable!("{:?}", seen[3]) };
        let asked: Vec<u16> = items.flat_map(nack_sequences).collect();
        assert_eq!(asked, [65_534, 65_535, 0, 30]);
        assert!(matches!(seen[4], Packet::Pli { media: 2 }));
    }

    #[test]
    fn no_cut_and_no_mutation_makes_the_parser_panic() {
        let bytes = sample();
        let read = |bytes: &[u8]| {
            for packet in packets(bytes) {
                match packet {
                    Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports } => {
                        _ = reports.count()
                    }
                    Packet::Fir { entries: words } => _ = words.count(),
                    Packet::Nack { items, .. } => _ = items.flat_map(nack_sequences).count(),
                    Packet::TransportFeedback { body } => {
                        _ = twcc::Feedback::parse(body).map(|feedback| feedback.reports().count())
                    }
                    Packet::Pli { .. } | Packet::Other => {}
                }
            }
        };
        for cut in 0..=bytes.len() {
            read(&bytes[..cut]);
        }
        for position in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[position] = value;
                read(&changed);
            }
        }
    }
}
