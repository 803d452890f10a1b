//! The folder that everything is kept in, and the lock that keeps a second server out.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::Failure;

/// A data folder that is ours alone while this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The lock ends with the process, however it ends.
    _lock: File,
}

impl DataDir {
    /// Makes the folder (for this user's eyes only) when it is missing, and locks it.
    ///
    /// # Errors
    /// When it cannot be made or written, or another server has it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unwritable = |error: io::Error| {
            Failure(format!(
                "VoxLink cannot write to its data folder {}: {error}. Let this user write there, or choose another folder with --data-dir.",
                path.display()
            ))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unwritable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("voxlink.lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure(format!(
                "Another VoxLink is using the data folder {}. Stop it, or choose another folder with --data-dir.",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Writes a file that only this user may read, in one step: a crash leaves the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_new_folder_is_private_and_has_one_owner_at_a_time() {
        let path = std::env::temp_dir().join(format!("voxlink-data-{}", std::process::id())).join("deep");
        let _old = std::fs::remove_dir_all(&path);
        let first = DataDir::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(DataDir::open(&path).unwrap_err().0.contains("Another VoxLink"));
        drop(first);
        assert!(DataDir::open(&path).is_ok());
    }
}
