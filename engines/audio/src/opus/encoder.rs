//! Sound to packets.

use opusic_c::{InbandFec, SampleRate};

use super::CodecError;
use crate::Channels;

/// What a packet may need: RFC 6716 §3.4 has 1,275 bytes a frame, and we send one frame a packet with room for DRED.
const MAX_PACKET: usize = 1_500;

/// What the sound is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Application {
    /// Speech first.
    #[default]
    Voice,
    /// Anything: mixes, music.
    Music,
}

/// How hard the encoder tries, 0 (a quarter of the CPU) to 10 (best).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complexity(u8);

impl Complexity {
    /// The cheapest.
    pub const LEAST: Self = Self(0);
    /// What a mix is made with: three quarters of the cost of the best, hard to tell from it.
    pub const USUAL: Self = Self(5);
    /// The best.
    pub const MOST: Self = Self(10);

    /// Anything above 10 is 10.
    #[must_use]
    pub const fn new(level: u8) -> Self {
        if level > 10 { Self(10) } else { Self(level) }
    }

    /// 0 to 10.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.0
    }
}

/// What is encoded and how. Everything but channels and application may change while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    /// As handed in.
    pub channels: Channels,
    /// What it is tuned for.
    pub application: Application,
    /// Bits a second, 6,000 to 510,000.
    pub bitrate: u32,
    /// CPU against quality.
    pub complexity: Complexity,
    /// Each packet carries the frame before it once more at a lower rate, when it is speech and loss is expected.
    pub fec: bool,
    /// Percent of packets that are expected to be lost, 0 to 100.
    pub expected_loss: u8,
    /// Says next to nothing while there is silence.
    pub dtx: bool,
    /// How much of the past each packet carries as deep redundancy (DRED), in 10 ms, 0 to 104.
    pub deep_redundancy: u8,
}

impl EncoderConfig {
    /// One speaker.
    #[must_use]
    pub const fn voice() -> Self {
        Self {
            channels: Channels::Mono,
            application: Application::Voice,
            bitrate: 32_000,
            complexity: Complexity::USUAL,
            fec: true,
            expected_loss: 10,
            dtx: true,
            deep_redundancy: 0,
        }
    }

    /// Many, for a file: nothing is lost on the way.
    #[must_use]
    pub const fn mix(channels: Channels) -> Self {
        Self {
            channels,
            application: Application::Music,
            bitrate: match channels {
                Channels::Mono => 48_000,
                Channels::Stereo => 96_000,
            },
            complexity: Complexity::USUAL,
            fec: false,
            expected_loss: 0,
            dtx: false,
            deep_redundancy: 0,
        }
    }
}

/// One stream of packets.
pub struct Encoder {
    inner: opusic_c::Encoder,
    config: EncoderConfig,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder that has heard nothing.
    ///
    /// # Errors
    /// [`CodecError::Library`] when there is no memory or a setting is out of range.
    pub fn new(config: EncoderConfig) -> Result<Self, CodecError> {
        let application = match config.application {
            Application::Voice => opusic_c::Application::Voip,
            Application::Music => opusic_c::Application::Audio,
        };
        let inner = opusic_c::Encoder::new(config.channels.into(), SampleRate::Hz48000, application)?;
        let mut encoder = Self { inner, config };
        encoder.apply(config)?;
        Ok(encoder)
    }

    /// What it encodes with.
    #[must_use]
    pub const fn config(&self) -> EncoderConfig {
        self.config
    }

    /// Goes on with other settings; channels and application stay what they were.
    ///
    /// # Errors
    /// [`CodecError::Library`] when a setting is out of range.
    pub fn set(&mut self, config: EncoderConfig) -> Result<(), CodecError> {
        let kept = self.config;
        let config = EncoderConfig { channels: kept.channels, application: kept.application, ..config };
        if config != kept {
            self.apply(config)?;
        }
        Ok(())
    }

    fn apply(&mut self, config: EncoderConfig) -> Result<(), CodecError> {
        self.inner.set_bitrate(opusic_c::Bitrate::Value(config.bitrate.clamp(6_000, 510_000)))?;
        self.inner.set_complexity(config.complexity.level())?;
        // Mode 2 keeps CELT for music, where mode 1 would turn it into SILK only to have FEC.
        let fec = match (config.fec, config.application) {
            (false, _) => InbandFec::Off,
            (true, Application::Voice) => InbandFec::Mode1,
            (true, Application::Music) => InbandFec::Mode2,
        };
        self.inner.set_inband_fec(fec)?;
        self.inner.set_packet_loss(config.expected_loss.min(100))?;
        self.inner.set_dtx(config.dtx)?;
        self.inner.set_dred_duration(config.deep_redundancy.min(104))?;
        self.config = config;
        Ok(())
    }

    /// What packets are coded as from now on, in one or two channels, whatever is handed in: two that are alike take less as
    /// one. Without a word of it libopus decides by the bitrate.
    ///
    /// # Errors
    /// [`CodecError::Library`] for two when one is handed in.
    pub fn code_as(&mut self, channels: Channels) -> Result<(), CodecError> {
        Ok(self.inner.set_force_channels(Some(channels.into()))?)
    }

    /// Samples by which decoded sound lags: what a file names pre-skip (RFC 7845 §4.2).
    ///
    /// # Errors
    /// [`CodecError::Library`], which has not been seen.
    pub fn lookahead(&mut self) -> Result<u32, CodecError> {
        Ok(self.inner.get_look_ahead()?)
    }

    /// Encodes one frame of 2.5, 5, 10, 20, 40 or 60 ms and puts the packet in place of what is in `packet`; returns its
    /// length. With DTX a packet of at most two bytes need not be sent.
    ///
    /// # Errors
    /// [`CodecError::Samples`] when `sound` is no such frame.
    pub fn encode(&mut self, sound: &[f32], packet: &mut Vec<u8>) -> Result<usize, CodecError> {
        let samples = sound.len() / self.config.channels.count();
        if !matches!(samples, 120 | 240 | 480 | 960 | 1_920 | 2_880)
            || !sound.len().is_multiple_of(self.config.channels.count())
        {
            return Err(CodecError::Samples { samples });
        }
        packet.resize(MAX_PACKET, 0);
        let written = self.inner.encode_float_to_slice(sound, packet);
        packet.truncate(written.unwrap_or_default());
        Ok(written?)
    }
}
