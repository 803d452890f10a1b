#!/usr/bin/env bash
# Formats everything.
source "$(dirname "$0")/common.sh"

cargo fmt --all
