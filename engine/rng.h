// engine/rng.h: counter-based random numbers (Philox4x32-10; Salmon et al., SC 2011).
//
// There is no generator state to share or to save: every number is a pure function of a key and its
// index. The key says what the numbers are for; rank and thread are never part of it. The bits are
// the same on every device and for every number of threads. A key has 2^34 numbers; those after
// them repeat. engine/kernels/philox.h has the generator and the distributions.
#pragma once

#include <cstdint>
#include <vector>

namespace engine {

struct RngKey {
  uint64_t seed = 0;
  uint32_t purpose = 0;  // what the numbers are for; chosen by who draws them
  uint32_t step = 0;
  uint32_t member = 0;

  friend bool operator==(const RngKey&, const RngKey&) = default;
};

// The numbers of one key, one after another, on the host. A plain value; not for sharing between
// threads. The k-th next() is element k of the tensor that engine/ops/random.h makes from the key.
class RandomStream {
 public:
  explicit RandomStream(const RngKey& key) : key_(key) {}

  uint32_t next();
  // Uniform in [0, 1) with 24 bits (exact in float). One next().
  double uniform();
  // Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Uniform in [0, n), without bias: one next(), rarely more. Throws ShapeError if n < 1 or
  // n > 2^32.
  int64_t below(int64_t n);
  // Standard normal, float precision. One next().
  double normal();

 private:
  RngKey key_;
  uint64_t index_ = 0;
  uint32_t block_[4] = {};
};

// A uniformly drawn order of 0 .. n-1 (Fisher-Yates, from the end). Throws ShapeError if n is
// negative or above 2^31 - 1.
std::vector<int32_t> random_permutation(int64_t n, const RngKey& key);

}  // namespace engine
