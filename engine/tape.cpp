#include "engine/tape.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"

namespace engine {
namespace {

thread_local Tape* innermost = nullptr;

class Pause {
 public:
  explicit Pause(bool& flag) : flag_(flag), saved_(flag) { flag_ = true; }
  ~Pause() { flag_ = saved_; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  bool& flag_;
  bool saved_;
};

}  // namespace

InputGradients::InputGradients(std::vector<bool> wanted)
    : wanted_(std::move(wanted)), gradients_(wanted_.size()) {}

void InputGradients::set(int i, Tensor gradient) {
  gradients_[static_cast<size_t>(i)] = std::move(gradient);
}

Tape::Tape() : enclosing_(innermost) {
  innermost = this;
}

Tape::~Tape() {
  innermost = enclosing_;
}

void Tape::watch(const Tensor& tensor) {
  if (!tensor.defined() || !has_gradient(tensor.dtype())) {
    throw GradientError("watch: expected a float tensor");
  }
  if (!tracks(tensor)) append("watch", {}, {tensor}, nullptr);
}

bool Tape::recording(const std::vector<Tensor>& inputs) {
  for (const Tape* tape = innermost; tape != nullptr; tape = tape->enclosing_) {
    if (tape->paused_) continue;
    for (const Tensor& input : inputs) {
      if (tape->tracks(input)) return true;
    }
  }
  return false;
}

void Tape::record(const char* op, const std::vector<Tensor>& inputs,
                  const std::vector<Tensor>& outputs, const BackwardRule& rule,
                  Differentiable times) {
  for (Tape* tape = innermost; tape != nullptr; tape = tape->enclosing_) {
    if (tape->paused_) continue;
    bool tracked = false;
    for (const Tensor& input : inputs) tracked = tracked || tape->tracks(input);
    if (!tracked) continue;
    if (times == Differentiable::Repeatedly) {
      tape->append(op, inputs, outputs, rule);
      continue;
    }
    tape->append(op, inputs, outputs,
                 [op, inputs, rule](const std::vector<Tensor>& douts, InputGradients& grads) {
                   if (recording(inputs) || recording(douts)) {
                     throw GradientError(fmt::format("{}: not twice differentiable", op));
                   }
                   rule(douts, grads);
                 });
  }
}

void Tape::append(const char* op, const std::vector<Tensor>& inputs,
                  const std::vector<Tensor>& outputs, BackwardRule rule) {
  Node node{op,
            {},
            static_cast<int64_t>(slots_.size()),
            static_cast<int64_t>(outputs.size()),
            std::move(rule)};
  node.inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) {
    const auto found = slot_of_.find(input.id());
    node.inputs.push_back(found == slot_of_.end() ? -1 : found->second);
  }
  for (const Tensor& output : outputs) {
    slot_of_[output.id()] = static_cast<int64_t>(slots_.size());
    slots_.push_back({output.shape(), gradient_type(output.dtype())});
  }
  nodes_.push_back(std::move(node));
}

std::vector<bool> Tape::reachable_from(const std::vector<int64_t>& slots) const {
  std::vector<bool> reachable(slots_.size(), false);
  for (const int64_t slot : slots) reachable[static_cast<size_t>(slot)] = true;
  for (const Node& node : nodes_) {
    bool any = false;
    for (const int64_t input : node.inputs) {
      any = any || (input >= 0 && reachable[static_cast<size_t>(input)]);
    }
    for (int64_t k = 0; any && k < node.num_outputs; ++k) {
      reachable[static_cast<size_t>(node.first_output + k)] = true;
    }
  }
  return reachable;
}

std::vector<Tensor> Tape::gradient(const Tensor& loss, const std::vector<Tensor>& inputs) {
  if (!loss.defined() || loss.size() != 1 || !is_float(loss.dtype())) {
    throw GradientError(fmt::format("gradient: expected a loss of one float element, got {}",
                                    loss.defined() ? to_string(loss.shape()) : "an empty tensor"));
  }
  std::vector<Tensor> result =
      gradient({loss}, {Tensor::full(loss.shape(), 1, loss.dtype(), loss.device())}, inputs);
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (result[k].defined()) continue;
    result[k] =
        Tensor::zeros(inputs[k].shape(), gradient_type(inputs[k].dtype()), inputs[k].device());
  }
  return result;
}

std::vector<Tensor> Tape::gradient(const std::vector<Tensor>& outputs,
                                   const std::vector<Tensor>& doutputs,
                                   const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& initial) {
  if (outputs.size() != doutputs.size() || (!initial.empty() && initial.size() != inputs.size())) {
    throw GradientError(fmt::format(
        "gradient: expected one doutput per output and one accumulator per input, got {} outputs, "
        "{} doutputs, {} inputs, {} accumulators",
        outputs.size(), doutputs.size(), inputs.size(), initial.size()));
  }
  const Pause pause(paused_);
  std::vector<int64_t> wanted;
  for (const Tensor& input : inputs) {
    const auto found = slot_of_.find(input.id());
    if (found == slot_of_.end()) {
      throw GradientError("gradient: expected inputs that this tape watches or recorded");
    }
    wanted.push_back(found->second);
  }
  const std::vector<bool> reachable = reachable_from(wanted);
  std::vector<Tensor> gradients(slots_.size());
  for (size_t k = 0; k < initial.size(); ++k) {
    gradients[static_cast<size_t>(wanted[k])] = initial[k];
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const auto found = slot_of_.find(outputs[k].id());
    if (found == slot_of_.end() || !doutputs[k].defined()) continue;
    Tensor& gradient = gradients[static_cast<size_t>(found->second)];
    gradient = gradient.defined() ? add(gradient, doutputs[k]) : doutputs[k];
  }
  // A wanted slot keeps its gradient; any other is dropped as soon as its node has run, so that
  // memory follows the width of the graph, not its depth.
  std::vector<bool> keep(slots_.size(), false);
  for (const int64_t slot : wanted) keep[static_cast<size_t>(slot)] = true;
  for (size_t k = nodes_.size(); k-- > 0;) {
    const Node& node = nodes_[k];
    run_rule(node, reachable, gradients);
    for (int64_t slot = node.first_output; slot < node.first_output + node.num_outputs; ++slot) {
      if (!keep[static_cast<size_t>(slot)]) gradients[static_cast<size_t>(slot)] = Tensor();
    }
  }
  std::vector<Tensor> result;
  for (const int64_t slot : wanted) result.push_back(gradients[static_cast<size_t>(slot)]);
  return result;
}

void Tape::run_rule(const Node& node, const std::vector<bool>& reachable,
                    std::vector<Tensor>& gradients) const {
  if (!node.rule) return;
  std::vector<Tensor> douts;
  bool any = false;
  for (int64_t k = 0; k < node.num_outputs; ++k) {
    const auto slot = static_cast<size_t>(node.first_output + k);
    douts.push_back(reachable[slot] ? gradients[slot] : Tensor());
    any = any || douts.back().defined();
  }
  if (!any) return;
  std::vector<bool> wanted;
  for (const int64_t input : node.inputs) {
    wanted.push_back(input >= 0 && reachable[static_cast<size_t>(input)]);
  }
  InputGradients grads(wanted);
  node.rule(douts, grads);
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    Tensor& contribution = grads.gradients_[k];
    if (!wanted[k] || !contribution.defined()) continue;
    const auto slot = static_cast<size_t>(node.inputs[k]);
    if (contribution.shape() != slots_[slot].shape || contribution.dtype() != slots_[slot].dtype) {
      throw GradientError(fmt::format("{}: backward rule gave {} {} for an input of {} {}", node.op,
                                      name_of(contribution.dtype()),
                                      to_string(contribution.shape()), name_of(slots_[slot].dtype),
                                      to_string(slots_[slot].shape)));
    }
    Tensor& gradient = gradients[slot];
    gradient = gradient.defined() ? add(gradient, contribution) : std::move(contribution);
  }
}

NoRecord::NoRecord() : saved_(innermost) {
  innermost = nullptr;
}
NoRecord::~NoRecord() {
  innermost = saved_;
}

}  // namespace engine
