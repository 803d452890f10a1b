//! Everyone who is in a broadcast as one stream of Opus, without gaps, on the broadcast's line of time.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION,
    jitter::Packet,
    level::Level,
    live::{Config, LiveMixer},
    mix::SpeakerId,
    opus::{CodecError, Encoder, EncoderConfig},
};
use voxlink_sfu::{PeerId, PersonId, Source, TapPacket};

/// All sound is taken this long after it was spoken, so that every speaker is on the same line of time as the pictures,
/// and losses are repaired by then. A broadcast is seconds late anyway.
const DELAY: Duration = Duration::from_millis(400);
/// A second transport of a person with the same source takes over when the first is silent for so long.
const TAKES_OVER: Duration = Duration::from_secs(1);
/// A speaker who sends nothing for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Mixes one broadcast.
pub(super) struct Sound {
    start: Instant,
    frames: u32,
    mixer: LiveMixer,
    speakers: HashMap<(PersonId, Source), Speaker>,
    encoder: Encoder,
    mixed: Vec<f32>,
}

/// 20 ms of everyone.
pub(super) struct Mixed {
    pub(super) packet: Vec<u8>,
    /// Who is the loudest in them.
    pub(super) loudest: Option<PersonId>,
}

/// A packet of sound.
struct Heard<'a> {
    key: (PersonId, Source),
    from: (PeerId, u32),
    arrived: Instant,
    level: Option<Level>,
    sequence: u16,
    timestamp: u32,
    payload: &'a [u8],
}

/// Where somebody's packets are taken from.
struct Speaker {
    id: SpeakerId,
    /// The transport and its run, how many of them there were, and when a packet came last.
    from: (PeerId, u32),
    runs: u32,
    heard: Instant,
}

impl Sound {
    /// Whose time begins at `start`.
    pub(super) fn new(start: Instant) -> Result<Self, CodecError> {
        let channels = Channels::Stereo;
        let config = Config { channels, least_delay: DELAY, most_delay: DELAY, ..Config::default() };
        Ok(Self {
            start,
            frames: 0,
            mixer: LiveMixer::new(config),
            speakers: HashMap::new(),
            encoder: Encoder::new(EncoderConfig::mix(channels))?,
            mixed: vec![0.0; FRAME * channels.count()],
        })
    }

    /// Takes a packet of somebody who is in it.
    pub(super) fn take(&mut self, packet: &TapPacket, now: Instant) {
        self.hear(&Heard {
            key: (packet.person, packet.source),
            from: (packet.peer, packet.run),
            arrived: packet.arrived().unwrap_or(now),
            level: packet.level().map(Level::from_rtp),
            sequence: (packet.sequence() & 0xffff) as u16,
            timestamp: packet.timestamp(),
            payload: packet.payload(),
        });
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        let Heard { key: (person, source), from, arrived, .. } = *heard;
        let speaker = self.speakers.entry((person, source)).or_insert_with(|| {
            let id = SpeakerId(person.0.wrapping_mul(8).wrapping_add(source as u64));
            Speaker { id, from, runs: 0, heard: arrived }
        });
        if speaker.from != from {
            if speaker.from.0 != from.0 && arrived < speaker.heard + TAKES_OVER {
                return;
            }
            (speaker.from, speaker.runs) = (from, speaker.runs.wrapping_add(1));
        }
        speaker.heard = arrived;
        let packet = Packet {
            ssrc: speaker.runs,
            sequence: heard.sequence,
            timestamp: heard.timestamp,
            is_red: false,
            payload: heard.payload,
        };
        self.mixer.handle(speaker.id, packet, heard.level, arrived);
    }

    /// Nothing of them is heard any more.
    pub(super) fn forget(&mut self, person: PersonId) {
        self.drop_where(|of, _| of == person);
    }

    /// The next 20 ms, if it is their time.
    pub(super) fn poll(&mut self, now: Instant) -> Result<Option<Mixed>, CodecError> {
        let at = self.start + FRAME_DURATION * self.frames + DELAY;
        if at > now {
            return Ok(None);
        }
        self.frames = self.frames.saturating_add(1);
        if self.frames.is_multiple_of(500) {
            self.drop_where(|_, speaker| now.saturating_duration_since(speaker.heard) >= FORGOTTEN);
        }
        let loudest = self.mixer.frame(at).first().copied();
        self.mixer.full(&mut self.mixed);
        let of = |id| self.speakers.iter().find(|(_, one)| one.id == id).map(|((person, _), _)| *person);
        let mut packet = Vec::new();
        self.encoder.encode(&self.mixed, &mut packet)?;
        Ok(Some(Mixed { packet, loudest: loudest.and_then(of) }))
    }

    fn drop_where(&mut self, is_gone: impl Fn(PersonId, &Speaker) -> bool) {
        let mixer = &mut self.mixer;
        self.speakers.retain(|(person, _), speaker| {
            let goes = is_gone(*person, speaker);
            if goes {
                mixer.remove(speaker.id);
            }
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::f32::consts::TAU;

    use voxlink_audio::opus::{Decoder, MAX_PACKET_SAMPLES, Packet as OpusPacket};

    use super::*;

    #[test]
    fn what_two_say_is_heard_when_they_said_it_and_nobody_after_they_left() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut sound = Sound::new(start).unwrap();
        let people = [(PersonId(1), Source::Microphone), (PersonId(2), Source::ScreenAudio)];
        let mut voices = people.map(|key| {
            let config = EncoderConfig { dtx: false, fec: false, ..EncoderConfig::voice() };
            (key, Encoder::new(config).unwrap())
        });
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let (mut all, mut loudest) = (Vec::new(), Vec::new());
        for frame in 0..200_u32 {
            let now = at(20 * u64::from(frame));
            if frame == 150 {
                sound.forget(PersonId(2));
            }
            for (index, ((person, source), encoder)) in voices.iter_mut().enumerate() {
                // From half a second on, and the second one from a second on.
                let begins = 25 * (1 + index as u32);
                if frame < begins || (index == 1 && frame >= 150) {
                    continue;
                }
                let hz = [440.0, 1_000.0][index];
                let sample =
                    |at: usize| 0.3 * ((frame as usize * FRAME + at) as f32 * hz * TAU / 48_000.0).sin();
                let spoken: Vec<f32> = (0..FRAME).map(sample).collect();
                let mut payload = Vec::new();
                encoder.encode(&spoken, &mut payload).unwrap();
                sound.hear(&Heard {
                    key: (*person, *source),
                    from: (PeerId(1), 1),
                    arrived: now,
                    level: None,
                    sequence: frame as u16,
                    timestamp: frame * FRAME as u32,
                    payload: &payload,
                });
            }
            while let Some(mixed) = sound.poll(now).unwrap() {
                let mut room = vec![0.0; 2 * MAX_PACKET_SAMPLES];
                let packet = OpusPacket::parse(&mixed.packet).unwrap();
                let samples = decoder.decode(&packet, &mut room).unwrap();
                all.extend(room[..2 * samples].iter().step_by(2).copied());
                loudest.push(mixed.loudest);
            }
        }
        let loudness = |ms: usize, hz: f32| {
            let piece = &all[48 * ms..][..4_800];
            let turn = 2.0 * (TAU * hz / 48_000.0).cos();
            let (mut one, mut two) = (0.0_f32, 0.0_f32);
            for value in piece {
                (one, two) = (value + turn * one - two, one);
            }
            2.0 * (one * one + two * two - turn * one * two).max(0.0).sqrt() / 4_800.0
        };
        assert!(loudness(300, 440.0) < 0.01 && loudness(600, 440.0) > 0.1 && loudness(600, 1_000.0) < 0.01);
        assert!(loudness(1_200, 440.0) > 0.1 && loudness(1_200, 1_000.0) > 0.1);
        assert!(loudness(3_100, 440.0) > 0.1 && loudness(3_100, 1_000.0) < 0.01, "gone at once");
        assert_eq!((loudest[10], loudest[35]), (None, Some(PersonId(1))));
    }

    #[test]
    fn what_is_on_one_side_stays_there() {
        let start = Instant::now();
        let mut sound = Sound::new(start).unwrap();
        let config = EncoderConfig { bitrate: 128_000, ..EncoderConfig::mix(Channels::Stereo) };
        let (mut encoder, mut decoder) =
            (Encoder::new(config).unwrap(), Decoder::new(Channels::Stereo).unwrap());
        let (mut sides, mut payload) = ([0.0_f32; 2], Vec::new());
        for frame in 0..100_u32 {
            let now = start + FRAME_DURATION * frame;
            let sample = |at: usize| ((frame as usize * FRAME + at) as f32 * 440.0 * TAU / 48_000.0).sin();
            let spoken: Vec<f32> = (0..FRAME).flat_map(|at| [0.3 * sample(at), 0.0]).collect();
            encoder.encode(&spoken, &mut payload).unwrap();
            sound.hear(&Heard {
                key: (PersonId(1), Source::ScreenAudio),
                from: (PeerId(1), 1),
                arrived: now,
                level: None,
                sequence: frame as u16,
                timestamp: frame * FRAME as u32,
                payload: &payload,
            });
            while let Some(mixed) = sound.poll(now).unwrap() {
                let mut room = vec![0.0; 2 * MAX_PACKET_SAMPLES];
                let packet = OpusPacket::parse(&mixed.packet).unwrap();
                let samples = decoder.decode(&packet, &mut room).unwrap();
                for [left, right] in room[..2 * samples].as_chunks::<2>().0 {
                    sides = [sides[0] + left.abs(), sides[1] + right.abs()];
                }
            }
        }
        assert!(sides[0] > 1_000.0 && sides[0] > 20.0 * sides[1], "{sides:?}");
    }
}
