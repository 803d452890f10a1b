//! A file as sound at 48 kHz, piece by piece.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::{
    codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    common::Limit,
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream},
    meta::MetadataOptions,
    packet::Packet as Block,
};

use super::ImportError;
use crate::{
    Channels,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
    resample::Resampler,
};

/// Packets in a row that make no sense before the rest is given up.
const MOST_BROKEN: u32 = 64;
/// Packets in a row that sound like nothing: a file must not keep anybody busy without end.
const MOST_EMPTY: u32 = 4_096;
/// Channels that are mixed down; nobody needs more.
const MOST_CHANNELS: usize = 8;
/// Texts and pictures inside of a file are not for us.
const MOST_TAG: usize = 64 * 1024;
/// Where RFC 7845 §5.1 has the count of channels, and the mapping family.
const OPUS_CHANNELS: usize = 9;

/// Bytes of a file; those of a whole one in memory are a `Cursor`.
pub trait Input: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Input for T {}

/// What symphonia reads from.
struct Source {
    input: Box<dyn Input>,
    length: u64,
}

impl Read for Source {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.input.read(room)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

enum Codec {
    Opus { decoder: Decoder, room: Vec<f32>, skip: usize },
    Other(Box<dyn AudioDecoder>),
}

/// One file that is being decoded.
pub struct Reader {
    format: Box<dyn FormatReader>,
    track: u32,
    codec: Codec,
    /// Known with the first sound: files are not believed before.
    resampler: Option<(u32, usize, Resampler)>,
    channels: Channels,
    broken: u32,
    empty: u32,
    has_sound: bool,
    /// Decoded, and not yet at 48 kHz.
    decoded: Vec<f32>,
    folded: Vec<f32>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Reader {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    /// [`ImportError::Unknown`] for what is no sound.
    pub fn open(mut input: Box<dyn Input>) -> Result<Self, ImportError> {
        let length = input.seek(SeekFrom::End(0)).and_then(|length| input.rewind().map(|()| length));
        let length = length.map_err(|_| ImportError::Broken)?;
        let stream = MediaSourceStream::new(Box::new(Source { input, length }), Default::default());
        let tags = MetadataOptions::default()
            .limit_tag_bytes(Limit::Maximum(MOST_TAG))
            .limit_visual_bytes(Limit::Maximum(0));
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), tags)
            .map_err(|_| ImportError::Unknown)?;
        let track = format.default_track(TrackType::Audio).ok_or(ImportError::Unknown)?;
        let parameters = track.codec_params.as_ref().and_then(|one| one.audio());
        let parameters = parameters.ok_or(ImportError::Unknown)?;
        let (codec, channels) = codec(parameters, track.delay)?;
        Ok(Self {
            track: track.id,
            format,
            codec,
            resampler: None,
            channels,
            broken: 0,
            empty: 0,
            has_sound: false,
            decoded: Vec::new(),
            folded: Vec::new(),
        })
    }

    /// What is handed out: more than two are mixed down.
    #[must_use]
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    /// Appends the next piece at 48 kHz, interleaved; false at the end.
    ///
    /// # Errors
    /// [`ImportError::Broken`] when there was nothing to decode. What breaks later ends the sound.
    pub fn read(&mut self, out: &mut Vec<f32>) -> Result<bool, ImportError> {
        while self.broken < MOST_BROKEN && self.empty < MOST_EMPTY {
            let block = match self.format.next_packet() {
                Ok(Some(block)) if block.track_id == self.track => block,
                Ok(Some(_)) => {
                    self.empty += 1;
                    continue;
                }
                // A chained stream begins another file.
                Ok(None) | Err(_) => break,
            };
            self.decoded.clear();
            match self.decode(&block) {
                Ok(Some((rate, channels))) if !self.decoded.is_empty() => {
                    (self.broken, self.empty) = (0, 0);
                    if !self.convert(rate, channels, out)? {
                        break;
                    }
                    self.has_sound = true;
                    return Ok(true);
                }
                Ok(_) => self.empty += 1,
                Err(()) => self.broken += 1,
            }
        }
        (self.broken, self.empty) = (MOST_BROKEN, MOST_EMPTY);
        if let Some((_, _, resampler)) = self.resampler.take() {
            resampler.finish(out).map_err(|_| ImportError::Broken)?;
        }
        if self.has_sound { Ok(false) } else { Err(ImportError::Broken) }
    }

    /// Puts a packet's sound into `decoded`; its rate and channels. `Err` when it made no sense.
    fn decode(&mut self, block: &Block) -> Result<Option<(u32, usize)>, ()> {
        match &mut self.codec {
            Codec::Opus { decoder, room, skip } => {
                let packet = Packet::parse(&block.data).map_err(|_| ())?;
                let samples = decoder.decode(&packet, room).map_err(|_| ())?;
                let count = decoder.channels().count();
                let skipped = (*skip).min(samples);
                *skip -= skipped;
                self.decoded.extend_from_slice(room.get(skipped * count..samples * count).unwrap_or(&[]));
                Ok(Some((crate::SAMPLE_RATE, count)))
            }
            Codec::Other(decoder) => {
                let sound = match decoder.decode(block) {
                    Ok(sound) => sound,
                    Err(Error::DecodeError(_) | Error::IoError(_)) => return Err(()),
                    Err(_) => {
                        self.broken = MOST_BROKEN;
                        return Err(());
                    }
                };
                let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count());
                sound.copy_to_vec_interleaved(&mut self.decoded);
                Ok(Some((rate, channels)))
            }
        }
    }

    /// Brings `decoded` to 48 kHz; false when it became another kind of sound in the middle.
    fn convert(&mut self, rate: u32, channels: usize, out: &mut Vec<f32>) -> Result<bool, ImportError> {
        if channels == 0 || channels > MOST_CHANNELS {
            return Ok(false);
        }
        if self.resampler.is_none() {
            if !self.has_sound {
                self.channels = if channels == 1 { Channels::Mono } else { Channels::Stereo };
            }
            let resampler = Resampler::new(rate, self.channels).map_err(|_| ImportError::Unknown)?;
            self.resampler = Some((rate, channels, resampler));
        }
        let Some((known, count, resampler)) = &mut self.resampler else { return Ok(false) };
        if (*known, *count) != (rate, channels) {
            return Ok(false);
        }
        self.decoded.iter_mut().for_each(|value| {
            *value = if value.is_finite() { value.clamp(-4.0, 4.0) } else { 0.0 };
        });
        let sound = if channels > 2 {
            fold(&self.decoded, channels, &mut self.folded);
            &self.folded
        } else {
            &self.decoded
        };
        resampler.push(sound, out).map_err(|_| ImportError::Broken)?;
        Ok(true)
    }
}

fn codec(parameters: &AudioCodecParameters, delay: Option<u32>) -> Result<(Codec, Channels), ImportError> {
    let of = |count: usize| if count == 1 { Channels::Mono } else { Channels::Stereo };
    if parameters.codec == CODEC_ID_OPUS {
        let head = parameters.extra_data.as_deref().unwrap_or_default();
        let count = head.get(OPUS_CHANNELS).copied().unwrap_or_default();
        if !matches!(count, 1 | 2) {
            return Err(ImportError::Unknown);
        }
        let channels = of(usize::from(count));
        let decoder = Decoder::new(channels)?;
        let room = vec![0.0; MAX_PACKET_SAMPLES * channels.count()];
        let skip = delay.unwrap_or_default() as usize;
        return Ok((Codec::Opus { decoder, room, skip }, channels));
    }
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| ImportError::Unknown)?;
    let channels = parameters.channels.as_ref().map_or(Channels::Stereo, |channels| of(channels.count()));
    Ok((Codec::Other(decoder), channels))
}

/// The first two to the sides, all others to both.
fn fold(sound: &[f32], channels: usize, out: &mut Vec<f32>) {
    out.clear();
    for sample in sound.chunks_exact(channels) {
        if let [left, right, others @ ..] = sample {
            let middle = others.iter().sum::<f32>() * 0.5;
            out.extend([left + middle, right + middle]);
        }
    }
}
