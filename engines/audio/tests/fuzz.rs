//! Each target against mutated inputs of `fuzz/corpus`: a little in every test run, for longer by `make fuzz`.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use voxlink_audio::fuzzing::TARGETS;

/// What `fuzz/corpus` holds is worth mutating, or says by its name that it is broken on purpose.
#[test]
fn each_target_understands_its_corpus() {
    mutate::understands_its_corpus(&TARGETS);
}

#[test]
fn mutated_inputs_never_panic() {
    mutate::reads_mutations(&TARGETS, 300);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_each_target() {
    mutate::reads_mutations(&TARGETS, 100_000);
}
