#include "engine/ops/reduce.h"

#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"

namespace engine {
namespace {

struct Reduction {
  Shape kept;     // reduced axes have extent 1
  Shape dropped;  // reduced axes are gone
  int64_t count;  // elements per result
};

Reduction plan(const char* op, const Tensor& x, const std::vector<int>& axes) {
  require_number(op, x);
  Reduction result{x.shape(), {}, 1};
  std::vector<bool> reduced(static_cast<size_t>(x.rank()), axes.empty());
  for (const int axis : axes) {
    const auto k = static_cast<size_t>(normal_axis(op, axis, x.rank()));
    if (reduced[k])
      throw ShapeError(fmt::format("{}: expected distinct axes, got {} twice", op, k));
    reduced[k] = true;
  }
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (reduced[static_cast<size_t>(axis)]) {
      result.count *= x.dim(axis);
      result.kept = result.kept.with(axis, 1);
    } else {
      result.dropped.push_back(x.dim(axis));
    }
  }
  return result;
}

Tensor run(ReduceOp op, const Tensor& x, const Shape& kept) {
  Tensor out = Tensor::empty(kept, x.dtype(), x.device());
  if (x.size() > 0) {
    backend(x.device()).reduce(op, x.view(), out.view());
  } else if (out.size() > 0) {
    backend(x.device()).fill(0, out.view());
  }
  return out;
}

Tensor extreme(const char* op, ReduceOp kind, const Tensor& x, const std::vector<int>& axes,
               KeepAxes keep) {
  const Reduction r = plan(op, x, axes);
  if (r.count == 0) throw_shape_error(op, "at least one element per result", {x.shape()});
  Tensor out = run(kind, x, r.kept);
  record(op, {x}, out, [x, out](const Tensor& dout, InputGradients& grads) {
    if (!grads.wanted(0)) return;
    const Tensor attains = equal(x, out);
    const Tensor share = dout / sum_to(attains, out.shape());
    grads.set(0, attains * share);
  });
  return keep == KeepAxes::Yes ? out : reshape(out, r.dropped);
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, KeepAxes keep) {
  const Reduction r = plan("sum", x, axes);
  Tensor out = run(ReduceOp::Sum, x, r.kept);
  record("sum", {x}, out, [shape = x.shape()](const Tensor& dout, InputGradients& grads) {
    if (grads.wanted(0)) grads.set(0, broadcast_to(dout, shape));
  });
  return keep == KeepAxes::Yes ? out : reshape(out, r.dropped);
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, KeepAxes keep) {
  require_float("mean", x);
  const Reduction r = plan("mean", x, axes);
  if (r.count == 0) throw_shape_error("mean", "at least one element per result", {x.shape()});
  return multiply(sum(x, axes, keep), 1 / static_cast<double>(r.count));
}

Tensor max(const Tensor& x, const std::vector<int>& axes, KeepAxes keep) {
  return extreme("max", ReduceOp::Max, x, axes, keep);
}

Tensor min(const Tensor& x, const std::vector<int>& axes, KeepAxes keep) {
  return extreme("min", ReduceOp::Min, x, axes, keep);
}

Tensor argmax(const Tensor& x, int axis) {
  require_number("argmax", x);
  const int along = normal_axis("argmax", axis, x.rank());
  if (x.dim(along) == 0) throw_shape_error("argmax", "a non-empty axis", {x.shape()});
  Tensor out = Tensor::empty(x.shape().with(along, 1), DType::i32, x.device());
  if (out.size() > 0) backend(x.device()).argmax(x.view(), along, out.view());
  return reshape(out, x.shape().without(along));
}

}  // namespace engine
