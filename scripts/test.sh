#!/usr/bin/env bash
# Everything that must hold before a change is done. Stops at the first thing that does not.
source "$(dirname "$0")/common.sh"

passed=0
step() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" || fail "" "FAILED after $passed steps: $name"
  passed=$((passed + 1))
  printf '== %s: ok, %s s\n' "$name" $((SECONDS - start))
}

rust_tests() {
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --status-level fail
  else
    cargo test --workspace --locked --quiet
  fi
}

# Real browsers on a busy machine: a failure is told and tried once more; what fails twice has failed.
browser_stories() {
  in_folder tests/browser npm test --silent && return
  printf '\nA story failed (pictures in tests/browser/out). It is a bug even if it passes now; all stories run once more.\n'
  in_folder tests/browser npm test --silent
}

in_folder() { (cd "$1" && "${@:2}"); }

step "set-up" scripts/setup.sh test
step "formatting" cargo fmt --all --check
step "client: types" in_folder web npm run --silent check
step "client: lints" in_folder web npm run --silent lint
step "client: tests" in_folder web npm run --silent test
step "client: build" scripts/client.sh
step "client: size" in_folder web npm run --silent size
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
step "dependencies" scripts/deny.sh
# What the tests have built, with its assertions; `make soak` shows the release build.
VOXLINK_BIN=$(target_dir)/debug/voxlink
export VOXLINK_BIN
step "tests" rust_tests
step "browsers" browser_stories

printf '\nAll %s steps passed in %s s.\n' "$passed" "$SECONDS"
