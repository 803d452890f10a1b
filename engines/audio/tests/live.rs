//! Calls heard as one stream, in virtual time.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod support;

use std::time::{Duration, Instant};

use support::{Chance, packets, speech, tone, traces};
use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION,
    jitter::Packet,
    level::Level,
    live::{Config, LiveMixer},
    mix::{Limiter, SpeakerId},
    opus::EncoderConfig,
};

/// Somebody who says the same over and over.
struct Speaker {
    id: SpeakerId,
    says: Vec<Vec<u8>>,
    /// What their packets say of their loudness.
    level: Option<Level>,
    sent: usize,
}

impl Speaker {
    fn new(id: u64, hertz: f64, amplitude: f64) -> Self {
        Self::saying(id, &tone(hertz, amplitude, 48_000))
    }

    fn saying(id: u64, sound: &[f32]) -> Self {
        let says = packets(sound, EncoderConfig { bitrate: 64_000, ..EncoderConfig::mix(Channels::Mono) });
        Self { id: SpeakerId(id), says, level: Some(Level::of(sound)), sent: 0 }
    }

    /// The next packet arrives, or is lost.
    fn send(&mut self, mixer: &mut LiveMixer, arrives: bool, now: Instant) {
        let packet = Packet {
            ssrc: 1,
            sequence: self.sent as u16,
            timestamp: (self.sent * FRAME) as u32,
            is_red: false,
            payload: &self.says[self.sent % self.says.len()],
        };
        if arrives {
            mixer.handle(self.id, packet, self.level, now);
        }
        self.sent += 1;
    }
}

struct Call {
    mixer: LiveMixer,
    speakers: Vec<Speaker>,
    now: Instant,
}

impl Call {
    fn new(config: Config, speakers: Vec<Speaker>) -> Self {
        Self { mixer: LiveMixer::new(config), speakers, now: Instant::now() }
    }

    /// Everybody's next packet, and the next frame.
    fn pass(&mut self) -> Vec<SpeakerId> {
        for speaker in &mut self.speakers {
            speaker.send(&mut self.mixer, true, self.now);
        }
        self.now += FRAME_DURATION;
        self.mixer.frame(self.now).to_vec()
    }

    fn full(&mut self) -> Vec<f32> {
        let mut out = vec![0.0; FRAME];
        self.mixer.full(&mut out);
        out
    }

    /// `seconds` of the whole mix.
    fn hear(&mut self, seconds: usize) -> Vec<f32> {
        let frame = |call: &mut Self| {
            call.pass();
            call.full()
        };
        (0..seconds * 50).flat_map(|_| frame(self)).collect()
    }
}

/// The amplitude of one tone within a sound.
fn amplitude(sound: &[f32], hertz: f64) -> f64 {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, value) in sound.iter().enumerate() {
        let phase = at as f64 * step;
        real += f64::from(*value) * phase.cos();
        imaginary += f64::from(*value) * phase.sin();
    }
    (real * real + imaginary * imaginary).sqrt() * 2.0 / sound.len() as f64
}

/// The largest step between two samples: a click has a large one.
fn largest_step(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

const ADA: SpeakerId = SpeakerId(1);
const BEN: SpeakerId = SpeakerId(2);
const CEM: SpeakerId = SpeakerId(3);

fn three() -> Vec<Speaker> {
    vec![Speaker::new(1, 440.0, 0.3), Speaker::new(2, 660.0, 0.2), Speaker::new(3, 880.0, 0.1)]
}

#[test]
fn everyone_hears_all_the_others_and_not_themself() {
    let mut call = Call::new(Config::default(), three());
    let (mut limiters, mut mixes) = ([(); 3].map(|()| Limiter::default()), [(); 3].map(|()| Vec::new()));
    let (mut all, mut out) = (Vec::new(), vec![0.0; FRAME]);
    let left_out: [&[SpeakerId]; 3] = [&[ADA], &[BEN], &[BEN, CEM]];
    for _ in 0..150 {
        call.pass();
        all.extend(call.full());
        for ((left_out, limiter), mix) in left_out.iter().zip(&mut limiters).zip(&mut mixes) {
            call.mixer.without(left_out, limiter, &mut out);
            mix.extend_from_slice(&out);
        }
    }
    assert_eq!(call.mixer.heard(), [ADA, BEN, CEM], "loudest first");
    let tones = |sound: &[f32]| {
        [440.0, 660.0, 880.0].map(|hertz| (amplitude(&sound[48_000..], hertz) * 10.0).round() as u32)
    };
    assert_eq!(tones(&all), [3, 2, 1]);
    assert_eq!(mixes.each_ref().map(|mix| tones(mix)), [[0, 2, 1], [3, 0, 1], [3, 0, 0]]);
}

#[test]
fn in_stereo_what_was_on_one_side_stays_there_and_a_voice_is_in_the_middle() {
    let left: Vec<f32> = tone(440.0, 0.3, 48_000).iter().flat_map(|value| [*value, 0.0]).collect();
    let config = EncoderConfig::mix(Channels::Stereo);
    let music = Speaker { id: BEN, says: packets(&left, config), level: None, sent: 0 };
    let speakers = vec![Speaker::new(1, 880.0, 0.1), music];
    let mut call = Call::new(Config { channels: Channels::Stereo, ..Config::default() }, speakers);
    let mut heard = Vec::new();
    let mut out = vec![0.0; 2 * FRAME];
    for _ in 0..100 {
        call.pass();
        call.mixer.full(&mut out);
        heard.extend_from_slice(&out);
    }
    let side = |at: usize| -> Vec<f32> { heard[48_000..].iter().skip(at).step_by(2).copied().collect() };
    let (left, right) = (side(0), side(1));
    assert!((amplitude(&left, 880.0) - amplitude(&right, 880.0)).abs() < 0.01);
    assert!(amplitude(&left, 440.0) > 0.25 && amplitude(&right, 440.0) < 0.03);
}

#[test]
fn who_comes_and_who_goes_does_so_without_a_click() {
    // Long enough that nobody begins anew.
    let long = |id, hertz, amplitude| Speaker::saying(id, &tone(hertz, amplitude, 48_000 * 5));
    let mut call = Call::new(Config::default(), vec![long(1, 440.0, 0.3)]);
    let mut heard = call.hear(2);
    call.speakers.push(long(2, 660.0, 0.2));
    heard.extend(call.hear(1));
    assert_eq!(call.mixer.heard(), [ADA, BEN]);
    call.speakers.remove(0);
    call.mixer.remove(ADA);
    heard.extend(call.hear(1));
    assert_eq!((call.mixer.heard(), call.mixer.speakers()), (&[BEN][..], 1));
    // Two tones rise by at most 0.035 from sample to sample.
    let step = largest_step(&heard[48_000..]);
    assert!(step < 0.05, "{step}");
    assert!(amplitude(&heard[48_000 * 3 + 4_800..], 440.0) < 0.01);
}

#[test]
fn a_lossy_line_of_one_leaves_the_others_as_they_are() {
    let (_, lost) = traces().into_iter().find(|(name, _)| *name == "random-10").unwrap();
    let hear = |is_lossy: bool| {
        let mut call = Call::new(Config::default(), three());
        let mut limiter = Limiter::default();
        let (mut all, mut others, mut out) = (Vec::new(), Vec::new(), vec![0.0; FRAME]);
        for lost in &lost[..500] {
            for speaker in &mut call.speakers {
                let arrives = !(is_lossy && *lost && speaker.id == ADA);
                speaker.send(&mut call.mixer, arrives, call.now);
            }
            call.now += FRAME_DURATION;
            call.mixer.frame(call.now);
            all.extend(call.full());
            call.mixer.without(&[ADA], &mut limiter, &mut out);
            others.extend_from_slice(&out);
        }
        assert_eq!(call.mixer.counters(BEN).unwrap().concealed, 0);
        let concealed = call.mixer.counters(ADA).unwrap().concealed;
        (all, others, concealed)
    };
    let ((whole, clean, nothing), (all, others, concealed)) = (hear(false), hear(true));
    assert!((30..70).contains(&concealed) && nothing == 0, "{concealed}");
    let difference = clean.iter().zip(&others).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-4, "{difference}");
    let mut broken = 0;
    for (all, whole) in all.chunks(FRAME).zip(whole.chunks(FRAME)).skip(50) {
        broken += usize::from(Level::of(all).decibels() < Level::of(whole).decibels() - 3.0);
    }
    assert!(broken < 25, "{broken} frames of 450 with a hole");
}

/// Two clicks each minute, one of each speaker, made at the same instant: their crystals are 200 ppm apart and both lines
/// jitter, and after an hour they still are heard together.
#[test]
fn two_crystals_200_ppm_apart_stay_together_for_an_hour() {
    let config = EncoderConfig::mix(Channels::Mono);
    let silence = packets(&vec![0.0; 9_600], config);
    let mut burst = vec![0.0; 9_600];
    burst[4_800..5_760].copy_from_slice(&tone(1_000.0, 0.8, 960));
    let click = packets(&burst, config);
    let mut mixer = LiveMixer::new(Config::default());
    let start = Instant::now();
    let mut chances = [Chance::new(3), Chance::new(4)];
    let (mut sent, mut due) = ([0_u64; 2], [start; 2]);
    let (mut heard, mut quiet) = ([Vec::new(), Vec::new()], [0; 2]);
    let mut limiters = [Limiter::default(), Limiter::default()];
    let mut out = [0.0; FRAME];
    for position in 0..3_600 * 50_u32 {
        let now = start + FRAME_DURATION * position;
        for (one, ppm) in [100.0, -100.0].into_iter().enumerate() {
            while due[one] <= now {
                // At the sender's own pace a click would wander; it comes with the packet that is sent at that instant.
                let moment = sent[one] as f64 * 0.02 / (1.0 + ppm / 1e6);
                let within = ((moment % 60.0 - 20.0) / 0.02).round();
                let payload = match click.get(within as usize).filter(|_| within >= 0.0) {
                    Some(packet) => packet,
                    None => &silence[sent[one] as usize % silence.len()],
                };
                let packet = Packet {
                    ssrc: 1,
                    sequence: sent[one] as u16,
                    timestamp: (sent[one] * 960) as u32,
                    is_red: false,
                    payload,
                };
                mixer.handle(SpeakerId(one as u64), packet, None, due[one]);
                sent[one] += 1;
                let exact = sent[one] as f64 * 0.02 / (1.0 + ppm / 1e6);
                let arrives =
                    Duration::from_secs_f64(exact) + Duration::from_micros(chances[one].below(12_000));
                due[one] = due[one].max(start + arrives);
            }
        }
        mixer.frame(now);
        for (one, limiter) in limiters.iter_mut().enumerate() {
            mixer.without(&[SpeakerId(1 - one as u64)], limiter, &mut out);
            quiet[one] += 1;
            let loud = out.iter().position(|value| value.abs() > 0.2).filter(|_| quiet[one] > 100);
            if let Some(within) = loud {
                heard[one].push(f64::from(position) * 0.02 + within as f64 / 48_000.0);
                quiet[one] = 0;
            }
        }
    }
    assert_eq!(heard.each_ref().map(Vec::len), [60, 60]);
    let apart = heard[0].iter().zip(&heard[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // A packet stands for up to 20 ms of when the click was made.
    assert!(apart < 0.035, "{apart}");
    for speaker in 0..2 {
        let counters = mixer.counters(SpeakerId(speaker)).unwrap();
        assert_eq!((counters.late, counters.restarts), (0, 0));
    }
}

#[test]
fn with_fifty_open_microphones_the_loudest_are_heard_and_few_are_decoded() {
    let says = Speaker::new(0, 440.0, 0.1).says;
    let quiet = |id: u64| Speaker {
        id: SpeakerId(id),
        says: says.clone(),
        level: Some(Level::from_rtp(50)),
        sent: 0,
    };
    let mut call = Call::new(Config::default(), (1..=50).map(quiet).collect());
    call.hear(1);
    assert_eq!((call.mixer.speakers(), call.mixer.heard().len()), (16, 8));
    assert!(call.mixer.refused() > 1_000);
    // The last of them begins to speak.
    let mut loud = Speaker::new(50, 880.0, 0.4);
    loud.sent = 50;
    call.speakers[49] = loud;
    let heard = call.hear(1);
    assert_eq!((call.mixer.speakers(), call.mixer.heard().len()), (16, 8));
    assert_eq!(call.mixer.heard()[0], SpeakerId(50));
    assert!(amplitude(&heard[24_000..], 880.0) > 0.3);
}

#[test]
fn while_nobody_speaks_nothing_is_decoded_and_the_first_word_is_whole() {
    let mut call = Call::new(Config::default(), vec![Speaker::new(1, 440.0, 0.3)]);
    call.hear(1);
    assert!(!call.mixer.is_silent());
    // An open microphone in a silent room: packets go on and say so.
    call.speakers[0].level = Some(Level::SILENCE);
    let silence = packets(&vec![0.0; 48_000], EncoderConfig::voice());
    let voice = std::mem::replace(&mut call.speakers[0].says, silence);
    call.hear(4);
    assert!(call.mixer.is_silent());
    let decoded = call.mixer.counters(ADA).unwrap();
    let frames = call.hear(120);
    assert!(frames.iter().all(|value| *value == 0.0));
    assert_eq!(call.mixer.counters(ADA), Some(decoded), "nothing is done for who is silent");
    call.speakers[0].level = Some(Level::from_rtp(10));
    call.speakers[0].says = voice;
    let said = call.hear(1);
    let begins = said.iter().position(|value| value.abs() > 0.05).unwrap();
    assert!(begins < FRAME * 5, "{begins}");
    assert!(amplitude(&said[begins + 2 * FRAME..], 440.0) > 0.25, "no hole behind the first word");
}

#[test]
fn whoever_never_spoke_gets_no_decoder() {
    let mut silent = Speaker::new(1, 440.0, 0.3);
    silent.level = Some(Level::SILENCE);
    let mut call = Call::new(Config::default(), vec![silent]);
    call.hear(1);
    assert_eq!((call.mixer.speakers(), call.mixer.refused(), call.mixer.is_silent()), (0, 0, true));
}

/// Whatever comes, from whomever: memory and sound are bounded.
#[test]
fn chaos_never_panics() {
    let good = packets(&speech(48_000), EncoderConfig::voice());
    let mut chance = Chance::new(23);
    let mut mixer = LiveMixer::new(Config { heard: 3, decoded: 5, ..Config::default() });
    let mut now = Instant::now();
    let mut out = [0.0; FRAME];
    for _ in 0..20_000 {
        now += Duration::from_millis(chance.below(8));
        let mut payload = good[chance.below(50) as usize].clone();
        if chance.below(4) == 0 {
            let at = chance.below(payload.len() as u64) as usize;
            payload[at] = chance.next() as u8;
        }
        let (sequence, timestamp) = (chance.next() as u16, chance.next() as u32);
        let packet = Packet { ssrc: 1, sequence, timestamp, is_red: chance.below(9) == 0, payload: &payload };
        let level = (chance.below(3) > 0).then(|| Level::from_rtp(chance.next() as u8));
        mixer.handle(SpeakerId(chance.below(40)), packet, level, now);
        match chance.below(12) {
            0 => mixer.remove(SpeakerId(chance.below(40))),
            1 => now += Duration::from_secs(chance.below(70)),
            2..6 => {
                assert!(mixer.frame(now).len() <= 3);
                mixer.full(&mut out);
                assert!(out.iter().all(|value| value.abs() <= 1.0));
            }
            _ => {}
        }
        assert!(mixer.speakers() <= 10);
    }
}
