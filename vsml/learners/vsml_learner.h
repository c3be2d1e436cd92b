// vsml/learners/vsml_learner.h: a VSML network behind the learner interface.
#pragma once

#include "vsml/learner.h"
#include "vsml/learners/learner_options.h"
#include "vsml/network.h"
#include "vsml/network_memory.h"

namespace vsml {

class VsmlLearner final : public Learner {
 public:
  // Throws Error if the options contradict each other.
  VsmlLearner(const NetworkOptions& options, const InitOptions& init, const TaskDims& dims,
              engine::DType dtype = engine::DType::f32, engine::Device device = {});

  const Network& network() const { return network_; }

  const TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return network_.layout(); }
  engine::Tensor initial_params(const engine::RngKey& key) const override;
  std::vector<std::string> state_names() const override;
  LearnerState initial_state(const engine::ParamSet& params,
                             const std::vector<engine::RngKey>& members,
                             int64_t batch) const override;
  LearnerMemory memory(int64_t members, int64_t batch) const override {
    return network_memory(network_, members, batch, dtype_, device_);
  }
  LearnerStep step(const engine::ParamSet& params, LearnerState state, const engine::Tensor& input,
                   const engine::Tensor& label) const override;

 private:
  Network network_;
  InitOptions init_;
  TaskDims dims_;
  engine::DType dtype_;
  engine::Device device_;
};

// A network's state as a learner's tensors, layer by layer h, c, reverse; and back.
LearnerState flatten(const NetworkState& state);
NetworkState unflatten(LearnerState state);

}  // namespace vsml
