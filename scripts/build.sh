#!/usr/bin/env bash
# The release binary, client included, at target/release/voxlink.
source "$(dirname "$0")/common.sh"

scripts/setup.sh
scripts/client.sh
cargo build --release --locked -p voxlink
