//! Decodes and encodes pictures, on few threads and within a bound of memory. What comes out was drawn by us.

use std::{io::Cursor, sync::Arc, time::Duration};

use bytes::Bytes;
use image::{
    DynamicImage, GenericImageView as _, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{media_type::PictureType, scrub::MOST_PIXELS};

/// Memory for all pictures that are being decoded, in MiB. The biggest needs three quarters of it.
const MEMORY: u32 = 512;
/// What one decoder may allocate. The largest picture in 64 bits a pixel has 400 MB.
const MOST_ALLOCATED: u64 = 420 * 1024 * 1024;
/// Files of pictures beyond this are shown only as they are.
pub(crate) const MOST_FILE: u64 = 64 * 1024 * 1024;
/// Longer in the queue and the one who waits is gone.
const PATIENCE: Duration = Duration::from_secs(25);
/// WebP's and JPEG's own scale to 100: where more bytes buy nothing that one sees in a small copy.
const WEBP_QUALITY: f32 = 80.0;
const JPEG_QUALITY: u8 = 85;

/// What a picture is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub(crate) enum Format {
    WebP,
    Png,
    Jpeg,
}

impl Format {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WebP => "image/webp",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::WebP => "webp",
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }

    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "webp" => Some(Self::WebP),
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// How a picture is brought to size. None makes it larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The whole of it, with its longer side at most this long.
    Within(u32),
    /// The middle of it, as a square of at most this side.
    Square(u32),
}

/// A picture that we made.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) bytes: Bytes,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Why nothing was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DrawError {
    /// It does not decode.
    #[error("the picture does not decode")]
    Broken,
    /// Others wait already for longer than anyone waits.
    #[error("too many pictures at once")]
    Busy,
}

/// The threads and the memory. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Studio {
    desks: Arc<Semaphore>,
    memory: Arc<Semaphore>,
}

impl Studio {
    /// Leaves half of the cores to everyone else.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            desks: Arc::new(Semaphore::new((cores / 2).max(1))),
            memory: Arc::new(Semaphore::new(MEMORY as usize)),
        }
    }

    /// Draws a picture of these dimensions (as its file says) anew.
    pub(crate) async fn draw(
        &self,
        kind: PictureType,
        bytes: Bytes,
        (width, height): (u32, u32),
        shape: Shape,
        format: Format,
    ) -> Result<Drawn, DrawError> {
        let weight = match kind {
            PictureType::Png => 8,
            PictureType::Jpeg | PictureType::Gif | PictureType::WebP => 5,
        };
        let needed = u64::from(width) * u64::from(height) * weight + bytes.len() as u64;
        let needed = u32::try_from(needed / (1024 * 1024) + 1).unwrap_or(MEMORY).min(MEMORY);
        let turn = async {
            let desk = self.desks.clone().acquire_owned().await;
            let memory = self.memory.clone().acquire_many_owned(needed).await;
            desk.and_then(|desk| memory.map(|memory| (desk, memory)))
        };
        let turn = timeout(PATIENCE, turn).await.map_err(|_elapsed| DrawError::Busy)?;
        let turn = turn.map_err(|_closed| DrawError::Busy)?;
        // The turn goes along: it is over when the work is, also when nobody waits for it any more.
        let work = move || {
            let drawn = draw(kind, &bytes, shape, format);
            drop(turn);
            drawn
        };
        // A decoder that panics has met a broken picture.
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(DrawError::Broken))
    }
}

fn draw(kind: PictureType, bytes: &[u8], shape: Shape, format: Format) -> Result<Drawn, DrawError> {
    let broken = |_| DrawError::Broken;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind.codec());
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_ALLOCATED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(DrawError::Broken);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let mut small = reshape(decoded, shape);
    small.apply_orientation(orientation);
    encode(&small, format)
}

fn reshape(image: DynamicImage, shape: Shape) -> DynamicImage {
    let (width, height) = image.dimensions();
    match shape {
        Shape::Within(longest) => {
            let (width, height) = within(width, height, longest);
            resize(image, width, height)
        }
        Shape::Square(side) => {
            let edge = width.min(height);
            let middle = image.crop_imm((width - edge) / 2, (height - edge) / 2, edge, edge);
            let side = side.min(edge);
            resize(middle, side, side)
        }
    }
}

/// Dimensions with the longer side at most `longest`, the other in proportion, never 0.
pub(crate) fn within(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= longest {
        return (width, height);
    }
    let scaled = |side: u32| {
        let side = (u64::from(side) * u64::from(longest) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(side).unwrap_or(longest).max(1)
    };
    (scaled(width), scaled(height))
}

/// First quickly to twice the size, then well.
fn resize(image: DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (width, height) == image.dimensions() {
        return image;
    }
    let image = if image.width() > width * 2 && image.height() > height * 2 {
        image.thumbnail_exact(width * 2, height * 2)
    } else {
        image
    };
    image.resize_exact(width, height, FilterType::CatmullRom)
}

fn encode(image: &DynamicImage, format: Format) -> Result<Drawn, DrawError> {
    let (width, height) = image.dimensions();
    let bytes = match format {
        Format::WebP => webp_bytes(image)?,
        Format::Png => {
            let plain: DynamicImage =
                if image.color().has_alpha() { image.to_rgba8().into() } else { image.to_rgb8().into() };
            let mut out = Cursor::new(Vec::new());
            plain.write_to(&mut out, image::ImageFormat::Png).map_err(|_| DrawError::Broken)?;
            out.into_inner()
        }
        Format::Jpeg => {
            let mut out = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            on_white(image).write_with_encoder(encoder).map_err(|_| DrawError::Broken)?;
            out
        }
    };
    Ok(Drawn { bytes: bytes.into(), width, height })
}

fn webp_bytes(image: &DynamicImage) -> Result<Vec<u8>, DrawError> {
    let (width, height) = image.dimensions();
    let encoded = if image.color().has_alpha() {
        let pixels = image.to_rgba8();
        webp::Encoder::from_rgba(&pixels, width, height).encode_simple(false, WEBP_QUALITY)
    } else {
        let pixels = image.to_rgb8();
        webp::Encoder::from_rgb(&pixels, width, height).encode_simple(false, WEBP_QUALITY)
    };
    encoded.map(|memory| memory.to_vec()).map_err(|_| DrawError::Broken)
}

/// JPEG knows no transparency.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let pixels = image.to_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        let over = |colour: u8| {
            let mixed = u32::from(colour) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(255)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{ImageFormat, RgbaImage};

    use super::*;

    fn png(width: u32, height: u32) -> Bytes {
        let picture = RgbaImage::from_fn(width, height, |x, _| {
            image::Rgba([if x < width / 2 { 255 } else { 0 }, 0, 0, 200])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner().into()
    }

    #[tokio::test]
    async fn a_picture_is_drawn_to_size_in_every_format() {
        let studio = Studio::new();
        for (format, codec) in [
            (Format::WebP, ImageFormat::WebP),
            (Format::Png, ImageFormat::Png),
            (Format::Jpeg, ImageFormat::Jpeg),
        ] {
            let drawn = studio
                .draw(PictureType::Png, png(200, 100), (200, 100), Shape::Within(50), format)
                .await
                .unwrap();
            assert_eq!((drawn.width, drawn.height), (50, 25));
            let again = image::load_from_memory_with_format(&drawn.bytes, codec).unwrap();
            assert_eq!(again.dimensions(), (50, 25));
            assert_eq!(again.color().has_alpha(), format != Format::Jpeg);
        }
        let square =
            studio.draw(PictureType::Png, png(200, 100), (200, 100), Shape::Square(512), Format::Png).await;
        let square = square.unwrap();
        assert_eq!((square.width, square.height), (100, 100), "cut, not enlarged");
    }

    #[tokio::test]
    async fn what_does_not_decode_is_broken() {
        let studio = Studio::new();
        let mut bytes = png(20, 20).to_vec();
        let middle = bytes.len() / 2;
        bytes.truncate(middle);
        let drawn =
            studio.draw(PictureType::Png, bytes.into(), (20, 20), Shape::Within(10), Format::WebP).await;
        assert_eq!(drawn.err(), Some(DrawError::Broken));
    }

    #[test]
    fn proportions_are_kept_and_nothing_becomes_nothing() {
        assert_eq!(within(4000, 3000, 640), (640, 480));
        assert_eq!(within(30_000, 1, 640), (640, 1));
        assert_eq!(within(10, 10, 640), (10, 10));
    }
}
