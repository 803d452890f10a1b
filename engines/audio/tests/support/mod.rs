//! Signals, packets and measures that the stories share.
#![allow(dead_code, clippy::unwrap_used)]

use voxlink_audio::{
    FRAME,
    opus::{Encoder, EncoderConfig},
};

/// Chance that is the same on every machine (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `limit`.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }
}

/// Something like speech: a gliding pitch with harmonics under formants, in syllables, with pauses between sentences.
pub(crate) fn speech(samples: usize) -> Vec<f32> {
    let mut chance = Chance::new(7);
    let mut phase = 0.0_f64;
    let mut sound = Vec::with_capacity(samples);
    for at in 0..samples {
        let time = at as f64 / 48_000.0;
        let pitch = 120.0 + 30.0 * (time * 2.1).sin() + 12.0 * (time * 7.3).sin();
        phase += pitch / 48_000.0;
        let formants =
            [(500.0 + 250.0 * (time * 3.1).sin(), 1.0), (1_500.0 + 500.0 * (time * 2.3).cos(), 0.5)];
        let mut value = 0.0;
        for harmonic in 1..24 {
            let frequency = pitch * f64::from(harmonic);
            let gain: f64 = formants
                .iter()
                .map(|(centre, gain)| gain / (1.0 + ((frequency - centre) / 200.0).powi(2)))
                .sum();
            value += gain * (phase * f64::from(harmonic) * std::f64::consts::TAU).sin();
        }
        let syllable = (time * 4.0 * std::f64::consts::PI).sin().abs().powf(0.6);
        let sentence = if time % 3.0 < 2.4 { 1.0 } else { 0.0 };
        let breath = (chance.next() >> 40) as f64 / f64::from(1 << 24) - 0.5;
        sound.push((0.12 * value * syllable * sentence + 0.002 * breath) as f32);
    }
    sound
}

/// A tone of so many Hz.
pub(crate) fn tone(hertz: f64, amplitude: f64, samples: usize) -> Vec<f32> {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    (0..samples).map(|at| ((at as f64 * step).sin() * amplitude) as f32).collect()
}

/// Each 20 ms as a packet.
pub(crate) fn packets(sound: &[f32], config: EncoderConfig) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(config).unwrap();
    let mut encode = |frame: &[f32]| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    };
    sound.chunks_exact(FRAME * config.channels.count()).map(&mut encode).collect()
}

/// What libopus makes of packets of which some are missing, frame by frame and with all the time of the world: FEC of the
/// packet behind a single loss, concealment otherwise.
pub(crate) fn offline(packets: &[Option<&[u8]>]) -> Vec<f32> {
    let mut decoder =
        opusic_c::Decoder::new(opusic_c::Channels::Mono, opusic_c::SampleRate::Hz48000).unwrap();
    let mut sound = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        let mut frame = vec![0.0; FRAME];
        let next = packets.get(at + 1).copied().flatten();
        match (packet, next) {
            (Some(packet), _) => decoder.decode_float_to_slice(packet, &mut frame, false).unwrap(),
            (None, Some(next)) => decoder.decode_float_to_slice(next, &mut frame, true).unwrap(),
            (None, None) => decoder.decode_float_to_slice(&[], &mut frame, false).unwrap(),
        };
        sound.extend(frame);
    }
    sound
}

/// How alike two sounds are: the signal-to-noise ratio of each 20 ms in which there is a signal, limited to -10 to 35 dB,
/// and the mean of those, as segmental SNR is defined.
pub(crate) fn segmental_snr(clean: &[f32], heard: &[f32]) -> f64 {
    let mut ratios = Vec::new();
    for (clean, heard) in clean.chunks_exact(FRAME).zip(heard.chunks_exact(FRAME)) {
        let energy =
            |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>();
        let signal = energy(&mut clean.iter().copied());
        if signal / (FRAME as f64) > 1e-5 {
            let noise = energy(&mut clean.iter().zip(heard).map(|(clean, heard)| clean - heard));
            ratios.push((10.0 * (signal / noise.max(1e-12)).log10()).clamp(-10.0, 35.0));
        }
    }
    ratios.iter().sum::<f64>() / ratios.len().max(1) as f64
}

/// Where in `heard`, within its first 200 ms, `what` begins: where they are most alike in their second second.
pub(crate) fn lies_at(what: &[f32], heard: &[f32]) -> usize {
    let likeness = |delay: usize| -> f64 {
        let heard = heard.get(delay..).unwrap();
        what.iter().zip(heard).skip(48_000).take(48_000).map(|(a, b)| f64::from(a * b)).sum()
    };
    (0..9_600).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap()
}

/// The committed losses of 30 s of 20 ms packets: `x` was lost, `.` was not. Made by Gilbert's model; a burst is three or
/// four packets long in the mean.
pub(crate) fn traces() -> [(&'static str, Vec<bool>); 4] {
    let read = |text: &str| text.chars().filter(|one| !one.is_whitespace()).map(|one| one == 'x').collect();
    [
        ("random-10", read(include_str!("../traces/random-10.txt"))),
        ("random-30", read(include_str!("../traces/random-30.txt"))),
        ("bursty-10", read(include_str!("../traces/bursty-10.txt"))),
        ("bursty-30", read(include_str!("../traces/bursty-30.txt"))),
    ]
}

/// For `scripts/score.sh`: takes `said.f32` out of the folder that `VOXLINK_SCORE` names, and puts what is heard over each
/// trace into it, beside what libopus makes of the same packets.
pub(crate) fn score(kind: &str, hear: impl Fn(&[f32], &[bool]) -> (Vec<f32>, Vec<f32>)) {
    let folder = std::path::PathBuf::from(std::env::var("VOXLINK_SCORE").expect("run by scripts/score.sh"));
    let bytes = std::fs::read(folder.join("said.f32")).unwrap();
    let said: Vec<f32> = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    for (name, lost) in traces() {
        let (ours, theirs) = hear(&said[..lost.len() * FRAME], &lost);
        for (who, sound) in [("ours", ours), ("libopus", theirs)] {
            let bytes: Vec<u8> = sound.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(folder.join(format!("{kind}.{name}.{who}.f32")), bytes).unwrap();
        }
    }
}
