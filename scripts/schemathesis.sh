#!/usr/bin/env bash
# Holds the description of /api/v1 against what a real server answers to thousands of good and bad requests.
# EXAMPLES=20 requests per operation and phase, unless another number is given.
source "$(dirname "$0")/common.sh"

bin=${VOXLINK_BIN:-$(target_dir)/release/voxlink}
[ -x "$bin" ] || fail "There is no release binary. Run: make build"
command -v python3 >/dev/null || fail "Python 3 (with venv) is missing. Run: apt-get install python3-venv"
work=$(mktemp -d)
tools=$(target_dir)/schemathesis
if [ ! -x "$tools/bin/schemathesis" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet schemathesis
fi

port=$((20000 + RANDOM % 20000))
"$bin" serve --rate-limits off --data-dir "$work/data" --listen 127.0.0.1:$port --media-listen 127.0.0.1:0 --turn-mode off >"$work/ready" 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do grep -q ready "$work/ready" && break; sleep 0.1; done
base=http://127.0.0.1:$port/api/v1
token=$(curl -fsS -H 'content-type: application/json' -d '{"username":"tester","password":"correct horse battery"}' \
  $base/auth/register | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || fail "The account for the tests could not be made."

# What ends the login or the account would end the run; the description is checked all the same by the rest. SDP cannot
# be made from a schema: its parser has mutations of its own, its routes have tests.
"$tools/bin/schemathesis" run $base/openapi.json -H "Authorization: Bearer $token" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --exclude-path /auth/logout --exclude-path /auth/delete-account --exclude-path /auth/password \
  --exclude-path '/auth/sessions/{id}' \
  --exclude-path-regex '/whi?e?p(/|$)' \
  --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-20}" --seed 42 --no-color
