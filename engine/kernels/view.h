// engine/kernels/view.h: what a kernel sees of a tensor. Plain data for host and device code;
// no ownership, no checks.
#pragma once

#include <cstdint>

#include "engine/dtype.h"

// Functions for both host and device code. Always inlined, so that one translation unit compiled
// for a newer instruction set never lends its copy to another.
#if defined(__CUDACC__)
#define ENGINE_HD static __host__ __device__ __forceinline__
#else
#define ENGINE_HD [[gnu::always_inline, maybe_unused]] static inline
#endif

namespace engine {

inline constexpr int kMaxRank = 8;

struct View {
  void* data = nullptr;  // first element
  DType dtype = DType::f32;
  int rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t strides[kMaxRank] = {};  // in elements; 0 repeats, negative is not used
};

ENGINE_HD int64_t element_count(const View& view) {
  int64_t count = 1;
  for (int axis = 0; axis < view.rank; ++axis) count *= view.shape[axis];
  return count;
}

}  // namespace engine
