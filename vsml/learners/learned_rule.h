// vsml/learners/learned_rule.h: a learned synaptic rule (Bengio, Bengio & Cloutier 1990; Metz et
// al. 2018): one small network, the same for all weights of all layers, computes how each weight
// changes from what is known at its place. The definition is ours.
#pragma once

#include "vsml/learners/listed_learner.h"

namespace vsml {

struct LearnedRuleOptions {
  std::vector<int64_t> hidden;  // widths of the tanh hidden layers that the rule trains
  int64_t rule_size = 16;       // Q: hidden units of the rule
  double output_bound = 100;    // prediction = bound tanh(y / bound); 0: y

  friend bool operator==(const LearnedRuleOptions&, const LearnedRuleOptions&) = default;
};

Fields fields_of(LearnedRuleOptions& options);

// Parameters rule.w [5, Q], rule.bias [Q], change.w [Q, 2], change.bias [2], weight_rate [1],
// trace_rate [1] (both start at -4.5): none depends on the task's size. State weight.k, trace.k
// [P, in + 1, out] of every layer, the last row being the bias; weights begin truncated normal with
// deviation 1 / sqrt(in), bias and traces at 0. One example at a time.
//   predict:  y = [v, 1] weight per layer, tanh in hidden layers, bound in the last
//   learn:    the error of the last layer is that of the prediction, of a hidden layer
//             (error above weight above^T) (1 - tanh^2)
//             f = [weight, pre, post, error, trace], pre the layer's input (1 for the bias row),
//             post its tanh, in the last layer softmax(prediction)
//             [u, g] = change(tanh(rule(f)))
//             weight += sigmoid(weight_rate) u;  trace += sigmoid(trace_rate) (tanh(g) - trace)
class LearnedRuleLearner final : public ListedLearner {
 public:
  LearnedRuleLearner(const LearnedRuleOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;
  size_t layers() const { return options_.hidden.size() + 1; }

  LearnedRuleOptions options_;
};

}  // namespace vsml
