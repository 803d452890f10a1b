//! PNG (W3C PNG 3): chunks up to IEND. Kept: what the picture and its colours are made from.

use std::io::{BufRead, Write};

use super::{MOST_FRAMES, Picture, ScrubError, Source, bearable};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Chunks that are pixels or colours. No text, no times, no EXIF.
const KEPT: [&[u8; 4]; 19] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"hIST", b"acTL", b"fcTL", b"fdAT",
];
/// A colour profile, compressed: real ones have a few KiB, the biggest half a MiB.
const MOST_PROFILE: u32 = 1024 * 1024;

pub(super) fn scrub(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<Picture, ScrubError> {
    if from.take()? != SIGNATURE {
        return Err(ScrubError::Broken);
    }
    to.write_all(&SIGNATURE)?;
    let mut size = None;
    let mut frames = 0;
    let mut has_pixels = false;
    loop {
        let length = u32::from_be_bytes(from.take()?);
        let name: [u8; 4] = from.take()?;
        if length > i32::MAX.cast_unsigned() || (size.is_none() && &name != b"IHDR") {
            return Err(ScrubError::Broken);
        }
        let kept = KEPT.contains(&&name) && !(&name == b"iCCP" && length > MOST_PROFILE);
        if kept {
            to.write_all(&length.to_be_bytes())?;
            to.write_all(&name)?;
        }
        match &name {
            b"IHDR" => {
                let header: [u8; 13] = from.take()?;
                let [w3, w2, w1, w0, h3, h2, h1, h0, ..] = header;
                if length != 13 || size.is_some() {
                    return Err(ScrubError::Broken);
                }
                let (width, height) =
                    (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
                size = Some(bearable(width, height)?);
                to.write_all(&header)?;
                from.copy(4, to)?;
                continue;
            }
            b"IDAT" => has_pixels = true,
            b"fcTL" => frames += 1,
            _ => {}
        }
        if frames > MOST_FRAMES {
            return Err(ScrubError::TooManyPixels);
        }
        // The checksum goes with its chunk.
        let rest = u64::from(length) + 4;
        if kept {
            from.copy(rest, to)?
        } else {
            from.skip(rest)?
        }
        if &name == b"IEND" {
            let (width, height) = size.filter(|_| has_pixels).ok_or(ScrubError::Broken)?;
            return Ok(Picture { width, height, animated: frames > 1 });
        }
    }
}
