//! The VP8 payload descriptor (RFC 7741 §4.2) and the first bytes of a key frame (RFC 6386 §9.1).

use super::{FrameInfo, PictureNumbers, Point, Points};

/// `None` when the descriptor is cut short.
pub(crate) fn read(payload: &[u8]) -> Option<FrameInfo> {
    let first = *payload.first()?;
    // S = 1 and partition index 0: the frame begins here.
    let starts = first & 0x17 == 0x10;
    let mut numbers = PictureNumbers::default();
    let mut layers = None;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(1)?;
        at = 2;
        if extension & 0x80 != 0 {
            let high = *payload.get(at)?;
            numbers.picture_at = at as u8;
            numbers.is_long = high & 0x80 != 0;
            numbers.picture = match numbers.is_long {
                true => u16::from_be_bytes([high & 0x7f, *payload.get(at + 1)?]),
                false => u16::from(high),
            };
            at += if numbers.is_long { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            numbers.base_at = at as u8;
            numbers.base = *payload.get(at)?;
            at += 1;
        }
        if extension & 0x30 != 0 {
            let byte = *payload.get(at)?;
            layers = (extension & 0x20 != 0).then_some((byte >> 6, byte & 0x20 != 0));
            at += 1;
        }
    }
    // P = 0 in the frame header.
    let keyframe = starts && payload.get(at).is_some_and(|byte| byte & 1 == 0);
    let (temporal, is_sync) = layers.unwrap_or_default();
    let point = Point::new(0, temporal);
    let (switch, switch_floor) = match (keyframe, is_sync) {
        (true, _) => (Points::ALL, 0),
        // It builds on the base layer alone; who gets the layer just below may go up with it.
        (false, true) if temporal > 0 => (Points::faster(point).without(faster_than(point)), temporal - 1),
        (false, _) => (Points::NONE, 0),
    };
    Some(FrameInfo {
        starts,
        ends: false,
        keyframe,
        point,
        present: Points::above(point),
        switch,
        switch_floor,
        numbers,
        size: if keyframe { size(payload.get(at..)?) } else { None },
    })
}

fn faster_than(point: Point) -> Points {
    match point.temporal() + 1 {
        Point::TEMPORAL => Points::NONE,
        next => Points::faster(Point::new(point.spatial(), next)),
    }
}

/// Behind the three bytes of the frame tag and the start code come fourteen bits each.
fn size(frame: &[u8]) -> Option<(u16, u16)> {
    let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *frame.first_chunk::<10>()? else { return None };
    Some((u16::from_le_bytes([w0, w1]) & 0x3fff, u16::from_le_bytes([h0, h1]) & 0x3fff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_packet_of_a_key_frame_counts() {
        let starts_keyframe = |payload: &[u8]| read(payload).is_some_and(|frame| frame.keyframe);
        assert!(starts_keyframe(&[0x10, 0x00]));
        assert!(!starts_keyframe(&[0x10, 0x01]));
        assert!(!starts_keyframe(&[0x00, 0x00]));
        assert!(starts_keyframe(&[0x90, 0xf0, 0x81, 0x02, 5, 6, 0x00]));
        assert!(!starts_keyframe(&[0x90, 0xf0, 0x81]));
        assert!(!starts_keyframe(&[]));
    }

    #[test]
    fn numbers_layers_and_the_size_of_a_key_frame_are_read() {
        let key = [0x90, 0xe0, 0x92, 0x34, 7, 0x40, 0, 0, 0, 0x9d, 1, 0x2a, 0x80, 0x02, 0x68, 0x41];
        let frame = read(&key).expect("valid");
        assert_eq!((frame.numbers.picture, frame.numbers.base, frame.size), (0x1234, 7, Some((640, 360))));
        assert_eq!(frame.point, Point::new(0, 1));
        let sync = read(&[0x90, 0x20, 0xa0, 1]).expect("valid");
        assert_eq!((sync.point, sync.switch_floor), (Point::new(0, 2), 1));
        assert!(sync.switch.contains(Point::new(0, 2)) && !sync.switch.contains(Point::new(0, 3)));
        assert!(!sync.present.contains(Point::new(0, 1)) && sync.present.contains(Point::MAX));
    }
}
