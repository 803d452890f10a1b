//! Takes a file from a person into a channel.

use std::fmt::Display;

use bytes::Bytes;
use futures_util::Stream;
use voxlink_protocol::{
    AttachmentId, ChannelId, UserId,
    files::{AttachRefused, MayAttach},
};
use voxlink_service_kit::{CallError, DbError};

use crate::{
    Files,
    blobs::{BlobName, StorageError},
    examine::examine,
    filename::Filename,
    receive::{ReceiveError, receive},
    slots::Slot,
    store::{
        blobs,
        uploads::{self, StoredUpload},
    },
};

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// No such channel, or they do not see it.
    #[error("unknown channel")]
    UnknownChannel,
    /// They may not put files there.
    #[error("forbidden")]
    Forbidden,
    /// Nothing can be posted there.
    #[error("no messages there")]
    NoMessagesHere,
    /// It is larger than one file may be.
    #[error("too large")]
    TooLarge,
    /// They have no room left for it.
    #[error("no room left")]
    NoRoom,
    /// Too many uploads run.
    #[error("too many uploads")]
    TooMany,
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// It came too slowly.
    #[error("too slow")]
    TooSlow,
    /// The sender went away or sent nonsense.
    #[error("broken off")]
    Broken,
    /// It could not be kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It could not be recorded.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Chat does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<ReceiveError> for UploadError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::TooLarge => Self::TooLarge,
            ReceiveError::TooSlow => Self::TooSlow,
            ReceiveError::Broken(why) => {
                tracing::debug!(why, "an upload broke off");
                Self::Broken
            }
            ReceiveError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Someone who may put a file into a channel now.
#[derive(Debug)]
pub(crate) struct Uploader {
    user: UserId,
    channel: ChannelId,
    _slot: Slot,
}

impl Files {
    /// Asked before the first byte is taken. `announced` is how much the sender says will come.
    pub(crate) async fn admit(
        &self,
        user: UserId,
        channel: ChannelId,
        announced: Option<u64>,
    ) -> Result<Uploader, UploadError> {
        let inner = &self.inner;
        inner.bus.call(MayAttach { user, channel }).await?.map_err(|refused| match refused {
            AttachRefused::Unknown => UploadError::UnknownChannel,
            AttachRefused::Forbidden => UploadError::Forbidden,
            AttachRefused::NoMessagesHere => UploadError::NoMessagesHere,
        })?;
        let used = inner.db.read(move |sql| uploads::used_room(sql, user)).await?;
        if used.saturating_add(announced.unwrap_or(1)) > inner.config.quota {
            return Err(UploadError::NoRoom);
        }
        let slot = inner.slots.take(user).ok_or(UploadError::TooMany)?;
        Ok(Uploader { user, channel, _slot: slot })
    }

    /// Takes one file. Whatever goes wrong on the way, also when the sender goes away, leaves nothing behind.
    pub(crate) async fn upload<E: Display>(
        &self,
        uploader: &Uploader,
        filename: &str,
        bytes: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<StoredUpload, UploadError> {
        let inner = &self.inner;
        let staged = inner.staging.name(&inner.env);
        if receive(bytes, &staged, inner.config.max_file_size).await? == 0 {
            return Err(UploadError::Empty);
        }
        let examined = examine(staged, &inner.staging, &inner.env).await?;
        let blob = self.begin_blob().await?;
        let written = match inner.blobs.put_file(&blob, &examined.staged).await {
            Ok(written) => written,
            Err(error) => {
                self.doom_blob(blob).await;
                return Err(error.into());
            }
        };
        let upload = StoredUpload {
            id: AttachmentId(inner.ids.next(inner.env.now())),
            uploader: uploader.user,
            channel: uploader.channel,
            key: inner.env.bytes::<16>().to_vec(),
            blob: blob.clone(),
            filename: Filename::parse(filename).into_string(),
            content_type: examined.content_type.to_owned(),
            size: written.size,
            sha256: written.sha256.to_vec(),
            dimensions: examined.dimensions,
            duration_ms: examined.duration_ms,
        };
        let (row, now, quota) = (upload.clone(), inner.env.now(), inner.config.quota);
        let recorded = inner.db.write(move |sql| {
            if !uploads::take_room(sql, row.uploader, row.size, quota)? {
                return Err(UploadError::NoRoom);
            }
            if !blobs::keep(sql, &row.blob, row.size)? {
                return Err(StorageError::Missing.into());
            }
            uploads::insert(sql, &row, now)?;
            Ok(())
        });
        if let Err(error) = recorded.await {
            self.doom_blob(blob).await;
            return Err(error);
        }
        Ok(upload)
    }

    /// Takes an upload back that no message uses; `false` when it is not theirs, not there, or in use.
    pub(crate) async fn discard(&self, user: UserId, id: AttachmentId) -> Result<bool, DbError> {
        let delete = move |sql: &voxlink_service_kit::Sql<'_>| {
            let found = uploads::find(sql, id)?.filter(|upload| upload.uploader == user);
            let Some(upload) = found else { return Ok(false) };
            if !uploads::is_unused(sql, id)? || !uploads::delete(sql, &upload)? {
                return Ok(false);
            }
            blobs::doom(sql, &upload.blob)?;
            Ok(true)
        };
        self.inner.db.write(delete).await
    }

    /// A name under which a blob may be written now.
    pub(crate) async fn begin_blob(&self) -> Result<BlobName, DbError> {
        let name = BlobName::new(&self.inner.env);
        let (row, now) = (name.clone(), self.inner.env.now());
        self.inner.db.write(move |sql| blobs::begin(sql, &row, now)).await?;
        Ok(name)
    }

    /// A blob that came to nothing. Should this fail, the collector finds it in a day.
    pub(crate) async fn doom_blob(&self, name: BlobName) {
        let doomed: Result<(), DbError> = self.inner.db.write(move |sql| blobs::doom(sql, &name)).await;
        if let Err(error) = doomed {
            tracing::warn!(%error, "a blob that came to nothing stays for a day");
        }
    }
}
