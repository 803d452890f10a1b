//! Smaller copies of pictures: made when first asked for, in few sizes, and kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Mutex as TurnLock;
use voxlink_service_kit::DbError;

use crate::{
    Files,
    blobs::{BlobName, StorageError},
    media_type::PictureType,
    store::{blobs, thumbnails},
    studio::{DrawError, Format, MOST_FILE, Shape},
};

/// A picture that copies are made of.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(crate) blob: BlobName,
    pub(crate) kind: PictureType,
    pub(crate) size: u64,
    /// As it is shown.
    pub(crate) dimensions: (u32, u32),
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThumbnailError {
    #[error(transparent)]
    Draw(#[from] DrawError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Copies that are being made: whoever asks for the same one waits instead of making it again.
#[derive(Debug, Default)]
pub(crate) struct Drawing {
    turns: Mutex<HashMap<BlobName, Arc<TurnLock<()>>>>,
}

impl Drawing {
    fn turn(&self, name: &BlobName) -> Arc<TurnLock<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds are over.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(name.clone()).or_default().clone()
    }
}

impl Files {
    /// The copy of a picture within a square of this side.
    pub(crate) async fn thumbnail(
        &self,
        original: &Original,
        longest: u32,
        format: Format,
    ) -> Result<BlobName, ThumbnailError> {
        let variant = format!("{longest}.{}", format.extension());
        if let Some(found) = self.find_thumbnail(&original.blob, &variant).await? {
            return Ok(found);
        }
        if original.size > MOST_FILE {
            return Err(DrawError::Broken.into());
        }
        let turn = self.inner.drawing.turn(&original.blob);
        let _turn = turn.lock().await;
        if let Some(found) = self.find_thumbnail(&original.blob, &variant).await? {
            return Ok(found);
        }
        let bytes = self.inner.blobs.bytes(&original.blob).await?;
        let shape = Shape::Within(longest);
        let drawn = self.inner.studio.draw(original.kind, bytes, original.dimensions, shape, format).await?;
        let name = self.begin_blob().await?;
        let written = match self.inner.blobs.put_bytes(&name, drawn.bytes).await {
            Ok(written) => written,
            Err(error) => {
                self.doom_blob(name).await;
                return Err(error.into());
            }
        };
        let (of, blob) = (original.blob.clone(), name.clone());
        let kept = self.inner.db.write(move |sql| {
            Ok::<_, DbError>(
                blobs::keep(sql, &blob, written.size)? && thumbnails::insert(sql, &of, &variant, &blob)?,
            )
        });
        if kept.await? {
            return Ok(name);
        }
        // The original went away meanwhile.
        self.doom_blob(name).await;
        Err(StorageError::Missing.into())
    }

    async fn find_thumbnail(&self, original: &BlobName, variant: &str) -> Result<Option<BlobName>, DbError> {
        let (original, variant) = (original.clone(), variant.to_owned());
        self.inner.db.read(move |sql| thumbnails::find(sql, &original, &variant)).await
    }
}
