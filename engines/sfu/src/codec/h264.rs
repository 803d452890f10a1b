//! Where H.264 key frames begin (RFC 6184 §5): single units, STAP-A and FU-A, which is all that packetization mode 1
//! sends. There are no layers to choose from.

use super::{FrameInfo, Points};

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A payload that makes no sense is a packet like any other: the receiver decides.
pub(crate) fn read(payload: &[u8]) -> FrameInfo {
    let keyframe = starts_keyframe(payload).unwrap_or(false);
    let switch = if keyframe { Points::ALL } else { Points::NONE };
    FrameInfo { starts: keyframe, keyframe, switch, ..FrameInfo::OPAQUE }
}

/// The parameter sets in front of a key frame, or the key frame itself when it comes without them.
fn starts_keyframe(payload: &[u8]) -> Option<bool> {
    let is_key = |header: u8| matches!(header & 0x1f, IDR | SPS);
    Some(match *payload.first()? & 0x1f {
        STAP_A => {
            let mut rest = payload.get(1..)?;
            while let Some((size, units)) = rest.split_first_chunk::<2>() {
                if is_key(*units.first()?) {
                    return Some(true);
                }
                rest = units.get(usize::from(u16::from_be_bytes(*size))..)?;
            }
            false
        }
        FU_A => {
            let fragment = *payload.get(1)?;
            fragment & 0x80 != 0 && fragment & 0x1f == IDR
        }
        header => is_key(header),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_begins_with_its_parameter_sets_or_its_first_slice() {
        for (payload, expected) in [
            (&[0x67, 1, 2][..], true),
            (&[0x65, 1], true),
            (&[0x41, 1], false),
            (&[0x68, 1], false),
            (&[0x78, 0, 2, 0x68, 1, 0, 1, 0x67], true),
            (&[0x78, 0, 2, 0x41, 1, 0, 1, 0x06], false),
            (&[0x78, 0, 9, 0x41], false),
            (&[0x7c, 0x85, 1], true),
            (&[0x7c, 0x05, 1], false),
            (&[0x7c, 0x81, 1], false),
            (&[0x7c], false),
            (&[], false),
        ] {
            assert_eq!(read(payload).keyframe, expected, "{payload:x?}");
        }
    }
}
