//! A call as one stream while it goes on: packets of everyone in as they come, every 20 ms the mix out.
//!
//! [`LiveMixer::handle`] takes a packet when it arrives, [`LiveMixer::frame`] makes the next 20 ms and says whom they hold,
//! then [`LiveMixer::full`] and [`LiveMixer::without`] write it as often as there are kinds of listeners. Each speaker has
//! a jitter buffer. Who is quiet for a while costs nothing, and no more are decoded than [`Config::decoded`], whatever
//! number of microphones is open: the quietest makes place for who is louder.

use std::time::{Duration, Instant};

use crate::{
    Channels,
    jitter::{self, JitterBuffer, Packet},
    level::Level,
    mix::{Limiter, Mixer, SpeakerId},
    opus,
};

/// What is quieter is not worth decoding.
const QUIET: f32 = -70.0;
/// After so long without anything worth it a speaker is not decoded: longer than the longest delay and the second that
/// concealment takes to fade.
const RESTS_AFTER: Duration = Duration::from_secs(2);
/// A buffer that rested for longer begins anew: what it knows of clock and numbers is too old.
const STALE: Duration = Duration::from_secs(60);
/// How loud somebody counts whose packets do not say it (RFC 6464 is of microphones): as a voice.
const UNTOLD: f32 = -30.0;
/// Whoever is louder by so many dB takes a decoder.
const LOUDER: f32 = 6.0;
/// By how many dB somebody counts as quieter with each frame, so that the gap between two words is not silence.
const FORGOTTEN: f32 = 0.3;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Of the mix.
    pub channels: Channels,
    /// How many are mixed: the loudest.
    pub heard: usize,
    /// How many are decoded at the same time, at least as many as are heard.
    pub decoded: usize,
    /// How long a speaker's packets wait for late ones, at least; see [`jitter::Config`].
    pub least_delay: Duration,
    /// And at most.
    pub most_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let jitter::Config { channels, least_delay, most_delay } = jitter::Config::default();
        Self { channels, heard: 8, decoded: 16, least_delay, most_delay }
    }
}

#[derive(Debug)]
struct Speaker {
    id: SpeakerId,
    buffer: JitterBuffer,
    /// In dB, falling slowly.
    loudness: f32,
    /// When something worth hearing came last.
    spoke: Instant,
    /// Faded out with the next frame, then gone.
    leaves: bool,
}

impl Speaker {
    fn rests(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.spoke) > RESTS_AFTER
    }
}

/// One call's mix.
#[derive(Debug)]
pub struct LiveMixer {
    config: Config,
    speakers: Vec<Speaker>,
    mixer: Mixer,
    heard: Vec<SpeakerId>,
    /// Somebody was heard in the last frame, or fades out of this one.
    sounds: bool,
    refused: u64,
    room: Vec<f32>,
}

impl LiveMixer {
    /// A mix that nobody speaks in.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let config = Config { decoded: config.decoded.max(config.heard).max(1), ..config };
        let mixer = Mixer::new(config.channels, config.heard, crate::FRAME);
        let room = Vec::with_capacity(crate::FRAME * config.channels.count());
        Self { config, speakers: Vec::new(), mixer, heard: Vec::new(), sounds: false, refused: 0, room }
    }

    /// Takes a packet of `speaker`, who comes with their first one. `level` is what the packet says of itself (RFC 6464).
    /// Packets that are broken or late are counted by the speaker's buffer ([`Self::counters`]).
    pub fn handle(&mut self, speaker: SpeakerId, packet: Packet<'_>, level: Option<Level>, now: Instant) {
        let loudness = level.map_or(UNTOLD, Level::decibels);
        let is_mark = !packet.is_red && opus::Packet::parse(packet.payload).is_ok_and(|opus| opus.is_dtx());
        let is_worth_it = loudness > QUIET && !is_mark;
        let config = self.config;
        let known = self.speakers.iter().position(|one| one.id == speaker);
        let rests = known.and_then(|at| self.speakers.get(at)).is_none_or(|one| one.rests(now));
        if rests && !is_worth_it {
            return;
        }
        let at = known.or_else(|| self.begin(speaker, loudness, now));
        let Some(one) = at.and_then(|at| self.speakers.get_mut(at)) else {
            self.refused += 1;
            return;
        };
        if is_worth_it {
            // Without memory it goes on with the old one.
            if now.saturating_duration_since(one.spoke) > STALE
                && let Ok(anew) = buffer(config)
            {
                one.buffer = anew;
            }
            one.spoke = now;
            one.loudness = one.loudness.max(loudness);
            one.leaves = false;
        }
        one.buffer.handle(packet, now);
    }

    /// `speaker` is gone: what is still to be heard of them is faded out with the next frame.
    pub fn remove(&mut self, speaker: SpeakerId) {
        if let Some(one) = self.speakers.iter_mut().find(|one| one.id == speaker) {
            one.leaves = true;
        }
    }

    /// Makes the next 20 ms and says whom they hold, loudest first. Called every 20 ms, with the time that this is.
    pub fn frame(&mut self, now: Instant) -> &[SpeakerId] {
        self.mixer.begin();
        let was_heard = !self.heard.is_empty();
        for one in &mut self.speakers {
            one.loudness = (one.loudness - FORGOTTEN).max(Level::SILENCE.decibels());
            if one.rests(now) && !one.leaves {
                continue;
            }
            let sound = one.buffer.pull(now);
            if one.leaves {
                fade(sound.samples, self.config.channels, &mut self.room);
                self.mixer.add(one.id, &self.room, self.config.channels, 1.0);
            } else if sound.source != jitter::Source::Nothing || self.heard.contains(&one.id) {
                self.mixer.add(one.id, sound.samples, self.config.channels, 1.0);
            }
        }
        self.speakers.retain(|one| !one.leaves);
        self.heard = self.mixer.heard();
        self.sounds = was_heard || !self.heard.is_empty();
        &self.heard
    }

    /// Whom the last frame holds, loudest first.
    #[must_use]
    pub fn heard(&self) -> &[SpeakerId] {
        &self.heard
    }

    /// Nothing at all is to be heard in the last frame: it need not be written, encoded or sent.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        !self.sounds
    }

    /// Writes everyone who is heard: [`crate::FRAME`] samples, interleaved. Once a frame.
    pub fn full(&mut self, out: &mut [f32]) {
        self.mixer.full(out);
    }

    /// Writes everyone who is heard but `left_out`: a listener who speaks, and whom they do not want to hear. `limiter` is
    /// this mix's own. Once a frame for each.
    pub fn without(&mut self, left_out: &[SpeakerId], limiter: &mut Limiter, out: &mut [f32]) {
        self.mixer.without_all(left_out, limiter, out);
    }

    /// How many have a decoder.
    #[must_use]
    pub fn speakers(&self) -> usize {
        self.speakers.len()
    }

    /// Packets of people who were too quiet for a decoder, so far.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// What happened to the packets of a speaker who has a decoder.
    #[must_use]
    pub fn counters(&self, speaker: SpeakerId) -> Option<jitter::Counters> {
        self.speakers.iter().find(|one| one.id == speaker).map(|one| one.buffer.counters())
    }

    /// The place of a newcomer, who gets a free decoder or that of whoever is quietest. `None` when all are about as loud,
    /// or there is no memory.
    fn begin(&mut self, id: SpeakerId, loudness: f32, now: Instant) -> Option<usize> {
        let decoded = self.speakers.iter().filter(|one| !one.leaves).count();
        if decoded >= self.config.decoded {
            let quietest = self
                .speakers
                .iter_mut()
                .filter(|one| !one.leaves)
                .min_by(|a, b| a.loudness.total_cmp(&b.loudness))?;
            if !quietest.rests(now) && quietest.loudness + LOUDER > loudness {
                return None;
            }
            quietest.leaves = true;
        }
        if self.speakers.len() >= 2 * self.config.decoded {
            // Places went from hand to hand within one frame.
            return None;
        }
        let buffer = buffer(self.config).ok()?;
        self.speakers.push(Speaker { id, buffer, loudness, spoke: now, leaves: false });
        Some(self.speakers.len() - 1)
    }
}

fn buffer(config: Config) -> Result<JitterBuffer, opus::CodecError> {
    let Config { channels, least_delay, most_delay, .. } = config;
    JitterBuffer::new(jitter::Config { channels, least_delay, most_delay })
}

/// A frame that ends in silence.
fn fade(sound: &[f32], channels: Channels, out: &mut Vec<f32>) {
    let samples = (sound.len() / channels.count()).max(1) as f32;
    out.clear();
    let faded = |(at, value): (usize, &f32)| value * (1.0 - (at / channels.count()) as f32 / samples);
    out.extend(sound.iter().enumerate().map(faded));
}
