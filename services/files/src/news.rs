//! What files answers on the bus.

use std::sync::Arc;

use voxlink_protocol::{
    files::{DescribeUploads, FilesNews, PreviewLinks, StoreImage},
    playback::FetchUpload,
    soundboard::{FetchSound, StoreSound},
};
use voxlink_service_kit::{DbError, Sql, Unavailable};

use crate::{
    Files, Inner,
    store::{blobs, pictures, uploads},
};

/// Rows of a channel that are released in one transaction.
const RELEASED_AT_ONCE: u32 = 1000;

impl Files {
    /// Handlers hold the service weakly: it ends when its owner drops it, though the bus lives on.
    pub(crate) fn serve_bus(&self) {
        let weak = Arc::downgrade(&self.inner);
        let files = move || weak.upgrade().map(|inner: Arc<Inner>| Self { inner }).ok_or(Unavailable);
        let bus = &self.inner.bus;
        let this = files.clone();
        bus.try_serve(move |request: DescribeUploads| {
            let files = this();
            async move { files?.describe_uploads(request).await.map_err(|error| unavailable(&error)) }
        });
        let this = files.clone();
        bus.try_serve(move |request: StoreImage| {
            let files = this();
            async move { files?.store_image(request).await }
        });
        let this = files.clone();
        bus.try_serve(move |request: FilesNews| {
            let files = this();
            async move { files?.hear(request).await.map_err(|error| unavailable(&error)) }
        });
        let this = files.clone();
        bus.try_serve(move |request: StoreSound| {
            let files = this();
            async move { files?.store_sound(request).await }
        });
        let this = files.clone();
        bus.try_serve(move |request: FetchSound| {
            let files = this();
            async move { files?.fetch_sound(request.sound).await }
        });
        let this = files.clone();
        bus.try_serve(move |request: FetchUpload| {
            let files = this();
            async move { files?.fetch_upload(&request).await }
        });
        bus.try_serve(move |request: PreviewLinks| {
            let files = files();
            async move { Ok(files?.preview_links(request).await) }
        });
    }

    /// Takes in what is used and what is not; returns once that is on disk.
    pub(crate) async fn hear(&self, news: FilesNews) -> Result<(), DbError> {
        let db = &self.inner.db;
        match news {
            FilesNews::AttachmentsUsed { message, ids } => {
                db.write(move |sql| ids.into_iter().try_for_each(|id| uploads::use_in(sql, id, message)))
                    .await
            }
            FilesNews::AttachmentsReleased { message, ids } => {
                db.write(move |sql| {
                    ids.into_iter().try_for_each(|id| uploads::release_from(sql, id, message))
                })
                .await
            }
            FilesNews::ChannelsGone { channels } => {
                for channel in channels {
                    let some = move |sql: &Sql<'_>| uploads::release_channel(sql, channel, RELEASED_AT_ONCE);
                    while db.write::<_, DbError>(some).await? {}
                }
                Ok(())
            }
            FilesNews::ImageReleased { purpose, hash } => {
                db.write(move |sql| {
                    let Some(picture) = pictures::delete(sql, purpose, &hash)? else { return Ok(()) };
                    blobs::doom(sql, &picture.still)?;
                    picture.moving.iter().try_for_each(|moving| blobs::doom(sql, moving))
                })
                .await
            }
        }
    }
}

pub(crate) fn unavailable(error: &DbError) -> Unavailable {
    tracing::error!(%error, "a question from the bus could not be answered");
    Unavailable
}
