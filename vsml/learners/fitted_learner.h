// vsml/learners/fitted_learner.h: a learner whose parameters have the sizes of one task, used for
// tasks that are smaller.
#pragma once

#include <memory>

#include "vsml/learner.h"

namespace vsml {

// Appends zeros to inputs and labels up to the sizes that `base` was made for, and leaves out the
// predictions of the classes that are not there. Throws Error if the task is the larger one.
class FittedLearner final : public Learner {
 public:
  FittedLearner(std::unique_ptr<Learner> base, const TaskDims& dims);

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return base_->layout(); }
  bool takes_batches() const override { return base_->takes_batches(); }
  engine::Tensor initial_params(const engine::RngKey& key) const override {
    return base_->initial_params(key);
  }
  std::vector<std::string> state_names() const override { return base_->state_names(); }
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override {
    return base_->initial_state(params, members, batch);
  }
  LearnerMemory memory(int64_t members, int64_t batch) const override {
    return base_->memory(members, batch);
  }
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  std::unique_ptr<Learner> base_;
  TaskDims dims_;
};

}  // namespace vsml
