//! Redundant audio (RFC 2198) taken apart: older frames again, before a packet's own.

/// Frames that came before in one packet, at most: more arrives too late to be played.
pub const MAX_OLDER: usize = 8;
/// One bit "another follows", seven of payload type, 14 of age, ten of length (RFC 2198 §3).
const OLDER_HEADER: usize = 4;

/// A frame within a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What codes it.
    pub payload_type: u8,
    /// How much older than the packet, in timestamp units.
    pub age: u32,
    /// The frame; may be empty.
    pub payload: &'a [u8],
}

/// The frames of a payload, oldest first, the packet's own last.
///
/// `None` when headers or frames are cut short, or there are more than [`MAX_OLDER`] before the last.
pub fn blocks(payload: &[u8]) -> Option<impl Iterator<Item = Block<'_>>> {
    let mut rest = payload;
    let (mut headers, mut total) = (0, 0);
    while let Some((header, after)) =
        rest.split_first_chunk::<OLDER_HEADER>().filter(|(h, _)| h[0] & 0x80 != 0)
    {
        headers += 1;
        total += length_of(header);
        rest = after;
    }
    let (&own, mut frames) = rest.split_first()?;
    if own & 0x80 != 0 || headers > MAX_OLDER || total > frames.len() {
        return None;
    }
    let older = payload.get(..headers * OLDER_HEADER)?.as_chunks::<OLDER_HEADER>().0;
    let older = older.iter().map(|header| (header[0] & 0x7f, age_of(header), Some(length_of(header))));
    Some(older.chain([(own, 0, None)]).map(move |(payload_type, age, length)| {
        let (payload, after) = frames.split_at(length.unwrap_or(frames.len()).min(frames.len()));
        frames = after;
        Block { payload_type, age, payload }
    }))
}

fn age_of(header: &[u8; OLDER_HEADER]) -> u32 {
    u32::from(header[1]) << 6 | u32::from(header[2]) >> 2
}

fn length_of(header: &[u8; OLDER_HEADER]) -> usize {
    usize::from(header[2] & 3) << 8 | usize::from(header[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_frames_come_first_with_their_age() {
        // 960 << 2 is 0x0F00: age 960, length 2.
        let payload = [0xef, 0x0f, 0x00, 2, 111, 1, 2, 3];
        let found: Vec<_> = blocks(&payload).expect("valid").collect();
        assert_eq!(found[0], Block { payload_type: 111, age: 960, payload: &[1, 2] });
        assert_eq!(found[1], Block { payload_type: 111, age: 0, payload: &[3] });
        assert_eq!(blocks(&[111]).expect("an empty frame").count(), 1);
    }

    #[test]
    fn what_is_cut_short_or_too_much_is_refused() {
        assert!(blocks(&[]).is_none());
        assert!(blocks(&[0xef, 0, 0, 2, 111, 1]).is_none());
        assert!(blocks(&[0xef, 0, 0]).is_none());
        assert!(blocks(&[0xef; 200]).is_none());
        let nine: Vec<u8> = [0xef, 0, 0, 0].repeat(9).into_iter().chain([111]).collect();
        assert!(blocks(&nine).is_none());
        assert_eq!(blocks(&nine[4..]).expect("eight").count(), 9);
    }
}
