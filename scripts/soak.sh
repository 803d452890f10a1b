#!/usr/bin/env bash
# The long versions of tests: those that are `#[ignore = "make soak"]` and whose names begin with soak_.
source "$(dirname "$0")/common.sh"

scripts/build.sh
VOXLINK_BIN=$(target_dir)/release/voxlink
export VOXLINK_BIN
scripts/setup.sh test
cargo test --workspace --locked --tests -- --ignored soak_ --nocapture

# `make test` shows what the tests built; here what is shipped.
(cd tests/browser && npm test --silent)

# Two people who change between each other and the server, a hundred times; the silences are printed.
(cd tests/browser && HANDOVERS=25 node --test stories/direct-call.test.js)

# A call over bad links, measured between namespaces; the tests above have built the emulator.
(cd tests/browser && npm run --silent lossy)
