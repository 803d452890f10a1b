//! VP8: a payload descriptor before each piece (RFC 7741 §4.2); a frame is the pieces one after the other.

use super::{Broken, Built, append};
use crate::Size;

#[derive(Debug, Default)]
pub(super) struct Builder {
    frame: Vec<u8>,
}

/// S is set and the partition is the first.
pub(super) fn begins(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & 0x17 == 0x10)
}

/// What lies behind the descriptor.
fn body(payload: &[u8]) -> Option<&[u8]> {
    let has = |byte: u8, bit: u8| usize::from(byte & bit != 0);
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(1)?;
        at = 2;
        if extension & 0x80 != 0 {
            at += 1 + has(*payload.get(at)?, 0x80);
        }
        at += has(extension, 0x40) + has(extension, 0x30);
    }
    payload.get(at..)
}

impl Builder {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Broken> {
        if self.frame.is_empty() != begins(payload) {
            return Err(Broken);
        }
        append(&mut self.frame, body(payload).filter(|body| !body.is_empty()).ok_or(Broken)?)
    }

    pub(super) fn finish(&mut self) -> Option<Built> {
        let payload = std::mem::take(&mut self.frame);
        // The frame tag (RFC 6386 §9.1): the inverse key frame bit, and behind it in a key frame the start code.
        let is_key = payload.first()? & 1 == 0;
        let size = if is_key { Some(size(&payload)?) } else { None };
        Some(Built { payload, is_key, size, config: None })
    }
}

fn size(frame: &[u8]) -> Option<Size> {
    let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *frame.first_chunk::<10>()? else { return None };
    let [width, height] = [[w0, w1], [h0, h1]].map(|bytes| u16::from_le_bytes(bytes) & 0x3fff);
    Some(Size { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 10] = [0, 0, 0, 0x9d, 1, 0x2a, 0x80, 0x02, 0x68, 0x41];

    #[test]
    fn descriptors_of_every_length_are_taken_off() {
        for (descriptor, length) in [
            (&[0x10][..], 1),
            (&[0x90, 0x00], 2),
            (&[0x90, 0x80, 0x12], 3),
            (&[0x90, 0x80, 0x92, 0x34], 4),
            (&[0x90, 0xf0, 0x92, 0x34, 7, 0x40], 6),
            (&[0x90, 0x10, 0x03], 3),
        ] {
            let payload = [descriptor, &KEY].concat();
            assert_eq!(body(&payload), Some(&KEY[..]), "{descriptor:x?}");
            assert!((0..length).all(|end| body(&payload[..end]).is_none_or(<[u8]>::is_empty)));
        }
    }

    #[test]
    fn pieces_become_a_frame_and_a_key_frame_tells_its_size() {
        let mut builder = Builder::default();
        builder.push(&[&[0x10][..], &KEY[..6]].concat()).expect("begins");
        builder.push(&[&[0x00][..], &KEY[6..]].concat()).expect("goes on");
        let built = builder.finish().expect("whole");
        assert_eq!((built.payload.as_slice(), built.is_key), (&KEY[..], true));
        assert_eq!(built.size, Some(Size { width: 640, height: 360 }));
        builder.push(&[0x10, 1, 2]).expect("begins");
        assert!(builder.push(&[0x10, 1]).is_err(), "begins twice");
        let inter = builder.finish().expect("whole");
        assert!(!inter.is_key && inter.size.is_none());
        assert!(builder.push(&[0x00, 1]).is_err(), "no beginning");
    }
}
