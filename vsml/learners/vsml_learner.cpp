#include "vsml/learners/vsml_learner.h"

#include <fmt/format.h>

namespace vsml {

using engine::Tensor;

VsmlLearner::VsmlLearner(const NetworkOptions& options, const InitOptions& init,
                         const TaskDims& dims, engine::DType dtype, engine::Device device)
    : network_(options, dims.inputs, dims.classes),
      init_(init),
      dims_(dims),
      dtype_(dtype),
      device_(device) {}

Tensor VsmlLearner::initial_params(const engine::RngKey& key) const {
  const Tensor params = init_.type == InitType::Backprop
                            ? backprop_params(network_, init_.backprop, key, dtype_)
                            : initial_cell_params(network_.layout(), init_.scale, key, dtype_);
  return params.to(device_);
}

std::vector<std::string> VsmlLearner::state_names() const {
  std::vector<std::string> names;
  for (int64_t layer = 0; layer < network_.num_layers(); ++layer) {
    for (const char* part : {"h", "c", "reverse"}) {
      names.push_back(fmt::format("layer.{}.{}", layer, part));
    }
  }
  return names;
}

LearnerState VsmlLearner::initial_state(const engine::ParamSet& params,
                                        const std::vector<engine::RngKey>& members,
                                        int64_t batch) const {
  return flatten(network_.initial_state(params, members, batch));
}

LearnerStep VsmlLearner::step(const engine::ParamSet& params, LearnerState state,
                              const Tensor& input, const Tensor& label) const {
  NetworkStep result = network_.step(params, unflatten(std::move(state)), input, label);
  return {flatten(result.state), std::move(result.prediction)};
}

LearnerState flatten(const NetworkState& state) {
  LearnerState flat;
  for (size_t k = 0; k < state.layers.size(); ++k) {
    flat.tensors.push_back(state.layers[k].h);
    flat.tensors.push_back(state.layers[k].c);
    flat.tensors.push_back(state.reverse[k]);
  }
  return flat;
}

NetworkState unflatten(LearnerState state) {
  NetworkState result;
  for (size_t k = 0; k + 2 < state.tensors.size(); k += 3) {
    result.layers.push_back({std::move(state.tensors[k]), std::move(state.tensors[k + 1])});
    result.reverse.push_back(std::move(state.tensors[k + 2]));
  }
  return result;
}

}  // namespace vsml
