//! Deletes what nothing uses: uploads that no message took within a day or whose messages are gone, blobs whose
//! writing never ended, old previews, and whatever lies in storage without a row.
//!
//! Each step can be cut off anywhere and is found again: rows are changed before blobs are deleted, and a blob's row
//! goes last.

use std::{sync::Weak, time::Duration};

use futures_util::TryStreamExt as _;
use voxlink_protocol::Timestamp;
use voxlink_service_kit::{DbError, Sql};

use crate::{
    Files, Inner,
    blobs::{BlobName, StorageError},
    store::{blobs, previews, uploads},
};

/// An upload waits this long for its message, a blob for the end of its writing.
const WAITS: Duration = Duration::from_secs(24 * 3600);
/// The picture of a preview stays this long after it was last looked at.
const UNSEEN: Duration = Duration::from_secs(90 * 24 * 3600);
/// Between two rounds. What was released is deleted within this time.
const EVERY: Duration = Duration::from_secs(60);
/// Rounds between two looks through the whole storage: about a day.
const LOOK_THROUGH_EVERY: u64 = 24 * 60;
/// In one transaction.
const AT_ONCE: u32 = 200;

/// A round that could not be finished; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The storage.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Files {
    /// Collects once a minute until the service is dropped.
    pub(crate) fn start_collecting(&self) {
        let weak: Weak<Inner> = std::sync::Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            let mut round = 0_u64;
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(files) = weak.upgrade().map(|inner| Self { inner }) else { return };
                let mut done = files.collect().await;
                if done.is_ok() && round.is_multiple_of(LOOK_THROUGH_EVERY) {
                    done = files.collect_strays().await;
                }
                if let Err(error) = done {
                    tracing::warn!(%error, "what is not used could not be collected; trying again soon");
                }
                round += 1;
            }
        });
    }

    /// One round now, for tests and operators who cannot wait a minute; looks through the whole storage as well.
    ///
    /// # Errors
    /// What could not be read or deleted; the next round goes on.
    pub async fn collect_now(&self) -> Result<(), CollectError> {
        self.collect().await?;
        self.collect_strays().await
    }

    /// One round.
    pub(crate) async fn collect(&self) -> Result<(), CollectError> {
        let db = &self.inner.db;
        let now = self.inner.env.now();
        let before = back(now, WAITS);
        let unused = move |sql: &Sql<'_>| {
            let found = uploads::collectable(sql, before, AT_ONCE)?;
            for upload in &found {
                uploads::delete(sql, upload)?;
                blobs::doom(sql, &upload.blob)?;
            }
            Ok::<_, DbError>(!found.is_empty())
        };
        while db.write(unused).await? {}
        while db.write(move |sql| previews::prune(sql, before, AT_ONCE)).await? {}
        let unseen = back(now, UNSEEN);
        let unseen = move |sql: &Sql<'_>| {
            let found = previews::delete_unseen(sql, unseen, AT_ONCE)?;
            found.iter().try_for_each(|blob| blobs::doom(sql, blob))?;
            Ok::<_, DbError>(!found.is_empty())
        };
        while db.write(unseen).await? {}
        self.collect_blobs(before).await
    }

    async fn collect_blobs(&self, before: Timestamp) -> Result<(), CollectError> {
        let db = &self.inner.db;
        loop {
            let found = db
                .write(move |sql| {
                    let found = blobs::collectable(sql, before, AT_ONCE)?;
                    // From now on none of them can be kept any more, whoever may still be writing.
                    blobs::give_up(sql, &found)?;
                    Ok::<_, DbError>(found)
                })
                .await?;
            if found.is_empty() {
                return Ok(());
            }
            for name in found {
                self.inner.blobs.delete(&name).await?;
                db.write(move |sql| blobs::forget(sql, &name)).await?;
            }
        }
    }

    /// Looks through the whole storage for what has no row, e.g. after an older files.db was put back.
    pub(crate) async fn collect_strays(&self) -> Result<(), CollectError> {
        let before = back(self.inner.env.now(), WAITS);
        let mut found = std::pin::pin!(self.inner.blobs.older_than(before));
        while let Some(name) = found.try_next().await? {
            let row: BlobName = name.clone();
            if !self.inner.db.read(move |sql| blobs::exists(sql, &row)).await? {
                tracing::info!("a blob that belongs to nothing is deleted");
                self.inner.blobs.delete(&name).await?;
            }
        }
        Ok(())
    }
}

fn back(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}
