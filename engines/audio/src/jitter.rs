//! One speaker's packets, as they come; 20 ms of sound, whenever asked.
//!
//! Sound is played when it was spoken plus a delay: as much as the last packets needed, no more. Where a packet is missing
//! its sound comes from a redundant copy (RFC 2198), from in-band FEC or deep redundancy of the packet behind it, or from
//! libopus' concealment; where the speaker was silent and sent nothing, silence does. Delay and the sender's crystal are
//! followed by making frames up to half a percent longer or shorter.

mod delay;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use delay::Delay;

use crate::{
    Channels, FRAME, SAMPLE_RATE,
    clock::SenderClock,
    opus::{self, CodecError},
    red,
    stretch::stretch,
    voice::Voice,
};

/// Packets that wait, at most: five seconds of 10 ms frames. Past it the oldest goes.
const MAX_WAITING: usize = 512;
/// Frames that were made up and whose copies may still come, at most.
const MAX_MISSED: usize = 64;
/// How much longer or shorter a frame is made at most: half a percent.
const MOST_STRETCHED: i64 = 5;
/// Being off by less than this is left alone …
const CLOSE: i64 = 192;
/// … and once it is corrected, until it is less than this.
const CLOSE_ENOUGH: i64 = 24;
/// Where nobody speaks, being off by more than this is made good at once.
const WORTH_A_CUT: i64 = 480;
/// Being off by more than this is made good at once whatever is heard.
const HOPELESS: i64 = SAMPLE_RATE as i64;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What comes out.
    pub channels: Channels,
    /// Never less than this between speaking and hearing, beyond the fastest packet's way.
    pub least_delay: Duration,
    /// Never more: what comes later is lost.
    pub most_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            channels: Channels::Mono,
            least_delay: Duration::from_millis(40),
            most_delay: Duration::from_millis(500),
        }
    }
}

/// A packet of the speaker.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// A new one is a new speaker.
    pub ssrc: u32,
    /// Of the header, or the original one out of RTX.
    pub sequence: u16,
    /// Of the header, 48 kHz.
    pub timestamp: u32,
    /// The payload is RED (RFC 2198) whose blocks are Opus.
    pub is_red: bool,
    /// Without padding.
    pub payload: &'a [u8],
}

/// Where a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its packet.
    Decoded,
    /// A copy of it in a later packet (RED).
    Redundant,
    /// The in-band FEC of the packet behind it.
    Fec,
    /// The deep redundancy of a packet behind it.
    Deep,
    /// Nothing: libopus made it up.
    Concealed,
    /// The speaker was silent and sent nothing.
    Silence,
    /// Nobody has spoken yet, or for a while.
    Nothing,
}

impl Source {
    /// Nothing of the speaker's.
    const fn is_quiet(self) -> bool {
        matches!(self, Self::Concealed | Self::Silence | Self::Nothing)
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came before.
    pub duplicate: u64,
    /// Packets that are no Opus, or no RED.
    pub broken: u64,
    /// Times that everything began anew: another SSRC, or a timestamp that jumped.
    pub restarts: u64,
    /// Frames that libopus made up.
    pub concealed: u64,
    /// Frames out of RED, FEC or deep redundancy.
    pub recovered: u64,
}

/// A frame.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// [`FRAME`] samples, interleaved.
    pub samples: &'a [f32],
    /// Where most of it came from.
    pub source: Source,
}

/// One speaker.
#[derive(Debug)]
pub struct JitterBuffer {
    config: Config,
    counters: Counters,
    voice: Voice,
    stream: Option<Stream>,
    frame: Vec<f32>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    clock: SenderClock,
    delay: Delay,
    /// By timestamp without its wrap.
    waiting: BTreeMap<i64, Waiting>,
    newest: i64,
    newest_sequence: i64,
    /// The sample that is decoded next; `None` until the first packet's time has come.
    next: Option<i64>,
    /// Of the packet that was decoded last.
    last_sequence: Option<i64>,
    was_dtx: bool,
    /// The timestamps of what was made up lately: a copy that comes now came too late, which says how long to wait.
    missed: VecDeque<i64>,
    /// Decoded and not taken, with where it came from.
    ready: Vec<f32>,
    runs: VecDeque<(usize, Source)>,
    is_correcting: bool,
}

#[derive(Debug)]
struct Waiting {
    payload: Vec<u8>,
    /// Of the packet that it is the own frame of.
    sequence: Option<i64>,
}

impl JitterBuffer {
    /// A buffer that has heard nothing.
    ///
    /// # Errors
    /// [`CodecError::Library`] when there is no memory.
    pub fn new(config: Config) -> Result<Self, CodecError> {
        let frame = vec![0.0; FRAME * config.channels.count()];
        let voice = Voice::new(config.channels)?;
        Ok(Self { config, counters: Counters::default(), voice, stream: None, frame })
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Between speaking and hearing, beyond the fastest packet's way.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.stream.as_ref().map_or(self.config.least_delay, |stream| stream.delay.now())
    }

    /// How far what is heard is from where it should be, in samples; positive when it is early.
    #[must_use]
    pub fn is_off_by(&self, now: Instant) -> Option<i64> {
        let stream = self.stream.as_ref()?;
        Some(stream.position(self.config.channels)? - stream.wanted(now)?)
    }

    /// Takes a packet. One that is no Opus, came before or came too late is counted.
    pub fn handle(&mut self, packet: Packet<'_>, now: Instant) {
        if packet.payload.is_empty() {
            return;
        }
        if self.stream.as_ref().is_some_and(|stream| stream.ssrc != packet.ssrc) {
            self.restart();
        }
        let config = self.config;
        let stream = self.stream.get_or_insert_with(|| Stream::new(packet, config));
        let before = stream.clock.restarts();
        stream.clock.observe(packet.timestamp, now);
        if stream.clock.restarts() != before {
            self.restart();
            let mut anew = Stream::new(packet, config);
            anew.clock.observe(packet.timestamp, now);
            self.stream = Some(anew);
        }
        let Some(stream) = &mut self.stream else { return };
        let timestamp = stream.newest + i64::from(packet.timestamp.wrapping_sub(stream.newest as u32) as i32);
        let ahead = packet.sequence.wrapping_sub(stream.newest_sequence as u16) as i16;
        let sequence = stream.newest_sequence + i64::from(ahead);
        stream.newest = stream.newest.max(timestamp);
        stream.newest_sequence = stream.newest_sequence.max(sequence);
        if !packet.is_red {
            stream.keep(timestamp, Some(sequence), packet.payload, now, &mut self.counters);
            return;
        }
        let Some(blocks) = red::blocks(packet.payload) else {
            self.counters.broken += 1;
            return;
        };
        for block in blocks.filter(|block| !block.payload.is_empty()) {
            let own = (block.age == 0).then_some(sequence);
            stream.keep(timestamp - i64::from(block.age), own, block.payload, now, &mut self.counters);
        }
    }

    /// The frame that is to be heard now. Called every 20 ms.
    pub fn pull(&mut self, now: Instant) -> Sound<'_> {
        self.frame.fill(0.0);
        let source = self.fill(now).unwrap_or(Source::Nothing);
        Sound { samples: &self.frame, source }
    }

    fn restart(&mut self) {
        self.counters.restarts += 1;
        self.voice.reset();
        self.stream = None;
    }

    /// `None` when there is nothing to be heard.
    fn fill(&mut self, now: Instant) -> Option<Source> {
        let channels = self.config.channels;
        let stream = self.stream.as_mut()?;
        let wanted = stream.wanted(now)?;
        if stream.next.is_none() {
            stream.begin(wanted, channels)?;
        }
        let off = stream.position(channels)? - wanted;
        if off.abs() > HOPELESS {
            stream.jump(wanted);
        }
        let samples = stream.correction(off);
        while stream.ready.len() < samples * channels.count() {
            let holds = off > WORTH_A_CUT;
            stream.produce(&mut self.voice, &mut self.counters, holds);
        }
        let source = stream.take(samples, channels, &mut self.frame);
        if off < -WORTH_A_CUT && source.is_quiet() {
            stream.cut(off.unsigned_abs() as usize, channels);
        }
        Some(source)
    }
}

impl Stream {
    fn new(packet: Packet<'_>, config: Config) -> Self {
        Self {
            ssrc: packet.ssrc,
            clock: SenderClock::new(SAMPLE_RATE),
            delay: Delay::new(config.least_delay, config.most_delay),
            waiting: BTreeMap::new(),
            newest: i64::from(packet.timestamp),
            newest_sequence: i64::from(packet.sequence),
            next: None,
            last_sequence: None,
            was_dtx: false,
            missed: VecDeque::new(),
            ready: Vec::new(),
            runs: VecDeque::new(),
            is_correcting: false,
        }
    }

    /// Which sample is to be heard now.
    fn wanted(&self, now: Instant) -> Option<i64> {
        let timestamp = self.clock.timestamp_at(now.checked_sub(self.delay.now())?)?;
        Some(self.newest + i64::from(timestamp.wrapping_sub(self.newest as u32) as i32))
    }

    /// Which sample would be heard.
    fn position(&self, channels: Channels) -> Option<i64> {
        Some(self.next? - (self.ready.len() / channels.count()) as i64)
    }

    fn keep(
        &mut self,
        timestamp: i64,
        sequence: Option<i64>,
        payload: &[u8],
        now: Instant,
        counters: &mut Counters,
    ) {
        let Ok(packet) = opus::Packet::parse(payload) else {
            counters.broken += 1;
            return;
        };
        if let Some(waiting) = self.waiting.get_mut(&timestamp) {
            counters.duplicate += u64::from(sequence.is_some() && waiting.sequence.is_some());
            waiting.sequence = waiting.sequence.or(sequence);
            return;
        }
        let arrived_after = |timestamp: i64| {
            let spoken = self.clock.time_of(timestamp as u32).unwrap_or(now);
            now.saturating_duration_since(spoken)
        };
        // A frame that FEC brings back is here once the packet behind it is.
        let before = timestamp - packet.samples() as i64;
        let is_gone = |timestamp: i64| self.next.is_some_and(|next| timestamp < next);
        let brings_back = packet.has_fec()
            && sequence.is_some_and(|sequence| sequence == self.newest_sequence)
            && if is_gone(before) {
                self.missed.contains(&before)
            } else {
                !self.waiting.contains_key(&before)
            };
        let is_late = is_gone(timestamp);
        // A copy of what was played already says nothing.
        let was_missed = self.missed.contains(&timestamp);
        if sequence.is_some() || !is_late || was_missed {
            self.delay.note(arrived_after(if brings_back { before } else { timestamp }));
        }
        self.missed.retain(|missed| *missed != timestamp && !(brings_back && *missed == before));
        if is_late {
            counters.late += u64::from(sequence.is_some());
            return;
        }
        self.waiting.insert(timestamp, Waiting { payload: payload.to_vec(), sequence });
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_first();
        }
    }

    /// Begins with the first packet, exactly at its time. `None` when that has not come.
    fn begin(&mut self, wanted: i64, channels: Channels) -> Option<()> {
        let (&first, _) = self.waiting.first_key_value()?;
        let early = first - wanted;
        if early >= FRAME as i64 {
            return None;
        }
        self.next = Some(first);
        if let Ok(silence) = usize::try_from(early) {
            self.add_silence(silence, channels);
        }
        Some(())
    }

    fn add_silence(&mut self, samples: usize, channels: Channels) {
        self.ready.resize(self.ready.len() + samples * channels.count(), 0.0);
        self.runs.push_back((samples, Source::Nothing));
    }

    /// Goes on elsewhere.
    fn jump(&mut self, wanted: i64) {
        self.ready.clear();
        self.runs.clear();
        self.next = Some(wanted);
        self.last_sequence = None;
    }

    /// How many samples become the next frame.
    fn correction(&mut self, off: i64) -> usize {
        let limit = if self.is_correcting { CLOSE_ENOUGH } else { CLOSE };
        self.is_correcting = off.abs() > limit;
        let more = if self.is_correcting { (-off / 16).clamp(-MOST_STRETCHED, MOST_STRETCHED) } else { 0 };
        FRAME.saturating_add_signed(more as isize)
    }

    /// Decodes, recovers or makes up what is next. With `holds` nothing is passed that may still come: what is heard is
    /// early, and waits while there is nothing to be heard.
    fn produce(&mut self, voice: &mut Voice, counters: &mut Counters, holds: bool) {
        let next = self.next.unwrap_or_default();
        while self.waiting.first_key_value().is_some_and(|(&timestamp, _)| timestamp < next) {
            self.waiting.pop_first();
        }
        let first = self.waiting.first_key_value().map(|(&timestamp, waiting)| (timestamp - next, waiting));
        let packet = first.and_then(|(gap, waiting)| {
            let packet = opus::Packet::parse(&waiting.payload).ok()?;
            Some((usize::try_from(gap).ok()?, waiting.sequence, packet))
        });
        let (samples, source) = match packet {
            Some((0, sequence, packet)) => {
                let is_broken = voice.decode(&packet, &mut self.ready).is_err();
                counters.broken += u64::from(is_broken);
                self.was_dtx = packet.is_dtx();
                self.last_sequence = sequence.or(self.last_sequence.map(|last| last + 1));
                let (samples, is_copy) = (packet.samples(), sequence.is_none());
                counters.recovered += u64::from(is_copy && !is_broken);
                self.waiting.pop_first();
                let source = if is_copy { Source::Redundant } else { Source::Decoded };
                (samples, if is_broken { Source::Concealed } else { source })
            }
            Some((gap, sequence, packet)) => {
                let follows = self.last_sequence.zip(sequence).is_some_and(|(last, this)| this == last + 1);
                if self.was_dtx || follows {
                    voice.conceal(gap.min(FRAME), &mut self.ready);
                    (gap.min(FRAME), Source::Silence)
                } else if voice.recover_deeply(gap, &packet, &mut self.ready) {
                    counters.recovered += 1;
                    (gap, Source::Deep)
                } else if gap > packet.samples() {
                    let samples = (gap - packet.samples()).min(FRAME);
                    (samples, voice.conceal(samples, &mut self.ready))
                } else {
                    let source = voice.recover(gap, &packet, &mut self.ready);
                    counters.recovered += u64::from(source == Source::Fec);
                    (gap, source)
                }
            }
            None => {
                let source = voice.conceal(FRAME, &mut self.ready);
                (FRAME, if self.was_dtx && source == Source::Concealed { Source::Silence } else { source })
            }
        };
        if source == Source::Concealed {
            counters.concealed += 1;
            self.missed.push_back(next);
            if self.missed.len() > MAX_MISSED {
                self.missed.pop_front();
            }
        }
        let stays = holds && source.is_quiet();
        self.next = Some(if stays { next } else { next + samples as i64 });
        self.runs.push_back((samples, source));
    }

    /// Takes `samples` off what is ready and makes a frame of them.
    fn take(&mut self, samples: usize, channels: Channels, frame: &mut Vec<f32>) -> Source {
        let values = samples * channels.count();
        frame.clear();
        stretch(self.ready.get(..values).unwrap_or_default(), channels.count(), FRAME, frame);
        self.ready.drain(..values.min(self.ready.len()));
        self.drop_runs(samples)
    }

    /// Leaves out what is ready, and up to `samples` in all: nobody hears the difference.
    fn cut(&mut self, samples: usize, channels: Channels) {
        // The beginning of a word may have been decoded already.
        if !self.runs.iter().all(|(_, source)| source.is_quiet()) {
            return;
        }
        let ready = (self.ready.len() / channels.count()).min(samples);
        self.ready.drain(..ready * channels.count());
        self.drop_runs(ready);
        let Some(next) = &mut self.next else { return };
        let gap = self.waiting.first_key_value().map_or(i64::MAX, |(&timestamp, _)| timestamp - *next);
        *next += gap.clamp(0, (samples - ready) as i64);
    }

    /// Passes `samples` and returns where most of them came from.
    fn drop_runs(&mut self, samples: usize) -> Source {
        let mut left = samples;
        let mut best = (0, Source::Nothing);
        while left > 0 {
            let Some((length, source)) = self.runs.front_mut() else { break };
            let here = left.min(*length);
            if here > best.0 {
                best = (here, *source);
            }
            *length -= here;
            left -= here;
            if *length == 0 {
                self.runs.pop_front();
            }
        }
        best.1
    }
}
