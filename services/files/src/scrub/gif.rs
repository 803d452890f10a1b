//! GIF 89a: blocks up to the trailer. Kept: frames, their timing, how often they repeat.

use std::io::{BufRead, Write};

use super::{MOST_FRAMES, Picture, ScrubError, Source, bearable};

pub(super) fn scrub(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<Picture, ScrubError> {
    let header: [u8; 13] = from.take()?;
    if !header.starts_with(b"GIF87a") && !header.starts_with(b"GIF89a") {
        return Err(ScrubError::Broken);
    }
    let [.., w0, w1, h0, h1, packed, _, _] = header;
    let (width, height) = bearable(u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into())?;
    to.write_all(&header)?;
    colours(packed, from, to)?;
    let mut frames = 0;
    loop {
        // Some writers forget the trailer; every browser minds as little.
        let block = if from.is_at_end()? { 0x3b } else { from.byte()? };
        match block {
            0x3b if frames > 0 => {
                to.write_all(&[0x3b])?;
                return Ok(Picture { width, height, animated: frames > 1 });
            }
            0x2c => {
                frames += 1;
                if frames > MOST_FRAMES {
                    return Err(ScrubError::TooManyPixels);
                }
                let frame: [u8; 9] = from.take()?;
                to.write_all(&[0x2c])?;
                to.write_all(&frame)?;
                colours(frame[8], from, to)?;
                from.copy(1, to)?;
                blocks(from, to)?;
            }
            0x21 => extension(from, to)?,
            _ => return Err(ScrubError::Broken),
        }
    }
}

/// A colour table, when the packed byte says that there is one.
fn colours(packed: u8, from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<(), ScrubError> {
    if packed & 0x80 != 0 { from.copy(3 << ((packed & 7) + 1), to) } else { Ok(()) }
}

/// Blocks of up to 255 bytes until an empty one.
fn blocks(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<(), ScrubError> {
    loop {
        let length = from.byte()?;
        to.write_all(&[length])?;
        if length == 0 {
            return Ok(());
        }
        from.copy(length.into(), to)?;
    }
}

fn extension(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<(), ScrubError> {
    let label = from.byte()?;
    let first_length = from.byte()?;
    let first = from.piece(first_length.into())?;
    let kept = match label {
        // How a frame is shown.
        0xf9 => true,
        // How often they repeat; other applications keep XMP and the like here.
        0xff => first == b"NETSCAPE2.0" || first == b"ANIMEXTS1.0",
        _ => false,
    };
    if !kept {
        return if first_length == 0 { Ok(()) } else { blocks(from, &mut std::io::sink()) };
    }
    to.write_all(&[0x21, label, first_length])?;
    to.write_all(&first)?;
    if first_length == 0 { Ok(()) } else { blocks(from, to) }
}
