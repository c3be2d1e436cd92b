// vsml/learners/meta_rnn.h: the meta RNN (Hochreiter, Younger & Conwell, Learning to learn using
// gradient descent, 2001): one LSTM that is told input, error and label, and learns in its state.
#pragma once

#include "vsml/learners/listed_learner.h"

namespace vsml {

struct MetaRnnOptions {
  int64_t state_size = 128;   // N
  int64_t micro_ticks = 2;    // updates of the LSTM on the same example
  double output_bound = 100;  // prediction = bound tanh(y / bound); 0: y
  ConvOptions conv;

  friend bool operator==(const MetaRnnOptions&, const MetaRnnOptions&) = default;
};

Fields fields_of(MetaRnnOptions& options);

// Parameters lstm.w [D' + 2C + N, 4N], lstm.bias, readout.w [N, C], readout.bias, with D' the
// number of features of an input. State h, c [P, B, N]; error, label [P, B, C] of the example
// before. The examples of a batch stay apart.
//   h, c = LSTM([features(x), error, label]), micro_ticks times;  prediction = bound(h Wo + bo)
class MetaRnnLearner final : public ListedLearner {
 public:
  MetaRnnLearner(const MetaRnnOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;

  MetaRnnOptions options_;
  ConvFeatures features_;
};

}  // namespace vsml
