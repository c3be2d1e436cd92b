#include "engine/cuda/kernels.h"
#include "engine/kernels/bf16.h"
#include "engine/kernels/loop.h"
#include "engine/kernels/philox.h"

namespace engine::cuda {
namespace {

// One thread per block of four numbers of the stream, the first and last of which may be partly
// outside.
template <class To, class T>
__global__ void draw(RandomKind kind, RngKey key, int64_t first, T scale, kernels::Loop out,
                     int64_t count, int64_t first_block, int64_t blocks) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t b = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; b < blocks;
       b += step) {
    uint32_t words[4];
    kernels::philox_block(key.seed, static_cast<uint32_t>(first_block + b), key.purpose, key.step,
                          key.member, words);
#pragma unroll
    for (int word = 0; word < 4; ++word) {
      const int64_t i = (first_block + b) * 4 + word - first;
      if (i < 0 || i >= count) continue;
      int64_t offset[kernels::kMaxOperands];
      kernels::offsets_of(out, i, offset);
      *reinterpret_cast<To*>(out.data[0] + offset[0]) =
          kernels::converted<To>(scale * static_cast<T>(kernels::random_value(kind, words[word])));
    }
  }
}

template <class To, class T>
void random_typed(const Queue& queue, RandomKind kind, const RngKey& key, int64_t first, T scale,
                  const View& out) {
  const int64_t count = element_count(out);
  if (count == 0) return;
  const int64_t first_block = first / 4, blocks = (first + count - 1) / 4 - first_block + 1;
  draw<To><<<blocks_for(blocks), kernels::kBlockThreads, 0, queue.stream>>>(
      kind, key, first, scale, kernels::make_loop({out}), count, first_block, blocks);
  ENGINE_CUDA(cudaGetLastError());
}

}  // namespace

void random(const Queue& queue, RandomKind kind, const RngKey& key, int64_t first, double scale,
            const View& out) {
  if (out.dtype == DType::f64) return random_typed<double>(queue, kind, key, first, scale, out);
  const auto single = static_cast<float>(scale);
  if (out.dtype == DType::bf16) return random_typed<Bf16>(queue, kind, key, first, single, out);
  random_typed<float>(queue, kind, key, first, single, out);
}

}  // namespace engine::cuda
