#include "vsml/example_loop.h"

#include <utility>

#include "engine/backend.h"
#include "engine/tape.h"

namespace vsml {
namespace {

using engine::Tensor;

Tensor copy_of(const Tensor& x) {
  Tensor copy = Tensor::empty(x.shape(), x.dtype(), x.device());
  if (x.size() > 0) engine::backend(x.device()).copy(x.view(), copy.view());
  return copy;
}

void write(const Tensor& x, const engine::View& to) {
  if (x.size() > 0) engine::backend(x.device()).copy(x.view(), to);
}

}  // namespace

ExampleLoop::ExampleLoop(const Learner& learner, engine::ParamSet params, LearnerState state)
    : learner_(learner), params_(std::move(params)), state_(std::move(state)) {}

ExampleLoop::~ExampleLoop() = default;

// Records a step that begins and ends with the state in the same place. Nothing is run.
void ExampleLoop::record(const Tensor& input, const Tensor& label) {
  std::vector<engine::View> homes;
  for (Tensor& part : state_.tensors) {
    // Written again and again: so by nobody else's leave.
    if (!part.is_sole_owner() || !part.is_contiguous()) part = copy_of(part);
    homes.push_back(part.view());
  }
  input_ = copy_of(input);
  label_ = copy_of(label);
  recording_ = engine::backend(input.device()).record([&] {
    LearnerStep next = learner_.step(params_, std::move(state_), input_, label_);
    prediction_ = copy_of(next.prediction);  // it may be a part of the old state
    const auto at_home = [&](const Tensor& part, const engine::View& home) {
      return part.is_contiguous() && part.view().data == home.data;
    };
    // All are read before any is written: one may lie where another one belongs.
    for (size_t k = 0; k < homes.size(); ++k) {
      Tensor& part = next.state.tensors[k];
      if (!at_home(part, homes[k])) part = copy_of(part);
    }
    for (size_t k = 0; k < homes.size(); ++k) {
      const Tensor& part = next.state.tensors[k];
      if (!at_home(part, homes[k])) write(part, homes[k]);
    }
    state_ = std::move(next.state);
  });
}

Tensor ExampleLoop::step(const Tensor& input, const Tensor& label) {
  const engine::NoRecord none;
  engine::Backend& backend = engine::backend(input.device());
  if (recording_) {
    write(input, input_.view());
    write(label, label_.view());
  } else if (recordable_) {
    record(input, label);
  } else {
    const int64_t copies = backend.host_copies();
    LearnerStep next = learner_.step(params_, std::move(state_), input, label);
    state_ = std::move(next.state);
    recordable_ = !warm_ && backend.host_copies() == copies && backend.can_record();
    warm_ = true;
    return std::move(next.prediction);
  }
  recording_->replay();
  return copy_of(prediction_);
}

LearnerState ExampleLoop::take_state() && {
  return std::move(state_);
}

}  // namespace vsml
