#include "engine/cpu/vector/kernels.h"

namespace engine::cpu {

namespace portable {
extern const VectorKernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const VectorKernels kernels;
}
namespace avx512 {
extern const VectorKernels kernels;
}
#endif

const VectorKernels& vector_kernels() {
#if defined(__x86_64__)
  static const VectorKernels& chosen =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")
          ? avx512::kernels
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2::kernels
                                                                        : portable::kernels;
  return chosen;
#else
  return portable::kernels;
#endif
}

}  // namespace engine::cpu
