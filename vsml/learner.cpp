#include "vsml/learner.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"

namespace vsml {

void require_examples(const char* learner, const TaskDims& dims, const LearnerState& state,
                      const engine::Tensor& input, const engine::Tensor& label) {
  const int64_t members = state.tensors.at(0).dim(0);
  if (input.rank() == 3 && label.rank() == 3 && input.dim(0) == members &&
      label.dim(0) == members && input.dim(1) == label.dim(1) && input.dim(2) == dims.inputs &&
      label.dim(2) == dims.classes) {
    return;
  }
  engine::throw_shape_error(learner,
                            fmt::format("input [{0}, B, {1}] and label [{0}, B, {2}]", members,
                                        dims.inputs, dims.classes),
                            {input.shape(), label.shape()});
}

std::vector<engine::Tensor> Learner::weights(const engine::ParamSet&, const LearnerState&) const {
  return {};
}

LearnerState Learner::state_of_weights(const engine::ParamSet&, const std::vector<engine::Tensor>&,
                                       int64_t) const {
  throw engine::ShapeError("learner: has no weights to begin with");
}

LearnerState members_of(const LearnerState& state, int64_t first, int64_t last) {
  LearnerState part;
  for (const engine::Tensor& tensor : state.tensors) {
    part.tensors.push_back(slice(tensor, 0, first, last).contiguous());
  }
  return part;
}

LearnerState side_by_side(const std::vector<LearnerState>& states) {
  LearnerState joined;
  if (states.size() == 1) return states[0];
  for (size_t k = 0; !states.empty() && k < states[0].tensors.size(); ++k) {
    std::vector<engine::Tensor> parts;
    for (const LearnerState& state : states) parts.push_back(state.tensors[k]);
    joined.tensors.push_back(engine::concat(parts, 0));
  }
  return joined;
}

LearnerState detached(const LearnerState& state) {
  LearnerState result;
  for (const engine::Tensor& tensor : state.tensors) result.tensors.push_back(tensor.detached());
  return result;
}

int64_t bytes_of(const LearnerState& state) {
  int64_t bytes = 0;
  for (const engine::Tensor& tensor : state.tensors) {
    bytes += tensor.size() * engine::size_of(tensor.dtype());
  }
  return bytes;
}

}  // namespace vsml
