// vsml/clone/clone_batch.h: what single cells are shown: drawn connections, drawn signals.
#pragma once

#include <cstdint>
#include <vector>

#include "vsml/clone/clone_options.h"

namespace vsml {

// M cells with burn_in + unroll examples each.
struct CloneBatch {
  std::vector<double> weight;             // [M]  before the first example that counts
  std::vector<double> drift;              // [M, weight_units]  of S c, normal times options.drift
  std::vector<char> newborn;              // [M]  begins with h = 0
  std::vector<std::vector<double>> x, e;  // [burn_in + unroll][M]

  int64_t cells() const { return static_cast<int64_t>(weight.size()); }
};

// A function of its arguments alone: batch number `batch` of a training step.
CloneBatch draw_clone_batch(const CloneOptions& options, int64_t cells, uint64_t seed, int64_t step,
                            int64_t batch);

}  // namespace vsml
