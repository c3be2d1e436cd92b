// vsml/readout.h: from the last numbers of a learner to its prediction, and what is fed back.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// bound tanh(y / bound), which keeps a prediction finite however wild its learner; y if bound is 0.
engine::Tensor bounded(const engine::Tensor& y, double bound);

// The loss whose derivative by the prediction p is fed back.
enum class OutputLoss {
  CrossEntropy,  // -log softmax(p) at the label:  softmax(p) - label
  Squared,       // |p - label|^2 / 2:             p - label
};

// That derivative for the mean over the batch: prediction and one-hot label [P, B, C].
engine::Tensor prediction_error(const engine::Tensor& prediction, const engine::Tensor& label,
                                OutputLoss loss = OutputLoss::CrossEntropy);

}  // namespace vsml
