#include <algorithm>
#include <vector>

#include "engine/cpu/kernels.h"
#include "engine/cpu/vector/kernels.h"
#include "engine/parallel.h"

namespace engine::cpu {
namespace {

constexpr int64_t kReducedPerBlock = 4096;  // of the reduced index space; a longer one is cut
constexpr int64_t kTaskElements = 16384;

using kernels::ReducePlan;

// Folds reduced indices [first, last) at `base` into totals[columns].
void accumulate(const ReducePlan& plan, const char* base, int64_t first, int64_t last,
                double* totals) {
  const VectorKernels& vector = vector_kernels();
  const kernels::Axes& axes = plan.reduced;
  const int64_t extent = axes.rank == 0 ? 1 : axes.extent[axes.rank - 1];
  const int64_t step = axes.rank == 0 ? 0 : axes.step[axes.rank - 1];
  while (first < last) {
    const int64_t count = std::min(last - first, extent - first % extent);
    const char* from = base + offset_of(plan.reduced, first);
    if (plan.columns == 1) {
      *totals = vector.accumulate_run(plan.op, plan.dtype, from, count, step, *totals);
    } else {
      for (int64_t k = 0; k < count; ++k) {
        vector.accumulate_row(plan.op, plan.dtype, from + k * step, plan.columns, totals);
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

// Each row of outputs by one task, its reduction in one go.
void reduce_rows(const ReducePlan& plan, const View& out) {
  const int64_t work = std::max<int64_t>(1, plan.columns * plan.reductions);
  const int64_t rows = std::max<int64_t>(1, kTaskElements / work);
  const auto run = [&](int64_t task) {
    std::vector<double> totals(static_cast<size_t>(plan.columns));
    for (int64_t row = task * rows; row < std::min(plan.outputs, (task + 1) * rows); ++row) {
      std::fill(totals.begin(), totals.end(), kernels::neutral(plan.op));
      accumulate(plan, plan.data + offset_of(plan.kept, row), 0, plan.reductions, totals.data());
      store(totals, out, row * plan.columns);
    }
  };
  parallel_for((plan.outputs + rows - 1) / rows, run);
}

// The reduced index space cut into fixed blocks whose partial results are combined in order.
void reduce_blocks(const ReducePlan& plan, const View& out) {
  const int64_t blocks = (plan.reductions + kReducedPerBlock - 1) / kReducedPerBlock;
  std::vector<double> partial(static_cast<size_t>(plan.outputs * blocks * plan.columns),
                              kernels::neutral(plan.op));
  parallel_for(plan.outputs * blocks, [&](int64_t task) {
    const int64_t row = task / blocks, first = task % blocks * kReducedPerBlock;
    accumulate(plan, plan.data + offset_of(plan.kept, row), first,
               std::min(plan.reductions, first + kReducedPerBlock),
               &partial[static_cast<size_t>(task * plan.columns)]);
  });
  std::vector<double> totals(static_cast<size_t>(plan.columns));
  for (int64_t row = 0; row < plan.outputs; ++row) {
    for (int64_t j = 0; j < plan.columns; ++j) {
      double total = kernels::neutral(plan.op);
      for (int64_t block = 0; block < blocks; ++block) {
        const auto place = static_cast<size_t>((row * blocks + block) * plan.columns + j);
        total = kernels::combine(plan.op, total, partial[place]);
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
  const ReducePlan plan = kernels::plan_reduction(op, in, out);
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
