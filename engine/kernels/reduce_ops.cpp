#include "engine/kernels/reduce_ops.h"

namespace engine::kernels {
namespace {

void append(Axes& axes, int64_t extent, int64_t step, bool adjacent) {
  const int last = axes.rank - 1;
  if (adjacent && last >= 0 && axes.step[last] == step * extent) {
    axes.extent[last] *= extent;
    axes.step[last] = step;
  } else {
    axes.extent[axes.rank] = extent;
    axes.step[axes.rank++] = step;
  }
}

}  // namespace

ReducePlan plan_reduction(ReduceOp op, const View& in, const View& out) {
  ReducePlan plan;
  plan.data = static_cast<const char*>(in.data);
  plan.dtype = in.dtype;
  plan.op = op;
  bool was_reduced = false, first = true;
  for (int axis = 0; axis < in.rank; ++axis) {
    if (in.shape[axis] == 1) continue;
    const bool is_reduced = out.shape[axis] == 1;
    append(is_reduced ? plan.reduced : plan.kept, in.shape[axis],
           in.strides[axis] * size_of(in.dtype), !first && is_reduced == was_reduced);
    was_reduced = is_reduced;
    first = false;
  }
  if (!first && !was_reduced && plan.kept.step[plan.kept.rank - 1] == size_of(in.dtype)) {
    plan.columns = plan.kept.extent[--plan.kept.rank];
  }
  plan.outputs = count_of(plan.kept);
  plan.reductions = count_of(plan.reduced);
  return plan;
}

}  // namespace engine::kernels
