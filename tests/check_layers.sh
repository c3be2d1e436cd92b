#!/bin/sh
# The direction of dependencies (docs/engine.md): who may include whom. Prints each line that breaks
# a rule; exit status 1 if there is one.
set -eu
cd "$(dirname "$0")/.."
broken=0

# forbid RULE FILES PATTERN [EXCEPT]: no #include that matches PATTERN in FILES, but in EXCEPT.
forbid() {
  rule=$1 files=$2 pattern=$3 except=${4:-nothing}
  # shellcheck disable=SC2086
  found=$(grep -nE "^ *# *include +[\"<]($pattern)" -r $files --include='*.h' --include='*.cpp' \
    --include='*.cu' | grep -vE "^($except):" || true)
  if [ -n "$found" ]; then
    echo "$found" | sed "s|\$|   <- $rule|"
    broken=1
  fi
}

forbid "engine/ stands alone" engine "vsml/|tools/|tests/"
forbid "vsml/ does not know tools/ or tests/" vsml "tools/|tests/"
forbid "tools/ does not know tests/" tools "tests/"
forbid "cpu/ and cuda/ never meet" engine/cpu "engine/cuda/|cuda|cublas"
forbid "cpu/ and cuda/ never meet" engine/cuda "engine/cpu/"
forbid "backends are reached through backend.h" "engine/ops engine/io vsml tools" \
  "engine/cpu/|engine/cuda/" "vsml/kernels/cuda/[a-z_]*\.(cu|cpp)"
forbid "kernels are plain data and scalar maths" engine/kernels \
  "engine/(tensor|tape|error|backend|ops|cpu|cuda|shape|storage)"
forbid "backends know kernels, not ops" "engine/cpu engine/cuda" \
  "engine/(ops|io)/|engine/(tensor|params|optim)\.h"
forbid "the core knows no ops (but the tape adds gradients)" \
  "engine/tensor.h engine/tensor.cpp engine/tape.h engine/tape.cpp engine/shape.h engine/shape.cpp
   engine/device.h engine/device.cpp engine/rng.h engine/rng.cpp engine/backend.h engine/storage.h
   engine/error.h engine/error.cpp" \
  "engine/(ops|io)/|engine/(params|optim|gradient_checkpoint)\.h" "engine/tape.cpp"
forbid "ops do not know what is above them" engine/ops \
  "engine/io/|engine/(params|optim|gradient_checkpoint)\.h"
forbid "only engine/cpu sees OpenBLAS and oneTBB" "engine vsml tools" "cblas|tbb/" \
  "engine/cpu/[a-z]*\.cpp|tools/bench_engine.cpp"
forbid "kernels know cells, nothing above" vsml/kernels \
  "vsml/(layer|network|learner|meta|tasks|experiment|backprop)"
forbid "a kernel's instruction sets know no library" vsml/kernels/cpu/isa.cpp "engine/|fmt|vector>"
forbid "tasks know no learners" vsml/tasks "vsml/(learner|network|cell|layer|meta|experiment)"
forbid "learners and meta know learner.h, not each other" vsml/learners "vsml/(meta|experiment)/"
forbid "learners and meta know learner.h, not each other" vsml/meta "vsml/(learners|experiment)/"
forbid "the model knows nothing above it" \
  "vsml/cell.h vsml/cell.cpp vsml/layer.h vsml/layer.cpp vsml/network.h vsml/network.cpp
   vsml/learner.h vsml/learner.cpp" "vsml/(learners|meta|tasks|experiment)/"

if grep -rniE "vsml" engine --include='*.h' --include='*.cpp' --include='*.cu'; then
  echo "   <- engine/ never mentions VSML"
  broken=1
fi
[ "$broken" = 0 ] && echo "layers: in order"
exit "$broken"
