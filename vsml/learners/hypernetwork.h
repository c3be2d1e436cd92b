// vsml/learners/hypernetwork.h: a small LSTM that rewrites the weights of the layer that predicts
// (Ha, Dai & Le, HyperNetworks, 2016, the dynamic kind; Schmidhuber 1992). The definition is ours:
// rows and columns are scaled anew for each example, as Ha's are, and an update of low rank, made
// of the input and of what the LSTM and the error say, accumulates.
#pragma once

#include "vsml/learners/listed_learner.h"

namespace vsml {

struct HypernetworkOptions {
  int64_t code_size = 32;     // numbers that the LSTM is told about an example
  int64_t state_size = 32;    // N of the LSTM
  int64_t micro_ticks = 1;    // updates of the LSTM on the same example
  int64_t rank = 1;           // R of an update
  double output_bound = 100;  // prediction = bound tanh(y / bound); 0: y

  friend bool operator==(const HypernetworkOptions&, const HypernetworkOptions&) = default;
};

Fields fields_of(HypernetworkOptions& options);

// Parameters code [D + 2C, code_size]; lstm [code_size + N, 4N]; main [D, C]; rows [N, D]; columns
// [N, C]; left [N, R D]; right [2C + N, R C], each .w and .bias; fast_rate [1]. Rows, columns and
// right start at 0 and fast_rate at -4.5, so that it begins as the plain layer main; left starts
// random, so that the R parts differ. State h, c [P, 1, N], fast [P, D, C]. One example at a time.
//   predict:  r = 1 + rows(h), s = 1 + columns(h), with the h of the example before;
//             prediction = bound(((x r) (main + fast)) s + bias)
//   learn:    h, c = LSTM(code([x, error, label])), micro_ticks times; fast += sigmoid(fast_rate)
//             U^T V with U = x (1 + left(h)) as [R, D], V = right([error, label, h]) as [R, C]
class HypernetworkLearner final : public ListedLearner {
 public:
  HypernetworkLearner(const HypernetworkOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;

  HypernetworkOptions options_;
};

}  // namespace vsml
