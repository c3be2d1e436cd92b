// vsml/learners/hebbian.h: differentiable plasticity (Miconi, Stanley & Clune 2018): a layer whose
// weights have a part that follows Hebb's or Oja's rule, with a learned coefficient for each.
#pragma once

#include "vsml/learners/listed_learner.h"

namespace vsml {

enum class HebbianRule { Hebb, Oja };

struct HebbianOptions {
  HebbianRule rule = HebbianRule::Hebb;
  double output_bound = 100;  // prediction = bound tanh(y / bound); 0: y
  ConvOptions conv;

  friend bool operator==(const HebbianOptions&, const HebbianOptions&) = default;
};

Fields fields_of(HebbianOptions& options);

// With n = D' + 2C inputs: the features of x, the error and the label. Parameters layer.w [n, C],
// layer.bias [C], coefficient [n, C] (starts at 0.01), fast_rate [1] (starts at -4.5). State fast
// [P, n, C], 0 at first.
//   y(v) = v (w + coefficient fast) + bias
//   prediction = bound(y([x, 0, 0]));  v = [x, error, label];  z = softmax(y(v));
//   a = sigmoid(fast_rate)
//   hebb:  fast = (1 - a) fast + a v_i z_o
//   oja:   fast = fast + a z_o (v_i - z_o fast)                         averaged over the batch
class HebbianLearner final : public ListedLearner {
 public:
  HebbianLearner(const HebbianOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;

  HebbianOptions options_;
  ConvFeatures features_;
};

}  // namespace vsml
