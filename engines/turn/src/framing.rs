//! Cuts a stream into STUN messages and ChannelData (RFC 8656 §3.1, §12.5): both say how long they are, and over
//! streams ChannelData is padded to four bytes.

use crate::stun::{COOKIE, HEADER};

/// The largest frame: what a length of two bytes can say, with header and padding.
pub const MAX_FRAME: usize = 65_535 + HEADER + 3;

/// What stands at the beginning of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole frame.
    Whole {
        /// What to hand to the server: without padding.
        message: usize,
        /// How many bytes to take away.
        consumed: usize,
    },
    /// Not yet whole; nothing changes before this many bytes are there in all, at most [`MAX_FRAME`].
    NeedsAtLeast(usize),
    /// Neither STUN nor ChannelData: close the connection, there is no way back into step.
    Broken,
}

/// Looks at all that was received and not yet taken away.
#[must_use]
pub fn next(received: &[u8]) -> Frame {
    let &[first, _, high, low, ..] = received else {
        return if received.first().is_some_and(|first| *first >= 0x80) {
            Frame::Broken
        } else {
            Frame::NeedsAtLeast(4)
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (message, consumed) = match first {
        0..0x40 if length.is_multiple_of(4) => (HEADER + length, HEADER + length),
        0x40..0x80 => (4 + length, (4 + length).next_multiple_of(4)),
        _ => return Frame::Broken,
    };
    let is_stun = first < 0x40;
    match received.get(4..8) {
        Some(cookie) if is_stun && cookie != COOKIE => Frame::Broken,
        None if is_stun => Frame::NeedsAtLeast(8),
        _ if received.len() < consumed => Frame::NeedsAtLeast(consumed),
        _ => Frame::Whole { message, consumed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_its_lengths_say_however_it_arrives() {
        let mut stream = vec![0, 1, 0, 4, 0x21, 0x12, 0xA4, 0x42];
        stream.resize(24, 9);
        stream.extend([0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]);
        stream.extend([0x40, 0, 0, 0]);
        let (mut received, mut frames) = (Vec::new(), Vec::new());
        for byte in stream {
            received.push(byte);
            match next(&received) {
                Frame::Whole { message, consumed } => {
                    frames.push((message, consumed));
                    received.drain(..consumed);
                }
                Frame::NeedsAtLeast(bytes) => assert!(bytes > received.len()),
                Frame::Broken => unreachable!("at {} of {frames:?}", received.len()),
            }
        }
        assert_eq!(frames, [(24, 24), (9, 12), (4, 4)]);
        assert!(received.is_empty());
    }

    #[test]
    fn what_is_neither_closes_the_connection() {
        for broken in [&[0x80][..], &[0xFF, 0], &[0, 1, 0, 3], &[0, 1, 0, 0, 1, 2, 3, 4]] {
            assert_eq!(next(broken), Frame::Broken, "{broken:?}");
        }
        assert_eq!(next(&[0x40, 0, 0xFF, 0xFF]), Frame::NeedsAtLeast(65_540));
        assert_eq!(next(&[]), Frame::NeedsAtLeast(4));
    }
}
