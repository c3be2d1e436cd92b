#!/bin/sh
# The headers that host and device share must compile with nvcc, for Hopper and as PTX.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
nvcc -std=c++20 -I. -gencode=arch=compute_90a,code=sm_90a \
  -gencode=arch=compute_75,code=compute_75 -c tests/engine/shared_kernels.cu \
  -o "$out/shared_kernels.o"
echo "shared kernels compile with nvcc"
