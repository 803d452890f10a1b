//! How long sound and video last and how large a video is, from the headers of its file. Only told, so that a player
//! can take its place before it loads: a file that says nothing, or nonsense, has no answer.

use std::io::{self, Read, Seek, SeekFrom};

use crate::media_type::MediaType;

/// Headers that would hold more say nonsense.
const MOST_HEADER: u64 = 64 * 1024;
/// Boxes, chunks or elements looked at.
const MOST_PARTS: usize = 4096;
/// A day: longer is nonsense.
const LONGEST_MS: u64 = 24 * 3600 * 1000;

/// What the headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) dimensions: Option<(u32, u32)>,
    pub(crate) duration_ms: Option<u64>,
}

/// Reads the headers; an error is an answer as well: none.
pub(crate) fn read(media: MediaType, mut file: impl Read + Seek) -> io::Result<Told> {
    let mut told = Told::default();
    match media {
        MediaType::Mp4Video | MediaType::Mp4Audio => mp4(&mut file, &mut told)?,
        MediaType::Wav => told.duration_ms = wav(&mut file)?,
        MediaType::Flac => told.duration_ms = flac(&mut file)?,
        MediaType::Ogg => told.duration_ms = ogg(&mut file)?,
        MediaType::Mp3
        | MediaType::WebM
        | MediaType::Png
        | MediaType::Jpeg
        | MediaType::Gif
        | MediaType::WebP => {}
    }
    told.duration_ms = told.duration_ms.filter(|ms| (1..LONGEST_MS).contains(ms));
    told.dimensions = told
        .dimensions
        .filter(|(width, height)| (1..=16_384).contains(width) && (1..=16_384).contains(height));
    Ok(told)
}

fn array<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn milliseconds(units: u64, per_second: u64) -> Option<u64> {
    u64::try_from(u128::from(units) * 1000 / u128::from(per_second.max(1))).ok().filter(|_| per_second > 0)
}

/// ISO/IEC 14496-12: `moov` holds `mvhd` (duration) and for each track a `tkhd` (dimensions).
fn mp4(file: &mut (impl Read + Seek), told: &mut Told) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    // Where the boxes that we are inside of end; `moov` and `trak` are entered, all others stepped over.
    let mut at = 0;
    for _ in 0..MOST_PARTS {
        if at + 8 > end {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let [s3, s2, s1, s0, name @ ..]: [u8; 8] = array(file)?;
        let mut header = 8;
        let size = match u32::from_be_bytes([s3, s2, s1, s0]) {
            0 => end - at,
            1 => {
                header = 16;
                u64::from_be_bytes(array(file)?)
            }
            size => size.into(),
        };
        if size < header {
            break;
        }
        match &name {
            b"moov" | b"trak" => at += header,
            b"mvhd" | b"tkhd" => {
                let length = (size - header).min(MOST_HEADER);
                let mut body = Vec::new();
                file.take(length).read_to_end(&mut body)?;
                if &name == b"mvhd" {
                    told.duration_ms = movie_duration(&body);
                } else if told.dimensions.is_none() {
                    told.dimensions = track_dimensions(&body);
                }
                at = at.saturating_add(size);
            }
            _ => at = at.saturating_add(size),
        }
    }
    Ok(())
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn movie_duration(body: &[u8]) -> Option<u64> {
    let (scale, duration) = match body.first()? {
        0 => (be32(body, 12)?, u64::from(be32(body, 16)?)),
        _ => (be32(body, 20)?, be64(body, 24)?),
    };
    milliseconds(duration, scale.into())
}

/// The last two fields, 16.16 fixed point; 0 for sound. The matrix before them may turn the picture on its side.
fn track_dimensions(body: &[u8]) -> Option<(u32, u32)> {
    let matrix = if *body.first()? == 0 { 40 } else { 52 };
    let (width, height) = (be32(body, matrix + 36)? >> 16, be32(body, matrix + 40)? >> 16);
    let turned = be32(body, matrix)? == 0 && be32(body, matrix + 4)? != 0;
    (width > 0 && height > 0).then_some(if turned { (height, width) } else { (width, height) })
}

/// RIFF WAVE: bytes per second in `fmt `, bytes in `data`.
fn wav(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(12))?;
    let mut rate = None;
    for _ in 0..MOST_PARTS {
        let [n0, n1, n2, n3, s @ ..]: [u8; 8] = array(file)?;
        let size = u32::from_le_bytes(s);
        match &[n0, n1, n2, n3] {
            b"fmt " if size >= 16 => {
                let [.., r0, r1, r2, r3]: [u8; 12] = array(file)?;
                rate = Some(u32::from_le_bytes([r0, r1, r2, r3]));
                file.seek(SeekFrom::Current(i64::from(size + (size & 1)) - 12))?;
            }
            b"data" => return Ok(rate.and_then(|rate| milliseconds(size.into(), rate.into()))),
            _ => {
                file.seek(SeekFrom::Current(i64::from(size) + i64::from(size & 1)))?;
            }
        }
    }
    Ok(None)
}

/// RFC 9639 §8.2: STREAMINFO comes first; 20 bits of sample rate, 36 bits of samples.
fn flac(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(8 + 10))?;
    let bits = u64::from_be_bytes(array(file)?);
    Ok(milliseconds(bits & 0xf_ffff_ffff, bits >> 44))
}

/// RFC 3533: the last page's granule position, in samples. Opus counts at 48 kHz (RFC 7845), Vorbis says its rate.
fn ogg(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(256).read_to_end(&mut head)?;
    let find = |magic: &[u8]| head.windows(magic.len()).position(|window| window == magic);
    let rate = if find(b"OpusHead").is_some() {
        48_000
    } else if let Some(at) = find(b"\x01vorbis") {
        let bytes = head.get(at + 12..at + 16).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    } else {
        return Ok(None);
    };
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(end.saturating_sub(MOST_HEADER)))?;
    let mut tail = Vec::new();
    file.take(MOST_HEADER).read_to_end(&mut tail)?;
    let last = tail.windows(5).rposition(|window| window == b"OggS\0");
    let granule = last.and_then(|at| tail.get(at + 6..at + 14)).and_then(|bytes| bytes.try_into().ok());
    Ok(granule.map(u64::from_le_bytes).and_then(|samples| milliseconds(samples, rate.into())))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn told(media: MediaType, bytes: Vec<u8>) -> Told {
        read(media, Cursor::new(bytes)).unwrap_or_default()
    }

    fn mp4_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(u32::try_from(body.len()).unwrap_or(0) + 8).to_be_bytes()[..], name, body].concat()
    }

    #[test]
    fn a_video_says_its_size_and_length() {
        let mut movie = vec![0; 100];
        movie[12..16].copy_from_slice(&600_u32.to_be_bytes());
        movie[16..20].copy_from_slice(&900_u32.to_be_bytes());
        let mut track = vec![0; 84];
        track[40..44].copy_from_slice(&0x1_0000_u32.to_be_bytes());
        track[76..80].copy_from_slice(&(1280_u32 << 16).to_be_bytes());
        track[80..84].copy_from_slice(&(720_u32 << 16).to_be_bytes());
        let moov = [mp4_box(b"mvhd", &movie), mp4_box(b"trak", &mp4_box(b"tkhd", &track))].concat();
        let file = [mp4_box(b"ftyp", b"isom\0\0\0\0"), mp4_box(b"mdat", &[0; 999]), mp4_box(b"moov", &moov)]
            .concat();
        let wanted = Told { dimensions: Some((1280, 720)), duration_ms: Some(1500) };
        assert_eq!(told(MediaType::Mp4Video, file), wanted);
    }

    #[test]
    fn a_sound_says_its_length() {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend_from_slice(&8000_u32.to_le_bytes());
        wav.extend_from_slice(&16_000_u32.to_le_bytes());
        wav.extend_from_slice(&[2, 0, 16, 0]);
        wav.extend_from_slice(b"data");
        wav.extend_from_slice(&32_000_u32.to_le_bytes());
        assert_eq!(told(MediaType::Wav, wav).duration_ms, Some(2000));
        let mut flac = b"fLaC\0\0\0\x22".to_vec();
        flac.extend_from_slice(&[0; 10]);
        flac.extend_from_slice(&(44_100_u64 << 44 | 88_200).to_be_bytes());
        assert_eq!(told(MediaType::Flac, flac).duration_ms, Some(2000));
    }

    #[test]
    fn nonsense_has_no_answer() {
        for media in [MediaType::Mp4Video, MediaType::Wav, MediaType::Flac, MediaType::Ogg, MediaType::Mp3] {
            for bytes in [vec![], vec![0; 7], vec![0; 4096], b"OggS\0OpusHeadOggS\0".to_vec()] {
                assert_eq!(told(media, bytes), Told::default(), "{media:?}");
            }
        }
        // A box that says it is longer than the file, and one that is empty for ever.
        assert_eq!(told(MediaType::Mp4Video, b"\xff\xff\xff\xffmoov".to_vec()), Told::default());
    }
}
