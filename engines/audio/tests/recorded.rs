//! From packets to one aligned track, to a mix: what is made of recordings.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use support::{Chance, lies_at, offline, packets, segmental_snr, speech, tone, traces};
use voxlink_audio::{
    Channels, FRAME,
    clock::SenderClock,
    level::Level,
    mix::{Limiter, Mixer, SpeakerId},
    opus::EncoderConfig,
    resample::{ResampleError, Resampler},
    timeline::Timeline,
};

fn voice() -> EncoderConfig {
    EncoderConfig { expected_loss: 20, dtx: false, ..EncoderConfig::voice() }
}

/// Pushes as much as is wanted, pulls so many frames.
fn played(packets: &[(u64, &[u8])], frames: usize) -> (Vec<f32>, Timeline) {
    let mut timeline = Timeline::new(Channels::Mono).unwrap();
    let mut rest = packets.iter();
    let mut sound = Vec::new();
    for _ in 0..frames {
        while timeline.wants(FRAME) {
            let Some((at, packet)) = rest.next() else { break };
            timeline.push(*at, packet).unwrap();
        }
        let mut frame = [0.0; FRAME];
        timeline.pull(&mut frame);
        sound.extend_from_slice(&frame);
    }
    (sound, timeline)
}

fn at_20_ms(packets: &[Vec<u8>]) -> Vec<(u64, &[u8])> {
    packets.iter().enumerate().map(|(at, packet)| (at as u64 * FRAME as u64, &packet[..])).collect()
}

/// Energy at one frequency (Goertzel), relative to a tone of full scale, in dB.
fn loudness(sound: &[f32], hertz: f64) -> f64 {
    let step = hertz * std::f64::consts::TAU / 48_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, value) in sound.iter().enumerate() {
        real += f64::from(*value) * (at as f64 * step).cos();
        imaginary += f64::from(*value) * (at as f64 * step).sin();
    }
    20.0 * (2.0 * real.hypot(imaginary) / sound.len() as f64).max(1e-9).log10()
}

#[test]
fn a_track_begins_at_its_time_and_a_pause_is_as_long_as_it_was() {
    let packets = packets(&tone(440.0, 0.5, 48_000), voice());
    let offset = 12_345;
    let mut all: Vec<_> = at_20_ms(&packets).into_iter().map(|(at, packet)| (at + offset, packet)).collect();
    let hour = 3_600 * 48_000;
    all.extend(at_20_ms(&packets).into_iter().map(|(at, packet)| (at + hour, packet)));
    let (sound, timeline) = played(&all, 3_601 * 50 + 10);
    assert_eq!(timeline.left_out(), 0);
    let level = |from: u64, to: u64| Level::of(&sound[from as usize..to as usize]).decibels();
    assert_eq!(level(0, offset), -127.0);
    assert!(level(offset + 960, offset + 48_000) > -10.0);
    assert_eq!(level(offset + 48_000 * 3, hour - 1_000), -127.0);
    assert!(level(hour + 960, hour + 48_000) > -10.0);
    assert!(level(hour, hour + 480) < level(hour + 960, hour + 1_440), "it begins there and not before");
}

/// What a recording of `said` sounds like when what the trace says was lost, and what libopus makes of the same packets.
fn recorded(said: &[f32], lost: &[bool]) -> (Vec<f32>, Vec<f32>) {
    let packets = packets(said, EncoderConfig { bitrate: 48_000, ..voice() });
    let arrived: Vec<_> =
        packets.iter().zip(lost).map(|(packet, lost)| (!lost).then_some(&packet[..])).collect();
    let kept: Vec<_> =
        at_20_ms(&packets).into_iter().zip(lost).filter(|(_, lost)| !**lost).map(|(one, _)| one).collect();
    (played(&kept, packets.len()).0, offline(&arrived))
}

#[test]
fn loss_is_made_good_as_libopus_does_offline() {
    let said = speech(48_000 * 30);
    for (name, lost) in traces() {
        let (sound, expected) = recorded(&said, &lost);
        let lag = lies_at(&said, &expected);
        let (ours, theirs) = (segmental_snr(&said, &sound[lag..]), segmental_snr(&said, &expected[lag..]));
        eprintln!("{name}: {ours:.2} dB, libopus offline {theirs:.2} dB");
        assert!(ours > theirs - 0.3, "{name}: {ours} {theirs}");
    }
}

#[test]
#[ignore = "scripts/score.sh"]
fn score_what_is_recorded() {
    support::score("recorded", recorded);
}

#[test]
fn deep_redundancy_is_used_where_a_sender_has_it() {
    let said = speech(48_000 * 4);
    let packets = packets(&said, EncoderConfig { deep_redundancy: 50, bitrate: 64_000, ..voice() });
    let kept: Vec<_> = at_20_ms(&packets)
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !(60..66).contains(at))
        .map(|(_, one)| one)
        .collect();
    let (sound, _) = played(&kept, 200);
    assert!(Level::of(&sound[64 * FRAME..66 * FRAME]).decibels() > -45.0);
}

#[test]
fn packets_that_come_twice_go_back_or_are_none_are_left_out() {
    let packets = packets(&tone(440.0, 0.5, 48_000), voice());
    let mut all = at_20_ms(&packets);
    all.insert(10, all[9]);
    all.insert(20, all[3]);
    let (sound, mut timeline) = played(&all, 50);
    assert_eq!(timeline.left_out(), 2);
    assert!(Level::of(&sound[960..48_000 - 960]).decibels() > -10.0);
    timeline.push(0, &[]).unwrap_err();
    assert_eq!(timeline.left_out(), 3);
    // Time without end is no memory without end.
    timeline.push(u64::MAX, &packets[0]).unwrap();
    timeline.pull(&mut [0.0; FRAME * 100]);
}

/// When a track's clicks were made, by its speaker's frames, and when they are heard, in seconds.
fn clicks(ppm: f64, seed: u64) -> Vec<(f64, f64)> {
    let config = EncoderConfig::mix(Channels::Mono);
    let silence = packets(&vec![0.0; 9_600], config);
    let mut burst = vec![0.0; 9_600];
    burst[4_800..5_760].copy_from_slice(&tone(1_000.0, 0.8, 960));
    let click = packets(&burst, config);
    let every = 60 * 50;
    let start = Instant::now();
    let (mut clock, mut chance) = (SenderClock::new(48_000), Chance::new(seed));
    let mut timeline = Timeline::new(Channels::Mono).unwrap();
    let (mut made, mut heard) = (Vec::new(), Vec::new());
    let (mut at, mut last, mut quiet) = (0_usize, start, 0);
    let mut frame = [0.0; FRAME];
    for position in 0..3_600 * 50 {
        while timeline.wants(FRAME) {
            let moment = at as f64 * 0.02 / (1.0 + ppm / 1e6);
            let arrival = start + Duration::from_secs_f64(moment + 0.02);
            last = last.max(arrival + Duration::from_micros(chance.below(30_000)));
            let mapped = clock.observe((at * FRAME) as u32, last);
            // The click's packets stand for ten frames of silence; its burst is in the sixth of them.
            let packet = match at % every {
                within @ 1_000..1_010 => &click[within - 1_000],
                within => &silence[within % silence.len()],
            };
            if at % every == 1_005 {
                made.push(moment);
            }
            // As a file keeps it, which is in whole milliseconds.
            let milliseconds = (mapped.saturating_duration_since(start).as_micros() as u64 + 500) / 1_000;
            timeline.push(milliseconds * 48, packet).unwrap();
            at += 1;
        }
        timeline.pull(&mut frame);
        quiet += 1;
        if let Some(within) = frame.iter().position(|value| value.abs() > 0.2).filter(|_| quiet > 100) {
            heard.push(f64::from(position) * 0.02 + within as f64 / 48_000.0);
            quiet = 0;
        }
    }
    assert_eq!((timeline.left_out(), heard.len()), (0, 60));
    made.into_iter().zip(heard).collect()
}

/// Two people click once a minute for an hour; one's crystal is 100 ppm fast, the other's as much slow, and both lines
/// jitter. Their tracks agree within 10 ms from beginning to end.
#[test]
fn two_tracks_of_an_hour_stay_together() {
    let [fast, slow] = [clicks(100.0, 3), clicks(-100.0, 4)];
    let off = |(made, heard): &(f64, f64)| heard - made;
    let worst = fast.iter().zip(&slow).map(|(fast, slow)| (off(fast) - off(slow)).abs()).fold(0.0, f64::max);
    let drift = |track: &[(f64, f64)]| (off(&track[59]) - off(&track[0])).abs();
    eprintln!("tracks differ by {worst:.4} s, drift {:.4} and {:.4} s", drift(&fast), drift(&slow));
    assert!(worst < 0.010 && drift(&fast) < 0.010 && drift(&slow) < 0.010);
}

#[test]
fn a_timeline_keeps_to_the_times_of_a_crystal_that_is_off() {
    let packets = packets(&tone(300.0, 0.3, 48_000), EncoderConfig::mix(Channels::Mono));
    for ppm in [100_i64, -100] {
        let mut timeline = Timeline::new(Channels::Mono).unwrap();
        let mut frame = [0.0; FRAME];
        let mut at = 0_i64;
        let time = |at: i64| (at * 960 - at * 960 * ppm / 1_000_000 + 24).div_euclid(48) * 48;
        for _ in 0..20 * 60 * 50 {
            while timeline.wants(FRAME) {
                timeline.push(time(at) as u64, &packets[at as usize % packets.len()]).unwrap();
                at += 1;
            }
            timeline.pull(&mut frame);
            assert!(at < 100 || Level::of(&frame).decibels() > -20.0, "{at}");
        }
        assert_eq!(timeline.left_out(), 0);
        let ahead = time(at) - timeline.position() as i64;
        assert!((0..2 * FRAME as i64).contains(&ahead), "{ahead}");
    }
}

#[test]
fn a_clock_follows_the_fastest_packets() {
    let start = Instant::now();
    let mut clock = SenderClock::new(90_000);
    let mut chance = Chance::new(9);
    let mut worst = Duration::ZERO;
    for at in 0..10_000_u32 {
        let spoken = start + Duration::from_millis(u64::from(at) * 20);
        let arrival = spoken + Duration::from_millis(15 + chance.below(40));
        let mapped = clock.observe(4_294_000_000_u32.wrapping_add(at * 1_800), arrival);
        if at > 500 {
            worst = worst.max(
                mapped.max(spoken + Duration::from_millis(15))
                    - mapped.min(spoken + Duration::from_millis(15)),
            );
        }
    }
    assert!(worst < Duration::from_millis(3), "{worst:?}");
    assert_eq!(clock.restarts(), 0);
    let far = start + Duration::from_secs(205);
    assert_eq!(clock.observe(5, far), far, "a timestamp that jumps begins anew");
    assert_eq!((clock.restarts(), clock.timestamp_at(far)), (1, Some(5)));
    assert_eq!(clock.time_of(90_005), Some(far + Duration::from_secs(1)));
}

#[test]
fn a_stall_is_no_new_clock_but_a_longer_route_is() {
    let start = Instant::now();
    let at = |packet: u64, delay: u64| start + Duration::from_millis(packet * 20 + delay);
    let mut clock = SenderClock::new(48_000);
    let mut observe = |packet: u64, arrival: Instant| clock.observe((packet * 960) as u32, arrival);
    for packet in 0..500 {
        observe(packet, at(packet, 10));
    }
    // A second in which nothing comes, then all of it at once.
    for packet in 500..550 {
        let mapped = observe(packet, at(550, 10));
        assert!(mapped < at(packet, 30), "what was late was said when it was said");
    }
    for packet in 550..1_000 {
        assert!(observe(packet, at(packet, 10)) < at(packet, 15));
    }
    // From here on everything needs 300 ms longer.
    let last = (1_000..1_200).map(|packet| observe(packet, at(packet, 310))).last();
    assert!(last.unwrap() > at(1_199, 300));
}

const ANN: SpeakerId = SpeakerId(1);
const BEN: SpeakerId = SpeakerId(2);
const CEM: SpeakerId = SpeakerId(3);

#[test]
fn a_mix_holds_everyone_and_nobody_hears_themselves() {
    let tones =
        [(ANN, 440.0), (BEN, 660.0), (CEM, 880.0)].map(|(who, hertz)| (who, tone(hertz, 0.2, 48_000)));
    let mut mixer = Mixer::new(Channels::Mono, 8, FRAME);
    let mut limiter = Limiter::default();
    let (mut full, mut without) = (Vec::new(), Vec::new());
    for frame in 0..50 {
        mixer.begin();
        for (who, sound) in &tones {
            mixer.add(*who, &sound[frame * FRAME..][..FRAME], Channels::Mono, 1.0);
        }
        let mut out = [0.0; FRAME];
        mixer.full(&mut out);
        full.extend_from_slice(&out);
        mixer.without(BEN, &mut limiter, &mut out);
        without.extend_from_slice(&out);
    }
    // Half a second holds whole periods of all three.
    let heard = |sound: &[f32], hertz| loudness(&sound[FRAME..][..24_000], hertz);
    for hertz in [440.0, 660.0, 880.0] {
        assert!((heard(&full, hertz) + 14.0).abs() < 0.2, "{}", heard(&full, hertz));
    }
    assert!(heard(&without, 660.0) < -80.0 && heard(&without, 440.0) > -14.2);
    assert_eq!(mixer.heard().len(), 3);
}

#[test]
fn shouting_is_limited_without_a_crack_and_one_voice_is_left_as_it_is() {
    let mut mixer = Mixer::new(Channels::Mono, 8, FRAME);
    let loud = tone(440.0, 0.9, FRAME * 100);
    let mut out = [0.0; FRAME];
    let mut worst_step = 0.0_f32;
    let mut last = 0.0;
    for frame in 0..100 {
        mixer.begin();
        for who in 0..if frame < 50 { 1 } else { 5 } {
            mixer.add(SpeakerId(who), &loud[frame * FRAME..][..FRAME], Channels::Mono, 0.9);
        }
        mixer.full(&mut out);
        if (1..50).contains(&frame) {
            assert!(out.iter().zip(&loud[frame * FRAME..]).all(|(out, own)| (out - own * 0.9).abs() < 1e-6));
        }
        for value in out {
            assert!(value.abs() <= 1.0);
            worst_step = worst_step.max((value - last).abs());
            last = value;
        }
    }
    // A full-scale tone of 440 Hz moves by 0.058 a sample; what is bent has steeper flanks, a crack would be ten times that.
    assert!(worst_step < 0.3, "{worst_step}");
}

#[test]
fn only_the_loudest_are_heard_and_who_is_stays_through_a_breath() {
    let mut mixer = Mixer::new(Channels::Stereo, 2, FRAME);
    let mut frame = |levels: [f64; 3]| {
        mixer.begin();
        for (who, level) in [ANN, BEN, CEM].into_iter().zip(levels) {
            mixer.add(who, &tone(440.0, level, FRAME), Channels::Mono, 1.0);
        }
        mixer.heard()
    };
    assert_eq!(frame([0.5, 0.3, 0.1]), [ANN, BEN]);
    assert_eq!(frame([0.5, 0.1, 0.15]), [ANN, BEN], "less than 6 dB louder");
    assert_eq!(frame([0.5, 0.05, 0.3]), [ANN, CEM]);
    assert_eq!(frame([0.0, 0.05, 0.000_01]), [BEN], "silence takes no place");
}

#[test]
fn what_is_no_number_is_not_mixed() {
    let mut mixer = Mixer::new(Channels::Mono, 2, FRAME);
    mixer.begin();
    mixer.add(ANN, &[f32::NAN, f32::INFINITY, 0.5], Channels::Mono, 1.0);
    let mut out = [9.0; FRAME];
    mixer.full(&mut out);
    assert!(out.iter().all(|value| value.is_finite()));
    mixer.begin();
    mixer.full(&mut out);
    assert!(out.iter().all(|value| *value == 0.0), "who was not added is gone");
}

#[test]
fn other_rates_become_ours_without_losing_time() {
    for (rate, channels) in [
        (44_100, Channels::Stereo),
        (16_000, Channels::Mono),
        (96_000, Channels::Mono),
        (48_000, Channels::Mono),
    ] {
        let count = channels.count();
        let step = 440.0 * std::f64::consts::TAU / f64::from(rate);
        let sound: Vec<f32> =
            (0..rate * 2).flat_map(|at| vec![((f64::from(at) * step).sin() * 0.5) as f32; count]).collect();
        let mut resampler = Resampler::new(rate, channels).unwrap();
        let mut out = Vec::new();
        for piece in sound.chunks(777 * count) {
            resampler.push(piece, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        assert_eq!(out.len(), 96_000 * count, "{rate}");
        let left: Vec<f32> = out.iter().step_by(count).copied().collect();
        assert!((loudness(&left[4_800..91_200], 440.0) + 6.02).abs() < 0.1, "{rate}");
        let wanted = tone(440.0, 0.5, 96_000);
        let worst =
            left[4_800..91_200].iter().zip(&wanted[4_800..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{rate}: {worst}");
    }
    assert_eq!(Resampler::new(0, Channels::Mono).err(), Some(ResampleError::Rate(0)));
    assert_eq!(Resampler::new(u32::MAX, Channels::Mono).err(), Some(ResampleError::Rate(u32::MAX)));
}
