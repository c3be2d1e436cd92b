// vsml/learners/nearest_mean.h: the baseline that predicts the class whose mean input is nearest.
#pragma once

#include "vsml/learner.h"

namespace vsml {

// Prediction: -|x - mean_c|^2 / 2 for every class that was seen (the log density of a unit
// Gaussian); a class not seen yet gets the smallest of these minus 1. No parameters; state: the
// sums [P, C, D] and counts [P, C] of the inputs seen, over the batch too.
class NearestMeanLearner final : public Learner {
 public:
  explicit NearestMeanLearner(const TaskDims& dims, engine::DType dtype = engine::DType::f32,
                              engine::Device device = {})
      : dims_(dims), dtype_(dtype), device_(device) {}

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  engine::Tensor initial_params(const engine::RngKey& key) const override;
  std::vector<std::string> state_names() const override { return {"sums", "counts"}; }
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override;
  LearnerMemory memory(int64_t members, int64_t batch) const override;
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  TaskDims dims_;
  engine::DType dtype_;
  engine::Device device_;
  engine::ParamLayout layout_;
};

}  // namespace vsml
