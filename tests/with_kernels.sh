#!/bin/sh
# with_kernels.sh VSML PROGRAM [ARGUMENT...]: runs PROGRAM with the fused kernels that VSML_KERNELS
# names; skipped where this machine cannot run them.
set -eu
vsml=$1
shift
if "$vsml" check quickstart 2>&1 >/dev/null | grep -q '^error: VSML_KERNELS'; then
  echo "skipped: this machine cannot run the kernels $VSML_KERNELS"
  exit 77
fi
exec "$@"
