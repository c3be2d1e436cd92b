// Every function of engine/kernels/ in device code. Compiled only (tests/check_cuda_headers.sh), so
// that a later CUDA backend finds headers that nvcc accepts.
#include "engine/kernels/philox.h"
#include "engine/kernels/scalar_ops.h"

namespace {

using namespace engine;

template <class Functor, class T>
__global__ void unary(const T* in, T* out, int64_t count) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) out[i] = Functor::apply(in[i]);
}

template <class Functor, class T>
__global__ void binary(const T* a, const T* b, T* out, int64_t count) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) out[i] = Functor::apply(a[i], b[i]);
}

__global__ void random(float* out, int64_t blocks) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= blocks) return;
  uint32_t words[4];
  kernels::philox_block(1, static_cast<uint32_t>(i), 2, 3, 4, words);
  out[4 * i] = kernels::uniform_from_bits(words[0]);
  out[4 * i + 1] = kernels::normal_from_bits(words[1]);
  out[4 * i + 2] = kernels::truncated_normal_from_bits(words[2]);
  out[4 * i + 3] = 0;
}

}  // namespace

void instantiate(UnaryOp first, BinaryOp second, float* x, double* y, int32_t* z, int64_t count) {
  kernels::visit(first, [&](auto functor) {
    using Functor = decltype(functor);
    unary<Functor><<<1, 32>>>(x, x, count);
    unary<Functor><<<1, 32>>>(y, y, count);
    if constexpr (Functor::integer()) unary<Functor><<<1, 32>>>(z, z, count);
  });
  kernels::visit(second, [&](auto functor) {
    using Functor = decltype(functor);
    binary<Functor><<<1, 32>>>(x, x, x, count);
    binary<Functor><<<1, 32>>>(y, y, y, count);
    if constexpr (Functor::integer()) binary<Functor><<<1, 32>>>(z, z, z, count);
  });
  random<<<1, 32>>>(x, count);
}
