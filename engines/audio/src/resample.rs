//! Sound of another rate at 48 kHz: files that people bring.

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::InterleavedSlice};

use crate::{Channels, SAMPLE_RATE};

/// Samples that are handed to the filter at once.
const PIECE: usize = 1_024;

/// Why there is no resampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// Not between 4 kHz and 384 kHz.
    #[error("{0} Hz is no rate of sound")]
    Rate(u32),
    /// The filter refused, which has not been seen.
    #[error("the filter failed")]
    Filter,
}

/// Turns one rate into 48 kHz, in pieces of any length.
pub struct Resampler {
    inner: Option<Fft<f32>>,
    channels: usize,
    waiting: Vec<f32>,
    /// Samples of the filter's delay that are still to be left out.
    delay: usize,
    taken: u64,
    given: u64,
    rate: u32,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `rate` Hz.
    ///
    /// # Errors
    /// [`ResampleError::Rate`] for what is no rate of sound.
    pub fn new(rate: u32, channels: Channels) -> Result<Self, ResampleError> {
        if !(4_000..=384_000).contains(&rate) {
            return Err(ResampleError::Rate(rate));
        }
        let channels = channels.count();
        let inner = if rate == SAMPLE_RATE {
            None
        } else {
            let fft = Fft::new(rate as usize, SAMPLE_RATE as usize, PIECE, channels, FixedSync::Input);
            Some(fft.map_err(|_| ResampleError::Filter)?)
        };
        let delay = inner.as_ref().map_or(0, rubato::Resampler::output_delay);
        Ok(Self { inner, channels, waiting: Vec::new(), delay, taken: 0, given: 0, rate })
    }

    /// Takes interleaved sound and appends what is ready.
    ///
    /// # Errors
    /// [`ResampleError::Filter`], which has not been seen.
    pub fn push(&mut self, sound: &[f32], out: &mut Vec<f32>) -> Result<(), ResampleError> {
        self.taken += (sound.len() / self.channels) as u64;
        if self.inner.is_none() {
            self.given = self.taken;
            out.extend_from_slice(sound);
            return Ok(());
        }
        self.waiting.extend_from_slice(sound);
        self.run(out)
    }

    /// Appends what the filter still holds: afterwards as much time has come out as went in.
    ///
    /// # Errors
    /// [`ResampleError::Filter`], which has not been seen.
    pub fn finish(mut self, out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let whole = self.taken * u64::from(SAMPLE_RATE) / u64::from(self.rate);
        while self.given < whole {
            let before = out.len();
            self.waiting.resize(self.waiting.len() + PIECE * self.channels, 0.0);
            self.run(out)?;
            let over = usize::try_from(self.given.saturating_sub(whole)).unwrap_or(usize::MAX);
            out.truncate(out.len().saturating_sub(over.saturating_mul(self.channels)).max(before));
        }
        Ok(())
    }

    fn run(&mut self, out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        loop {
            let wanted = inner.input_frames_next();
            if self.waiting.len() < wanted * self.channels {
                return Ok(());
            }
            let room = inner.output_frames_next();
            let begin = out.len();
            out.resize(begin + room * self.channels, 0.0);
            let input = InterleavedSlice::new(&self.waiting, self.channels, wanted);
            let output = out.get_mut(begin..).unwrap_or_default();
            let output = InterleavedSlice::new_mut(output, self.channels, room);
            let (Ok(input), Ok(mut output)) = (input, output) else { return Err(ResampleError::Filter) };
            let (read, written) =
                inner.process_into_buffer(&input, &mut output, None).map_err(|_| ResampleError::Filter)?;
            self.waiting.drain(..read * self.channels);
            out.truncate(begin + written * self.channels);
            let skipped = self.delay.min(written);
            self.delay -= skipped;
            out.drain(begin..begin + skipped * self.channels);
            self.given += (written - skipped) as u64;
        }
    }
}
