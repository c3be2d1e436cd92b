#include "vsml/learners/fitted_learner.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/movement.h"

namespace vsml {

using engine::Tensor;

FittedLearner::FittedLearner(std::unique_ptr<Learner> base, const TaskDims& dims)
    : base_(std::move(base)), dims_(dims) {
  const TaskDims& most = base_->dims();
  if (dims.inputs <= most.inputs && dims.classes <= most.classes) return;
  throw engine::Error(
      fmt::format("learner: expected a task of at most {} inputs and {} classes, got {} and {}",
                  most.inputs, most.classes, dims.inputs, dims.classes),
      "its parameters have these sizes; set learner.inputs and learner.classes, or resize");
}

LearnerStep FittedLearner::step(const engine::ParamSet& params, LearnerState state,
                                const Tensor& input, const Tensor& label) const {
  require_examples("learner", dims_, state, input, label);
  const TaskDims& most = base_->dims();
  LearnerStep result =
      base_->step(params, std::move(state), pad(input, -1, 0, most.inputs - dims_.inputs),
                  pad(label, -1, 0, most.classes - dims_.classes));
  result.prediction = slice(result.prediction, -1, 0, dims_.classes);
  return result;
}

}  // namespace vsml
