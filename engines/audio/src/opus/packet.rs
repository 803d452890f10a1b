//! An Opus packet, read and checked before libopus sees a byte (RFC 6716 §3).

use crate::{Channels, SAMPLE_RATE};

/// RFC 6716 §3.2.5: at most 120 ms, which is 48 frames of 2.5 ms.
const MAX_FRAMES: usize = 48;
/// RFC 6716 §3.2.5: 120 ms at 48 kHz.
pub const MAX_PACKET_SAMPLES: usize = 5_760;
/// RFC 6716 §3.2.1: what two bytes of length can say.
const MAX_FRAME_BYTES: usize = 1_275;

/// Why bytes are no Opus packet. Each names the requirement of RFC 6716 §3.4 that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// R1: not even the first byte.
    #[error("an empty packet")]
    Empty,
    /// R2: a frame longer than 1,275 bytes.
    #[error("a frame of more than 1275 bytes")]
    FrameTooLong,
    /// R3 and R6: what is left cannot be shared out equally.
    #[error("frames of unequal length in a packet that says they are equal")]
    Uneven,
    /// R4 to R7: lengths or padding point past the end.
    #[error("cut short")]
    CutShort,
    /// R5: no frame, or more than 120 ms.
    #[error("no frame, or more than 120 ms")]
    Duration,
}

/// What codes the sound (RFC 6716 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Linear prediction: speech at low rates, the only one with in-band FEC.
    Silk,
    /// SILK below 8 kHz, CELT above it.
    Hybrid,
    /// The transform codec.
    Celt,
}

/// A packet whose frames lie within it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    /// Where the first frame begins; each follows the one before it.
    first: usize,
    lengths: [u16; MAX_FRAMES],
    count: u8,
}

impl<'a> Packet<'a> {
    /// Reads the table of contents and the lengths.
    ///
    /// # Errors
    /// When one of the requirements of RFC 6716 §3.4 is broken.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let (&toc, rest) = bytes.split_first().ok_or(PacketError::Empty)?;
        let mut reader =
            Reader { rest, frames: Packet { bytes, first: 0, lengths: [0; MAX_FRAMES], count: 0 } };
        match toc & 3 {
            0 => reader.equal(1, 0)?,
            1 => reader.equal(2, 0)?,
            2 => {
                let first = reader.length()?;
                reader.frame(first)?;
                reader.last(first, 0)?;
            }
            _ => reader.counted(toc)?,
        }
        Ok(reader.frames)
    }

    /// All of it, as it came.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn toc(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// What codes it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.toc() >> 3 {
            0..=11 => Mode::Silk,
            12..=15 => Mode::Hybrid,
            _ => Mode::Celt,
        }
    }

    /// Mono or stereo as coded, which a decoder turns into what it was made for.
    #[must_use]
    pub fn channels(&self) -> Channels {
        if self.toc() & 4 == 0 { Channels::Mono } else { Channels::Stereo }
    }

    /// Frames in it, 1 to 48.
    #[must_use]
    pub const fn frame_count(&self) -> usize {
        self.count as usize
    }

    /// Samples in each frame, 120 to 2,880.
    #[must_use]
    pub fn frame_samples(&self) -> usize {
        frame_samples(self.toc())
    }

    /// Samples in all, 120 to 5,760.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.frame_samples() * self.frame_count()
    }

    /// The frames; an empty one was not sent (DTX) or lost before it was packed.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let mut rest = self.bytes.get(self.first..).unwrap_or_default();
        let count = usize::from(self.count);
        self.lengths.into_iter().take(count).map(move |length| {
            let (frame, after) = rest.split_at(usize::from(length).min(rest.len()));
            rest = after;
            frame
        })
    }

    /// Nothing but the mark that the speaker is silent (DTX): frames of at most two bytes, as RFC 6716 §2.1.9 and
    /// libopus have it.
    #[must_use]
    pub fn is_dtx(&self) -> bool {
        self.bytes.len() <= 2
    }

    /// Whether there is something in the padding: extensions, of which DRED is one.
    #[must_use]
    pub fn has_extensions(&self) -> bool {
        let frames: usize =
            self.lengths.iter().take(usize::from(self.count)).map(|length| usize::from(*length)).sum();
        self.bytes.get(self.first + frames..).unwrap_or_default().iter().any(|byte| *byte != 0)
    }

    /// Whether it carries the frame before it once more (RFC 6716 §4.2.4: the LBRR flags, which follow one voice
    /// activity flag for each 20 ms).
    #[must_use]
    pub fn has_fec(&self) -> bool {
        let Some(&header) = self.frames().next().and_then(<[u8]>::first) else { return false };
        let inner = (self.frame_samples() / 960).max(1);
        let flag = |at: usize| header >> 7_usize.saturating_sub(at) & 1 == 1;
        match (self.mode(), self.channels()) {
            (Mode::Celt, _) => false,
            (_, Channels::Mono) => flag(inner),
            (_, Channels::Stereo) => flag(inner) || flag(2 * inner + 1),
        }
    }
}

/// RFC 6716 §3.1, table 2.
fn frame_samples(toc: u8) -> usize {
    let per_ms = SAMPLE_RATE as usize / 1_000;
    let config = usize::from(toc >> 3);
    match config {
        0..=11 => per_ms * [10, 20, 40, 60][config & 3],
        12..=15 => per_ms * [10, 20][config & 1],
        _ => (per_ms * 5 / 2) << (config & 3),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    frames: Packet<'a>,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<usize, PacketError> {
        let (&byte, rest) = self.rest.split_first().ok_or(PacketError::CutShort)?;
        self.rest = rest;
        Ok(usize::from(byte))
    }

    /// RFC 6716 §3.2.1.
    fn length(&mut self) -> Result<usize, PacketError> {
        match self.byte()? {
            first @ 252.. => Ok(first + 4 * self.byte()?),
            first => Ok(first),
        }
    }

    fn frame(&mut self, length: usize) -> Result<(), PacketError> {
        if length > MAX_FRAME_BYTES {
            return Err(PacketError::FrameTooLong);
        }
        let place =
            self.frames.lengths.get_mut(usize::from(self.frames.count)).ok_or(PacketError::Duration)?;
        *place = u16::try_from(length).map_err(|_| PacketError::FrameTooLong)?;
        self.frames.count += 1;
        Ok(())
    }

    /// All frames but one are counted: it is what is left.
    fn last(&mut self, others: usize, padding: usize) -> Result<(), PacketError> {
        self.frames.first = self.frames.bytes.len() - padding - self.rest.len();
        self.frame(self.rest.len().checked_sub(others).ok_or(PacketError::CutShort)?)
    }

    fn equal(&mut self, count: usize, padding: usize) -> Result<(), PacketError> {
        if !self.rest.len().is_multiple_of(count) {
            return Err(PacketError::Uneven);
        }
        let length = self.rest.len() / count;
        self.frames.first = self.frames.bytes.len() - padding - self.rest.len();
        (0..count).try_for_each(|_| self.frame(length))
    }

    /// RFC 6716 §3.2.5: any number of frames, with padding behind them.
    fn counted(&mut self, toc: u8) -> Result<(), PacketError> {
        let header = self.byte()?;
        let count = header & 0x3f;
        if count == 0 || count * frame_samples(toc) > MAX_PACKET_SAMPLES {
            return Err(PacketError::Duration);
        }
        let mut padding = 0;
        if header & 0x40 != 0 {
            loop {
                match self.byte()? {
                    255 => padding += 254,
                    more => break padding += more,
                }
            }
        }
        if header & 0x80 == 0 {
            self.drop_padding(padding)?;
            return self.equal(count, padding);
        }
        // The lengths come before the frames, and the padding behind both.
        let mut others = 0;
        for _ in 1..count {
            let length = self.length()?;
            self.frame(length)?;
            others += length;
        }
        self.drop_padding(padding)?;
        self.last(others, padding)
    }

    fn drop_padding(&mut self, padding: usize) -> Result<(), PacketError> {
        let kept = self.rest.len().checked_sub(padding).ok_or(PacketError::CutShort)?;
        self.rest = self.rest.get(..kept).ok_or(PacketError::CutShort)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<(usize, Vec<usize>), PacketError> {
        let packet = Packet::parse(bytes)?;
        assert_eq!(packet.frames().len(), packet.frame_count());
        Ok((packet.samples(), packet.frames().map(<[u8]>::len).collect()))
    }

    #[test]
    fn every_configuration_has_its_duration() {
        let samples = |config: u8| Packet::parse(&[config << 3, 1]).map(|packet| packet.samples());
        for (config, expected) in
            [(0, 480), (3, 2_880), (5, 960), (12, 480), (15, 960), (16, 120), (19, 960), (31, 960)]
        {
            assert_eq!(samples(config), Ok(expected), "{config}");
        }
        assert_eq!(Packet::parse(&[0x7c, 1]).map(|packet| packet.channels()), Ok(Channels::Stereo));
    }

    #[test]
    fn one_two_or_many_frames_are_found() {
        let many = |bytes: &[u8]| parse(bytes);
        assert_eq!(many(&[0x98, 1, 2, 3]), Ok((960, vec![3])));
        assert_eq!(many(&[0x98]), Ok((960, vec![0])));
        assert_eq!(many(&[0x99, 1, 2, 3, 4]), Ok((1_920, vec![2, 2])));
        assert_eq!(many(&[0x9a, 1, 7, 8, 9]), Ok((1_920, vec![1, 2])));
        assert_eq!(many(&[0x9b, 0x03, 1, 2, 3]), Ok((2_880, vec![1, 1, 1])));
        assert_eq!(many(&[0x9b, 0x83, 2, 0, 7, 8, 9]), Ok((2_880, vec![2, 0, 1])));
        let long = [&[0x9a, 252, 1][..], &[5; 256], &[6; 3]].concat();
        assert_eq!(many(&long), Ok((1_920, vec![256, 3])));
    }

    #[test]
    fn padding_is_no_sound_but_may_hold_extensions() {
        let padded = |padding: u8| [0x9b, 0x42, 3, 1, 2, 0, 0, padding];
        assert_eq!(parse(&padded(0)), Ok((1_920, vec![1, 1])));
        assert!(!Packet::parse(&padded(0)).expect("valid").has_extensions());
        assert!(Packet::parse(&padded(9)).expect("valid").has_extensions());
        let variable = [0x9b, 0xc2, 1, 1, 8, 9, 0];
        let packet = Packet::parse(&variable).expect("valid");
        assert_eq!(packet.frames().collect::<Vec<_>>(), [&[8][..], &[9]]);
        let longer = [&[0x9b, 0x41, 255, 1, 5][..], &[0; 255]].concat();
        assert_eq!(parse(&longer), Ok((960, vec![1])));
    }

    #[test]
    fn each_requirement_that_is_broken_has_its_name() {
        for (bytes, expected) in [
            (&[][..], PacketError::Empty),
            (&[0x98; 1_277], PacketError::FrameTooLong),
            (&[0x99, 1], PacketError::Uneven),
            (&[0x9a], PacketError::CutShort),
            (&[0x9a, 4, 1], PacketError::CutShort),
            (&[0x9a, 252], PacketError::CutShort),
            (&[0x9b], PacketError::CutShort),
            (&[0x9b, 0], PacketError::Duration),
            (&[0x9b, 7], PacketError::Duration),
            (&[0x83, 49], PacketError::Duration),
            (&[0x9b, 2, 1], PacketError::Uneven),
            (&[0x9b, 0x42, 9, 1, 2], PacketError::CutShort),
            (&[0x9b, 0x82, 9, 1, 2], PacketError::CutShort),
        ] {
            assert_eq!(parse(bytes), Err(expected), "{bytes:x?}");
        }
    }
}
