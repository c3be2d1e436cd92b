// engine/kernels/block.h: blocks of threads as a kernel sees them, so that a kernel with barriers
// is written once and runs on a GPU and, one thread after another, on the host, where tests can
// follow it without one.
//
// A kernel is a sequence of phases. A phase is a function of the thread's number; between two
// phases is a barrier. What a thread keeps from one phase to the next is in a Local. Within a phase
// no thread may touch what another one writes: a HostBlock that runs its threads in another order
// then gives other results, and a test sees it.
#pragma once

#include <cstdint>

#include "engine/kernels/view.h"

// Before a loop: unrolled on a GPU, where its arrays are to stay in registers; or by so many steps,
// since more would need more registers than a thread has.
#if defined(__CUDA_ARCH__)
#define ENGINE_PRAGMA(text) _Pragma(#text)
#define ENGINE_UNROLL ENGINE_PRAGMA(unroll)
#define ENGINE_UNROLL_BY(steps) ENGINE_PRAGMA(unroll steps)
#else
#define ENGINE_UNROLL
#define ENGINE_UNROLL_BY(steps)
#endif

namespace engine::kernels {

inline constexpr int kBlockThreads = 256;

struct HostBlock {
  int64_t index = 0;
  bool backwards = false;  // the order of threads

  template <class T>
  struct Local {
    T of[kBlockThreads];
    T& operator[](int thread) { return of[thread]; }
  };

  template <class Body>
  void each(Body&& body) const {
    for (int k = 0; k < kBlockThreads; ++k) body(backwards ? kBlockThreads - 1 - k : k);
  }
  template <int size, class Body>
  void each_in_groups(Body&& body) const {
    each(body);
  }
};

#if defined(__CUDACC__)
struct DeviceBlock {
  int64_t index = 0;

  template <class T>
  struct Local {
    T only;
    __host__ __device__ __forceinline__ T& operator[](int) { return only; }
  };

  template <class Body>
  __host__ __device__ __forceinline__ void each(Body&& body) const {
#if defined(__CUDA_ARCH__)
    body(static_cast<int>(threadIdx.x));
    __syncthreads();
#endif
  }
  // A barrier only among `size` consecutive threads, all that share data: where they are of one
  // warp, the others need not wait.
  template <int size, class Body>
  __host__ __device__ __forceinline__ void each_in_groups(Body&& body) const {
#if defined(__CUDA_ARCH__)
    body(static_cast<int>(threadIdx.x));
    if constexpr (size <= 32) {
      __syncwarp();
    } else {
      __syncthreads();
    }
#endif
  }
};
#endif

}  // namespace engine::kernels
