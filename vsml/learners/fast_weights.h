// vsml/learners/fast_weights.h: a fast weight programmer with the delta rule (Schlag, Irie &
// Schmidhuber, Linear transformers are secretly fast weight programmers, 2021): a slow network
// writes into a matrix of fast weights, and reads from it.
#pragma once

#include "vsml/learners/listed_learner.h"

namespace vsml {

enum class FastWeightsForm { DeltaRule, Memory };

// Of both forms; fast_weight_memory.h is the other.
struct FastWeightsOptions {
  FastWeightsForm form = FastWeightsForm::DeltaRule;
  int64_t key_size = 64;      // delta rule: F
  int64_t state_size = 32;    // memory: N of the LSTM
  int64_t memory_size = 16;   // memory: m
  double output_bound = 100;  // prediction = bound tanh(y / bound); 0: y
  ConvOptions conv;           // memory

  friend bool operator==(const FastWeightsOptions&, const FastWeightsOptions&) = default;
};

Fields fields_of(FastWeightsOptions& options);

// Parameters program.w [D + 3C, 2F + C + 1], program.bias. State fast [P, F, C], and of the example
// before: error, label, out [P, B, C].
//   [key F, value C, query F, beta 1] = program([x, out, error, label])
//   fast += sum over the batch of outer(key, sigmoid(beta) (value - key fast))
//   prediction = bound(query fast), read after the write
// Keys, queries and values are raw, so fast may diverge. It begins truncated normal, with deviation
// 1 / sqrt(F) after cutting.
class FastWeightsLearner final : public ListedLearner {
 public:
  FastWeightsLearner(const FastWeightsOptions& options, const LearnerSetting& setting);

 private:
  LearnerStep learn(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                    const engine::Tensor& label) const override;
  StepNumbers step_numbers(double batch) const override;

  FastWeightsOptions options_;
};

}  // namespace vsml
