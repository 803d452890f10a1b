//! AV1 (RTP payload format for AV1 §4): an aggregation header, then OBUs or pieces of them. Out come temporal units in the
//! low-overhead format without delimiters, and `av1C` (AV1 in ISO base media §2.3) with each key frame.

use super::{Broken, Built, append};
use crate::{Size, bits::Bits};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;
/// AV1 specification §4.10.5: a length takes at most eight bytes; ours fit four.
const LONGEST_LENGTH: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Builder {
    unit: Vec<u8>,
    /// The OBU whose other pieces are still to come.
    piece: Option<Vec<u8>>,
    /// What the first frame of the unit is.
    first_is_key: Option<bool>,
    sequence: Option<Sequence>,
    has_sequence: bool,
}

#[derive(Debug)]
struct Sequence {
    size: Size,
    config: Vec<u8>,
}

/// Z is not set: it does not go on with something.
pub(super) fn begins(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & 0x80 == 0)
}

impl Builder {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let (&header, mut rest) = payload.split_first().ok_or(Broken)?;
        let (goes_on, is_unfinished, count) =
            (header & 0x80 != 0, header & 0x40 != 0, usize::from(header >> 4 & 3));
        if goes_on != self.piece.is_some() {
            return Err(Broken);
        }
        let mut read = 0_usize;
        while !rest.is_empty() {
            read += 1;
            let length =
                if count != 0 && read == count { rest.len() } else { leb128(&mut rest).ok_or(Broken)? };
            let (element, after) = rest.split_at_checked(length).ok_or(Broken)?;
            rest = after;
            let mut piece = self.piece.take().unwrap_or_default();
            append(&mut piece, element)?;
            if rest.is_empty() && is_unfinished {
                self.piece = Some(piece);
            } else if !piece.is_empty() {
                self.obu(&piece)?;
            }
        }
        if count != 0 && read != count { Err(Broken) } else { Ok(()) }
    }

    pub(super) fn finish(&mut self) -> Option<Built> {
        let payload = std::mem::take(&mut self.unit);
        let is_key = self.first_is_key.take() == Some(true) && std::mem::take(&mut self.has_sequence);
        self.has_sequence = false;
        if self.piece.take().is_some() {
            return None;
        }
        let sequence = self.sequence.as_ref().filter(|_| is_key);
        let (size, config) = (sequence.map(|one| one.size), sequence.map(|one| one.config.clone()));
        Some(Built { payload, is_key, size, config })
    }

    pub(super) fn reset(&mut self) {
        self.unit.clear();
        (self.piece, self.first_is_key, self.has_sequence) = (None, None, false);
    }

    /// A whole OBU, with or without a size of its own (AV1 specification §5.3).
    fn obu(&mut self, obu: &[u8]) -> Result<(), Broken> {
        let (&header, mut rest) = obu.split_first().ok_or(Broken)?;
        let kind = header >> 3 & 15;
        let mut head = vec![header | 0x02];
        if header & 0x04 != 0 {
            let (&extension, after) = rest.split_first().ok_or(Broken)?;
            head.push(extension);
            rest = after;
        }
        if header & 0x02 != 0 {
            let size = leb128(&mut rest).ok_or(Broken)?;
            rest = rest.get(..size).ok_or(Broken)?;
        }
        match kind {
            _ if header & 0x80 != 0 => return Err(Broken),
            TEMPORAL_DELIMITER | TILE_LIST | PADDING => return Ok(()),
            SEQUENCE_HEADER => {
                let mut whole = head.clone();
                write_leb128(rest.len(), &mut whole);
                whole.extend_from_slice(rest);
                self.sequence = Some(read_sequence(rest, &whole).ok_or(Broken)?);
                self.has_sequence = true;
            }
            FRAME_HEADER | FRAME => {
                // show_existing_frame, then two bits of frame_type (§5.9.2): 0 is a key frame.
                let is_key = rest.first().is_some_and(|first| first & 0xe0 == 0);
                self.first_is_key.get_or_insert(is_key);
            }
            _ => {}
        }
        write_leb128(rest.len(), &mut head);
        append(&mut self.unit, &head)?;
        append(&mut self.unit, rest)
    }
}

fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for at in 0..LONGEST_LENGTH {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_leb128(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What `av1C` tells of a sequence, as its bits.
#[derive(Default)]
struct Told {
    profile: u32,
    level: u32,
    tier: bool,
    is_high_depth: bool,
    is_twelve: bool,
    is_mono: bool,
    halved: (bool, bool),
    position: u32,
}

/// AV1 specification §5.5.1.
fn read_sequence(obu: &[u8], whole: &[u8]) -> Option<Sequence> {
    let mut bits = Bits::new(obu);
    let mut told = Told { profile: bits.number(3)?, ..Told::default() };
    bits.skip(1)?;
    let is_reduced = bits.bit()?;
    if is_reduced {
        told.level = bits.number(5)?;
    } else {
        operating_points(&mut bits, &mut told)?;
    }
    let (across, down) = (bits.number(4)? + 1, bits.number(4)? + 1);
    let mut pixels = |width| bits.number(width).and_then(|number| u16::try_from(number + 1).ok());
    let size = Size { width: pixels(across)?, height: pixels(down)? };
    tools(&mut bits, is_reduced)?;
    colours(&mut bits, &mut told)?;
    let flag = |is_set: bool, at: u32| u32::from(is_set) << at;
    let third = flag(told.tier, 7)
        | flag(told.is_high_depth, 6)
        | flag(told.is_twelve, 5)
        | flag(told.is_mono, 4)
        | flag(told.halved.0, 3)
        | flag(told.halved.1, 2)
        | told.position;
    let mut config = vec![0x81, (told.profile << 5 | told.level) as u8, third as u8, 0];
    config.extend_from_slice(whole);
    Some(Sequence { size, config })
}

fn operating_points(bits: &mut Bits<'_>, told: &mut Told) -> Option<()> {
    let mut delay_bits = None;
    if bits.bit()? {
        bits.skip(64)?;
        if bits.bit()? {
            bits.exp_golomb()?;
        }
        if bits.bit()? {
            delay_bits = Some(bits.number(5)? + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let has_display_delay = bits.bit()?;
    for point in 0..=bits.number(5)? {
        bits.skip(12)?;
        let level = bits.number(5)?;
        let tier = level > 7 && bits.bit()?;
        if point == 0 {
            (told.level, told.tier) = (level, tier);
        }
        if let Some(width) = delay_bits
            && bits.bit()?
        {
            bits.skip(2 * width + 1)?;
        }
        if has_display_delay && bits.bit()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

/// The flags between the size and the colours.
fn tools(bits: &mut Bits<'_>, is_reduced: bool) -> Option<()> {
    if !is_reduced && bits.bit()? {
        bits.skip(4 + 3)?;
    }
    bits.skip(3)?;
    if !is_reduced {
        bits.skip(4)?;
        let has_order = bits.bit()?;
        if has_order {
            bits.skip(2)?;
        }
        let has_screen_tools = bits.bit()? || bits.bit()?;
        if has_screen_tools && !bits.bit()? {
            bits.skip(1)?;
        }
        if has_order {
            bits.skip(3)?;
        }
    }
    bits.skip(3)
}

/// §5.5.2.
fn colours(bits: &mut Bits<'_>, told: &mut Told) -> Option<()> {
    told.is_high_depth = bits.bit()?;
    told.is_twelve = told.profile == 2 && told.is_high_depth && bits.bit()?;
    told.is_mono = told.profile != 1 && bits.bit()?;
    let described = if bits.bit()? { (bits.number(8)?, bits.number(8)?, bits.number(8)?) } else { (2, 2, 2) };
    if told.is_mono {
        told.halved = (true, true);
        return bits.skip(1);
    }
    // sRGB is never subsampled.
    if described == (1, 13, 0) {
        return Some(());
    }
    bits.skip(1)?;
    told.halved = match told.profile {
        0 => (true, true),
        1 => (false, false),
        _ if told.is_twelve => {
            let across = bits.bit()?;
            (across, across && bits.bit()?)
        }
        _ => (true, false),
    };
    if told.halved == (true, true) {
        told.position = bits.number(2)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_they_were_written() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut bytes = Vec::new();
            write_leb128(number, &mut bytes);
            assert_eq!(leb128(&mut bytes.as_slice()), Some(number));
        }
        assert_eq!(leb128(&mut [0x80, 0x80, 0x80, 0x80, 0x01].as_slice()), None);
    }

    #[test]
    fn pieces_of_an_obu_become_one_with_its_size() {
        let mut builder = Builder::default();
        // W = 1, Y: a frame (type 6) that goes on.
        builder.push(&[0x50, 0x30, 0x20, 1]).expect("begins");
        builder.push(&[0x90, 2, 3]).expect("ends");
        let built = builder.finish().expect("whole");
        assert_eq!((built.payload, built.is_key), (vec![0x32, 4, 0x20, 1, 2, 3], false));
    }

    #[test]
    fn delimiters_go_and_sizes_stay() {
        let mut builder = Builder::default();
        // W = 0: a delimiter of one byte with length, then a frame with a size of its own.
        builder.push(&[0x00, 1, 0x10, 4, 0x32, 2, 0x20, 7]).expect("whole");
        assert_eq!(builder.finish().expect("whole").payload, [0x32, 2, 0x20, 7]);
    }

    /// libFuzzer's find: they were counted in eight bits.
    #[test]
    fn any_number_of_empty_elements_is_nothing() {
        let mut builder = Builder::default();
        assert_eq!(builder.push(&[0; 600]), Ok(()));
        assert!(builder.finish().is_some_and(|built| built.payload.is_empty()));
    }

    #[test]
    fn what_goes_on_with_nothing_or_lies_about_lengths_is_refused() {
        for payload in
            [&[][..], &[0x90, 1], &[0x00, 9, 1], &[0x20, 9, 0x30], &[0x30, 1, 0x30], &[0x10, 0xb0, 1]]
        {
            assert_eq!(Builder::default().push(payload), Err(Broken), "{payload:x?}");
        }
    }
}
