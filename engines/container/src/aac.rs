//! What containers say and need to know about AAC: its configuration, and ADTS, the stream that encoders write. Nothing is
//! decoded.

/// Samples in a frame (ISO/IEC 14496-3 §4.5.1.1; the shorter frames of 960 are not in ADTS).
pub const SAMPLES: u32 = 1_024;
/// Indices above are no rates of their own.
const LAST_RATE: u8 = 12;
/// The head of a frame, without and with a checksum (ISO/IEC 14496-3 §1.A.2).
const HEAD: usize = 7;
const HEAD_AND_CHECK: usize = 9;

/// What a decoder must know before the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AacConfig {
    /// The object type, 1 to 4: 2 is LC, which everything plays.
    object: u8,
    /// The index of the rate, 0 to [`LAST_RATE`].
    rate: u8,
    /// 1 to 7 (ISO/IEC 14496-3 table 1.19).
    channels: u8,
}

impl AacConfig {
    /// LC in stereo at 48 kHz.
    pub const STEREO: Self = Self { object: 2, rate: 3, channels: 2 };

    /// Samples a second (ISO/IEC 14496-3 table 1.18).
    #[must_use]
    pub const fn rate(self) -> u32 {
        match self.rate {
            0 => 96_000,
            1 => 88_200,
            2 => 64_000,
            3 => 48_000,
            4 => 44_100,
            5 => 32_000,
            6 => 24_000,
            7 => 22_050,
            8 => 16_000,
            9 => 12_000,
            10 => 11_025,
            11 => 8_000,
            _ => 7_350,
        }
    }

    /// The object type, 1 to 4.
    #[must_use]
    pub const fn object(self) -> u8 {
        self.object
    }

    /// The channel configuration, 1 to 7: 2 is stereo.
    #[must_use]
    pub const fn channels(self) -> u8 {
        self.channels
    }

    /// `AudioSpecificConfig` (ISO/IEC 14496-3 §1.6.2.1).
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        [self.object << 3 | self.rate >> 1, self.rate << 7 | self.channels << 3]
    }
}

/// It is no ADTS, or none that we know: more than one block in a frame, or channels that are told elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no ADTS, or none with one block in each frame")]
pub struct AdtsError;

/// Takes ADTS in pieces of any size and gives its frames.
#[derive(Debug, Default)]
pub struct Adts {
    /// What is no whole frame yet, behind what was taken.
    bytes: Vec<u8>,
    taken: usize,
}

impl Adts {
    /// What came next. Call [`Self::poll`] until there is nothing before the next piece: then no more than a piece and a
    /// frame (8 KiB) are held.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        self.taken = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole frame, without its head.
    ///
    /// # Errors
    /// [`AdtsError`]: nothing good comes any more.
    pub fn poll(&mut self) -> Result<Option<(AacConfig, Vec<u8>)>, AdtsError> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some([first, second, b2, b3, b4, b5, b6]) = rest.first_chunk::<HEAD>() else { return Ok(None) };
        // Twelve ones, then a layer of none.
        if *first != 0xff || second & 0xf6 != 0xf0 {
            return Err(AdtsError);
        }
        let head = if second & 1 == 1 { HEAD } else { HEAD_AND_CHECK };
        let length = usize::from(b3 & 3) << 11 | usize::from(*b4) << 3 | usize::from(b5 >> 5);
        let (object, rate, channels) = ((b2 >> 6) + 1, b2 >> 2 & 0xf, (b2 & 1) << 2 | b3 >> 6);
        let is_known = rate <= LAST_RATE && channels > 0 && b6 & 3 == 0;
        if length <= head || !is_known {
            return Err(AdtsError);
        }
        let Some(payload) = rest.get(head..length) else { return Ok(None) };
        let payload = payload.to_vec();
        self.taken += length;
        Ok(Some((AacConfig { object, rate, channels }, payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Silence, as ffmpeg writes it.
    const FRAME: [u8; 13] = [0xff, 0xf1, 0x4c, 0x80, 0x01, 0xbf, 0xfc, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];

    #[test]
    fn frames_come_out_of_pieces_of_any_size() {
        let stream = [FRAME; 5].concat();
        for size in 1..stream.len() {
            let (mut adts, mut frames) = (Adts::default(), Vec::new());
            for piece in stream.chunks(size) {
                adts.push(piece);
                while let Ok(Some(frame)) = adts.poll() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 5, "in pieces of {size}");
            assert!(frames.iter().all(|one| *one == (AacConfig::STEREO, FRAME[HEAD..].to_vec())));
        }
        assert_eq!((AacConfig::STEREO.rate(), AacConfig::STEREO.to_bytes()), (48_000, [0x11, 0x90]));
    }

    #[test]
    fn what_is_none_is_said_to_be_none() {
        let changed = |at: usize, to: u8| {
            let mut frame = FRAME;
            frame[at] = to;
            let mut adts = Adts::default();
            adts.push(&frame);
            adts.poll()
        };
        assert_eq!(changed(0, 0xfe), Err(AdtsError));
        assert_eq!(changed(2, 0x7c), Err(AdtsError), "a rate that there is not");
        assert_eq!(changed(3, 0), Err(AdtsError), "channels that are told elsewhere");
        assert_eq!((changed(4, 0), changed(6, 0xfd)), (Err(AdtsError), Err(AdtsError)));
        assert_eq!(changed(1, 0xf0), Ok(Some((AacConfig::STEREO, FRAME[HEAD_AND_CHECK..].to_vec()))));
        let mut adts = Adts::default();
        adts.push(&FRAME[..12]);
        assert_eq!(adts.poll(), Ok(None), "the rest may come");
    }
}
