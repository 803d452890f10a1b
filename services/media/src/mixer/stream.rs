//! One encoded mix of a call, and who gets it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use voxlink_audio::{
    Channels, FRAME,
    level::Level,
    mix::Limiter,
    opus::{Adaptation, Application, CodecError, Complexity, Encoder, EncoderConfig, Observed},
};
use voxlink_sfu::{Copied, Mix, Part, PersonId};

use super::Rate;

/// Frames of silence that are still sent, so that the last word ends and decoders know of it.
const TRAIL: u32 = 10;
/// Between two looks at losses and load.
const ADAPTS_EVERY: Duration = Duration::from_secs(1);

/// What makes one mix another than the others of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) rate: Rate,
    /// Those who are left out: only who speaks, so that most listeners share one.
    pub(super) without: BTreeSet<PersonId>,
}

/// An encoding.
pub(super) struct Stream {
    pub(super) key: Key,
    pub(super) mix: Mix,
    /// Of this mix alone.
    pub(super) limiter: Limiter,
    /// Where it is known.
    pub(super) parts: BTreeSet<Part>,
    encoder: Encoder,
    /// What is coded: two channels only while they differ.
    coded: Channels,
    adaptation: Adaptation,
    adapted: Instant,
    /// Frames of silence in a row.
    quiet: u32,
    /// What waits for the rest of its packet, and when that begins.
    gathered: Vec<f32>,
    stamp: u32,
    packet: Vec<u8>,
}

impl Stream {
    /// Begins with the frame of this number. `before` is the one before it, which its listeners heard last or would have
    /// heard next: the encoder begins with that, so that nobody hears it begin.
    pub(super) fn new(
        key: Key,
        mix: Mix,
        frame: u64,
        before: &[f32],
        now: Instant,
    ) -> Result<Self, CodecError> {
        let config = config(key.rate);
        let mut encoder = Encoder::new(config)?;
        encoder.code_as(Channels::Mono)?;
        let (mut packet, mut first) = (Vec::new(), Vec::new());
        append(before, config.channels, &mut first);
        encoder.encode(&first, &mut packet)?;
        let adaptation = Adaptation::new(config);
        let mut gathered = Vec::new();
        // Packets of all mixes of one rate end together, so that nobody loses half of one in passing.
        if !frame.is_multiple_of(frames_per_packet(key.rate)) {
            gathered = first;
        }
        Ok(Self {
            key,
            mix,
            limiter: Limiter::default(),
            parts: BTreeSet::new(),
            encoder,
            coded: Channels::Mono,
            adaptation,
            adapted: now,
            quiet: 0,
            gathered,
            stamp: stamp(frame).wrapping_sub(FRAME as u32),
            packet,
        })
    }

    /// Whether this frame is to be encoded at all.
    pub(super) fn is_due(&mut self, is_silent: bool) -> bool {
        self.quiet = if is_silent { self.quiet.saturating_add(1) } else { 0 };
        self.quiet <= TRAIL || !self.gathered.is_empty()
    }

    /// Takes the frame of this number; the packet that it is the last of. `is_wide`: left and right are not alike.
    pub(super) fn encode(
        &mut self,
        sound: &[f32],
        is_wide: bool,
        frame: u64,
        now: Instant,
    ) -> Result<Option<Copied>, CodecError> {
        if self.gathered.is_empty() {
            self.stamp = stamp(frame);
        }
        append(sound, self.encoder.config().channels, &mut self.gathered);
        if !(frame + 1).is_multiple_of(frames_per_packet(self.key.rate)) {
            return Ok(None);
        }
        let wanted = if is_wide { self.encoder.config().channels } else { Channels::Mono };
        if wanted != self.coded {
            self.encoder.code_as(wanted)?;
            self.coded = wanted;
        }
        let encoded = self.encoder.encode(&self.gathered, &mut self.packet);
        let level = (-Level::of(&self.gathered).decibels()).clamp(0.0, 127.0);
        self.gathered.clear();
        encoded?;
        Ok(Some(self.mix.packet(&self.packet, self.stamp, level as u8, now)))
    }

    /// Follows what its listeners lose, 0 to 1 for the worst of them, and the thread's load, 1 for all that it may use.
    pub(super) fn adapt(&mut self, loss: f32, busy: f32, now: Instant) {
        if now.saturating_duration_since(self.adapted) < ADAPTS_EVERY {
            return;
        }
        self.adapted = now;
        let config = self.adaptation.next(Observed { loss, busy });
        if let Err(error) = self.encoder.set(config) {
            tracing::debug!(%error, "a mix goes on as it was encoded before");
        }
    }
}

/// On a poor link headers are most of what a packet of 20 ms takes.
const fn frames_per_packet(rate: Rate) -> u64 {
    match rate {
        Rate::Low => 2,
        Rate::Middle | Rate::High => 1,
    }
}

/// Whether packets of both rates begin with this frame, or are of one length.
pub(super) const fn passes(from: Rate, to: Rate, frame: u64) -> bool {
    let (from, to) = (frames_per_packet(from), frames_per_packet(to));
    from == to || (frame.is_multiple_of(from) && frame.is_multiple_of(to))
}

/// One clock for all mixes of a call.
const fn stamp(frame: u64) -> u32 {
    (frame as u32).wrapping_mul(FRAME as u32)
}

const fn config(rate: Rate) -> EncoderConfig {
    EncoderConfig {
        channels: match rate {
            Rate::Low | Rate::Middle => Channels::Mono,
            Rate::High => Channels::Stereo,
        },
        application: match rate {
            Rate::Low | Rate::Middle => Application::Voice,
            Rate::High => Application::Music,
        },
        bitrate: rate.bitrate(),
        complexity: Complexity::USUAL,
        fec: true,
        expected_loss: 0,
        dtx: false,
        deep_redundancy: 0,
    }
}

/// Left and right, interleaved.
pub(super) const STEREO_FRAME: usize = 2 * FRAME;

/// Room for a frame.
pub(super) const fn silence() -> [f32; STEREO_FRAME] {
    [0.0; STEREO_FRAME]
}

/// Appends a frame of two channels in so many.
fn append(sound: &[f32], channels: Channels, to: &mut Vec<f32>) {
    match channels {
        Channels::Stereo => to.extend_from_slice(sound),
        Channels::Mono => {
            to.extend(sound.as_chunks::<2>().0.iter().map(|[left, right]| (left + right) / 2.0))
        }
    }
}

/// Whether left and right differ by more than a hundredth of what is heard.
pub(super) fn is_wide(sound: &[f32]) -> bool {
    let (mut all, mut between) = (0.0, 0.0);
    for [left, right] in sound.as_chunks::<2>().0 {
        all += left * left + right * right;
        between += (left - right) * (left - right);
    }
    between > all / 10_000.0
}
