//! Pictures of accounts and applications: kept by files, named here by their hash.

use voxlink_protocol::files::{FilesNews, ImagePurpose, ImageRefused, StoreImage};
use voxlink_service_kit::CallError;

use crate::Identity;

/// Which field of a form held the picture that was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("the picture of {field} is refused: {refused:?}")]
    Refused { field: &'static str, refused: ImageRefused },
    #[error(transparent)]
    Bus(#[from] CallError),
}

/// Pictures that were stored for a change that is still to come: it keeps them, or they are released.
#[derive(Debug, Default)]
pub(crate) struct FreshImages(Vec<(ImagePurpose, String)>);

impl FreshImages {
    /// A part of the change came: this one is in use.
    pub(crate) fn keep(&mut self, purpose: ImagePurpose) {
        self.0.retain(|(other, _)| *other != purpose);
    }
}

impl Identity {
    /// Has a picture of a form stored: absent stays absent, null stays null, a data URI becomes a hash.
    pub(crate) async fn store_image(
        &self,
        fresh: &mut FreshImages,
        field: &'static str,
        purpose: ImagePurpose,
        picture: Option<Option<String>>,
    ) -> Result<Option<Option<String>>, ImageError> {
        let Some(Some(data_uri)) = picture else { return Ok(picture) };
        let stored = self.inner.bus.call(StoreImage { purpose, data_uri }).await?;
        let stored = stored.map_err(|refused| ImageError::Refused { field, refused })?;
        fresh.0.push((purpose, stored.hash.clone()));
        Ok(Some(Some(stored.hash)))
    }

    /// The change did not come: nobody uses them.
    pub(crate) async fn discard(&self, fresh: FreshImages) {
        let released = |(purpose, hash)| FilesNews::ImageReleased { purpose, hash };
        let released = fresh.0.into_iter().map(released).collect();
        if let Err(error) = self.inner.store.tell_files(released).await {
            tracing::warn!(%error, "pictures that nobody uses stay");
        }
        self.inner.files.wake();
    }
}
