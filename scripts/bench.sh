#!/usr/bin/env bash
# Measures; prints JSON lines. Arguments name the benchmarks to run (none: all).
source "$(dirname "$0")/common.sh"

scripts/build.sh >&2
VOXLINK_BIN=$(target_dir)/release/voxlink
export VOXLINK_BIN
cargo run --release --locked --quiet -p voxlink-benches -- "$@"
