#include "engine/ops/nn.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"

namespace engine {
namespace {

// x minus its maximum along the axis. The shift cancels in everything computed from it, so its
// gradient is left out.
Tensor shifted(const Tensor& x, int axis) {
  const Tensor largest = [&] {
    const NoRecord none;
    return max(x, {axis}, KeepAxes::Yes);
  }();
  return x - largest;
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) {
  require_float("softmax", x);
  const int along = normal_axis("softmax", axis, x.rank());
  if (x.dim(along) == 0) return x;
  const Tensor e = exp(shifted(x, along));
  return e / sum(e, {along}, KeepAxes::Yes);
}

Tensor log_softmax(const Tensor& x, int axis) {
  require_float("log_softmax", x);
  const int along = normal_axis("log_softmax", axis, x.rank());
  if (x.dim(along) == 0) return x;
  const Tensor s = shifted(x, along);
  return s - log(sum(exp(s), {along}, KeepAxes::Yes));
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target) {
  require_float("cross_entropy", logits);
  if (logits.rank() < 1 || logits.shape() != target.shape()) {
    throw_shape_error("cross_entropy", "logits and target of one shape [..., C]",
                      {logits.shape(), target.shape()});
  }
  require_same_device("cross_entropy", logits, target);
  require_same_dtype("cross_entropy", logits, target);
  return negate(sum(target * log_softmax(logits), {-1}));
}

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& offset, double epsilon) {
  require_float("layer_norm", x);
  if (x.rank() < 1 || x.dim(-1) == 0) {
    throw_shape_error("layer_norm", "[..., n] with n of 1 or more", {x.shape()});
  }
  for (const Tensor* operand : {&scale, &offset}) {
    require_same_device("layer_norm", x, *operand);
    require_same_dtype("layer_norm", x, *operand);
    if (operand->rank() > x.rank() ||
        broadcast("layer_norm", operand->shape(), x.shape()) != x.shape()) {
      throw_shape_error("layer_norm", "a scale and an offset that broadcast to x",
                        {x.shape(), operand->shape()});
    }
  }
  const Tensor centred = x - mean(x, {-1}, KeepAxes::Yes);
  const Tensor variance = mean(square(centred), {-1}, KeepAxes::Yes);
  const Tensor normal = centred / sqrt(variance + epsilon);
  return normal * scale + offset;
}

}  // namespace engine
