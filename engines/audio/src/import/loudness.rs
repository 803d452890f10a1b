//! One loudness for all that people bring: a sound that was mastered to the limit is no louder than one from a telephone.
//!
//! Short sounds are too short for the gates of EBU R 128, so this takes the mean of the loud half: what is heard as its
//! loudness, whatever pauses there are.

use crate::{Channels, FRAME, level::Level};

/// What the loud parts are brought to, in dB below full scale: where voices are.
const TARGET: f32 = -23.0;
/// Frames that are this much quieter than the loudest do not count, in dB.
const GATE: f32 = 12.0;
/// Nothing is made louder by more than this, in dB: what is noise stays in the background.
const MOST_GAIN: f32 = 20.0;
/// A peak may lie this high; the limiter is for what encoding adds.
const PEAK: f32 = 0.89;
/// Quieter than this is nothing, in dB.
const NOTHING: f32 = -70.0;

/// How loud a sound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// The mean of the loud frames, in dB below full scale; [`Level::SILENCE`] for nothing.
    decibels: f32,
    peak: f32,
}

impl Loudness {
    /// Of a whole sound.
    #[must_use]
    pub fn of(sound: &[f32], channels: Channels) -> Self {
        let frames: Vec<f32> =
            sound.chunks(FRAME * channels.count()).map(|frame| Level::of(frame).decibels()).collect();
        let loudest = frames.iter().copied().fold(Level::SILENCE.decibels(), f32::max);
        let loud = frames.iter().filter(|level| **level >= loudest - GATE);
        let (sum, count) =
            loud.fold((0.0_f32, 0_u32), |(sum, count), level| (sum + 10.0_f32.powf(level / 10.0), count + 1));
        let peak = sound.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
        let decibels = if count == 0 { f32::NEG_INFINITY } else { 10.0 * (sum / count as f32).log10() };
        Self { decibels, peak }
    }

    /// What it is to be multiplied with; `None` when there is nothing to hear.
    #[must_use]
    pub fn gain(self) -> Option<f32> {
        let is_heard = self.decibels.is_finite() && self.decibels > NOTHING && self.peak > 0.0;
        let wanted = 10.0_f32.powf((TARGET - self.decibels).min(MOST_GAIN) / 20.0);
        is_heard.then(|| wanted.min(PEAK / self.peak))
    }

    /// Brings `sound` to the common loudness; `None` when there is nothing to hear.
    pub(super) fn apply(self, sound: &mut [f32]) -> Option<()> {
        let gain = self.gain()?;
        sound.iter_mut().for_each(|value| *value *= gain);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|at| amplitude * (at as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin())
            .collect()
    }

    #[test]
    fn what_is_loud_and_what_is_quiet_come_out_alike_and_pauses_do_not_count() {
        let mut with_pause = tone(0.9, 24_000);
        with_pause.resize(96_000, 0.0);
        for mut sound in [tone(0.9, 48_000), tone(0.03, 48_000), with_pause] {
            let before = Loudness::of(&sound, Channels::Mono);
            assert!(before.apply(&mut sound).is_some());
            let after = Loudness::of(&sound, Channels::Mono);
            assert!((after.decibels - TARGET).abs() < 0.5, "{after:?}");
        }
    }

    #[test]
    fn silence_is_nothing_and_one_click_does_not_go_past_full_scale() {
        assert_eq!(Loudness::of(&[0.0; 9_600], Channels::Mono).gain(), None);
        assert_eq!(Loudness::of(&[], Channels::Mono).gain(), None);
        let mut click = vec![0.0; 4_800];
        click[100] = 0.5;
        let gain = Loudness::of(&click, Channels::Mono).gain().unwrap_or_default();
        assert!(gain * 0.5 <= PEAK + 1e-6, "{gain}");
    }
}
