//! Avatars, banners, icons and emojis: taken as data URIs, drawn anew, kept in one size and served in a few.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use voxlink_protocol::files::{ImagePurpose, ImageRefused, StoreImage, StoredImage};
use voxlink_service_kit::{DbError, Unavailable};

use crate::{
    Files,
    blobs::{BlobName, hex},
    media_type::{self, PictureType, SNIFFED},
    news::unavailable,
    scrub::{self, ScrubError},
    store::{
        blobs,
        pictures::{self, StoredPicture},
    },
    studio::{DrawError, Format, Shape},
};

/// v10: an emoji's file.
const MOST_EMOJI: u64 = 256 * 1024;
/// The file of anything else.
const MOST_PICTURE: u64 = 8 * 1024 * 1024;
/// A moving avatar or icon beyond this stands still: everyone who sees its owner loads it.
const MOST_MOVING: u64 = 2 * 1024 * 1024;
/// Sides in which pictures are kept.
const AVATAR_SIDE: u32 = 1024;
const BANNER_SIDE: u32 = 1920;
const EMOJI_SIDE: u32 = 128;

struct Rules {
    most_bytes: u64,
    most_moving: u64,
    shape: Shape,
}

const fn rules(purpose: ImagePurpose) -> Rules {
    match purpose {
        ImagePurpose::Avatar(_)
        | ImagePurpose::GuildIcon(_)
        | ImagePurpose::ChannelIcon(_)
        | ImagePurpose::ApplicationIcon(_) => {
            Rules { most_bytes: MOST_PICTURE, most_moving: MOST_MOVING, shape: Shape::Square(AVATAR_SIDE) }
        }
        ImagePurpose::Banner(_) => {
            Rules { most_bytes: MOST_PICTURE, most_moving: MOST_MOVING, shape: Shape::Within(BANNER_SIDE) }
        }
        // A sound is never drawn: this is for its picture, which it has not.
        ImagePurpose::Emoji(_) | ImagePurpose::Sound(_) => {
            Rules { most_bytes: MOST_EMOJI, most_moving: MOST_EMOJI, shape: Shape::Within(EMOJI_SIDE) }
        }
    }
}

impl Files {
    /// Keeps a picture under a new hash.
    pub(crate) async fn store_image(
        &self,
        request: StoreImage,
    ) -> Result<Result<StoredImage, ImageRefused>, Unavailable> {
        let rules = rules(request.purpose);
        let bytes = match data_uri(&request.data_uri, &["image/"], rules.most_bytes) {
            Ok(bytes) => bytes,
            Err(refused) => return Ok(Err(refused)),
        };
        let looked_at = match look(bytes).await? {
            Ok(looked_at) => looked_at,
            Err(refused) => return Ok(Err(refused)),
        };
        let Looked { kind, clean, picture } = looked_at;
        let size = (picture.width, picture.height);
        let drawn = self.inner.studio.draw(kind, clean.clone(), size, rules.shape, Format::WebP).await;
        let drawn = match drawn {
            Ok(drawn) => drawn,
            Err(DrawError::Broken) => return Ok(Err(ImageRefused::NotAnImage)),
            Err(DrawError::Busy) => return Err(Unavailable),
        };
        let moves = picture.animated && kind == PictureType::Gif && clean.len() as u64 <= rules.most_moving;
        let mut kept = vec![self.write_bytes(drawn.bytes).await?];
        if moves {
            kept.push(self.write_bytes(clean).await?);
        }
        let bits: [u8; 16] = self.inner.env.bytes();
        let hash = format!("{}{}", if moves { "a_" } else { "" }, hex(&bits));
        let stored = StoredImage { hash: hash.clone(), animated: moves };
        let row =
            StoredPicture { still: kept[0].0.clone(), moving: kept.get(1).map(|(name, _)| name.clone()) };
        let purpose = request.purpose;
        let recorded = self.inner.db.write(move |sql| {
            for (name, size) in &kept {
                if !blobs::keep(sql, name, *size)? {
                    return Err(DbError::Other("a new blob was collected".to_owned()));
                }
            }
            pictures::insert(sql, purpose, &hash, &row)
        });
        recorded.await.map_err(|error| unavailable(&error))?;
        Ok(Ok(stored))
    }

    /// Writes a blob that is to be kept by the transaction that records what it is.
    pub(crate) async fn write_bytes(&self, bytes: Bytes) -> Result<(BlobName, u64), Unavailable> {
        let name = self.begin_blob().await.map_err(|error| unavailable(&error))?;
        match self.inner.blobs.put_bytes(&name, bytes).await {
            Ok(written) => Ok((name, written.size)),
            Err(error) => {
                tracing::error!(%error, "a picture could not be written");
                self.doom_blob(name).await;
                Err(Unavailable)
            }
        }
    }
}

/// A picture that may be drawn.
struct Looked {
    kind: PictureType,
    clean: Bytes,
    picture: scrub::Picture,
}

async fn look(bytes: Vec<u8>) -> Result<Result<Looked, ImageRefused>, Unavailable> {
    tokio::task::spawn_blocking(move || look_here(&bytes)).await.map_err(|_| Unavailable)
}

fn look_here(bytes: &[u8]) -> Result<Looked, ImageRefused> {
    let head = bytes.get(..SNIFFED.min(bytes.len())).unwrap_or_default();
    let kind =
        media_type::sniff(head).and_then(media_type::MediaType::picture).ok_or(ImageRefused::NotAnImage)?;
    let mut clean = std::io::Cursor::new(Vec::with_capacity(bytes.len()));
    let picture = scrub::scrub(kind, bytes, &mut clean).map_err(|error| match error {
        ScrubError::TooManyPixels => ImageRefused::TooManyPixels,
        ScrubError::Broken | ScrubError::Io(_) => ImageRefused::NotAnImage,
    })?;
    Ok(Looked { kind, clean: clean.into_inner().into(), picture })
}

/// `data:image/…;base64,…`; more than `kinds` of the type it claims is not looked at.
pub(crate) fn data_uri(text: &str, kinds: &[&str], most: u64) -> Result<Vec<u8>, ImageRefused> {
    let (head, encoded) =
        text.strip_prefix("data:").and_then(|rest| rest.split_once(',')).ok_or(ImageRefused::NotADataUri)?;
    if !kinds.iter().any(|kind| head.starts_with(kind)) || !head.ends_with(";base64") {
        return Err(ImageRefused::NotADataUri);
    }
    if encoded.len() as u64 / 4 * 3 > most + 2 {
        return Err(ImageRefused::TooLarge { most });
    }
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| ImageRefused::NotADataUri)?;
    if bytes.len() as u64 > most { Err(ImageRefused::TooLarge { most }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_uri_is_read_within_its_bound() {
        assert_eq!(data_uri("data:image/png;base64,AAEC", &["image/"], 3), Ok(vec![0, 1, 2]));
        let too_large = Err(ImageRefused::TooLarge { most: 3 });
        assert_eq!(data_uri("data:image/png;base64,AAECAwQ=", &["image/"], 3), too_large);
        for wrong in
            ["", "data:", "data:image/png,AAEC", "data:text/html;base64,AAEC", "data:image/png;base64,A*"]
        {
            assert_eq!(data_uri(wrong, &["image/"], 3), Err(ImageRefused::NotADataUri), "{wrong}");
        }
    }
}
