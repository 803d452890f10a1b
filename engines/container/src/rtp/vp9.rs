//! VP9: a payload descriptor before each piece (RFC 9628 §4.2). The layers of one picture become one superframe (VP9
//! bitstream specification, annex B), which is what a decoder gets out of a file.

use super::{Broken, Built, append};
use crate::{Size, bits::Bits};

/// Reference indices of one frame in flexible mode.
const MOST_REFERENCES: usize = 3;
/// Annex B: a superframe has at most eight frames.
const MOST_LAYERS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Builder {
    picture: Vec<u8>,
    /// Where each layer's frame ends.
    ends: Vec<usize>,
    /// A layer's frame has begun and not ended.
    is_open: bool,
    is_key: bool,
    /// Of each layer, where the key frame tells them.
    sizes: [Size; MOST_LAYERS],
}

struct Piece<'a> {
    begins: bool,
    ends: bool,
    /// Predicted from nothing, and the lowest of its picture.
    is_key: bool,
    is_lowest: bool,
    /// Width and height of each layer, two bytes each, out of the scalability structure.
    sizes: &'a [u8],
    body: &'a [u8],
}

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.payload.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }
}

fn read(payload: &[u8]) -> Option<Piece<'_>> {
    let mut reader = Reader { payload, at: 0 };
    let first = reader.byte()?;
    let has = |bit: u8| first & bit != 0;
    if has(0x80) && reader.byte()? & 0x80 != 0 {
        reader.byte()?;
    }
    let mut layer = 0;
    if has(0x20) {
        layer = reader.byte()?;
        if !has(0x10) {
            reader.byte()?;
        }
    }
    if has(0x10) && has(0x40) {
        for _ in 0..MOST_REFERENCES {
            if reader.byte()? & 1 == 0 {
                break;
            }
        }
    }
    let sizes = if has(0x02) { structure(&mut reader)? } else { &[] };
    let is_lowest = layer >> 1 & 7 == 0;
    let is_key = !has(0x40) && is_lowest && layer & 1 == 0;
    let body = payload.get(reader.at..)?;
    Some(Piece { begins: has(0x08), ends: has(0x04), is_key, is_lowest, sizes, body })
}

/// The scalability structure; returns the sizes in it.
fn structure<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let header = reader.byte()?;
    let layers = usize::from(header >> 5) + 1;
    let sizes = reader.take(if header & 0x10 != 0 { 4 * layers } else { 0 })?;
    if header & 0x08 != 0 {
        for _ in 0..reader.byte()? {
            let references = reader.byte()? >> 2 & 3;
            reader.take(usize::from(references))?;
        }
    }
    Some(sizes)
}

/// The first piece of the lowest layer that was forwarded.
pub(super) fn begins(payload: &[u8]) -> bool {
    read(payload).is_some_and(|piece| piece.begins)
}

impl Builder {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let piece = read(payload).filter(|piece| !piece.body.is_empty()).ok_or(Broken)?;
        if piece.begins == self.is_open || self.ends.len() >= MOST_LAYERS {
            return Err(Broken);
        }
        if piece.begins {
            if self.picture.is_empty() && piece.is_lowest {
                self.is_key = piece.is_key;
            }
            for (place, told) in self.sizes.iter_mut().zip(piece.sizes.as_chunks::<4>().0) {
                let [w0, w1, h0, h1] = *told;
                *place = Size { width: u16::from_be_bytes([w0, w1]), height: u16::from_be_bytes([h0, h1]) };
            }
        }
        append(&mut self.picture, piece.body)?;
        self.is_open = !piece.ends;
        if piece.ends {
            self.ends.push(self.picture.len());
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Option<Built> {
        let Self { mut picture, ends, is_open, is_key, sizes } = std::mem::take(self);
        if is_open {
            return None;
        }
        // Of the highest layer that is here; a stream without layers tells it in its own header only.
        let told = sizes.get(ends.len().saturating_sub(1)).copied().filter(|size| size.width > 0);
        let size = if is_key { told.or_else(|| size(&picture)) } else { None };
        if ends.len() > 1 {
            index(&mut picture, &ends);
        }
        Some(Built { payload: picture, is_key, size, config: None })
    }
}

/// Annex B.2: the lengths of the frames between two equal marks, behind them.
fn index(picture: &mut Vec<u8>, ends: &[usize]) {
    let mark = 0xc0 | 3 << 3 | (ends.len() as u8 - 1) & 7;
    picture.push(mark);
    let mut begin = 0;
    for end in ends {
        picture.extend_from_slice(&((end - begin) as u32).to_le_bytes());
        begin = *end;
    }
    picture.push(mark);
}

/// What the uncompressed header of a key frame tells (VP9 bitstream specification §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// 0 to 3.
    pub(crate) profile: u8,
    /// Bits a sample.
    pub(crate) depth: u8,
    /// Colours have half the width, half the height.
    pub(crate) halved: (bool, bool),
    pub(crate) is_full_range: bool,
    pub(crate) size: Size,
}

impl Header {
    /// `None` for anything but a key frame, of a superframe the first one.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.number(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
        if profile == 3 {
            bits.skip(1)?;
        }
        // show_existing_frame, then frame_type: 0 is a key frame.
        if bits.bit()? || bits.bit()? {
            return None;
        }
        bits.skip(2)?;
        if bits.number(24)? != 0x49_83_42 {
            return None;
        }
        let depth = match profile >= 2 {
            true => 10 + 2 * u8::from(bits.bit()?),
            false => 8,
        };
        // Colour space 7 is RGB, without a range; profiles 1 and 3 tell their subsampling.
        let is_rgb = bits.number(3)? == 7;
        let has_sampling = profile & 1 == 1;
        let is_full_range = is_rgb || bits.bit()?;
        let halved = match (is_rgb, has_sampling) {
            (true, false) => return None,
            (false, false) => (true, true),
            (true, true) => (false, false),
            (false, true) => (bits.bit()?, bits.bit()?),
        };
        if has_sampling {
            bits.skip(1)?;
        }
        let mut pixels = || u16::try_from(bits.number(16)? + 1).ok();
        Some(Self {
            profile,
            depth,
            halved,
            is_full_range,
            size: Size { width: pixels()?, height: pixels()? },
        })
    }
}

fn size(frame: &[u8]) -> Option<Size> {
    Header::parse(frame).map(|header| header.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marker 2, profile 0, shown key frame, sync code, BT.601, 640 by 360.
    pub(crate) const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70];

    #[test]
    fn a_key_frame_tells_its_size() {
        assert_eq!(size(&KEY), Some(Size { width: 640, height: 360 }));
        assert_eq!(size(&KEY[..8]), None);
    }

    #[test]
    fn one_layer_is_the_frame_itself() {
        let mut builder = Builder::default();
        builder.push(&[&[0x88, 0x05][..], &KEY[..4]].concat()).expect("begins");
        builder.push(&[&[0x84, 0x05][..], &KEY[4..]].concat()).expect("ends");
        let built = builder.finish().expect("whole");
        assert_eq!((&built.payload[..], built.is_key), (&KEY[..], true));
        assert_eq!(built.size, Some(Size { width: 640, height: 360 }));
        builder.push(&[0xc8, 0x06, 1, 2]).expect("begins");
        assert_eq!(builder.finish(), None, "its end is missing");
    }

    #[test]
    fn layers_become_a_superframe_with_its_index() {
        let mut builder = Builder::default();
        // L, B, E with SID 0; then SID 1 predicted from it.
        builder.push(&[&[0xac, 0x05, 0x00, 9][..], &KEY].concat()).expect("base");
        builder.push(&[0xac, 0x05, 0x03, 9, 0xaa, 0xbb]).expect("above");
        let built = builder.finish().expect("whole");
        let index = [0xd9, 9, 0, 0, 0, 2, 0, 0, 0, 0xd9];
        assert_eq!(built.payload, [&KEY[..], &[0xaa, 0xbb], &index].concat());
        assert!(built.is_key);
    }

    #[test]
    fn descriptors_that_are_cut_short_are_refused() {
        let full =
            [0xfa, 0x81, 0x02, 0x30, 0x03, 0x02, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x04, 1, 0xff];
        assert!(read(&full).is_some_and(|piece| piece.body == [0xff]));
        assert!((0..full.len() - 1).all(|end| read(&full[..end]).is_none()));
    }
}
