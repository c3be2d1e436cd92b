#include "vsml/readout.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/nn.h"

namespace vsml {

using engine::Tensor;

Tensor bounded(const Tensor& y, double bound) {
  return bound == 0 ? y : tanh(y * (1 / bound)) * bound;
}

Tensor prediction_error(const Tensor& prediction, const Tensor& label) {
  return (softmax(prediction) - label) * (1 / static_cast<double>(prediction.dim(1)));
}

}  // namespace vsml
