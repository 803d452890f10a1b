//! Sounds as they are sent, as loud as they are set: made when first played, and kept for the next time.

use std::{
    collections::VecDeque,
    io::Cursor,
    sync::{Arc, Mutex, PoisonError},
};

use voxlink_audio::{
    Channels,
    import::{Frame, again},
};
use voxlink_container::ogg;
use voxlink_protocol::{
    SoundId,
    soundboard::{FetchSound, Volume},
};
use voxlink_service_kit::{Bus, CallError};

/// Sounds that are kept, 60 KiB each at most.
const MOST_KEPT: usize = 128;
/// Frames of a sound: a soundboard's are no longer than some seconds.
const MOST_FRAMES: usize = 500;

/// How a sound is known.
type Key = (SoundId, Volume);

/// What is kept; the one that was played last is the last.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<VecDeque<(Key, Arc<[Frame]>)>>);

impl Shelf {
    /// A sound, as it is sent; `None` when there is none.
    ///
    /// # Errors
    /// When files does not answer.
    pub(crate) async fn take(
        &self,
        bus: &Bus,
        sound: SoundId,
        volume: Volume,
    ) -> Result<Option<Arc<[Frame]>>, CallError> {
        let key = (sound, volume);
        if let Some(found) = self.find(key) {
            return Ok(Some(found));
        }
        let Some(bytes) = bus.call(FetchSound { sound }).await? else { return Ok(None) };
        let made = tokio::task::spawn_blocking(move || make(&bytes, volume)).await.ok().flatten();
        let Some(made) = made else {
            tracing::error!(%sound, "a sound that was kept cannot be played");
            return Ok(None);
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back((key, made.clone()));
        Ok(Some(made))
    }

    fn find(&self, key: Key) -> Option<Arc<[Frame]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| *known == key)?;
        let found = kept.remove(at)?;
        let frames = found.1.clone();
        kept.push_back(found);
        Some(frames)
    }
}

fn make(bytes: &[u8], volume: Volume) -> Option<Arc<[Frame]>> {
    let mut reader = ogg::Reader::open(Cursor::new(bytes)).ok()?;
    let channels = if reader.head().channels == 2 { Channels::Stereo } else { Channels::Mono };
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while let Ok(Some(())) = reader.next(&mut packet) {
        packets.push(packet.clone());
        if packets.len() > MOST_FRAMES {
            return None;
        }
    }
    Some(again(packets, channels, volume.fraction()).ok()?.into())
}
