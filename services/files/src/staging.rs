//! Files that are still arriving: a folder of this machine that is empty whenever no upload runs.

use std::{
    io,
    path::{Path, PathBuf},
};

use voxlink_service_kit::Env;

use crate::blobs::hex;

/// The folder. Nobody else writes there: the data folder is locked.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
}

impl Staging {
    /// Makes it, and clears away what a crash left there.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// A new name; the file is made by whoever writes it.
    pub(crate) fn name(&self, env: &Env) -> Staged {
        let bits: [u8; 16] = env.bytes();
        Staged { path: self.folder.join(hex(&bits)) }
    }
}

/// One file; dropping this removes it, however its upload ends.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
}

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a staged file could not be removed; the next start removes it");
        }
    }
}
