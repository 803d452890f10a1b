//! Each parser against mutated inputs of `fuzz/corpus`: a little in every test run, for longer by `make fuzz`. A find
//! becomes a test beside its parser, and an input in the corpus.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use voxlink_netemu::Rng;

use crate::{
    bandwidth::{Bitrate, Estimator},
    fuzzing,
    rtcp::twcc::{Feedback, Recorder},
};

/// Chance that is the same on every machine.
struct Seeded(Rng);

impl Seeded {
    fn next(&mut self) -> usize {
        usize::try_from(self.0.next() & 0xFFFF_FFFF).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next() & 0xFF).unwrap_or_default()
    }

    /// Bytes set, cut out, doubled or cut off.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.next() % 6 {
            if bytes.is_empty() {
                bytes.push(self.byte());
            }
            let at = self.next() % bytes.len();
            match self.next() % 6 {
                0 | 1 => bytes[at] = self.byte(),
                2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][self.next() % 6],
                3 => bytes.truncate(at),
                4 => {
                    let end = (at + self.next() % 32).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let end = (at + self.next() % 16).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        bytes.truncate(8192);
    }
}

/// The committed inputs of one target, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read(path).expect("readable"))
    };
    paths.into_iter().map(read).collect()
}

fn each_parser_reads_mutations(rounds: usize) {
    let mut seeded = Seeded(Rng::new(0x5EED_F022));
    let corpora = fuzzing::TARGETS.map(|(name, target)| (target, corpus(name)));
    for round in 0..rounds {
        for (target, inputs) in &corpora {
            let mut bytes = inputs[round % inputs.len()].1.clone();
            seeded.mutate(&mut bytes);
            target(&bytes);
        }
    }
}

/// A subscriber whose feedback is real, cut up, or made up: its estimate stays within its bounds, its time too.
fn an_estimator_reads_mutations(rounds: usize) {
    let mut seeded = Seeded(Rng::new(0x5EED_F023));
    let mut now = Instant::now();
    let mut estimator = Estimator::new(now);
    let mut recorder = Recorder::new(now);
    let mut body = Vec::new();
    for round in 0..rounds {
        now += Duration::from_millis(seeded.next() as u64 % 20);
        let sequence = round as u16;
        estimator.sent(sequence, 100 + seeded.next() % 1_200, (seeded.next() % 3) as u8, now);
        if !seeded.next().is_multiple_of(5) {
            recorder.record(sequence, now);
        }
        estimator.set_wanted(Bitrate::kbps(seeded.next() as u64 % 5_000));
        estimator.tick(now);
        let _probe = estimator.next_probe(now);
        if seeded.next().is_multiple_of(8) && recorder.next_body(&mut body).is_some() {
            if seeded.next().is_multiple_of(2) {
                seeded.mutate(&mut body);
            }
            if let Some(feedback) = Feedback::parse(&body) {
                estimator.feedback(&feedback, now);
            }
        }
        let target = estimator.target();
        assert!((Bitrate::kbps(50)..=Bitrate::kbps(30_000)).contains(&target), "{target:?}");
        assert!((0.0..=1.0).contains(&estimator.loss()), "{}", estimator.loss());
    }
}

/// What `fuzz/corpus` holds is worth mutating, or says by its name that it is broken on purpose.
#[test]
fn each_parser_understands_its_corpus() {
    for (name, target) in fuzzing::TARGETS {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name}");
        for (file, bytes) in inputs {
            assert_eq!(target(&bytes), !file.starts_with("broken"), "{name}/{file}");
        }
    }
}

#[test]
fn mutated_inputs_never_panic() {
    each_parser_reads_mutations(3000);
    an_estimator_reads_mutations(20_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_each_parser() {
    each_parser_reads_mutations(1_000_000);
    an_estimator_reads_mutations(30_000_000);
}
