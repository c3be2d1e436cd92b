// vsml/readout.h: from the last numbers of a learner to its prediction.
#pragma once

#include "engine/tensor.h"

namespace vsml {

// bound tanh(y / bound), which keeps a prediction finite however wild its learner; y if bound is 0.
engine::Tensor bounded(const engine::Tensor& y, double bound);

}  // namespace vsml
