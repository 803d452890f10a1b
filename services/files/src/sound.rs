//! Sounds of soundboards: taken as data URIs, decoded and kept as Ogg Opus, all of them equally loud.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Semaphore;
use voxlink_audio::{
    Channels,
    import::{ImportError, Imported, import},
};
use voxlink_container::{OpusHead, ogg};
use voxlink_protocol::{
    SoundId,
    files::{ImagePurpose, ImageRefused},
    playback::FetchUpload,
    soundboard::{SoundNotTaken, StoreSound},
};
use voxlink_service_kit::{DbError, Unavailable};

use crate::{
    Files,
    blobs::hex,
    news::unavailable,
    picture,
    store::{
        blobs,
        pictures::{self, StoredPicture},
        uploads,
    },
};

/// v10: the file of a sound.
const MOST_BYTES: u64 = 512 * 1024;
/// v10: how long a sound may be.
const MOST_SOUND: Duration = Duration::from_millis(5_200);
/// What encoders add at both ends of a sound that is exactly as long as it may be.
const ENCODERS_ADD: Duration = Duration::from_millis(100);
/// Files that are decoded at the same time: each takes a processor for some hundredths of a second.
const MOST_AT_ONCE: usize = 2;

/// Decodes sound files, few at a time.
#[derive(Clone, Debug)]
pub(crate) struct Importer(Arc<Semaphore>);

impl Default for Importer {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

impl Importer {
    async fn import(&self, bytes: Vec<u8>) -> Result<Result<Imported, ImportError>, Unavailable> {
        let permit = self.0.clone().acquire_owned().await.map_err(|_| Unavailable)?;
        let work = tokio::task::spawn_blocking(move || {
            let imported = import(bytes, MOST_SOUND + ENCODERS_ADD);
            drop(permit);
            imported
        });
        Ok(work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a decoder crashed over a sound file");
            Err(ImportError::Broken)
        }))
    }
}

impl Files {
    /// Keeps a sound under a new hash.
    pub(crate) async fn store_sound(
        &self,
        request: StoreSound,
    ) -> Result<Result<String, SoundNotTaken>, Unavailable> {
        // Browsers call an M4A file a video, and what they do not know an application's.
        let kinds = ["audio/", "video/", "application/"];
        let bytes = match picture::data_uri(&request.data_uri, &kinds, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(ImageRefused::TooLarge { most }) => return Ok(Err(SoundNotTaken::TooLarge { most })),
            Err(_) => return Ok(Err(SoundNotTaken::NotADataUri)),
        };
        let imported = match self.inner.importer.import(bytes).await? {
            Ok(imported) => imported,
            Err(ImportError::Unknown | ImportError::Broken) => return Ok(Err(SoundNotTaken::NotASound)),
            Err(ImportError::TooLong(_)) => {
                let most = u64::try_from(MOST_SOUND.as_millis()).unwrap_or(u64::MAX);
                return Ok(Err(SoundNotTaken::TooLong { most }));
            }
            Err(ImportError::Silent) => return Ok(Err(SoundNotTaken::Silent)),
            Err(ImportError::Codec(error)) => {
                tracing::error!(%error, "a sound could not be encoded");
                return Err(Unavailable);
            }
        };
        let bits: [u8; 20] = self.inner.env.bytes();
        let (hash, serial) = bits.split_at(16);
        let serial = u32::from_le_bytes(serial.try_into().unwrap_or_default());
        let (blob, size) = self.write_bytes(file(&imported, serial)).await?;
        let (hash, purpose) = (hex(hash), ImagePurpose::Sound(request.sound));
        let named = hash.clone();
        let recorded = self.inner.db.write(move |sql| {
            if !blobs::keep(sql, &blob, size)? {
                return Err(DbError::Other("a new blob was collected".to_owned()));
            }
            pictures::insert(sql, purpose, &named, &StoredPicture { still: blob, moving: None })
        });
        recorded.await.map_err(|error| unavailable(&error))?;
        Ok(Ok(hash))
    }

    /// The Ogg Opus of a sound.
    pub(crate) async fn fetch_sound(&self, sound: SoundId) -> Result<Option<Vec<u8>>, Unavailable> {
        let find =
            move |sql: &voxlink_service_kit::Sql<'_>| pictures::find(sql, ImagePurpose::Sound(sound), None);
        let found = self.inner.db.read(find).await.map_err(|error| unavailable(&error))?;
        let Some(kept) = found else { return Ok(None) };
        match self.inner.blobs.bytes(&kept.still).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => {
                tracing::error!(%error, "a sound could not be read");
                Err(Unavailable)
            }
        }
    }
}

impl Files {
    /// The bytes of an upload that is no larger than it may be.
    pub(crate) async fn fetch_upload(&self, asked: &FetchUpload) -> Result<Option<Vec<u8>>, Unavailable> {
        let id = asked.attachment;
        let found = self.inner.db.read(move |sql| uploads::find(sql, id)).await;
        let found = found.map_err(|error| unavailable(&error))?.filter(|upload| upload.size <= asked.most);
        let Some(upload) = found else { return Ok(None) };
        match self.inner.blobs.bytes(&upload.blob).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => {
                tracing::error!(%error, "a file that is to be played could not be read");
                Err(Unavailable)
            }
        }
    }
}

/// RFC 7845.
fn file(imported: &Imported, serial: u32) -> Bytes {
    let channels = if imported.channels == Channels::Stereo { 2 } else { 1 };
    let mut bytes = Vec::new();
    let mut writer = ogg::Writer::begin(OpusHead::of(channels), &[], serial, &mut bytes);
    for frame in &imported.frames {
        // What our encoder made is Opus.
        if let Err(error) = writer.write(&frame.packet, &mut bytes) {
            tracing::error!(%error, "a frame of a sound is left out");
        }
    }
    writer.finish(Some(imported.samples), &mut bytes);
    bytes.into()
}
