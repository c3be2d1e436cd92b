// tests/vsml/kernel_blocks.h: for tests that run the GPU's block functions on the host: numbers to
// start from, memory that shows what was not written, and comparisons.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "tests/vsml/naive_ticks.h"
#include "vsml/kernels/cuda/cell_block.h"

namespace vsml::test {

inline std::vector<double> draws(int64_t count, double range, unsigned salt) {
  std::mt19937 bits(salt);
  std::uniform_real_distribution<double> draw(-range, range);
  std::vector<double> values(static_cast<size_t>(count));
  // Floats, so that both sides start from the same numbers.
  for (double& value : values) value = static_cast<float>(draw(bits));
  return values;
}

// Ticks with everything drawn but the gradients of the sums.
inline NaiveTicks drawn_ticks(int layers, int sets, int inputs, int outputs, int state,
                              int micro_ticks) {
  NaiveTicks ticks{layers, sets, inputs, outputs, state, micro_ticks, {}, {}, {}, {}, {}, {},
                   {},     {},   {},     {},      {},    {},          {}, {}, {}, {}, {}, {}};
  const int64_t rows = int64_t{layers} * inputs, columns = int64_t{layers} * outputs, n = state;
  const int64_t cells = rows * outputs;
  ticks.from_input = draws(rows * 4 * n, 1.5, 1);
  ticks.from_output = draws(columns * 4 * n, 1.5, 2);
  ticks.w = draws(sets * 4 * n * n, 2 / std::sqrt(state), 3);
  ticks.h = draws(cells * n, 0.9, 4);
  ticks.c = draws(cells * n, 1.5, 5);
  ticks.dnext_h = draws(cells * n, 1, 6);
  ticks.dnext_c = draws(cells * n, 1, 7);
  return ticks;
}

inline std::vector<float> floats(const std::vector<double>& x) {
  return {x.begin(), x.end()};
}

// Every number must be written.
inline std::vector<float> poison(int64_t count) {
  return std::vector<float>(static_cast<size_t>(count), std::numeric_limits<float>::quiet_NaN());
}

inline double error_of(const std::vector<float>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double error = 0, largest = 0;
  for (size_t k = 0; k < want.size(); ++k) {
    const double difference = std::fabs(static_cast<double>(got[k]) - want[k]);
    if (!(difference <= error)) error = difference;  // a NaN stays
    largest = std::max(largest, std::fabs(want[k]));
  }
  return error / largest;
}

// parts [n, count, size] summed over count.
inline std::vector<float> summed(const std::vector<float>& parts, int64_t n, int64_t count) {
  const int64_t size = static_cast<int64_t>(parts.size()) / n / count;
  std::vector<float> sums(static_cast<size_t>(n * size));
  for (int64_t k = 0; k < n * count * size; ++k) {
    sums[static_cast<size_t>(k / (count * size) * size + k % size)] +=
        parts[static_cast<size_t>(k)];
  }
  return sums;
}

// Aligned as shared memory is.
struct Shared {
  using Four = kernels::cuda::Four;
  explicit Shared(int size) : fours(new Four[static_cast<size_t>(size / 4 + 1)]) {
    for (int k = 0; k < size; ++k) data()[k] = std::numeric_limits<float>::quiet_NaN();
  }
  float* data() const { return fours[0].at; }
  std::unique_ptr<Four[]> fours;
};

// What some kernels wrote, array by array.
using Results = std::vector<std::vector<float>>;

inline bool same_bits(const Results& a, const Results& b) {
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].size() != b[k].size() ||
        std::memcmp(a[k].data(), b[k].data(), a[k].size() * sizeof(float)) != 0) {
      return false;
    }
  }
  return a.size() == b.size();
}

}  // namespace vsml::test
