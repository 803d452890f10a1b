//! Datagrams on a stream (RFC 4571 §2): each stands behind two bytes with its length. ICE over TCP has all of its
//! datagrams so, its checks included (RFC 6544 §10.1).

/// Before each datagram.
pub const HEADER: usize = 2;

/// The longest datagram that a stream of ours carries: what is taken of one by UDP. No path of a call carries longer ones.
pub const LONGEST: usize = 2_048;

/// What stands at the beginning of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A datagram of this length behind the header. It may be empty (RFC 4571 §2 allows that), and means nothing then.
    Whole(usize),
    /// Nothing changes before this many bytes are there in all, the header included.
    NeedsAtLeast(usize),
    /// Longer than is allowed: close the connection, nobody who speaks to us sends that.
    TooLong,
}

/// Looks at all that was received and not yet taken away. Datagrams may have `longest` bytes.
#[must_use]
pub fn next(received: &[u8], longest: usize) -> Frame {
    let Some(header) = received.first_chunk::<HEADER>() else { return Frame::NeedsAtLeast(HEADER) };
    let length = usize::from(u16::from_be_bytes(*header));
    if length > longest {
        Frame::TooLong
    } else if received.len() < HEADER + length {
        Frame::NeedsAtLeast(HEADER + length)
    } else {
        Frame::Whole(length)
    }
}

/// What to write before a datagram of this length; `None` when it is too long for any stream.
#[must_use]
pub fn header(length: usize) -> Option<[u8; HEADER]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_its_lengths_say_however_it_arrives() {
        let sent: [&[u8]; 4] = [b"one", b"", &[7; LONGEST], b"the last"];
        let mut stream = Vec::new();
        for datagram in sent {
            stream.extend(header(datagram.len()).expect("short"));
            stream.extend_from_slice(datagram);
        }
        for at_once in [1, 2, 3, 7, 1_000, stream.len()] {
            let (mut received, mut taken) = (Vec::new(), Vec::new());
            for piece in stream.chunks(at_once) {
                received.extend_from_slice(piece);
                loop {
                    match next(&received, LONGEST) {
                        Frame::Whole(length) => {
                            taken.push(received[HEADER..HEADER + length].to_vec());
                            received.drain(..HEADER + length);
                        }
                        Frame::NeedsAtLeast(bytes) => {
                            assert!(bytes > received.len());
                            break;
                        }
                        Frame::TooLong => unreachable!(),
                    }
                }
            }
            assert_eq!(taken, sent, "{at_once} bytes at once");
            assert!(received.is_empty());
        }
    }

    #[test]
    fn what_is_too_long_is_known_by_its_header() {
        assert_eq!(next(&[8, 1], LONGEST), Frame::TooLong);
        assert_eq!(next(&[8, 0], LONGEST), Frame::NeedsAtLeast(HEADER + LONGEST));
        assert_eq!(next(&[8], LONGEST), Frame::NeedsAtLeast(2));
        assert_eq!(header(70_000), None);
    }
}
