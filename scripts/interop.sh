#!/usr/bin/env bash
# WebRTC stacks that are not ours publish into a real server and watch it, each with each (tests/interop).
# werift and node-datachannel come by npm from the lock file, aiortc by pip into the target folder. GStreamer runs where
# it is installed, with an ECDSA certificate (its own would be RSA, which our DTLS does not take); it needs
# apt-get install python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-good gstreamer1.0-plugins-bad.
# Not a part of `make test`: it needs the network for set-up.
source "$(dirname "$0")/common.sh"

target=$(target_dir)
export CARGO_TARGET_DIR=$target
names=(werift node-datachannel)
npm_ci tests/interop
if command -v python3 >/dev/null; then
  tools=$target/interop
  if [ ! -x "$tools/bin/python" ]; then
    python3 -m venv "$tools" || fail "Python's venv is missing. Run: apt-get install python3-venv"
    "$tools/bin/pip" install --quiet -r tests/interop/requirements.txt
  fi
  export AIORTC_PYTHON=$tools/bin/python
  names+=(aiortc)
fi
if /usr/bin/python3 -c 'import gi; gi.require_version("GstWebRTC", "1.0")' 2>/dev/null; then names+=(GStreamer); fi
cd tests/interop
node run.js "${@:-${names[@]}}"
