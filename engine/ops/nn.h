// engine/ops/nn.h: functions of neural networks, composed of other ops. Floats.
#pragma once

#include "engine/tensor.h"

namespace engine {

// exp(x) / sum exp(x) along an axis, computed from x - max(x).
Tensor softmax(const Tensor& x, int axis = -1);
// x - log sum exp(x) along an axis, computed from x - max(x).
Tensor log_softmax(const Tensor& x, int axis = -1);

// -sum_c target_c log_softmax(logits)_c along the last axis.
//   logits [..., C], target [..., C] (one-hot or a distribution)  ->  [...]
// Throws ShapeError if the shapes differ.
Tensor cross_entropy(const Tensor& logits, const Tensor& target);

// (x - mean) / sqrt(variance + epsilon) * scale + offset along the last axis; variance is the mean
// squared deviation.
//   x [..., n], scale and offset [n] or any shape that broadcasts to x
// Throws ShapeError if the last axis is empty.
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& offset,
                  double epsilon = 1e-5);

}  // namespace engine
