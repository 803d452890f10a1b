//! Pictures of guilds: kept by files, named here by their hash.

use voxlink_protocol::files::{FilesNews, ImagePurpose, StoreImage, StoredImage};

use crate::{Chat, Refusal, commit::Change};

impl Chat {
    /// Lets files keep a picture; a wrong one is a complaint about `field`.
    pub(crate) async fn store_image(
        &self,
        purpose: ImagePurpose,
        field: &str,
        data_uri: String,
    ) -> Result<StoredImage, Refusal> {
        let stored = self.inner.bus.call(StoreImage { purpose, data_uri }).await?;
        stored.map_err(|refused| Refusal::field(field, refused.code(), refused.words()))
    }

    /// Lets go of a picture that was kept for a change that was not made.
    pub(crate) async fn release_unless_stored<T>(
        &self,
        purpose: ImagePurpose,
        hash: Option<String>,
        done: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let (Err(_), Some(hash)) = (&done, hash) {
            let news = FilesNews::ImageReleased { purpose, hash };
            let put = move |sql: &voxlink_service_kit::Sql<'_>| voxlink_service_kit::courier::put(sql, &news);
            match self.inner.db.write(put).await {
                Ok(()) => self.inner.courier.wake(),
                Err(error) => tracing::warn!(%error, "a picture that nothing uses stays"),
            }
        }
        done
    }
}

impl Change<'_> {
    /// A picture is not used any more after this commit.
    pub(crate) fn release_image(&mut self, purpose: ImagePurpose, hash: String) -> Result<(), Refusal> {
        self.tell_files(&FilesNews::ImageReleased { purpose, hash })
    }
}
