//! A file that somebody plays in a call: decoded and encoded on a thread of its own, a little ahead of what is sent.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use voxlink_audio::{
    FRAME,
    import::{Frame, ImportError, Loudness, Reader, encoder, frame},
    mix::Limiter,
    opus::CodecError,
};

/// What is played of one file.
pub(crate) const MOST_SOUND: Duration = Duration::from_secs(15 * 60);
/// Frames that wait to be sent: two seconds, so that a busy processor makes no hole.
const AHEAD: usize = 100;
/// So much of the beginning says how loud the whole is.
const LISTENED: Duration = Duration::from_secs(10);

/// Frames as they are made; it ends when the file does.
pub(crate) type Feed = Receiver<Frame>;

/// Begins to make frames of a file that was opened. Dropping the feed ends it.
///
/// # Errors
/// When the system gives no more threads.
pub(super) fn start(reader: Reader) -> io::Result<Feed> {
    let (frames, feed) = sync_channel(AHEAD);
    std::thread::Builder::new().name("media-file".to_owned()).spawn(move || {
        if let Err(error) = make(reader, &frames) {
            tracing::debug!(%error, "a file that is played ends early");
        }
    })?;
    Ok(feed)
}

fn make(mut reader: Reader, frames: &SyncSender<Frame>) -> Result<(), ImportError> {
    let (mut sound, mut goes_on) = (Vec::new(), true);
    let seconds = |time: Duration, count: usize| time.as_secs() as usize * 48_000 * count;
    while goes_on && sound.len() < seconds(LISTENED, reader.channels().count()) {
        goes_on = reader.read(&mut sound)?;
    }
    let channels = reader.channels();
    let count = channels.count();
    let gain = Loudness::of(&sound, channels).gain().unwrap_or(1.0);
    let (mut encoder, mut limiter) = (encoder(channels)?, Limiter::default());
    let mut left = seconds(MOST_SOUND, count) / (FRAME * count);
    loop {
        let whole = sound.len() / (FRAME * count);
        for piece in sound.chunks_exact_mut(FRAME * count) {
            piece.iter_mut().for_each(|value| *value *= gain);
            let made: Result<Frame, CodecError> = frame(&mut encoder, &mut limiter, piece);
            // Nobody wants the rest.
            if left == 0 || frames.send(made?).is_err() {
                return Ok(());
            }
            left -= 1;
        }
        sound.drain(..whole * FRAME * count);
        if !goes_on {
            return Ok(());
        }
        goes_on = reader.read(&mut sound)?;
        if !goes_on {
            sound.resize(sound.len().next_multiple_of(FRAME * count), 0.0);
        }
    }
}
