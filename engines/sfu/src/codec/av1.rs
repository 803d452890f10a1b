//! The AV1 aggregation header (RTP payload format for AV1 §4.4): where a coded video sequence begins. Layers are
//! chosen by the dependency descriptor; without one AV1 is forwarded whole.

use super::{FrameInfo, Points};

/// `None` for an empty payload.
pub(crate) fn read(payload: &[u8]) -> Option<FrameInfo> {
    let header = *payload.first()?;
    // N: the first packet of a coded video sequence. Z: it goes on with an OBU of the packet before, which N rules out.
    let keyframe = header & 0x88 == 0x08;
    let switch = if keyframe { Points::ALL } else { Points::NONE };
    Some(FrameInfo { starts: keyframe, keyframe, switch, ..FrameInfo::OPAQUE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_sequence_is_a_key_frame() {
        let keyframe = |payload: &[u8]| read(payload).is_some_and(|frame| frame.keyframe);
        assert!(keyframe(&[0x18, 0x0a]));
        assert!(!keyframe(&[0x10, 0x32]));
        assert!(!keyframe(&[0x98, 0x32]), "a continuation");
        assert!(!keyframe(&[]));
    }
}
