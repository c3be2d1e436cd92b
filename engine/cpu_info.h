// engine/cpu_info.h: which CPU kernels are in use; for the record of a run.
#pragma once

#include <string>

namespace engine {

struct CpuInfo {
  std::string kernels;  // instruction set of the engine's own loops: "portable", "avx2", "avx512"
  std::string blas;     // OpenBLAS's description of itself, with version and kernel
};

CpuInfo cpu_info();

}  // namespace engine
