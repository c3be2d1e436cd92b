// vsml/learners/fast_weight_memory.h: the other form of fast_weights: an LSTM with an external
// associative memory (Schlag, Munkhdalai & Schmidhuber, Learning associative inference using fast
// weight memory, 2021), with one read per example.
#pragma once

#include "vsml/learners/fast_weights.h"

namespace vsml {

// Parameters lstm [D' + 2C + N, 4N]; write [N, 3m + 1]; read [N, 2m]; join [m, N]; readout [N, C];
// each .w and .bias. State h, c [P, 1, N], memory [P, m, m^2], error, label [P, 1, C] of the
// example before. One example at a time.
//   h, c = LSTM([features(x), error, label])
//   [k1, k2, v] = tanh(write(h)), beta = sigmoid of its last number;  key = outer(k1, k2), flat
//   memory += outer(beta (v - memory key), key);  memory /= max(1, its Frobenius norm)
//   [n, e] = tanh(read(h));  r = layer norm(memory outer(n, e)), without scale and offset
//   prediction = bound(readout(h + join(r)))
class FastWeightMemoryLearner final : public ListedLearner {
 public:
  FastWeightMemoryLearner(const FastWeightsOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;

  FastWeightsOptions options_;
  ConvFeatures features_;
};

}  // namespace vsml
