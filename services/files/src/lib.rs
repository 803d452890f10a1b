//! Files: what people attach to messages, their pictures and those of guilds, emojis, sounds, and previews of links. Owns
//! files.db and the blobs in object storage.
//!
//! What a file is, its bytes say. Pictures lose their metadata before they are kept; what is not known to be harmless in
//! a browser is only ever saved. A blob's row is there before the blob and until it is deleted, so a crash leaves
//! nothing behind that is not found ([`collect`]).

mod attachments;
mod blobs;
mod collect;
mod examine;
mod filename;
mod http;
mod media_type;
mod multipart;
mod news;
mod picture;
mod preview;
mod receive;
mod scrub;
mod slots;
mod sound;
mod staging;
pub mod store;
mod studio;
mod thumbnail;
mod tracks;
mod upload;

use std::{path::PathBuf, sync::Arc};

use axum::extract::FromRef;
use voxlink_service_kit::{Auth, Bus, Db, DbError, Env, Routes, Snowflakes, db::DbTarget};

pub use blobs::{BlobName, StorageError};
pub use collect::CollectError;
pub use preview::{
    PreviewConfig,
    resolver::{Resolve, SystemResolver},
};

use crate::{
    blobs::Blobs, preview::Previews, slots::Slots, staging::Staging, studio::Studio, thumbnail::Drawing,
};

/// The node number in the snowflakes of files.
const NODE: u16 = 2;

/// How files is set up.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// Where files.db is or will be.
    pub database: DbTarget,
    /// A folder for files that are arriving and, unless `storage` says otherwise, for those that are kept.
    pub folder: PathBuf,
    /// Where blobs are kept instead.
    pub storage: Option<Arc<dyn object_store::ObjectStore>>,
    /// Bytes of one file.
    pub max_file_size: u64,
    /// Bytes of all files of one person.
    pub quota: u64,
    /// Whether and how links are looked at.
    pub previews: Option<PreviewConfig>,
    /// Put before the paths of files (`https://chat.example.org`), for bots that need whole URLs; may be empty.
    pub public_url: String,
}

impl FilesConfig {
    /// The largest file, unless the operator says otherwise: issue 3.
    pub const MAX_FILE_SIZE: u64 = 25 * 1024 * 1024;
    /// The room of one person, unless the operator says otherwise.
    pub const QUOTA: u64 = 1024 * 1024 * 1024;
}

/// Why files did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be opened or brought up to date.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The folder cannot be made or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The service. Cloning shares it.
#[derive(Clone)]
pub struct Files {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

struct Inner {
    config: FilesConfig,
    db: Db,
    bus: Bus,
    env: Env,
    auth: Auth,
    ids: Snowflakes,
    blobs: Blobs,
    staging: Staging,
    slots: Slots,
    studio: Studio,
    importer: sound::Importer,
    drawing: Drawing,
    previews: Option<Previews>,
}

impl Files {
    /// Opens the database and the storage, serves the bus, and collects from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the database or the folder cannot be opened.
    pub async fn open(config: FilesConfig, bus: Bus, env: Env, auth: Auth) -> Result<Self, OpenError> {
        let staging = Staging::open(&config.folder.join("arriving")).map_err(StorageError::from)?;
        let blobs = match &config.storage {
            Some(storage) => Blobs::new(storage.clone()),
            None => Blobs::local(&config.folder.join("blobs"))?,
        };
        let db = Db::open(config.database.clone(), store::MIGRATIONS)?;
        let newest = db.read(store::uploads::newest_id).await?;
        let inner = Inner {
            ids: Snowflakes::not_before(NODE, newest),
            previews: config.previews.clone().map(Previews::new),
            studio: Studio::new(),
            importer: sound::Importer::default(),
            drawing: Drawing::default(),
            slots: Slots::default(),
            staging,
            blobs,
            db,
            bus,
            env,
            auth,
            config,
        };
        let files = Self { inner: Arc::new(inner) };
        files.serve_bus();
        files.start_collecting();
        Ok(files)
    }

    /// All routes, with their full paths.
    #[must_use]
    pub fn routes(&self) -> Routes {
        http::routes(self.clone())
    }
}

impl FromRef<Files> for Auth {
    fn from_ref(files: &Files) -> Self {
        files.inner.auth.clone()
    }
}
