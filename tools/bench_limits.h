// tools/bench_limits.h: what the machine could do at most, measured in turn with what is measured.
//
// A tick is a product, h W, and the functions behind it. Two bounds on its speed: the time that the
// machine takes for both, each alone at its best (multiply-adds that never leave the registers, and
// the kernels' own functions on gates that lie in the first cache level); and, weaker, what
// OpenBLAS reaches in a large product, in place of the multiply-adds. State that comes from memory
// adds a plain copy as a third limit.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tools/bench_timing.h"

namespace bench {

// Of all threads in use, for cells with H = 16 and the kernels in use.
struct Limits {
  double peak_flops = 0;     // per second, of multiply-adds in registers
  double product_flops = 0;  // per second, of a large product
  double updates = 0;        // cells per second, from gates to h and c
  double copy_bytes = 0;     // read and written, per second

  // Ticks per second, if a tick is `flops` of products and `functions` times those of a cell.
  double ticks(double flops, double functions) const {
    return 1 / (flops / peak_flops + functions / updates);
  }
};

class LimitRuns {
 public:
  // As many threads as engine::num_threads(). Works on data of its own.
  LimitRuns();
  ~LimitRuns();

  // To be timed by alternate(), together with what they limit; and what their times say.
  std::vector<std::function<void()>> runs() const;
  Limits limits(const std::vector<Timing>& times) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace bench
