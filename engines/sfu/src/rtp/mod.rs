//! RTP packets (RFC 3550) and their header extensions (RFC 8285), read and written in place.

pub(crate) mod red;
pub(crate) mod ring;

/// The fixed part of an RTP header.
pub(crate) const FIXED_HEADER: usize = 12;
/// `0xBEDE`: one-byte extension headers.
const ONE_BYTE: u16 = 0xBEDE;
/// `0x1000`, the low four bits are the application's: two-byte extension headers.
const TWO_BYTE: u16 = 0x1000;

/// What a packet's header says. Offsets are checked against the packet it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Bytes before the payload: fixed part, CSRCs and extensions.
    pub(crate) length: usize,
    /// The padding bit; how much is known only after decryption.
    pub(crate) padding: bool,
    /// Profile, start and end of the extension block.
    extensions: Option<(u16, usize, usize)>,
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Header {
    /// `None` when the bytes are no RTP version 2 packet or end inside the header.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        if first >> 6 != 2 {
            return None;
        }
        let second = *packet.get(1)?;
        let mut length = FIXED_HEADER + 4 * usize::from(first & 0x0f);
        let mut extensions = None;
        if first & 0x10 != 0 {
            let profile = be16(packet, length)?;
            let words = usize::from(be16(packet, length + 2)?);
            extensions = Some((profile, length + 4, length + 4 + words * 4));
            length += 4 + words * 4;
        }
        if length > packet.len() {
            return None;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: be16(packet, 2)?,
            timestamp: be32(packet, 4)?,
            ssrc: be32(packet, 8)?,
            length,
            padding: first & 0x20 != 0,
            extensions,
        })
    }

    /// The value of the extension with this id, from the packet this header was parsed from.
    pub(crate) fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let (profile, start, end) = self.extensions?;
        let block = packet.get(start..end)?;
        let mut at = 0;
        while at < block.len() {
            let (found, length, head) = match profile {
                // Padding between elements.
                _ if block[at] == 0 => {
                    at += 1;
                    continue;
                }
                // Id 15 is reserved: the rest must be ignored (RFC 8285 §4.2).
                ONE_BYTE if block[at] >> 4 == 15 => return None,
                ONE_BYTE => (block[at] >> 4, usize::from(block[at] & 0x0f) + 1, 1),
                _ if profile & 0xfff0 == TWO_BYTE => (block[at], usize::from(*block.get(at + 1)?), 2),
                _ => return None,
            };
            let value = block.get(at + head..at + head + length)?;
            if found == id {
                return Some(value);
            }
            at += head + length;
        }
        None
    }
}

/// How much of a decrypted packet is payload, without padding. `None` when the padding is nonsense.
pub(crate) fn payload_length(header: &Header, packet: &[u8]) -> Option<usize> {
    let length = packet.len().checked_sub(header.length)?;
    if !header.padding {
        return Some(length);
    }
    let padding = usize::from(*packet.last()?);
    if padding == 0 {
        return None;
    }
    length.checked_sub(padding)
}

/// What we write in front of a payload.
pub(crate) struct Outgoing {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// The largest extension that is passed on: what the two-byte form can say.
pub(crate) const MAX_EXTENSION: usize = 255;
/// Bytes of header in front of a payload at most: two extensions, one of them long.
pub(crate) const MAX_HEADER: usize = FIXED_HEADER + 4 + 2 + 2 + 2 + MAX_EXTENSION + 3;

impl Outgoing {
    /// Writes header and extensions; returns the header's length. The one-byte form is used when all of them fit it.
    /// `into` must hold [`MAX_HEADER`] bytes; an extension that does not fit is left out.
    pub(crate) fn write(&self, into: &mut [u8], extensions: &[(u8, &[u8])]) -> usize {
        let has_extensions = !extensions.is_empty();
        into[0] = 0x80 | if has_extensions { 0x10 } else { 0 };
        into[1] = self.payload_type | if self.marker { 0x80 } else { 0 };
        into[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        into[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        into[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        if !has_extensions {
            return FIXED_HEADER;
        }
        // RFC 8285 §4.2: ids 1 to 14 and one to sixteen bytes.
        let one_byte = extensions.iter().all(|(id, value)| *id <= 14 && (1..=16).contains(&value.len()));
        let profile = if one_byte { ONE_BYTE } else { TWO_BYTE };
        into[12..14].copy_from_slice(&profile.to_be_bytes());
        let mut at = FIXED_HEADER + 4;
        for (id, value) in extensions.iter().filter(|(_, value)| value.len() <= MAX_EXTENSION) {
            if at + 2 + value.len() + 3 > into.len() {
                break;
            }
            if one_byte {
                into[at] = id << 4 | (value.len() - 1) as u8;
                at += 1;
            } else {
                into[at..at + 2].copy_from_slice(&[*id, value.len() as u8]);
                at += 2;
            }
            into[at..at + value.len()].copy_from_slice(value);
            at += value.len();
        }
        let end = at.next_multiple_of(4);
        into[at..end].fill(0);
        into[14..16].copy_from_slice(&(((end - FIXED_HEADER - 4) / 4) as u16).to_be_bytes());
        end
    }
}

/// The 64-bit sequence number nearest to `reference` that ends in these 16 bits.
pub(crate) fn extend_sequence(reference: u64, sequence: u16) -> u64 {
    let difference = sequence.wrapping_sub(reference as u16) as i16;
    reference.checked_add_signed(i64::from(difference)).unwrap_or(u64::from(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for id in [3, 14, 15, 200] {
            let mut packet = [0u8; 40];
            let outgoing = Outgoing {
                marker: true,
                payload_type: 96,
                sequence: 65_535,
                timestamp: 7,
                ssrc: 0xdead_beef,
            };
            let length = outgoing.write(&mut packet, &[(id, &[9, 8])]);
            let header = Header::parse(&packet).expect("our own header");
            assert_eq!((header.length, length), (20, 20));
            assert_eq!((header.marker, header.payload_type, header.sequence), (true, 96, 65_535));
            assert_eq!((header.timestamp, header.ssrc), (7, 0xdead_beef));
            assert_eq!(header.extension(&packet, id), Some(&[9, 8][..]));
            assert_eq!(header.extension(&packet, 1), None);
        }
    }

    #[test]
    fn a_long_extension_beside_a_short_one_takes_the_two_byte_form() {
        let mut packet = [0u8; MAX_HEADER];
        let outgoing = Outgoing { marker: false, payload_type: 96, sequence: 1, timestamp: 2, ssrc: 3 };
        let long = [7u8; MAX_EXTENSION];
        for value in [&long[..3], &long[..16], &long[..17], &long[..]] {
            let length = outgoing.write(&mut packet, &[(3, &[1, 2]), (13, value)]);
            let header = Header::parse(&packet).expect("our own header");
            assert_eq!(header.length, length);
            assert_eq!(header.extension(&packet, 3), Some(&[1, 2][..]));
            assert_eq!(header.extension(&packet, 13), Some(value));
        }
        assert_eq!(outgoing.write(&mut packet, &[]), FIXED_HEADER);
    }

    #[test]
    fn several_extensions_and_padding_are_read() {
        let packet = [
            0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 2, 0x10, 0x85, 0, 0, 0x31, 1, 2, 0, 0xff,
        ];
        let header = Header::parse(&packet).expect("valid");
        assert_eq!(header.extension(&packet, 1), Some(&[0x85][..]));
        assert_eq!(header.extension(&packet, 3), Some(&[1, 2][..]));
        assert_eq!(header.length, 24);
    }

    #[test]
    fn padding_longer_than_the_payload_is_refused() {
        let mut packet = vec![0xa0, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 2];
        let header = Header::parse(&packet).expect("valid");
        assert_eq!(payload_length(&header, &packet), Some(2));
        packet[15] = 5;
        assert_eq!(payload_length(&header, &packet), None);
        packet[15] = 0;
        assert_eq!(payload_length(&header, &packet), None);
    }

    #[test]
    fn no_mutation_of_a_packet_makes_the_parser_panic() {
        let seed = [
            0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 2, 0x10, 0x85, 0, 0, 0x31, 1, 2, 0, 0xff,
        ];
        for length in 0..=seed.len() {
            for position in 0..length {
                for value in [0, 1, 0x0f, 0x10, 0x7f, 0x80, 0x9f, 0xb0, 0xff] {
                    let mut packet = seed[..length].to_vec();
                    packet[position] = value;
                    if let Some(header) = Header::parse(&packet) {
                        let _ = (0..=255).filter(|id| header.extension(&packet, *id).is_some()).count();
                        payload_length(&header, &packet);
                    }
                }
            }
        }
    }

    #[test]
    fn sequence_numbers_extend_over_the_wrap_in_both_directions() {
        assert_eq!(extend_sequence(65_535, 0), 65_536);
        assert_eq!(extend_sequence(65_536, 65_535), 65_535);
        assert_eq!(extend_sequence(3, 65_535), 65_535);
    }
}
