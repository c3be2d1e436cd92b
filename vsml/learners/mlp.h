// vsml/learners/mlp.h: the baselines sgd and adam: a multi-layer perceptron trained online.
//
//   a_0 = x or tanh(x) (input_activation);  y_k = a_{k-1} W_k + b_k;  a_k = tanh(y_k);  prediction
//   y_L
// Each step follows the gradient of the loss (softmax cross entropy, or squared error), averaged
// over the batch. The only parameter is the logarithm of the learning rate, so that it can be
// meta-trained like any other.
#pragma once

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"

namespace vsml {

enum class MlpRule { Sgd, Adam };

class MlpLearner final : public Learner {
 public:
  MlpLearner(MlpRule rule, const MlpOptions& options, double learning_rate, const TaskDims& dims,
             engine::DType dtype = engine::DType::f32, engine::Device device = {});

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  // log(learning_rate), whatever the key.
  engine::Tensor initial_params(const engine::RngKey& key) const override;
  std::vector<std::string> state_names() const override;
  // Weights N(0, 1 / fan-in) from the member's key, biases 0.
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override;
  // Learners that start from given weights, per layer [P, I + 1, O]; the last row is the bias.
  LearnerState state_of_weights(const std::vector<engine::Tensor>& weights) const;
  // What they have become.
  std::vector<engine::Tensor> weights_of(const LearnerState& state) const;
  LearnerMemory memory(int64_t members, int64_t batch) const override;
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  std::vector<int64_t> widths() const;  // D, hidden ..., C
  size_t num_weights() const { return 2 * (options_.hidden.size() + 1); }
  std::vector<engine::Tensor> gradients(const LearnerState& state,
                                        const std::vector<engine::Tensor>& activations,
                                        const engine::Tensor& error) const;
  void update_sgd(const engine::Tensor& rate, const std::vector<engine::Tensor>& gradients,
                  LearnerState& state) const;
  void update_adam(const engine::Tensor& rate, const std::vector<engine::Tensor>& gradients,
                   LearnerState& state) const;

  MlpRule rule_;
  MlpOptions options_;
  double learning_rate_;
  TaskDims dims_;
  engine::DType dtype_;
  engine::Device device_;
  engine::ParamLayout layout_;
};

}  // namespace vsml
