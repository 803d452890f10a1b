//! Takes a stream of bytes into a staged file, within limits: size, pace, silence.

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::{
    io::AsyncWriteExt as _,
    time::{Instant, timeout},
};

use crate::{blobs::StorageError, staging::Staged};

/// An upload that is silent for longer has failed: a browser on a bad network comes back sooner.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);
/// The slowest pace over the whole upload, once it runs for [`GRACE`]: half of a 2G phone's. Slower ones only hold a
/// connection and a slot.
const SLOWEST_BYTES_PER_SECOND: u64 = 4 * 1024;
const GRACE: Duration = Duration::from_secs(60);
/// Written to disk in pieces of this size.
const PIECE: usize = 256 * 1024;

/// Why a stream was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// More bytes than allowed.
    #[error("too many bytes")]
    TooLarge,
    /// Silent for too long, or too slow.
    #[error("too slow")]
    TooSlow,
    /// The sender went away or sent nonsense.
    #[error("broken off: {0}")]
    Broken(String),
    /// It could not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Writes the stream into the staged file; returns how many bytes there were. On an error the file goes with `into`.
pub(crate) async fn receive<E: Display>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    into: &Staged,
    most: u64,
) -> Result<u64, ReceiveError> {
    let mut stream = std::pin::pin!(stream);
    let file = tokio::fs::File::create_new(into.path()).await.map_err(StorageError::from)?;
    let mut file = tokio::io::BufWriter::with_capacity(PIECE, file);
    let started = Instant::now();
    let mut size = 0_u64;
    loop {
        let next = timeout(SILENCE, stream.next()).await.map_err(|_elapsed| ReceiveError::TooSlow)?;
        let Some(piece) = next else { break };
        let piece = piece.map_err(|error| ReceiveError::Broken(error.to_string()))?;
        size += piece.len() as u64;
        if size > most {
            return Err(ReceiveError::TooLarge);
        }
        let elapsed = started.elapsed();
        if elapsed > GRACE && size < elapsed.as_secs() * SLOWEST_BYTES_PER_SECOND {
            return Err(ReceiveError::TooSlow);
        }
        file.write_all(&piece).await.map_err(StorageError::from)?;
    }
    file.shutdown().await.map_err(StorageError::from)?;
    Ok(size)
}
