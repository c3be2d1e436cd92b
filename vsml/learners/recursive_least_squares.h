// vsml/learners/recursive_least_squares.h: the baseline that is ridge regression, kept up to date.
#pragma once

#include "vsml/learner.h"

namespace vsml {

// After n examples the weights W are those that minimise
//   sum_k |z_k W - label_k|^2 + ridge |W|^2,   z_k = (x_k, 1),
// and the prediction is z W, whose largest entry is the class. One rank-1 update of the inverse
// (Sherman-Morrison) per example, entries of a batch one after another:
//   g = Q z;  s = ridge + z g;  W += g (label - z W) / s;  Q -= g g^T / s
// Q is ridge times the inverse of ridge I + sum_k z_k z_k^T: it begins as I and stays exactly
// symmetric. The only parameter is the logarithm of the ridge.
//
// State: W [P, D + 1, C] and Q [P, D + 1, D + 1].
class RecursiveLeastSquaresLearner final : public Learner {
 public:
  // Throws Error unless ridge is above 0.
  RecursiveLeastSquaresLearner(double ridge, const TaskDims& dims,
                               engine::DType dtype = engine::DType::f32,
                               engine::Device device = {});

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  // log(ridge), whatever the key.
  engine::Tensor initial_params(const engine::RngKey& key) const override;
  std::vector<std::string> state_names() const override { return {"weights", "inverse"}; }
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override;
  LearnerMemory memory(int64_t members, int64_t batch) const override;
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  double ridge_;
  TaskDims dims_;
  engine::DType dtype_;
  engine::Device device_;
  engine::ParamLayout layout_;
};

}  // namespace vsml
