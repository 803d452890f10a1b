//! JPEG (ITU-T T.81): segments up to the end of the image. Kept: what the picture is decoded from, its colour profile,
//! and which way up it is.

use std::io::{BufRead, Write};

use super::{Picture, ScrubError, Source, bearable};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;
const COM: u8 = 0xfe;
/// Bytes looked at to tell what an APPn segment holds.
const EXIF: &[u8] = b"Exif\0\0";

pub(super) fn scrub(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<Picture, ScrubError> {
    if from.take()? != [0xff, SOI] {
        return Err(ScrubError::Broken);
    }
    to.write_all(&[0xff, SOI])?;
    let mut size = None;
    let mut orientation = 1;
    let mut has_scan = false;
    let mut marker = next_marker(from)?;
    loop {
        match marker {
            EOI => {
                to.write_all(&[0xff, EOI])?;
                let (width, height) = size.filter(|_| has_scan).ok_or(ScrubError::Broken)?;
                let lies = orientation >= 5;
                let (width, height) = if lies { (height, width) } else { (width, height) };
                return Ok(Picture { width, height, animated: false });
            }
            // Restart markers and the like stand within scans only.
            0x01 | 0xd0..=0xd8 => return Err(ScrubError::Broken),
            _ => {}
        }
        let length = u16::from_be_bytes(from.take()?);
        let payload = from.piece(usize::from(length.checked_sub(2).ok_or(ScrubError::Broken)?))?;
        if marker == APP1 && payload.starts_with(EXIF) && orientation == 1 {
            orientation = exif_orientation(payload.get(EXIF.len()..).unwrap_or_default()).unwrap_or(1);
            if orientation != 1 {
                to.write_all(&upright(orientation))?;
            }
        }
        // Start of frame, of every process; C4, C8 and CC are other things.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let [_, h1, h0, w1, w0, ..] = payload[..] else { return Err(ScrubError::Broken) };
            let found = bearable(u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into())?;
            if size.replace(found).is_some() {
                return Err(ScrubError::Broken);
            }
        }
        if is_kept(marker, &payload) {
            to.write_all(&[0xff, marker])?;
            to.write_all(&length.to_be_bytes())?;
            to.write_all(&payload)?;
        }
        marker = if marker == SOS {
            has_scan = true;
            scan(from, to)?
        } else {
            next_marker(from)?
        };
    }
}

fn is_kept(marker: u8, payload: &[u8]) -> bool {
    match marker {
        APP0 => payload.starts_with(b"JFIF\0"),
        APP2 => payload.starts_with(b"ICC_PROFILE\0"),
        // Says how colours are coded.
        APP14 => payload.starts_with(b"Adobe"),
        COM => false,
        _ => !(APP0..=APP15).contains(&marker),
    }
}

/// `FF`, any number of times, then the marker.
fn next_marker(from: &mut Source<impl BufRead>) -> Result<u8, ScrubError> {
    if from.byte()? != 0xff {
        return Err(ScrubError::Broken);
    }
    loop {
        match from.byte()? {
            0xff => {}
            0 => return Err(ScrubError::Broken),
            marker => return Ok(marker),
        }
    }
}

/// Copies entropy-coded data; returns the marker after it.
fn scan(from: &mut Source<impl BufRead>, to: &mut impl Write) -> Result<u8, ScrubError> {
    loop {
        let buffer = from.0.fill_buf()?;
        if buffer.is_empty() {
            return Err(ScrubError::Broken);
        }
        let plain = buffer.iter().position(|byte| *byte == 0xff).unwrap_or(buffer.len());
        to.write_all(&buffer[..plain])?;
        let met = plain < buffer.len();
        from.0.consume(plain);
        if !met {
            continue;
        }
        from.byte()?;
        let mut code = from.byte()?;
        while code == 0xff {
            code = from.byte()?;
        }
        match code {
            // A stuffed byte, or a restart.
            0 | 0xd0..=0xd7 => to.write_all(&[0xff, code])?,
            marker => return Ok(marker),
        }
    }
}

/// The orientation in EXIF's first directory (TIFF 6.0, tag 0x0112), 1 to 8.
fn exif_orientation(tiff: &[u8]) -> Option<u16> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at + 2)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let first: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let first = if big { u32::from_be_bytes(first) } else { u32::from_le_bytes(first) };
    let directory = usize::try_from(first).ok().filter(|at| *at < tiff.len())?;
    (0..usize::from(short(directory)?))
        .find_map(|index| {
            let entry = directory + 2 + index * 12;
            (short(entry)? == 0x0112).then(|| short(entry + 8)).flatten()
        })
        .filter(|orientation| (1..=8).contains(orientation))
}

/// An EXIF segment that says nothing but which way up.
fn upright(orientation: u16) -> Vec<u8> {
    let mut segment = vec![0xff, APP1, 0, 34];
    segment.extend_from_slice(EXIF);
    segment.extend_from_slice(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01");
    segment.extend_from_slice(&orientation.to_be_bytes());
    segment.extend_from_slice(&[0; 6]);
    segment
}
