#!/bin/sh
# with_device.sh GOLDEN PROGRAM [ARGUMENT...]: runs PROGRAM where there is a GPU; else it is skipped.
golden=$1
shift
"$golden" --device cuda /dev/null >/dev/null 2>&1
if [ "$?" = 77 ]; then
  echo "skipped: there is no GPU"
  exit 77
fi
exec "$@"
