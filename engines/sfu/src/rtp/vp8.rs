//! The first bytes of a VP8 payload (RFC 7741 §4.2): is this where a key frame starts?

/// True for the first packet of a key frame.
pub(crate) fn starts_keyframe(payload: &[u8]) -> bool {
    frame_header(payload).is_some_and(|first| first & 1 == 0)
}

/// The first byte of the frame header when the packet holds the start of partition 0.
fn frame_header(payload: &[u8]) -> Option<u8> {
    let first = *payload.first()?;
    // S = 1 and partition index 0.
    if first & 0x17 != 0x10 {
        return None;
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(1)?;
        at = 2;
        if extension & 0x80 != 0 {
            at += if payload.get(2)? & 0x80 != 0 { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            at += 1;
        }
        if extension & 0x30 != 0 {
            at += 1;
        }
    }
    payload.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_packet_of_a_key_frame_counts() {
        assert!(starts_keyframe(&[0x10, 0x00]));
        assert!(!starts_keyframe(&[0x10, 0x01]));
        assert!(!starts_keyframe(&[0x00, 0x00]));
        assert!(starts_keyframe(&[0x90, 0xf0, 0x81, 0x02, 5, 6, 0x00]));
        assert!(!starts_keyframe(&[0x90, 0xf0, 0x81]));
        assert!(!starts_keyframe(&[]));
    }
}
