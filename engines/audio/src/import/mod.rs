//! Sound files that people bring, as Opus: for a soundboard, or to be played in a call.
//!
//! MP3, AAC in MP4, Vorbis, FLAC and WAV are decoded by symphonia, Opus by libopus. All of it is strangers' bytes: how much
//! is decoded is bounded by how long it may sound, and whatever makes no sense ends it. [`import`] takes a short file
//! whole, brings it to a common loudness and encodes it; [`Reader`] hands out a long one piece by piece.

mod loudness;
mod reader;

use std::{io::Cursor, time::Duration};

pub use loudness::Loudness;
pub use reader::{Input, Reader};

use crate::{
    Channels, FRAME, SAMPLE_RATE,
    level::Level,
    mix::Limiter,
    opus::{CodecError, Complexity, Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES, Packet},
};

/// Samples over which the end of what was cut off at once fades.
const FADE: usize = FRAME / 4;
/// RFC 7845 §4.2 leaves how far decoders lag to the encoder; this is what libopus says of 20 ms frames.
const LAG: usize = 312;

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not one of the formats, or one of their less usual forms.
    #[error("no sound that is known here")]
    Unknown,
    /// It begins as sound, and nothing can be decoded of it.
    #[error("the sound is broken")]
    Broken,
    /// It sounds longer than it may.
    #[error("longer than {0:?}")]
    TooLong(Duration),
    /// Nothing in it can be heard.
    #[error("silence")]
    Silent,
    /// libopus has no memory.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// One frame, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// An Opus packet of 20 ms.
    pub packet: Vec<u8>,
    /// How loud it is, in dB below full scale (RFC 6464).
    pub level: u8,
}

/// A file as Opus.
#[derive(Clone, Debug)]
pub struct Imported {
    /// As it is encoded.
    pub channels: Channels,
    /// One after the other, 20 ms each.
    pub frames: Vec<Frame>,
    /// How long the sound is, without what fills the last frame.
    pub samples: u64,
}

impl Imported {
    /// How long it sounds.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples as f64 / f64::from(SAMPLE_RATE))
    }
}

/// Decodes a whole file that sounds no longer than `most`, brings it to the common loudness and encodes it.
///
/// # Errors
/// See [`ImportError`].
pub fn import(bytes: impl Into<Vec<u8>>, most: Duration) -> Result<Imported, ImportError> {
    let mut reader = Reader::open(Box::new(Cursor::new(bytes.into())))?;
    let count = reader.channels().count();
    let room = (most.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize * count;
    let mut sound = Vec::new();
    while reader.read(&mut sound)? {
        if sound.len() > room {
            return Err(ImportError::TooLong(most));
        }
    }
    if sound.len() > room {
        return Err(ImportError::TooLong(most));
    }
    Loudness::of(&sound, reader.channels()).apply(&mut sound).ok_or(ImportError::Silent)?;
    encode(sound, reader.channels(), 1.0)
}

/// Encodes sound, `gain` times as loud, for whoever decodes it from the first frame to the last.
///
/// # Errors
/// [`ImportError::Codec`].
pub fn encode(mut sound: Vec<f32>, channels: Channels, gain: f32) -> Result<Imported, ImportError> {
    let count = channels.count();
    let samples = sound.len() / count;
    let fade = FADE.min(samples);
    let end = sound.len();
    for (at, value) in sound.iter_mut().enumerate() {
        let left = (end - 1 - at) / count;
        let faded = if left < fade { left as f32 / fade as f32 } else { 1.0 };
        *value *= gain * faded;
    }
    // What the decoder still holds at the end comes out with the last frame.
    sound.resize((samples + LAG).next_multiple_of(FRAME) * count, 0.0);
    let mut encoder = encoder(channels)?;
    let mut limiter = Limiter::default();
    let mut frames = Vec::with_capacity(sound.len() / (FRAME * count));
    for piece in sound.chunks_exact_mut(FRAME * count) {
        frames.push(frame(&mut encoder, &mut limiter, piece)?);
    }
    Ok(Imported { channels, frames, samples: samples as u64 })
}

/// What was encoded here before, `gain` times as loud. At a gain of 1 the packets stay what they are.
///
/// # Errors
/// [`ImportError::Broken`] for packets that are not ours, [`ImportError::Codec`].
pub fn again(packets: Vec<Vec<u8>>, channels: Channels, gain: f32) -> Result<Vec<Frame>, ImportError> {
    let mut decoder = Decoder::new(channels)?;
    let mut room = vec![0.0; MAX_PACKET_SAMPLES * channels.count()];
    let (mut sound, mut frames) = (Vec::new(), Vec::with_capacity(packets.len()));
    for packet in packets {
        let parsed = Packet::parse(&packet).map_err(|_| ImportError::Broken)?;
        let samples = decoder.decode(&parsed, &mut room).map_err(|_| ImportError::Broken)?;
        if samples != FRAME {
            return Err(ImportError::Broken);
        }
        let decoded = room.get(..samples * channels.count()).unwrap_or_default();
        sound.extend_from_slice(decoded);
        let level = level(decoded);
        frames.push(Frame { packet, level });
    }
    if gain == 1.0 { Ok(frames) } else { Ok(encode(sound, channels, gain)?.frames) }
}

fn level(sound: &[f32]) -> u8 {
    (-Level::of(sound).decibels()).clamp(0.0, 127.0) as u8
}

/// For a file: nothing is lost before it is encoded, and it may be music.
///
/// # Errors
/// [`CodecError::Library`] when there is no memory.
pub fn encoder(channels: Channels) -> Result<Encoder, CodecError> {
    let mono = 64_000;
    let bitrate = if channels == Channels::Stereo { 96_000 } else { mono };
    Encoder::new(EncoderConfig { bitrate, complexity: Complexity::MOST, ..EncoderConfig::mix(channels) })
}

/// Encodes 20 ms of `sound`, which is kept within full scale.
///
/// # Errors
/// [`CodecError::Samples`] when it is not 20 ms.
pub fn frame(encoder: &mut Encoder, limiter: &mut Limiter, sound: &mut [f32]) -> Result<Frame, CodecError> {
    limiter.apply(sound, encoder.config().channels);
    let mut packet = Vec::new();
    encoder.encode(sound, &mut packet)?;
    packet.shrink_to_fit();
    Ok(Frame { packet, level: level(sound) })
}
