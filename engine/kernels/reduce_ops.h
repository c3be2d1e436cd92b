// engine/kernels/reduce_ops.h: what a reduction does with two numbers, and how it sees a tensor,
// for host and device. Everything is accumulated in double.
#pragma once

#include "engine/kernels/loop.h"
#include "engine/kernels/view.h"

namespace engine {

enum class ReduceOp { Sum, Max, Min };

namespace kernels {

// A NaN on either side is the result.
struct Sum {
  ENGINE_HD double apply(double a, double b) { return a + b; }
  ENGINE_HD double neutral() { return 0; }
};
struct Max {
  ENGINE_HD double apply(double a, double b) { return a > b || a != a ? a : b; }
  ENGINE_HD double neutral() { return -__builtin_huge_val(); }
};
struct Min {
  ENGINE_HD double apply(double a, double b) { return a < b || a != a ? a : b; }
  ENGINE_HD double neutral() { return __builtin_huge_val(); }
};

// Returns run(functor) for the functor of an op.
template <class Run>
inline auto visit(ReduceOp op, Run&& run) {
  if (op == ReduceOp::Sum) return run(Sum{});
  if (op == ReduceOp::Max) return run(Max{});
  return run(Min{});
}

inline double neutral(ReduceOp op) {
  return visit(op, [](auto how) { return decltype(how)::neutral(); });
}
inline double combine(ReduceOp op, double a, double b) {
  return visit(op, [a, b](auto how) { return decltype(how)::apply(a, b); });
}

// Some of a tensor's axes, in order; axes that continue one another are one.
struct Axes {
  int rank = 0;
  int64_t extent[kMaxRank] = {};
  int64_t step[kMaxRank] = {};  // of the input, in bytes
};

ENGINE_HD int64_t count_of(const Axes& axes) {
  int64_t count = 1;
  for (int k = 0; k < axes.rank; ++k) count *= axes.extent[k];
  return count;
}

// Bytes from the first element to element `index` of the axes' index space.
ENGINE_HD int64_t offset_of(const Axes& axes, int64_t index) {
  int64_t offset = 0;
  for (int k = axes.rank - 1; k >= 0; --k) {
    int64_t place = index;
    if (k > 0) index = divide(place, axes.extent[k]);
    offset += place * axes.step[k];
  }
  return offset;
}

// A reduction as kept axes (row-major over the output), reduced axes, and rows of `columns` kept
// elements that lie side by side in the input.
struct ReducePlan {
  Axes kept, reduced;
  int64_t columns = 1, outputs = 1, reductions = 1;
  const char* data = nullptr;
  DType dtype = DType::f32;
  ReduceOp op = ReduceOp::Sum;
};

// For `in` and `out` as in Backend::reduce().
ReducePlan plan_reduction(ReduceOp op, const View& in, const View& out);

}  // namespace kernels
}  // namespace engine
