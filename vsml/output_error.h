// vsml/output_error.h: the error at a prediction, which is fed back to a learner.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// The loss whose derivative by the prediction p is fed back.
enum class OutputLoss {
  CrossEntropy,  // -log softmax(p) at the label:  softmax(p) - label
  Squared,       // |p - label|^2 / 2:             p - label
};

// That derivative for the mean over the batch, [P, B, C]: prediction and one-hot label [P, B, C].
engine::Tensor output_error(OutputLoss loss, const engine::Tensor& prediction,
                            const engine::Tensor& label);

}  // namespace vsml
