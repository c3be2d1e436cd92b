#include "engine/rng.h"

#include <fmt/format.h>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "engine/kernels/philox.h"

namespace engine {

uint32_t RandomStream::next() {
  if (index_ % 4 == 0) {
    kernels::philox_block(key_.seed, static_cast<uint32_t>(index_ / 4), key_.purpose, key_.step,
                          key_.member, block_);
  }
  return block_[index_++ % 4];
}

double RandomStream::uniform() {
  return kernels::uniform_from_bits(next());
}

double RandomStream::normal() {
  return kernels::normal_from_bits(next());
}

// Lemire, "Fast random integer generation in an interval", 2019: the upper word of bits * n is the
// result; the few lower words that would favour some results are drawn again.
int64_t RandomStream::below(int64_t n) {
  constexpr int64_t kWords = int64_t{1} << 32;
  if (n < 1 || n > kWords) {
    throw ShapeError(fmt::format("below: expected 1 <= n <= 4294967296, found n = {}", n));
  }
  const uint64_t rejected = static_cast<uint64_t>(kWords % n);
  uint64_t product = 0;
  do {
    product = uint64_t{next()} * static_cast<uint64_t>(n);
  } while (static_cast<uint32_t>(product) < rejected);
  return static_cast<int64_t>(product >> 32);
}

std::vector<int32_t> random_permutation(int64_t n, const RngKey& key) {
  if (n < 0 || n > INT32_MAX) {
    throw ShapeError(
        fmt::format("random_permutation: expected 0 <= n <= 2147483647, found n = {}", n));
  }
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  RandomStream stream(key);
  for (int64_t last = n - 1; last > 0; --last) {
    std::swap(order[static_cast<size_t>(last)], order[static_cast<size_t>(stream.below(last + 1))]);
  }
  return order;
}

}  // namespace engine
