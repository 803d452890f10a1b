#!/usr/bin/env bash
# Licences, bans and sources of all dependencies (deny.toml); advisories only where RUSTSEC_DB names an unpacked RustSec
# advisory database, because tests do not depend on the network.
source "$(dirname "$0")/common.sh"

tools=$(target_dir)/tools
deny=$(command -v cargo-deny || echo "$tools/bin/cargo-deny")
if [ ! -x "$deny" ]; then
  if ! fetch_tools; then
    echo "cargo-deny is not here and could not be fetched: licences were not checked"
    exit
  fi
fi
"$deny" --locked check bans licenses sources
if [ -n "${RUSTSEC_DB:-}" ]; then
  audit=$(command -v cargo-audit || echo "$tools/bin/cargo-audit")
  "$audit" audit --db "$RUSTSEC_DB" --no-fetch --stale --file Cargo.lock
fi
