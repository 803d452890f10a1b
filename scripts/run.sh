#!/usr/bin/env bash
# Builds what changed and serves; arguments go to `voxlink serve`.
source "$(dirname "$0")/common.sh"

scripts/build.sh
exec "$(target_dir)/release/voxlink" serve "$@"
