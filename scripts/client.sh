#!/usr/bin/env bash
# Builds the web client into web/dist, unless it was built from these very sources.
source "$(dirname "$0")/common.sh"

sources=$(
  find web/src web/public web/messages web/project.inlang web/*.{html,ts,js,json} -type f \
    -not -path 'web/src/paraglide/*' -not -name '*.test.ts' -not -path 'web/project.inlang/.*' -print0 |
    sort -z | xargs -0 sha256sum | sha256sum
)
stamp=web/dist/.sources
if [ -f web/dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ]; then exit; fi
echo "Building the web client"
(cd web && npm run --silent build)
printf '%s\n' "$sources" >"$stamp"
