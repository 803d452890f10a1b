//! Pages (RFC 3533 §6).

pub(super) const CONTINUED: u8 = 1;
pub(super) const FIRST: u8 = 2;
pub(super) const LAST: u8 = 4;
/// Version, flags, granule position, serial, sequence, checksum, count of segments; behind the four letters.
pub(super) const HEAD: usize = 23;
/// No packet ends on the page.
pub(super) const NO_PACKET: u64 = u64::MAX;
const CHECKSUM_AT: usize = 22;

/// What stands before the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) flags: u8,
    pub(super) granule: u64,
    pub(super) serial: u32,
    pub(super) sequence: u32,
}

/// Appends a page; `segments` has at most 255 lengths, which add up to `body`.
pub(super) fn write(head: Head, segments: &[u8], body: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(b"OggS\0");
    out.push(head.flags);
    out.extend_from_slice(&head.granule.to_le_bytes());
    out.extend_from_slice(&head.serial.to_le_bytes());
    out.extend_from_slice(&head.sequence.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(segments.len() as u8);
    out.extend_from_slice(segments);
    out.extend_from_slice(body);
    let sum = checksum(0, out.get(begin..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = out.get_mut(begin + CHECKSUM_AT..begin + CHECKSUM_AT + 4) {
        place.copy_from_slice(&sum);
    }
}

/// The head of a page and its checksum, behind the four letters. `None` for a version that we do not know.
pub(super) fn read(bytes: &[u8; HEAD]) -> Option<(Head, u32, usize)> {
    let [0, flags, g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, q0, q1, q2, q3, c0, c1, c2, c3, count] =
        *bytes
    else {
        return None;
    };
    let head = Head {
        flags,
        granule: u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]),
        serial: u32::from_le_bytes([s0, s1, s2, s3]),
        sequence: u32::from_le_bytes([q0, q1, q2, q3]),
    };
    Some((head, u32::from_le_bytes([c0, c1, c2, c3]), usize::from(count)))
}

/// The checksum of a page whose own checksum counts as zero.
pub(super) fn checksum_of(head: &[u8; HEAD], rest: [&[u8]; 2]) -> u32 {
    let mut blank = *head;
    blank[CHECKSUM_AT - 4..CHECKSUM_AT].fill(0);
    let sum = checksum(checksum(0, b"OggS"), &blank);
    rest.iter().fold(sum, |sum, part| checksum(sum, part))
}

/// CRC-32 with polynomial 0x04C11DB7, neither reflected nor inverted.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = (at as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 != 0 { sum << 1 ^ 0x04C1_1DB7 } else { sum << 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};

fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}
