//! Packets to sound, also of packets that never came.

use opusic_c::{SampleRate, dred::Dred};

use super::{CodecError, MAX_PACKET_SAMPLES, Packet};
use crate::{Channels, SAMPLE_RATE};

/// libopus keeps at most 1.04 s of deep redundancy.
const MAX_DEEP: usize = SAMPLE_RATE as usize;

/// One stream of packets, in their order.
pub struct Decoder {
    /// Holds the decoder that it works on.
    inner: Dred,
    channels: Channels,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that has heard nothing.
    ///
    /// # Errors
    /// [`CodecError::Library`] when there is no memory.
    pub fn new(channels: Channels) -> Result<Self, CodecError> {
        let decoder = opusic_c::Decoder::new(channels.into(), SampleRate::Hz48000)?;
        Ok(Self { inner: Dred::new(decoder)?, channels })
    }

    /// What it decodes to, whatever the packets are.
    #[must_use]
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    /// Puts the packet's sound into the beginning of `sound`, which has room for all of it
    /// ([`MAX_PACKET_SAMPLES`] always do); returns its samples.
    ///
    /// # Errors
    /// [`CodecError::Samples`] without enough room, [`CodecError::Broken`] for frames that make no sense.
    pub fn decode(&mut self, packet: &Packet<'_>, sound: &mut [f32]) -> Result<usize, CodecError> {
        let samples = packet.samples();
        let room = sound.get_mut(..samples * self.channels.count()).ok_or(CodecError::Samples { samples })?;
        Ok(self.inner.decoder_mut().decode_float_to_slice(packet.bytes(), room, false)?)
    }

    /// Fills `sound` with what was lost just before `next`, from the FEC in `next`; where it has none
    /// ([`Packet::has_fec`]) this conceals. To be followed by `decode(next)`.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms, at most 120 ms.
    pub fn recover(&mut self, next: &Packet<'_>, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound, MAX_PACKET_SAMPLES)?;
        self.inner.decoder_mut().decode_float_to_slice(next.bytes(), sound, true)?;
        Ok(())
    }

    /// Fills `sound` with what was lost just before `next`, from the deep redundancy in `next`: up to a second, when its
    /// sender has put it there. What DRED does not cover is concealed. To be followed by `decode(next)`.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms, at most a second; another one when there is no deep
    /// redundancy in `next`, and the decoder is as it was.
    pub fn recover_deeply(&mut self, next: &Packet<'_>, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound, MAX_DEEP)?;
        if !next.has_extensions() {
            return Err(CodecError::Broken);
        }
        self.inner.decode_float_to_slice(next.bytes(), sound)?;
        Ok(())
    }

    /// Fills `sound` with what might have been there.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms, at most 120 ms.
    pub fn conceal(&mut self, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound, MAX_PACKET_SAMPLES)?;
        self.inner.decoder_mut().decode_float_to_slice(&[], sound, false)?;
        Ok(())
    }

    /// Forgets what it heard: a new speaker.
    ///
    /// # Errors
    /// [`CodecError::Library`], which has not been seen.
    pub fn reset(&mut self) -> Result<(), CodecError> {
        Ok(self.inner.reset()?)
    }

    fn check(&self, sound: &[f32], most: usize) -> Result<(), CodecError> {
        let samples = sound.len() / self.channels.count();
        let fits = sound.len().is_multiple_of(120 * self.channels.count());
        if samples == 0 || samples > most || !fits {
            return Err(CodecError::Samples { samples });
        }
        Ok(())
    }
}
