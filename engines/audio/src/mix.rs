//! Many speakers as one stream, and for each of them the same without themselves.
//!
//! A frame at a time: [`Mixer::begin`], [`Mixer::add`] for each speaker, then [`Mixer::full`] and [`Mixer::without`] as often
//! as there are listeners. Only the loudest are mixed, so that twenty open microphones do not add up to noise; who joins
//! or leaves the loudest is faded over the frame.

use crate::{Channels, level::Level};

/// Where the limiter begins to bend: 1 dB below full scale for one voice, which is left alone.
const THRESHOLD: f32 = 0.89;
/// How much of the way back to full gain is gone each frame, after something loud: about half a second.
const RELEASE: f32 = 0.04;
/// A speaker keeps the place of one who is louder by less than this, in dB.
const HOLD: f32 = 6.0;
/// Less than this is not worth a place, in dB.
const INAUDIBLE: f32 = -70.0;

/// Somebody, by a number of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeakerId(pub u64);

#[derive(Debug)]
struct Voice {
    speaker: SpeakerId,
    sound: Vec<f32>,
    level: Level,
    /// In the mix in this frame, and in the one before.
    is_in: bool,
    was_in: bool,
    /// Added in this frame.
    is_here: bool,
}

/// One room's mix.
#[derive(Debug)]
pub struct Mixer {
    channels: Channels,
    most: usize,
    frame: usize,
    voices: Vec<Voice>,
    sum: Vec<f32>,
    limiter: Limiter,
    is_summed: bool,
}

impl Mixer {
    /// Mixes the `most` loudest in frames of `samples` (at most 120 ms).
    #[must_use]
    pub fn new(channels: Channels, most: usize, samples: usize) -> Self {
        let frame = samples.min(crate::opus::MAX_PACKET_SAMPLES) * channels.count();
        let limiter = Limiter::default();
        Self { channels, most, frame, voices: Vec::new(), sum: vec![0.0; frame], limiter, is_summed: false }
    }

    /// A new frame: who is not added to it is gone.
    pub fn begin(&mut self) {
        self.voices.retain(|voice| voice.is_here);
        for voice in &mut self.voices {
            voice.was_in = voice.is_in;
            (voice.is_here, voice.is_in) = (false, false);
        }
        self.is_summed = false;
    }

    /// A speaker's frame, in their own number of channels; what is too short ends in silence. `gain` is 1.0 for as it is.
    /// A speaker added twice is heard as the second time.
    pub fn add(&mut self, speaker: SpeakerId, sound: &[f32], channels: Channels, gain: f32) {
        let at = match self.voices.iter().position(|voice| voice.speaker == speaker) {
            Some(at) => at,
            None => {
                let sound = vec![0.0; self.frame];
                let level = Level::SILENCE;
                self.voices.push(Voice {
                    speaker,
                    sound,
                    level,
                    is_in: false,
                    was_in: false,
                    is_here: false,
                });
                self.voices.len() - 1
            }
        };
        let Some(voice) = self.voices.get_mut(at) else { return };
        copy(&mut voice.sound, self.channels, sound, channels, gain);
        voice.level = Level::of(&voice.sound);
        voice.is_here = true;
        self.is_summed = false;
    }

    /// Whom the mix of this frame holds, loudest first.
    pub fn heard(&mut self) -> Vec<SpeakerId> {
        self.sum();
        let mut heard: Vec<_> = self
            .voices
            .iter()
            .filter(|voice| voice.is_in)
            .map(|voice| (voice.level, voice.speaker))
            .collect();
        heard.sort_by(|a, b| b.0.decibels().total_cmp(&a.0.decibels()));
        heard.into_iter().map(|(_, speaker)| speaker).collect()
    }

    /// Everyone who is heard, into the beginning of `out`.
    pub fn full(&mut self, out: &mut [f32]) {
        self.sum();
        for (out, sum) in out.iter_mut().zip(&self.sum) {
            *out = *sum;
        }
        let length = out.len().min(self.frame);
        self.limiter.apply(out.get_mut(..length).unwrap_or_default(), self.channels);
    }

    /// Everyone who is heard but `listener`, through the listener's own limiter.
    pub fn without(&mut self, listener: SpeakerId, limiter: &mut Limiter, out: &mut [f32]) {
        self.without_all(&[listener], limiter, out);
    }

    /// Everyone who is heard but `left_out`, through a limiter of this mix's own.
    pub fn without_all(&mut self, left_out: &[SpeakerId], limiter: &mut Limiter, out: &mut [f32]) {
        self.sum();
        let count = self.channels.count();
        out.iter_mut().zip(&self.sum).for_each(|(out, sum)| *out = *sum);
        let is_left_out = |voice: &&Voice| (voice.is_in || voice.was_in) && left_out.contains(&voice.speaker);
        for voice in self.voices.iter().filter(is_left_out) {
            let faded = Fade::of(voice, self.frame / count);
            for (at, (out, own)) in out.iter_mut().zip(&voice.sound).enumerate() {
                *out -= own * faded.gain(at / count);
            }
        }
        let length = out.len().min(self.frame);
        limiter.apply(out.get_mut(..length).unwrap_or_default(), self.channels);
    }

    /// Chooses the loudest and adds them up, once a frame.
    fn sum(&mut self) {
        if std::mem::replace(&mut self.is_summed, true) {
            return;
        }
        let rank = |voice: &Voice| voice.level.decibels() + if voice.was_in { HOLD } else { 0.0 };
        let mut order: Vec<usize> = (0..self.voices.len()).collect();
        order.sort_by(|a, b| match (self.voices.get(*a), self.voices.get(*b)) {
            (Some(a), Some(b)) => rank(b).total_cmp(&rank(a)),
            _ => std::cmp::Ordering::Equal,
        });
        self.sum.fill(0.0);
        let count = self.channels.count();
        let mut places = self.most;
        for at in order {
            let Some(voice) = self.voices.get_mut(at) else { continue };
            voice.is_in = voice.is_here && places > 0 && voice.level.decibels() > INAUDIBLE;
            places -= usize::from(voice.is_in);
            if !voice.is_here || !(voice.is_in || voice.was_in) {
                continue;
            }
            let faded = Fade::of(voice, self.frame / count);
            if faded == Fade::Steady {
                self.sum.iter_mut().zip(&voice.sound).for_each(|(sum, own)| *sum += own);
                continue;
            }
            for (at, (sum, own)) in self.sum.iter_mut().zip(&voice.sound).enumerate() {
                *sum += own * faded.gain(at / count);
            }
        }
    }
}

/// What a frame is multiplied with when its speaker comes or goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fade {
    Steady,
    In { samples: f32 },
    Out { samples: f32 },
}

impl Fade {
    fn of(voice: &Voice, samples: usize) -> Self {
        let samples = samples as f32;
        match (voice.was_in, voice.is_in) {
            (false, true) => Self::In { samples },
            (true, false) => Self::Out { samples },
            _ => Self::Steady,
        }
    }

    fn gain(self, at: usize) -> f32 {
        match self {
            Self::Steady => 1.0,
            Self::In { samples } => at as f32 / samples,
            Self::Out { samples } => 1.0 - at as f32 / samples,
        }
    }
}

fn copy(to: &mut [f32], to_channels: Channels, from: &[f32], from_channels: Channels, gain: f32) {
    let clean = |value: f32| if value.is_finite() { value * gain } else { 0.0 };
    let written = match (from_channels, to_channels) {
        (Channels::Mono, Channels::Mono) | (Channels::Stereo, Channels::Stereo) => {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = clean(*from));
            from.len()
        }
        (Channels::Mono, Channels::Stereo) => {
            for (to, from) in to.as_chunks_mut::<2>().0.iter_mut().zip(from) {
                *to = [clean(*from); 2];
            }
            from.len() * 2
        }
        (Channels::Stereo, Channels::Mono) => {
            for (to, from) in to.iter_mut().zip(from.as_chunks::<2>().0) {
                *to = clean((from[0] + from[1]) * 0.5);
            }
            from.len() / 2
        }
    };
    to.get_mut(written..).unwrap_or_default().fill(0.0);
}

/// Keeps a sum within full scale: the gain goes down before the peak of a frame and comes back slowly, and what is left
/// above the threshold is bent, never cut.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Limits one frame in place; afterwards every value lies within ±1.0.
    pub fn apply(&mut self, sound: &mut [f32], channels: Channels) {
        let peak = sound.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
        let wanted = if peak > THRESHOLD { THRESHOLD / peak } else { 1.0 };
        let target = wanted.min(self.gain + (1.0 - self.gain) * RELEASE);
        if self.gain > 0.999 && target > 0.999 {
            self.gain = 1.0;
            return;
        }
        // Down within the first eighth of the frame, up over all of it.
        let samples = (sound.len() / channels.count()).max(1);
        let ramp = if target < self.gain { (samples / 8).max(1) } else { samples };
        let step = (target - self.gain) / ramp as f32;
        let before = self.gain;
        for (at, value) in sound.iter_mut().enumerate() {
            let at = (at / channels.count() + 1).min(ramp);
            *value = bend(*value * (before + step * at as f32));
        }
        self.gain = target;
    }
}

/// The identity below the threshold, then ever flatter towards 1.0.
fn bend(value: f32) -> f32 {
    let size = value.abs();
    if size <= THRESHOLD {
        return value;
    }
    let room = 1.0 - THRESHOLD;
    let over = (size - THRESHOLD) / room;
    (THRESHOLD + room * (over / (1.0 + over))).copysign(value)
}
