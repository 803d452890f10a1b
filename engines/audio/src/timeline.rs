//! A recorded track as one gapless stream on the recording's clock.
//!
//! Packets come with the time at which they sound; sound comes out from time zero on, without end. Small differences
//! between a packet's time and where its predecessor ended are a crystal's, and are made good by frames a little longer or
//! shorter; larger ones are a pause. What was lost is recovered as [`crate::jitter`] does. Sound lags by what its encoder
//! added (6.5 ms for libopus, the pre-skip of a file), which is the same for every track.

use std::collections::VecDeque;

use crate::{
    Channels, FRAME,
    opus::{CodecError, Packet, PacketError},
    stretch::stretch,
    voice::Voice,
};

/// Packets that wait, at most: more than a caller needs who asks [`Timeline::wants`] before each.
const MAX_WAITING: usize = 4_096;
/// A pause without a mark is loss when it is this short, in samples.
const LONGEST_LOSS: i64 = 5_760;
/// After the last packet before a pause so much is made up, so that it does not end with a click.
const FADE: i64 = 2 * FRAME as i64;
/// Being off by less than this is left alone …
const CLOSE: i64 = 96;
/// … and once it is corrected, until it is less than this: times in a file are whole milliseconds.
const CLOSE_ENOUGH: i64 = 48;
/// One sample in so many is added or left out at most: half a percent.
const STRETCHED: i64 = 192;

/// One track, played once.
#[derive(Debug)]
pub struct Timeline {
    voice: Voice,
    channels: usize,
    waiting: VecDeque<(i64, Vec<u8>)>,
    /// The sample that is taken next, and the one that is decoded next.
    position: i64,
    end: i64,
    ready: Vec<f32>,
    decoded: Vec<f32>,
    /// Samples since the last packet.
    pause: i64,
    was_dtx: bool,
    is_correcting: bool,
    left_out: u64,
}

impl Timeline {
    /// A track that comes out in these channels, whatever it is coded in.
    ///
    /// # Errors
    /// [`CodecError::Library`] when there is no memory.
    pub fn new(channels: Channels) -> Result<Self, CodecError> {
        Ok(Self {
            voice: Voice::new(channels)?,
            channels: channels.count(),
            waiting: VecDeque::new(),
            position: 0,
            end: 0,
            ready: Vec::new(),
            decoded: Vec::new(),
            pause: i64::MAX / 2,
            was_dtx: false,
            is_correcting: false,
            left_out: 0,
        })
    }

    /// The sample that is taken next.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position.unsigned_abs()
    }

    /// Packets that were left out: broken ones, and those whose time had passed.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether packets have to be pushed, if there are any, before so many samples are pulled.
    #[must_use]
    pub fn wants(&self, samples: usize) -> bool {
        let until = self.position + i64::try_from(samples).unwrap_or(i64::MAX / 2);
        self.waiting.back().is_none_or(|(at, _)| *at < until)
    }

    /// Takes the packet that sounds from sample `at` on. They come in the order of their times.
    ///
    /// # Errors
    /// When it is no Opus: it counts as lost.
    pub fn push(&mut self, at: u64, packet: &[u8]) -> Result<(), PacketError> {
        let parsed = Packet::parse(packet);
        if parsed.is_err() || self.waiting.len() >= MAX_WAITING {
            self.left_out += 1;
            return parsed.map(|_| ());
        }
        self.waiting
            .push_back((i64::try_from(at).unwrap_or(i64::MAX / 4).min(i64::MAX / 4), packet.to_vec()));
        Ok(())
    }

    /// Fills `out` with what sounds next. What has not been pushed is silence.
    pub fn pull(&mut self, out: &mut [f32]) {
        let wanted = out.len();
        while self.ready.len() < wanted {
            self.produce();
        }
        for (out, ready) in out.iter_mut().zip(&self.ready) {
            *out = *ready;
        }
        self.ready.drain(..wanted.min(self.ready.len()));
        self.position += (wanted / self.channels) as i64;
    }

    fn produce(&mut self) {
        let Some((at, payload)) = self.waiting.front() else {
            self.be_silent(FRAME as i64);
            return;
        };
        let Ok(packet) = Packet::parse(payload) else {
            self.waiting.pop_front();
            return;
        };
        let (off, samples) = (*at - self.end, packet.samples() as i64);
        let gap = (off + samples / 2).div_euclid(samples) * samples;
        if gap < 0 {
            // It would sound while another does.
            self.left_out += 1;
            self.waiting.pop_front();
        } else if gap == 0 {
            let length = samples + correction(&mut self.is_correcting, off, samples);
            self.decoded.clear();
            let is_broken = self.voice.decode(&packet, &mut self.decoded).is_err();
            stretch(&self.decoded, self.channels, usize::try_from(length).unwrap_or(0), &mut self.ready);
            self.end += length;
            self.left_out += u64::from(is_broken);
            (self.pause, self.was_dtx) = (0, packet.is_dtx());
            self.waiting.pop_front();
        } else if gap + self.pause <= LONGEST_LOSS && !self.was_dtx {
            self.make_good(gap, samples);
        } else if packet.has_fec() && gap == samples && !self.was_dtx {
            // The frame before the first that came after a long loss.
            self.make_good(gap, samples);
        } else {
            self.be_silent(self.until_next(off, samples));
        }
    }

    /// How much of a pause passes at once: to just before the next packet, where FEC may help, then to it.
    fn until_next(&self, off: i64, samples: i64) -> i64 {
        let fec_from = off - samples;
        let all = if fec_from > 0 && !self.was_dtx { fec_from } else { off };
        all.min(FRAME as i64).max(1)
    }

    /// What is missing before the packet at the front, of which `gap` samples are not there.
    fn make_good(&mut self, gap: i64, samples: i64) {
        let Some((_, payload)) = self.waiting.front() else { return };
        let Ok(packet) = Packet::parse(payload) else { return };
        let length = usize::try_from(gap).unwrap_or(0);
        let taken = if self.voice.recover_deeply(length, &packet, &mut self.ready) {
            gap
        } else if gap > samples {
            self.voice.conceal(usize::try_from(samples).unwrap_or(0), &mut self.ready);
            samples
        } else {
            self.voice.recover(length, &packet, &mut self.ready);
            gap
        };
        self.end += taken;
        self.pause += taken;
    }

    fn be_silent(&mut self, samples: i64) {
        let length = usize::try_from(samples).unwrap_or(0);
        if self.pause < FADE || self.was_dtx {
            self.voice.conceal(length, &mut self.ready);
        } else {
            self.ready.resize(self.ready.len() + length * self.channels, 0.0);
        }
        self.end += samples;
        self.pause = self.pause.saturating_add(samples);
    }
}

/// How many samples a packet of `samples` is made longer when it begins `off` samples after what came before ended.
fn correction(is_correcting: &mut bool, off: i64, samples: i64) -> i64 {
    let limit = if *is_correcting { CLOSE_ENOUGH } else { CLOSE };
    *is_correcting = off.abs() > limit;
    let most = samples / STRETCHED;
    if *is_correcting { (off / 16).clamp(-most, most) } else { 0 }
}
