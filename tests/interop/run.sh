#!/bin/sh
# Runs check.py with the Python of VSML_TEST_PYTHON (an environment that has jsonschema, numpy and
# safetensors); skipped if it is not set or not there.
set -eu
python=${VSML_TEST_PYTHON:-}
if [ -z "$python" ] || [ ! -x "$python" ]; then
  echo "skipped: VSML_TEST_PYTHON names no Python"
  exit 77
fi
exec "$python" "$(dirname "$0")/check.py" "$@"
