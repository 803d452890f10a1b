#!/usr/bin/env bash
# Installs what is missing to build and run; with `test` also what the tests need. Does nothing when all is there.
source "$(dirname "$0")/common.sh"

# at_least HAVE WANTED: both dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

# --- Rust and Node are the operator's choice: they are checked, not installed.
command -v cargo >/dev/null || fail "Rust is missing. Install it from https://rustup.rs, then try again."
rust=$(cargo --version | cut -d' ' -f2)
at_least "$rust" 1.95 || fail "VoxLink needs Rust 1.95 or newer, this is $rust. Run: rustup update stable"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  fail "Node.js (20.19 or newer, with npm) is missing. Install it from https://nodejs.org, then try again."
fi
node=$(node --version)
at_least "${node#v}" 20.19 || fail "VoxLink needs Node.js 20.19 or newer, this is $node."

# --- System packages: one line each, the command that shows it is there and the package that brings it.
packages=()
needs() { command -v "$1" >/dev/null || packages+=("${@:2}"); }
needs cc gcc libc6-dev
# libopus is built from the source that its crate brings.
needs cmake cmake
needs make make
if [ "${1:-}" = test ]; then
  needs chromium chromium
  needs nft nftables
  # Reads our recordings as a stranger would.
  needs ffprobe ffmpeg
  needs ip iproute2
  # Its clients are strangers to our relay, and the server is what it is compared with. It starts no daemon by itself.
  needs turnutils_uclient coturn
  # Debian keeps the server's programs out of the PATH.
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || needs initdb postgresql
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    fail "The tests need rustfmt and clippy. Run: rustup component add rustfmt clippy"
fi
if [ ${#packages[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    fail "These are missing and there is no apt-get to install them with: ${packages[*]} (Debian's names)." \
      "Install them, then try again."
  elif [ "$(id -u)" = 0 ]; then
    as_root=()
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    fail "These packages are missing: ${packages[*]}" "As root, run: apt-get install ${packages[*]}"
  fi
  echo "Installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

npm_ci web
if [ "${1:-}" = test ] && [ -f tests/browser/package-lock.json ]; then npm_ci tests/browser; fi
