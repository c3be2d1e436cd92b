#include "vsml/readout.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/nn.h"

namespace vsml {

using engine::Tensor;

Tensor bounded(const Tensor& y, double bound) {
  return bound == 0 ? y : tanh(y * (1 / bound)) * bound;
}

Tensor prediction_error(const Tensor& prediction, const Tensor& label, OutputLoss loss) {
  const Tensor meant = loss == OutputLoss::Squared ? prediction : softmax(prediction);
  return (meant - label) * (1 / static_cast<double>(prediction.dim(1)));
}

}  // namespace vsml
