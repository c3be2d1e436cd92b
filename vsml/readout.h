// vsml/readout.h: from the last numbers of a learner to its prediction, and what is fed back.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// bound tanh(y / bound), which keeps a prediction finite however wild its learner; y if bound is 0.
engine::Tensor bounded(const engine::Tensor& y, double bound);

// (softmax(p) - label) / B for p and label [P, B, C]: the derivative of the mean cross entropy of a
// step by its predictions.
engine::Tensor prediction_error(const engine::Tensor& prediction, const engine::Tensor& label);

}  // namespace vsml
