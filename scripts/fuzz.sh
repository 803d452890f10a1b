#!/usr/bin/env bash
# Looks for inputs that break a parser. First libFuzzer, which is led by what the code covers, for FUZZ_SECONDS (60) each
# on the targets of fuzz/; then the same targets and others by mutation, optimised and for longer than a test may (the
# tests that are `#[ignore = "make fuzz"]` and whose names begin with fuzz_); then schemathesis tries the routes.
source "$(dirname "$0")/common.sh"

tools=$(target_dir)/tools
fuzzer=$(command -v cargo-fuzz || echo "$tools/bin/cargo-fuzz")
if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "fuzz/ needs a nightly toolchain and was left out. Run: rustup toolchain install nightly --profile minimal"
elif [ ! -x "$fuzzer" ] && ! fetch_tools; then
  echo "fuzz/ needs cargo-fuzz, which could not be fetched, and was left out. Run: cargo install cargo-fuzz"
elif ! command -v c++ >/dev/null; then
  echo "fuzz/ needs a C++ compiler for libFuzzer and was left out. As root, run: apt-get install g++"
else
  for target in $("$fuzzer" list --fuzz-dir fuzz); do
    printf '\n== %s\n' "$target"
    # What is found goes into a folder of its own: the committed inputs stay few and readable.
    mkdir -p "fuzz/found/$target"
    # An offer may have 256 KiB, but one of 16 KiB has all that an offer can have.
    RUSTUP_TOOLCHAIN=nightly "$fuzzer" run --fuzz-dir fuzz "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
      -max_total_time="${FUZZ_SECONDS:-60}" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 ||
      fail "" "$target fails on the input that is named above. Make it a test beside the parser, and keep the input" \
        "in fuzz/corpus/$target. Again: cargo +nightly fuzz run --fuzz-dir fuzz $target FILE"
  done
fi

cargo test --workspace --locked --release --lib --tests -- --ignored fuzz_ --nocapture

# The same for the routes: what no parser refuses alone may still be refused badly.
scripts/build.sh
scripts/schemathesis.sh
