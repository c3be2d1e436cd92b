#!/bin/sh
# A report in a real browser, without a window: it renders with the curves and rows that it should
# have, says nothing on its console, and asks the network for nothing. Skipped without Chromium.
#   run.sh VSML_PROGRAM
set -eu
browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
  echo "skipped: no chromium"
  exit 77
fi
program=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "failed: $*"
  exit 1
}
expect() { # WHAT PATTERN COUNT: so many matches in the page as the browser has it
  found=$(grep -o "$2" page.dom | wc -l)
  [ "$found" -eq "$3" ] || fail "$1: expected $3, found $found"
}

cat >spec.json <<'SPEC'
{
  "name": "seen",
  "learner": {"state_size": 3, "message_size": 2, "output_channel": 0, "micro_ticks": 1},
  "meta": {"steps": 6, "population": 4, "carry": true, "unroll": 5, "lifetime": 20},
  "tasks": {
    "train": [{"dataset": "sum_sign", "inputs": 4}],
    "test": [{"dataset": "sum_sign", "inputs": 4}, {"name": "<b>six</b>", "dataset": "sum_sign", "inputs": 6}]
  },
  "evaluate": {"every": 2, "episodes": 4, "episode_length": 40, "learners": [{"type": "nearest_mean"}]},
  "sweep": {"grid": {"meta.learning_rate": [0.001, 0.1]}, "seeds": 3}
}
SPEC
"$program" sweep spec.json --out seen --quiet >sweep.out
"$program" report seen --out seen.html

HOME=$folder timeout 100 "$browser" --headless --no-sandbox --disable-gpu --no-first-run \
  --disable-dev-shm-usage --disable-background-networking --disable-component-update \
  --disable-default-apps --disable-sync --disable-features=NetworkTimeServiceQuerying \
  --host-resolver-rules="MAP * ~NOTFOUND" --user-data-dir="$folder/profile" \
  --enable-logging=stderr --log-net-log="$folder/net.json" \
  --dump-dom "file://$folder/seen.html" >page.dom 2>console.log || fail "$(tail -n 3 console.log)"

if grep -q "CONSOLE" console.log; then fail "$(grep CONSOLE console.log)"; fi
[ -s net.json ] || fail "the browser kept no log of requests"
# But for what the browser asks its makers by itself.
requests=$(grep -oE '"url":"(https?|wss?|ftp)://[^"]*"' net.json |
  grep -vE '//[a-z0-9.]*\.(google|googleapis|gvt1)\.com/' | head -n 3 || true)
[ -z "$requests" ] || fail "a request: $requests"
# Two tasks, with the first learner of both variants and two others; loss, accuracy and two
# meta-tests on the way for both variants.
expect "curves" "<polyline" 16
expect "bands" "<polygon" 16
expect "pictures" "<svg " 6
# Two variants x three learners on each of two tasks.
expect "matrices" 'class="confusion"' 12
sed -n '/<section id="results">/,/<\/section>/p' page.dom >results.dom
rows=$(grep -o '<th scope="row">' results.dom | wc -l)
[ "$rows" -eq 12 ] || fail "rows of results: expected 12, found $rows"
expect "runs" '<td>done</td>' 6
expect "text as text" '&lt;b&gt;six&lt;/b&gt;' "$(grep -o '&lt;b&gt;six&lt;/b&gt;' seen.html | wc -l)"
expect "markup from a spec" '<b>six</b>' 0
echo "report: renders"
