//! Looks at a file that has arrived: what it is, how large it is, and what of it nobody should get.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read as _},
};

use voxlink_service_kit::Env;

use crate::{
    blobs::StorageError,
    media_type::{self, SNIFFED},
    scrub::{self, ScrubError},
    staging::{Staged, Staging},
    tracks,
};

const BUFFER: usize = 128 * 1024;

/// A file that may be stored.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) staged: Staged,
    /// By its bytes.
    pub(crate) content_type: &'static str,
    /// Of pictures and videos, as they are shown.
    pub(crate) dimensions: Option<(u32, u32)>,
    pub(crate) duration_ms: Option<u64>,
}

/// Takes the metadata out of pictures. What only looks like a picture becomes a mere file.
pub(crate) async fn examine(staged: Staged, staging: &Staging, env: &Env) -> Result<Examined, StorageError> {
    let clean = staging.name(env);
    let work = move || examine_here(staged, clean);
    tokio::task::spawn_blocking(work).await.map_err(|error| StorageError::Failed(error.to_string()))?
}

fn examine_here(staged: Staged, clean: Staged) -> Result<Examined, StorageError> {
    let mut head = Vec::new();
    File::open(staged.path())?.take(SNIFFED as u64).read_to_end(&mut head)?;
    let mere_file =
        |staged, content_type| Examined { staged, content_type, dimensions: None, duration_ms: None };
    let Some(media) = media_type::sniff(&head) else {
        return Ok(mere_file(staged, media_type::describe(&head)));
    };
    let Some(picture) = media.picture() else {
        let file = BufReader::with_capacity(BUFFER, File::open(staged.path())?);
        let told = tracks::read(media, file).unwrap_or_default();
        return Ok(Examined {
            staged,
            content_type: media.name(),
            dimensions: told.dimensions,
            duration_ms: told.duration_ms,
        });
    };
    let from = BufReader::with_capacity(BUFFER, File::open(staged.path())?);
    let to = BufWriter::with_capacity(BUFFER, File::create_new(clean.path())?);
    match scrub::scrub(picture, from, to) {
        Ok(found) => Ok(Examined {
            staged: clean,
            content_type: media.name(),
            dimensions: Some((found.width, found.height)),
            duration_ms: None,
        }),
        Err(ScrubError::Broken | ScrubError::TooManyPixels) => Ok(mere_file(staged, media_type::UNKNOWN)),
        Err(ScrubError::Io(error)) => Err(error.into()),
    }
}
