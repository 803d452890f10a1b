//! The VP9 payload descriptor (RFC 9628 §4.2), flexible and not, with spatial and temporal layers.

use super::{FrameInfo, PictureNumbers, Point, Points};

/// Reference indices of one frame in flexible mode.
const MOST_REFERENCES: usize = 3;

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

/// `None` when the descriptor is cut short.
pub(crate) fn read(payload: &[u8]) -> Option<FrameInfo> {
    let mut reader = Reader { payload, at: 0 };
    let first = reader.byte()?;
    let has = |bit: u8| first & bit != 0;
    let (has_id, inter, has_layers, flexible) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let (starts, ends, has_structure, not_for_others) = (has(0x08), has(0x04), has(0x02), has(0x01));
    let mut numbers = PictureNumbers::default();
    if has_id {
        numbers.picture_at = reader.at as u8;
        let high = reader.byte()?;
        numbers.is_long = high & 0x80 != 0;
        numbers.picture = match numbers.is_long {
            true => u16::from_be_bytes([high & 0x7f, reader.byte()?]),
            false => u16::from(high),
        };
    }
    let (mut point, mut is_switch, mut from_below) = (Point::new(0, 0), false, false);
    if has_layers {
        let layer = reader.byte()?;
        point = Point::new(layer >> 1 & 7, layer >> 5);
        is_switch = layer & 0x10 != 0;
        from_below = layer & 1 != 0;
        if !flexible {
            numbers.base_at = reader.at as u8;
            numbers.base = reader.byte()?;
        }
    }
    if flexible && inter {
        for _ in 0..MOST_REFERENCES {
            if reader.byte()? & 1 == 0 {
                break;
            }
        }
    }
    let size = if has_structure { structure(&mut reader)? } else { None };
    // Neither from an earlier picture nor from a layer below: decoding can begin here.
    let keyframe = starts && !inter && !from_below && point.spatial() == 0;
    let present = match not_for_others {
        true => Points::above(point).and(Points::of_spatial(point.spatial())),
        false => Points::above(point),
    };
    let switch = match (keyframe, is_switch && starts) {
        (true, _) => Points::ALL,
        (false, true) => Points::faster(point),
        (false, false) => Points::NONE,
    };
    Some(FrameInfo {
        starts,
        ends,
        keyframe,
        point,
        present,
        switch,
        switch_floor: if keyframe { 0 } else { point.temporal() },
        numbers,
        size,
    })
}

/// The scalability structure; returns the size of the highest spatial layer. The rest of it needs no reading.
fn structure(reader: &mut Reader<'_>) -> Option<Option<(u16, u16)>> {
    let first = reader.byte()?;
    let mut size = None;
    if first & 0x10 != 0 {
        for _ in 0..=first >> 5 {
            let mut word = || Some(u16::from_be_bytes([reader.byte()?, reader.byte()?]));
            size = Some((word()?, word()?));
        }
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picture_begins_with_its_lowest_spatial_layer() {
        // I, L, B, V; picture 0x102; TID 0, SID 0; TL0PICIDX 9; two layers with sizes.
        let key = [0xaa, 0x81, 0x02, 0x00, 9, 0x30, 1, 64, 0, 180, 2, 128, 1, 104, 0xff];
        let frame = read(&key).expect("valid");
        assert!(frame.keyframe && frame.starts && !frame.ends);
        assert_eq!((frame.numbers.picture, frame.numbers.base), (0x102, 9));
        assert_eq!((frame.numbers.picture_at, frame.numbers.base_at), (1, 4));
        assert_eq!(frame.size, Some((640, 360)));
        // The layer above it, predicted from it.
        let above = read(&[0xac, 0x81, 0x02, 0x03, 9]).expect("valid");
        assert!(!above.keyframe && above.ends);
        assert_eq!(above.point, Point::new(1, 0));
        assert!(!above.present.contains(Point::new(0, 3)));
    }

    #[test]
    fn flexible_mode_has_references_and_no_base_index() {
        // I, P, L, F, B; seven-bit id; TID 1, U, SID 0; two references.
        let frame = read(&[0xf8, 0x05, 0x30, 0x03, 0x02, 0xff]).expect("valid");
        assert_eq!((frame.numbers.picture, frame.numbers.base_at), (5, 0));
        assert_eq!((frame.point, frame.switch_floor), (Point::new(0, 1), 1));
        assert!(frame.switch.contains(Point::new(0, 2)) && !frame.switch.contains(Point::new(0, 0)));
        assert!(read(&[0xf8, 0x05, 0x30, 0x03]).is_none(), "the second reference is cut off");
    }

    #[test]
    fn a_layer_that_no_other_builds_on_is_for_its_own_viewers() {
        // P, L, B, Z; TID 0, SID 0.
        let frame = read(&[0x69, 0x00, 0]).expect("valid");
        assert!(frame.present.contains(Point::new(0, 0)) && !frame.present.contains(Point::new(1, 0)));
        assert!(!frame.present.is_nested());
    }
}
