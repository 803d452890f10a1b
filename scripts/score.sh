#!/usr/bin/env bash
# How speech over lossy lines sounds to PESQ (ITU-T P.862.2) and STOI, live and recorded, beside what libopus makes of the
# same packets offline. Fails when ours is more than 0.2 of PESQ or 0.03 of STOI below. Not a part of `make test`: it needs
# the network for set-up, and apt-get install espeak-ng ffmpeg for somebody who speaks.
source "$(dirname "$0")/common.sh"

for program in espeak-ng ffmpeg python3; do
  command -v "$program" >/dev/null || fail "$program is missing. As root, run: apt-get install espeak-ng ffmpeg python3-venv"
done
tools=$(target_dir)/score
if [ ! -x "$tools/bin/python" ]; then
  python3 -m venv "$tools" || fail "Python's venv is missing. Run: apt-get install python3-venv"
  "$tools/bin/pip" install --quiet pesq==0.0.4 pystoi==0.4.1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for _ in 1 2 3 4; do sed -n '/^## /,$p' README.md | tr -d '`#*|<>[]()' | head -c 1200; done |
  espeak-ng -v en -w "$folder/said.wav"
ffmpeg -v error -i "$folder/said.wav" -af volume=0.6 -ar 48000 -ac 1 -t 30 -f f32le "$folder/said.f32"
export VOXLINK_SCORE=$folder
cargo test --locked --quiet -p voxlink-audio --test jitter --test recorded -- --ignored score_ >/dev/null
"$tools/bin/python" scripts/score.py "$folder"
