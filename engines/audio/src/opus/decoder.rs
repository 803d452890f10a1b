//! Packets to sound, also of packets that never came.

use opusic_c::{SampleRate, dred::Dred};

use super::{CodecError, MAX_PACKET_SAMPLES, Packet};
use crate::Channels;

/// One stream of packets, in their order.
pub struct Decoder {
    inner: Inner,
    channels: Channels,
}

/// The DRED decoder holds the decoder that it works on.
struct Inner(Dred);

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
        Ok(Self { inner: Inner(Dred::new(decoder)?), channels })
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
        Ok(self.inner.0.decoder_mut().decode_float_to_slice(packet.bytes(), room, false)?)
    }

    /// Fills `sound` with what was lost just before `next`, from the FEC in `next`; where it has none
    /// ([`Packet::has_fec`]) this conceals. To be followed by `decode(next)`.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms, at most 120 ms.
    pub fn recover(&mut self, next: &Packet<'_>, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound)?;
        self.inner.0.decoder_mut().decode_float_to_slice(next.bytes(), sound, true)?;
        Ok(())
    }

    /// Fills `sound` with what was lost just before `next`, from the deep redundancy in `next`: up to a second, when its
    /// sender has put it there. What DRED does not cover is concealed. To be followed by `decode(next)`.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms; [`CodecError::Broken`] when the redundancy is.
    pub fn recover_deeply(&mut self, next: &Packet<'_>, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound)?;
        self.inner.0.decode_float_to_slice(next.bytes(), sound)?;
        Ok(())
    }

    /// Fills `sound` with what might have been there.
    ///
    /// # Errors
    /// [`CodecError::Samples`] unless `sound` is a multiple of 2.5 ms, at most 120 ms.
    pub fn conceal(&mut self, sound: &mut [f32]) -> Result<(), CodecError> {
        self.check(sound)?;
        self.inner.0.decoder_mut().decode_float_to_slice(&[], sound, false)?;
        Ok(())
    }

    /// Forgets what it heard: a new speaker.
    ///
    /// # Errors
    /// [`CodecError::Library`], which has not been seen.
    pub fn reset(&mut self) -> Result<(), CodecError> {
        Ok(self.inner.0.reset()?)
    }

    fn check(&self, sound: &[f32]) -> Result<(), CodecError> {
        let samples = sound.len() / self.channels.count();
        let fits = sound.len().is_multiple_of(120 * self.channels.count());
        if samples == 0 || samples > MAX_PACKET_SAMPLES || !fits {
            return Err(CodecError::Samples { samples });
        }
        Ok(())
    }
}
