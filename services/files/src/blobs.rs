//! Object storage: blobs by name, written once, read in ranges, deleted.
//!
//! Nothing here knows what a blob is. A blob's row in files.db is there before the blob and outlives it.

use std::{fmt, ops::Range, path::Path, sync::Arc};

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, MultipartUpload as _, ObjectStore, ObjectStoreExt as _, PutPayload,
    local::LocalFileSystem, path::Path as Location,
};
use tokio::io::AsyncReadExt as _;
use voxlink_protocol::Timestamp;
use voxlink_service_kit::Env;

use crate::staging::Staged;

/// Parts in which a blob is written. S3 takes no smaller ones (except the last).
const PART: usize = 5 * 1024 * 1024;

/// The name of a blob: 128 random bits in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobName(String);

impl BlobName {
    pub(crate) fn new(env: &Env) -> Self {
        let bits: [u8; 16] = env.bytes();
        Self(hex(&bits))
    }

    /// As read from the database, where only our names are.
    #[must_use]
    pub fn stored(name: String) -> Self {
        Self(name)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Spread over 256 folders: a folder of a million files serves nobody.
    fn location(&self) -> Location {
        let folder = self.0.get(..2).unwrap_or("00");
        Location::from_iter([folder, self.0.as_str()])
    }
}

/// Hexadecimal, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Storage failed: nothing was stored, or nothing can be read; later may help.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No room left.
    #[error("the storage is full")]
    Full,
    /// There is no such blob, though a row says so.
    #[error("the blob is missing")]
    Missing,
    /// Anything else.
    #[error("storage: {0}")]
    Failed(String),
}

impl From<std::io::Error> for StorageError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::Missing;
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(at) = cause {
            if let Some(io) = at.downcast_ref::<std::io::Error>()
                && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            {
                return Self::Full;
            }
            cause = at.source();
        }
        Self::Failed(error.to_string())
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

/// Where blobs are kept. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    store: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// In a folder of this machine, which is made when missing. What is written is on disk once it is acknowledged.
    pub(crate) fn local(folder: &Path) -> Result<Self, StorageError> {
        std::fs::create_dir_all(folder)?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self { store: Arc::new(store) })
    }

    /// Anywhere else.
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Writes a staged file, part by part.
    pub(crate) async fn put_file(&self, name: &BlobName, staged: &Staged) -> Result<Written, StorageError> {
        let mut file = tokio::fs::File::open(staged.path()).await?;
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut size = 0_u64;
        let first = read_part(&mut file).await?;
        if first.len() < PART {
            hash.update(&first);
            size += first.len() as u64;
            self.store.put(&name.location(), PutPayload::from_bytes(first)).await?;
            return Ok(Written { size, sha256: finish(hash) });
        }
        let mut upload = self.store.put_multipart(&name.location()).await?;
        let written: Result<(), StorageError> = async {
            let mut part = first;
            while !part.is_empty() {
                hash.update(&part);
                size += part.len() as u64;
                upload.put_part(PutPayload::from_bytes(part)).await?;
                part = read_part(&mut file).await?;
            }
            upload.complete().await?;
            Ok(())
        }
        .await;
        if let Err(error) = written {
            let _best_effort = upload.abort().await;
            return Err(error);
        }
        Ok(Written { size, sha256: finish(hash) })
    }

    /// Writes bytes that are in memory anyway.
    pub(crate) async fn put_bytes(&self, name: &BlobName, bytes: Bytes) -> Result<Written, StorageError> {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&bytes);
        let size = bytes.len() as u64;
        self.store.put(&name.location(), PutPayload::from_bytes(bytes)).await?;
        Ok(Written { size, sha256: finish(hash) })
    }

    /// A part of it, piece by piece as it is read.
    pub(crate) async fn stream(
        &self,
        name: &BlobName,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StorageError>>, StorageError> {
        if range.is_empty() {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&name.location(), options).await?;
        Ok(found.into_stream().map_err(StorageError::from).boxed())
    }

    /// All of it: for pictures, whose size is bounded.
    pub(crate) async fn bytes(&self, name: &BlobName) -> Result<Bytes, StorageError> {
        Ok(self.store.get(&name.location()).await?.bytes().await?)
    }

    /// How many bytes it has.
    pub(crate) async fn size(&self, name: &BlobName) -> Result<u64, StorageError> {
        Ok(self.store.head(&name.location()).await?.size)
    }

    /// Deletes it; fine when it was gone.
    pub(crate) async fn delete(&self, name: &BlobName) -> Result<(), StorageError> {
        match self.store.delete(&name.location()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything there that was written before this time: to find what has no row.
    pub(crate) fn older_than(
        &self,
        before: Timestamp,
    ) -> impl futures_util::Stream<Item = Result<BlobName, StorageError>> + Send {
        self.store
            .list(None)
            .map_err(StorageError::from)
            .try_filter(move |found| {
                let written = found.last_modified.timestamp_millis();
                std::future::ready(u64::try_from(written).is_ok_and(|at| at < before.0))
            })
            .try_filter_map(|found| {
                let name = found.location.filename().map(|name| BlobName(name.to_owned()));
                std::future::ready(Ok(name))
            })
    }
}

fn finish(hash: digest::Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

async fn read_part(file: &mut tokio::fs::File) -> std::io::Result<Bytes> {
    let mut part = Vec::new();
    file.take(PART as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}
