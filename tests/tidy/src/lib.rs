//! The rules of the house, as tests: see `tests/`. This library only reads the repository.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &["target", "node_modules", ".git", "dist", "paraglide", "out", "data"];

/// All files of the repository with one of these extensions, relative to the root.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(extensions: &[&str]) -> io::Result<Vec<PathBuf>> {
    let root = root();
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                if !FOREIGN.iter().any(|foreign| name == *foreign) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|is| extensions.iter().any(|wanted| is == *wanted))
                && let Ok(relative) = path.strip_prefix(&root)
            {
                found.push(relative.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
