//! Takes out of a picture's file whatever is not the picture: places and serial numbers of cameras (EXIF, XMP, IPTC),
//! comments, hidden previews, anything behind its end. The pixels are not touched and nothing is decoded.
//!
//! What does not read as a whole picture of a bearable size is refused: it is kept as a mere file, never shown.

mod gif;
mod jpeg;
mod png;
mod webp;

use std::io::{self, BufRead, Read, Seek, Write};

use crate::media_type::PictureType;

/// Pixels of a picture: the biggest phones make 50 million; decoded that is 200 MB.
pub(crate) const MOST_PIXELS: u64 = 50_000_000;
/// Pixels of one side.
const LONGEST_SIDE: u32 = 32_768;
/// Frames of a moving picture: at 25 a second more than three minutes.
const MOST_FRAMES: u32 = 5_000;

/// What a picture's file says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Pixels, as it is shown (a photo may lie on its side in the file).
    pub(crate) width: u32,
    /// Pixels, as it is shown.
    pub(crate) height: u32,
    /// It moves.
    pub(crate) animated: bool,
}

/// Why it is no picture for us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrubError {
    /// Cut off, or not in its format.
    #[error("broken")]
    Broken,
    /// Too many pixels or frames.
    #[error("too many pixels")]
    TooManyPixels,
    /// The disk.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ScrubError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Broken } else { Self::Io(error) }
    }
}

/// Copies the picture without the rest.
pub(crate) fn scrub(
    kind: PictureType,
    from: impl BufRead,
    mut to: impl Write + Seek,
) -> Result<Picture, ScrubError> {
    let mut from = Source(from);
    let picture = match kind {
        PictureType::Png => png::scrub(&mut from, &mut to)?,
        PictureType::Jpeg => jpeg::scrub(&mut from, &mut to)?,
        PictureType::Gif => gif::scrub(&mut from, &mut to)?,
        PictureType::WebP => webp::scrub(&mut from, &mut to)?,
    };
    to.flush()?;
    Ok(picture)
}

/// Refuses sizes that nobody should decode.
fn bearable(width: u32, height: u32) -> Result<(u32, u32), ScrubError> {
    if width == 0 || height == 0 {
        return Err(ScrubError::Broken);
    }
    if width > LONGEST_SIDE || height > LONGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(ScrubError::TooManyPixels);
    }
    Ok((width, height))
}

/// A file that is read front to back.
struct Source<R>(R);

impl<R: BufRead> Source<R> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ScrubError> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, ScrubError> {
        Ok(self.take::<1>()?[0])
    }

    /// The next bytes, all of them in memory: for pieces whose format bounds them.
    fn piece(&mut self, length: usize) -> Result<Vec<u8>, ScrubError> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn copy(&mut self, length: u64, to: &mut impl Write) -> Result<(), ScrubError> {
        let copied = io::copy(&mut (&mut self.0).take(length), to)?;
        if copied == length { Ok(()) } else { Err(ScrubError::Broken) }
    }

    fn skip(&mut self, length: u64) -> Result<(), ScrubError> {
        self.copy(length, &mut io::sink())
    }

    fn is_at_end(&mut self) -> Result<bool, ScrubError> {
        Ok(self.0.fill_buf()?.is_empty())
    }
}

#[cfg(test)]
mod tests;
