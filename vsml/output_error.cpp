#include "vsml/output_error.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/nn.h"

namespace vsml {

engine::Tensor output_error(OutputLoss loss, const engine::Tensor& prediction,
                            const engine::Tensor& label) {
  const engine::Tensor meant = loss == OutputLoss::Squared ? prediction : softmax(prediction);
  return (meant - label) * (1 / static_cast<double>(prediction.dim(1)));
}

}  // namespace vsml
