#![allow(clippy::unwrap_used)]
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::*;

fn drawn(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn scrubbed(kind: PictureType, bytes: &[u8]) -> Result<(Picture, Vec<u8>), ScrubError> {
    let mut out = Cursor::new(Vec::new());
    let picture = scrub(kind, bytes, &mut out)?;
    Ok((picture, out.into_inner()))
}

const SECRET: &[u8] = b"N 56.9496 E 24.1052";

/// The same picture as its file would be from a camera that knows where it is.
fn with_secret(kind: PictureType, orientation: u8) -> Vec<u8> {
    let tiff = |orientation: u8| {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        tiff.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
        tiff.extend_from_slice(SECRET);
        tiff
    };
    match kind {
        PictureType::Jpeg => {
            let bytes = drawn(ImageFormat::Jpeg, 40, 20);
            let mut out = bytes[..2].to_vec();
            for (marker, payload) in [
                (0xe1, [b"Exif\0\0".to_vec(), tiff(orientation)].concat()),
                (0xe1, [b"http://ns.adobe.com/xap/1.0/\0".to_vec(), SECRET.to_vec()].concat()),
                (0xed, [b"Photoshop 3.0\0".to_vec(), SECRET.to_vec()].concat()),
                (0xfe, SECRET.to_vec()),
            ] {
                out.extend_from_slice(&[0xff, marker]);
                out.extend_from_slice(&(payload.len() as u16 + 2).to_be_bytes());
                out.extend_from_slice(&payload);
            }
            out.extend_from_slice(&bytes[2..]);
            out.extend_from_slice(SECRET);
            out
        }
        PictureType::Png => {
            let bytes = drawn(ImageFormat::Png, 40, 20);
            let mut out = bytes[..33].to_vec();
            for (name, payload) in
                [(b"eXIf", tiff(1)), (b"tEXt", SECRET.to_vec()), (b"iTXt", SECRET.to_vec())]
            {
                out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
                out.extend_from_slice(name);
                out.extend_from_slice(&payload);
                out.extend_from_slice(&[0; 4]);
            }
            out.extend_from_slice(&bytes[33..]);
            out.extend_from_slice(SECRET);
            out
        }
        PictureType::WebP => {
            let bytes = drawn(ImageFormat::WebP, 40, 20);
            let mut chunks = b"VP8X\x0a\0\0\0\x0c\0\0\0\x27\0\0\x13\0\0".to_vec();
            chunks.extend_from_slice(&bytes[12..]);
            for name in [b"EXIF", b"XMP "] {
                chunks.extend_from_slice(name);
                chunks.extend_from_slice(&(SECRET.len() as u32).to_le_bytes());
                chunks.extend_from_slice(SECRET);
                chunks.push(0);
            }
            let mut out = b"RIFF".to_vec();
            out.extend_from_slice(&(chunks.len() as u32 + 4).to_le_bytes());
            out.extend_from_slice(b"WEBP");
            out.extend_from_slice(&chunks);
            out.extend_from_slice(SECRET);
            out
        }
        PictureType::Gif => {
            let mut out = drawn(ImageFormat::Gif, 40, 20);
            out.pop();
            out.extend_from_slice(&[0x21, 0xfe, SECRET.len() as u8]);
            out.extend_from_slice(SECRET);
            out.extend_from_slice(&[0, 0x21, 0xff, 11]);
            out.extend_from_slice(b"XMP DataXMP");
            out.push(SECRET.len() as u8);
            out.extend_from_slice(SECRET);
            out.extend_from_slice(&[0, 0x3b]);
            out.extend_from_slice(SECRET);
            out
        }
    }
}

const ALL: [PictureType; 4] = [PictureType::Png, PictureType::Jpeg, PictureType::Gif, PictureType::WebP];

#[test]
fn the_place_is_gone_and_the_pixels_are_the_same() {
    for kind in ALL {
        let bytes = with_secret(kind, 1);
        let (picture, out) = scrubbed(kind, &bytes).unwrap();
        assert_eq!(picture, Picture { width: 40, height: 20, animated: false }, "{kind:?}");
        assert!(!out.windows(SECRET.len()).any(|window| window == SECRET), "{kind:?}");
        let pixels =
            |bytes: &[u8]| image::load_from_memory_with_format(bytes, kind.codec()).unwrap().to_rgba8();
        assert_eq!(pixels(&out), pixels(&bytes), "{kind:?}");
        assert_eq!(scrubbed(kind, &out).unwrap().1, out, "{kind:?}: once is enough");
    }
}

#[test]
fn a_photo_that_lies_on_its_side_still_stands_up() {
    let (picture, out) = scrubbed(PictureType::Jpeg, &with_secret(PictureType::Jpeg, 6)).unwrap();
    assert_eq!((picture.width, picture.height), (20, 40));
    let reader = image::ImageReader::with_format(Cursor::new(out), ImageFormat::Jpeg);
    let mut decoder = reader.into_decoder().unwrap();
    let orientation = image::ImageDecoder::orientation(&mut decoder).unwrap();
    assert_eq!(orientation, image::metadata::Orientation::Rotate90);
}

#[test]
fn a_cut_off_file_is_no_picture() {
    for kind in ALL {
        let bytes = with_secret(kind, 1);
        let whole = bytes.len() - SECRET.len();
        // A GIF may lack its trailer, between two blocks.
        let cuts = (0..whole).step_by(7);
        for cut in cuts {
            let outcome = scrubbed(kind, &bytes[..cut]);
            let fine =
                matches!(outcome, Err(ScrubError::Broken)) || (kind == PictureType::Gif && outcome.is_ok());
            assert!(fine, "{kind:?} cut at {cut}: {outcome:?}");
        }
    }
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let mut png = drawn(ImageFormat::Png, 4, 4);
    png[16..24].copy_from_slice(&[0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff]);
    assert!(matches!(scrubbed(PictureType::Png, &png), Err(ScrubError::TooManyPixels)));
    let mut gif = drawn(ImageFormat::Gif, 4, 4);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert!(matches!(scrubbed(PictureType::Gif, &gif), Err(ScrubError::TooManyPixels)));
    let mut jpeg = drawn(ImageFormat::Jpeg, 8, 8);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(matches!(scrubbed(PictureType::Jpeg, &jpeg), Err(ScrubError::TooManyPixels)));
}

#[test]
fn a_million_frames_are_refused_after_a_few_thousand() {
    let one = drawn(ImageFormat::Gif, 1, 1);
    let first = one.iter().position(|byte| *byte == 0x2c).unwrap();
    let frame = &one[first..one.len() - 1];
    let mut many = one[..first].to_vec();
    for _ in 0..1_000_000 {
        many.extend_from_slice(frame);
    }
    many.push(0x3b);
    assert!(matches!(scrubbed(PictureType::Gif, &many), Err(ScrubError::TooManyPixels)));
}

/// Every byte of the head changed in turn, and a few thousand random changes: an outcome, never a panic or a hang.
#[test]
fn damaged_files_have_an_outcome() {
    let mut state = 0x9e37_79b9_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for kind in ALL {
        let bytes = with_secret(kind, 3);
        for _ in 0..3000 {
            let mut damaged = bytes.clone();
            for _ in 0..=random() % 4 {
                let at = random() as usize % damaged.len();
                damaged[at] = random() as u8;
            }
            let _outcome = scrubbed(kind, &damaged);
        }
    }
}
