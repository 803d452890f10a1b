//! A decoder that knows what to do about gaps; what [`crate::jitter`] and [`crate::timeline`] have in common.

use crate::{
    Channels, FRAME, SAMPLE_RATE,
    jitter::Source,
    opus::{CodecError, Decoder, MAX_PACKET_SAMPLES, Packet},
};

/// After so much that was made up there is silence, and libopus is not asked any more.
const LONGEST_MADE_UP: usize = SAMPLE_RATE as usize;
/// Everything that Opus has is a multiple of 2.5 ms.
const STEP: usize = 120;

#[derive(Debug)]
pub(crate) struct Voice {
    decoder: Decoder,
    channels: usize,
    /// Samples in a row that no packet brought.
    made_up: usize,
    room: Vec<f32>,
}

impl Voice {
    pub(crate) fn new(channels: Channels) -> Result<Self, CodecError> {
        let decoder = Decoder::new(channels)?;
        let room = vec![0.0; MAX_PACKET_SAMPLES * channels.count()];
        Ok(Self { decoder, channels: channels.count(), made_up: LONGEST_MADE_UP, room })
    }

    /// Another speaker.
    pub(crate) fn reset(&mut self) {
        // It has not been seen to fail; if it does, the next packets sound wrong for a moment.
        let _unlikely = self.decoder.reset();
        self.made_up = LONGEST_MADE_UP;
    }

    /// Appends the packet's sound: as many samples as it says, also when it is broken inside.
    pub(crate) fn decode(&mut self, packet: &Packet<'_>, sound: &mut Vec<f32>) -> Result<(), CodecError> {
        let samples = packet.samples();
        let decoded = self.decoder.decode(packet, &mut self.room);
        match decoded {
            Ok(_) => {
                self.made_up = 0;
                self.append(samples, sound);
                Ok(())
            }
            Err(error) => {
                self.conceal(samples, sound);
                Err(error)
            }
        }
    }

    /// Appends `samples` that might have been there.
    pub(crate) fn conceal(&mut self, samples: usize, sound: &mut Vec<f32>) -> Source {
        let mut left = samples;
        while left > 0 {
            let here = left.min(FRAME);
            left -= here;
            let whole = here.next_multiple_of(STEP);
            let room = self.room.get_mut(..whole * self.channels).unwrap_or_default();
            if self.made_up >= LONGEST_MADE_UP || self.decoder.conceal(room).is_err() {
                room.fill(0.0);
            }
            self.made_up = self.made_up.saturating_add(here);
            self.append(here, sound);
        }
        if self.made_up >= LONGEST_MADE_UP { Source::Nothing } else { Source::Concealed }
    }

    /// Appends the last `samples` before `next`, which is decoded after this: at most what one packet's FEC holds.
    pub(crate) fn recover(&mut self, samples: usize, next: &Packet<'_>, sound: &mut Vec<f32>) -> Source {
        let fits = samples.is_multiple_of(STEP) && samples >= next.frame_samples();
        if !next.has_fec() || !fits {
            return self.conceal(samples, sound);
        }
        let Some(room) = self.room.get_mut(..samples * self.channels) else {
            return self.conceal(samples, sound);
        };
        if self.decoder.recover(next, room).is_err() {
            return self.conceal(samples, sound);
        }
        self.made_up = 0;
        self.append(samples, sound);
        Source::Fec
    }

    /// Appends all of a gap before `next` from its deep redundancy, or nothing when it has none.
    pub(crate) fn recover_deeply(&mut self, samples: usize, next: &Packet<'_>, sound: &mut Vec<f32>) -> bool {
        if !next.has_extensions() || !samples.is_multiple_of(STEP) || samples > SAMPLE_RATE as usize {
            return false;
        }
        let begin = sound.len();
        sound.resize(begin + samples * self.channels, 0.0);
        if self.decoder.recover_deeply(next, sound.get_mut(begin..).unwrap_or_default()).is_err() {
            sound.truncate(begin);
            return false;
        }
        self.made_up = 0;
        true
    }

    fn append(&self, samples: usize, sound: &mut Vec<f32>) {
        let decoded = self.room.get(..samples * self.channels).unwrap_or_default();
        // What does not fit ±2.0 is no sound but an accident of concealment.
        sound
            .extend(decoded.iter().map(|value| if value.is_finite() { value.clamp(-2.0, 2.0) } else { 0.0 }));
    }
}
