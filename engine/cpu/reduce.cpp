#include <algorithm>
#include <limits>
#include <vector>

#include "engine/cpu/kernels.h"
#include "engine/cpu/vector/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t kReducedPerBlock = 4096;  // of the reduced index space; a longer one is cut
constexpr int64_t kTaskElements = 16384;

struct Axis {
  int64_t extent = 1;
  int64_t step = 0;  // of the input, in bytes
};

// A reduction as kept axes (row-major over the output), reduced axes, and rows of `columns` kept
// elements that lie side by side in the input.
struct Plan {
  std::vector<Axis> kept, reduced;
  int64_t columns = 1, outputs = 1, reductions = 1;
  const char* data = nullptr;
  DType dtype = DType::f32;
  Accumulation how = Accumulation::Sum;
};

void append(std::vector<Axis>& axes, const Axis& axis, bool adjacent) {
  if (adjacent && !axes.empty() && axes.back().step == axis.step * axis.extent) {
    axes.back() = {axes.back().extent * axis.extent, axis.step};
  } else {
    axes.push_back(axis);
  }
}

int64_t count_of(const std::vector<Axis>& axes) {
  int64_t count = 1;
  for (const Axis& axis : axes) count *= axis.extent;
  return count;
}

Plan make_plan(ReduceOp op, const View& in, const View& out) {
  Plan plan;
  plan.data = static_cast<const char*>(in.data);
  plan.dtype = in.dtype;
  plan.how = op == ReduceOp::Sum   ? Accumulation::Sum
             : op == ReduceOp::Max ? Accumulation::Max
                                   : Accumulation::Min;
  bool was_reduced = false, first = true;
  for (int axis = 0; axis < in.rank; ++axis) {
    if (in.shape[axis] == 1) continue;
    const bool is_reduced = out.shape[axis] == 1;
    append(is_reduced ? plan.reduced : plan.kept,
           {in.shape[axis], in.strides[axis] * size_of(in.dtype)},
           !first && is_reduced == was_reduced);
    was_reduced = is_reduced;
    first = false;
  }
  if (!first && !was_reduced && plan.kept.back().step == size_of(in.dtype)) {
    plan.columns = plan.kept.back().extent;
    plan.kept.pop_back();
  }
  plan.outputs = count_of(plan.kept);
  plan.reductions = count_of(plan.reduced);
  return plan;
}

int64_t offset_of(const std::vector<Axis>& axes, int64_t index) {
  int64_t offset = 0;
  for (size_t k = axes.size(); k-- > 0;) {
    offset += index % axes[k].extent * axes[k].step;
    index /= axes[k].extent;
  }
  return offset;
}

// Folds reduced indices [first, last) at `base` into totals[columns].
void accumulate(const Plan& plan, const char* base, int64_t first, int64_t last, double* totals) {
  const VectorKernels& vector = vector_kernels();
  const Axis inner = plan.reduced.empty() ? Axis{1, 0} : plan.reduced.back();
  while (first < last) {
    const int64_t count = std::min(last - first, inner.extent - first % inner.extent);
    const char* from = base + offset_of(plan.reduced, first);
    if (plan.columns == 1) {
      *totals = vector.accumulate_run(plan.how, plan.dtype, from, count, inner.step, *totals);
    } else {
      for (int64_t k = 0; k < count; ++k) {
        vector.accumulate_row(plan.how, plan.dtype, from + k * inner.step, plan.columns, totals);
      }
    }
    first += count;
  }
}

void store(const std::vector<double>& totals, const View& out, int64_t first) {
  const auto write = [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    for (size_t j = 0; j < totals.size(); ++j) to[j] = static_cast<T>(totals[j]);
  };
  void* data = static_cast<char*>(out.data) + first * size_of(out.dtype);
  if (out.dtype == DType::f32) return write(static_cast<float*>(data));
  if (out.dtype == DType::f64) return write(static_cast<double*>(data));
  write(static_cast<int32_t*>(data));
}

double neutral(Accumulation how) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return how == Accumulation::Sum ? 0 : how == Accumulation::Max ? -kInfinity : kInfinity;
}

double combine(Accumulation how, double a, double b) {
  if (how == Accumulation::Sum) return a + b;
  if (how == Accumulation::Max) return a > b || a != a ? a : b;
  return a < b || a != a ? a : b;
}

// Each row of outputs by one task, its reduction in one go.
void reduce_rows(const Plan& plan, const View& out) {
  const int64_t work = std::max<int64_t>(1, plan.columns * plan.reductions);
  const int64_t rows = std::max<int64_t>(1, kTaskElements / work);
  const auto run = [&](int64_t task) {
    std::vector<double> totals(static_cast<size_t>(plan.columns));
    for (int64_t row = task * rows; row < std::min(plan.outputs, (task + 1) * rows); ++row) {
      std::fill(totals.begin(), totals.end(), neutral(plan.how));
      accumulate(plan, plan.data + offset_of(plan.kept, row), 0, plan.reductions, totals.data());
      store(totals, out, row * plan.columns);
    }
  };
  parallel_for((plan.outputs + rows - 1) / rows, run);
}

// The reduced index space cut into fixed blocks whose partial results are combined in order.
void reduce_blocks(const Plan& plan, const View& out) {
  const int64_t blocks = (plan.reductions + kReducedPerBlock - 1) / kReducedPerBlock;
  std::vector<double> partial(static_cast<size_t>(plan.outputs * blocks * plan.columns),
                              neutral(plan.how));
  parallel_for(plan.outputs * blocks, [&](int64_t task) {
    const int64_t row = task / blocks, first = task % blocks * kReducedPerBlock;
    accumulate(plan, plan.data + offset_of(plan.kept, row), first,
               std::min(plan.reductions, first + kReducedPerBlock),
               &partial[static_cast<size_t>(task * plan.columns)]);
  });
  std::vector<double> totals(static_cast<size_t>(plan.columns));
  for (int64_t row = 0; row < plan.outputs; ++row) {
    for (int64_t j = 0; j < plan.columns; ++j) {
      double total = neutral(plan.how);
      for (int64_t block = 0; block < blocks; ++block) {
        const auto place = static_cast<size_t>((row * blocks + block) * plan.columns + j);
        total = combine(plan.how, total, partial[place]);
      }
      totals[static_cast<size_t>(j)] = total;
    }
    store(totals, out, row * plan.columns);
  }
}

template <class T>
void argmax_typed(const View& in, int axis, const View& out) {
  const int64_t extent = in.shape[axis], step = in.strides[axis];
  View rest = in;
  rest.shape[axis] = 1;
  const int64_t count = element_count(rest);
  const T* values = static_cast<const T*>(in.data);
  auto* places = static_cast<int32_t*>(out.data);
  for (int64_t k = 0; k < count; ++k) {
    int64_t offset = 0, index = k;
    for (int d = rest.rank - 1; d >= 0; --d) {
      offset += index % rest.shape[d] * rest.strides[d];
      index /= rest.shape[d];
    }
    int64_t best = 0;
    for (int64_t i = 1; i < extent; ++i) {
      const T value = values[offset + i * step], largest = values[offset + best * step];
      if (value > largest || (value != value && largest == largest)) best = i;
    }
    places[k] = static_cast<int32_t>(best);
  }
}

}  // namespace

void reduce(ReduceOp op, const View& in, const View& out) {
  if (element_count(out) == 0) return;
  const Plan plan = make_plan(op, in, out);
  if (plan.reductions > kReducedPerBlock) {
    reduce_blocks(plan, out);
  } else {
    reduce_rows(plan, out);
  }
}

void argmax(const View& in, int axis, const View& out) {
  if (in.dtype == DType::f32) return argmax_typed<float>(in, axis, out);
  if (in.dtype == DType::f64) return argmax_typed<double>(in, axis, out);
  argmax_typed<int32_t>(in, axis, out);
}

}  // namespace engine::cpu
