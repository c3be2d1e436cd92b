#include <algorithm>

#include "engine/cpu/kernels.h"
#include "engine/kernels/philox.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t kPerTask = 65536;

float value_of(RandomKind kind, uint32_t bits) {
  if (kind == RandomKind::Uniform) return kernels::uniform_from_bits(bits);
  if (kind == RandomKind::Normal) return kernels::normal_from_bits(bits);
  return kernels::truncated_normal_from_bits(bits);
}

template <class T>
void random_typed(RandomKind kind, const RngKey& key, T* out, int64_t count) {
  parallel_for((count + kPerTask - 1) / kPerTask, [&](int64_t task) {
    const int64_t last = std::min(count, (task + 1) * kPerTask);
    uint32_t words[4];
    for (int64_t i = task * kPerTask; i < last; ++i) {
      if (i % 4 == 0) {
        kernels::philox_block(key.seed, static_cast<uint32_t>(i / 4), key.purpose, key.step,
                              key.member, words);
      }
      out[i] = static_cast<T>(value_of(kind, words[i % 4]));
    }
  });
}

}  // namespace

void random(RandomKind kind, const RngKey& key, const View& out) {
  const int64_t count = element_count(out);
  if (out.dtype == DType::f32) return random_typed(kind, key, static_cast<float*>(out.data), count);
  random_typed(kind, key, static_cast<double*>(out.data), count);
}

}  // namespace engine::cpu
