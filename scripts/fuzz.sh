#!/usr/bin/env bash
# Mutates the inputs of each parser, optimised and for longer than a test may: the tests that are
# `#[ignore = "make fuzz"]` and whose names begin with fuzz_. Then schemathesis tries the routes of /api/v1.
source "$(dirname "$0")/common.sh"

cargo test --workspace --locked --release --lib --tests -- --ignored fuzz_ --nocapture

# The same for the routes: what no parser refuses alone may still be refused badly.
scripts/build.sh
scripts/schemathesis.sh
