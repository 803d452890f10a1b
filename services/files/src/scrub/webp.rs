//! WebP (RFC 9649): RIFF chunks. Kept: pixels, transparency, animation, colour profile.

use std::io::{BufRead, Seek, SeekFrom, Write};

use super::{MOST_FRAMES, Picture, ScrubError, Source, bearable};

const KEPT: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// VP8X: there is EXIF (0x08), there is XMP (0x04).
const METADATA_FLAGS: u8 = 0x0c;
const ANIMATION_FLAG: u8 = 0x02;

pub(super) fn scrub(
    from: &mut Source<impl BufRead>,
    to: &mut (impl Write + Seek),
) -> Result<Picture, ScrubError> {
    let [r, i, f, g, l0, l1, l2, l3, magic @ ..]: [u8; 12] = from.take()?;
    if [r, i, f, g] != *b"RIFF" || magic != *b"WEBP" {
        return Err(ScrubError::Broken);
    }
    let mut left =
        u64::from(u32::from_le_bytes([l0, l1, l2, l3])).checked_sub(4).ok_or(ScrubError::Broken)?;
    // The size is known at the end.
    to.write_all(b"RIFF\0\0\0\0WEBP")?;
    let mut written = 4_u32;
    let mut canvas = None;
    let mut animated = false;
    let mut frames = 0;
    let mut has_pixels = false;
    while left >= 8 {
        let name: [u8; 4] = from.take()?;
        let length = u32::from_le_bytes(from.take()?);
        let padded = u64::from(length) + u64::from(length & 1);
        left = left.checked_sub(8 + padded).ok_or(ScrubError::Broken)?;
        if !KEPT.contains(&&name) {
            from.skip(padded)?;
            continue;
        }
        to.write_all(&name)?;
        to.write_all(&length.to_le_bytes())?;
        written = u32::try_from(8 + padded)
            .ok()
            .and_then(|more| written.checked_add(more))
            .ok_or(ScrubError::Broken)?;
        let mut rest = padded;
        match &name {
            b"VP8X" => {
                let [flags, r0, r1, r2, w0, w1, w2, h0, h1, h2]: [u8; 10] = from.take()?;
                let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
                canvas = Some(bearable(side([w0, w1, w2]), side([h0, h1, h2]))?);
                animated = flags & ANIMATION_FLAG != 0;
                to.write_all(&[flags & !METADATA_FLAGS, r0, r1, r2, w0, w1, w2, h0, h1, h2])?;
                rest = rest.checked_sub(10).ok_or(ScrubError::Broken)?;
            }
            b"VP8 " => {
                let header: [u8; 10] = from.take()?;
                let [_, _, _, s0, s1, s2, w0, w1, h0, h1] = header;
                if [s0, s1, s2] != [0x9d, 0x01, 0x2a] {
                    return Err(ScrubError::Broken);
                }
                let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                let size = bearable(side(w0, w1), side(h0, h1))?;
                canvas.get_or_insert(size);
                has_pixels = true;
                to.write_all(&header)?;
                rest = rest.checked_sub(10).ok_or(ScrubError::Broken)?;
            }
            b"VP8L" => {
                let header: [u8; 5] = from.take()?;
                let [signature, b0, b1, b2, b3] = header;
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                if signature != 0x2f {
                    return Err(ScrubError::Broken);
                }
                let size = bearable((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)?;
                canvas.get_or_insert(size);
                has_pixels = true;
                to.write_all(&header)?;
                rest = rest.checked_sub(5).ok_or(ScrubError::Broken)?;
            }
            b"ANMF" => {
                frames += 1;
                has_pixels = true;
                if frames > MOST_FRAMES {
                    return Err(ScrubError::TooManyPixels);
                }
            }
            _ => {}
        }
        from.copy(rest, to)?;
    }
    let (width, height) = canvas.filter(|_| has_pixels).ok_or(ScrubError::Broken)?;
    to.seek(SeekFrom::Start(4))?;
    to.write_all(&written.to_le_bytes())?;
    Ok(Picture { width, height, animated: animated && frames > 1 })
}
