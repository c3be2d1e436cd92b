// vsml/learners/nearest_neighbour.h: the baseline that predicts the class of the nearest example.
#pragma once

#include "vsml/learner.h"

namespace vsml {

// Keeps the last `capacity` examples (over the batch too). Prediction: -d_c^2 / 2, where d_c is the
// Euclidean distance to the nearest kept example of class c; a class of which none is kept gets the
// smallest of these minus 1. No parameters, and nothing to differentiate. Work per example grows
// with the examples kept.
//
// State: inputs [P, K, D], half their squared norms [P, K], labels [P, K, C] and the number of
// examples seen [P, 1], K = capacity; example n is in row n mod K.
class NearestNeighbourLearner final : public Learner {
 public:
  NearestNeighbourLearner(int64_t capacity, const TaskDims& dims,
                          engine::DType dtype = engine::DType::f32, engine::Device device = {});

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  engine::Tensor initial_params(const engine::RngKey& key) const override;
  std::vector<std::string> state_names() const override {
    return {"inputs", "half_norms", "labels", "seen"};
  }
  // Throws Error if the capacity is below 1.
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override;
  LearnerMemory memory(int64_t members, int64_t batch) const override;
  // Throws Error if the members have not seen the same number of examples.
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  engine::Tensor predict(const LearnerState& state, const engine::Tensor& input,
                         int64_t kept) const;
  LearnerState remember(LearnerState state, const engine::Tensor& input,
                        const engine::Tensor& label, int64_t seen) const;

  int64_t capacity_;
  TaskDims dims_;
  engine::DType dtype_;
  engine::Device device_;
  engine::ParamLayout layout_;
};

}  // namespace vsml
