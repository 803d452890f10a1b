//! Each parser against mutated inputs of `fuzz/corpus`: a little in every test run, for longer by `make fuzz`. A find
//! becomes a test beside its parser, and an input in the corpus.

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use std::time::{Duration, Instant};

use mutate::Chance;

use crate::{
    bandwidth::{Bitrate, Estimator},
    fuzzing,
    rtcp::twcc::{Feedback, Recorder},
};

/// A subscriber whose feedback is real, cut up, or made up: its estimate stays within its bounds, its time too.
fn an_estimator_reads_mutations(rounds: usize) {
    let mut seeded = Chance::new(0x5EED_F023);
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
    mutate::understands_its_corpus(&fuzzing::TARGETS);
}

#[test]
fn mutated_inputs_never_panic() {
    mutate::reads_mutations(&fuzzing::TARGETS, 3000);
    an_estimator_reads_mutations(20_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_each_parser() {
    mutate::reads_mutations(&fuzzing::TARGETS, 1_000_000);
    an_estimator_reads_mutations(30_000_000);
}
