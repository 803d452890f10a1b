//! How loud it is, and whether anyone speaks.

use crate::SAMPLE_RATE;

/// Loudness relative to full scale, in dB: 0 is a full square wave, [`Level::SILENCE`] nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Level(f32);

impl Level {
    /// As low as RFC 6464 tells it.
    pub const SILENCE: Self = Self(-127.0);

    /// The root mean square of `sound`.
    #[must_use]
    pub fn of(sound: &[f32]) -> Self {
        let energy: f32 = sound.iter().map(|value| value * value).sum();
        let mean = energy / sound.len().max(1) as f32;
        if mean.is_finite() && mean > 0.0 { Self((10.0 * mean.log10()).max(-127.0)) } else { Self::SILENCE }
    }

    /// From the audio level extension of RTP (RFC 6464): 0 to 127 dB below full scale.
    #[must_use]
    pub fn from_rtp(below_full_scale: u8) -> Self {
        Self(-f32::from(below_full_scale.min(127)))
    }

    /// A value in dB, at most 0 for anything that was not clipped.
    #[must_use]
    pub const fn decibels(self) -> f32 {
        self.0
    }
}

/// The peak and mean of what passed, and whether somebody speaks: above a floor that is learnt from the quiet between
/// words, and for a while after.
#[derive(Clone, Debug)]
pub struct Meter {
    floor: f32,
    level: Level,
    peak: f32,
    hangover: u32,
    is_speech: bool,
}

/// Speech stands out of the noise by this much.
const ABOVE_FLOOR: f32 = 9.0;
/// Whatever the noise is, this is not speech …
const NEVER_BELOW: f32 = -55.0;
/// … and this is.
const ALWAYS_ABOVE: f32 = -25.0;
/// The pause between two words.
const HANGOVER: u32 = SAMPLE_RATE * 2 / 5;
/// dB a second by which the floor rises to steady noise.
const FLOOR_RISES: f32 = 3.0;

impl Default for Meter {
    fn default() -> Self {
        Self { floor: -60.0, level: Level::SILENCE, peak: 0.0, hangover: 0, is_speech: false }
    }
}

impl Meter {
    /// Takes a frame of `samples` samples into account; `sound` has one or two channels of them.
    pub fn hear(&mut self, sound: &[f32], samples: usize) {
        let level = Level::of(sound);
        let seconds = samples as f32 / SAMPLE_RATE as f32;
        let decibels = level.decibels();
        self.floor =
            decibels.max(-90.0).min(self.floor + FLOOR_RISES * seconds).min(ALWAYS_ABOVE - ABOVE_FLOOR);
        let loud = decibels > ALWAYS_ABOVE || decibels > (self.floor + ABOVE_FLOOR).max(NEVER_BELOW);
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        self.hangover = if loud { HANGOVER } else { self.hangover.saturating_sub(samples) };
        self.is_speech = loud || self.hangover > 0;
        self.level = level;
        let peak = sound.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
        self.peak = peak.max(self.peak * (1.0 - seconds.min(1.0)));
    }

    /// Of the last frame.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The largest value lately, falling over about a second.
    #[must_use]
    pub const fn peak(&self) -> f32 {
        self.peak
    }

    /// Somebody speaks, or stopped less than 0.4 s ago.
    #[must_use]
    pub const fn is_speech(&self) -> bool {
        self.is_speech
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME;

    fn tone(amplitude: f32) -> Vec<f32> {
        (0..FRAME)
            .map(|at| amplitude * (at as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin())
            .collect()
    }

    #[test]
    fn a_tone_is_three_decibels_below_its_peak() {
        assert!((Level::of(&tone(1.0)).decibels() + 3.01).abs() < 0.1);
        assert!((Level::of(&tone(0.1)).decibels() + 23.01).abs() < 0.1);
        assert_eq!(Level::of(&[0.0; 960]), Level::SILENCE);
        assert_eq!(Level::of(&[]), Level::SILENCE);
        assert_eq!(Level::of(&[f32::NAN]), Level::SILENCE);
        assert_eq!(Level::from_rtp(255), Level::SILENCE);
    }

    #[test]
    fn speech_is_what_stands_out_and_holds_through_the_pause_between_words() {
        let mut meter = Meter::default();
        let mut hear = |amplitude: f32, frames: usize| {
            (0..frames).for_each(|_| meter.hear(&tone(amplitude), FRAME));
            meter.is_speech()
        };
        assert!(!hear(0.000_5, 100), "a quiet room");
        assert!(hear(0.05, 1), "a word");
        assert!(hear(0.000_5, 10), "the pause after it");
        assert!(!hear(0.000_5, 20), "the end");
        assert!(hear(0.01, 1), "a fan begins");
        assert!(!hear(0.01, 1_000), "and goes on");
    }
}
