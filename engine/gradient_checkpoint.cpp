#include "engine/gradient_checkpoint.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/ops/op.h"

namespace engine {
namespace {

using Tensors = std::vector<Tensor>;

UnrollResult run_steps(const StepFunction& step, int64_t first, int64_t last, const Tensors& shared,
                       Tensors carry) {
  UnrollResult result;
  for (int64_t t = first; t < last; ++t) {
    UnrollStep next = step(t, shared, carry);
    result.outputs.push_back(std::move(next.output));
    carry = std::move(next.carry);
  }
  result.carry = std::move(carry);
  return result;
}

Tensors detached(const Tensors& tensors) {
  Tensors result;
  for (const Tensor& tensor : tensors) result.push_back(tensor.detached());
  return result;
}

Tensors joined(const Tensors& a, const Tensors& b) {
  Tensors result = a;
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

// Everything that the backward pass needs.
struct Segments {
  StepFunction step;
  int64_t steps, length;
  Tensors shared;
  std::vector<Tensors> starts;  // carry at the start of each segment
  // Last place of a tensor among the results, T outputs and then the final carry, by its identity.
  // The op's gradient for a tensor that is several results is found there.
  std::unordered_map<uint64_t, int64_t> place;

  // The results with identities of their own: a step may hand an input through. What was one tensor
  // stays one.
  Tensors named_results(const Tensors& results);
  // douts: of the results. Gradients of shared, then of the first carry.
  Tensors backward(Tensors douts) const;
};

Tensors Segments::named_results(const Tensors& results) {
  for (size_t k = 0; k < results.size(); ++k) place[results[k].id()] = static_cast<int64_t>(k);
  Tensors named = detached(results);
  for (size_t k = 0; k < results.size(); ++k) {
    named[k] = named[static_cast<size_t>(place[results[k].id()])];
  }
  return named;
}

Tensors Segments::backward(Tensors douts) const {
  Tensors dshared(shared.size());
  Tensors dcarry(douts.begin() + steps, douts.end());
  for (size_t k = starts.size(); k-- > 0;) {
    const int64_t first = static_cast<int64_t>(k) * length;
    const int64_t last = std::min(steps, first + length);
    const Tensors parameters = detached(shared), start = detached(starts[k]);
    Tape tape;
    for (const Tensor& tensor : joined(parameters, start)) tape.watch(tensor);
    const UnrollResult again = run_steps(step, first, last, parameters, start);
    const Tensors dsegment(douts.begin() + first, douts.begin() + last);
    Tensors accumulators = dshared;
    for (const Tensor& entry : starts[k]) {
      // An entry that an earlier segment gave as an output, too, has that gradient first, as it has
      // in a plain unroll.
      const auto found = place.find(entry.id());
      const bool was_output = found != place.end() && found->second < first;
      accumulators.push_back(
          was_output ? std::exchange(douts[static_cast<size_t>(found->second)], Tensor())
                     : Tensor());
    }
    const Tensors gradients =
        tape.gradient(joined(again.outputs, again.carry), joined(dsegment, dcarry),
                      joined(parameters, start), accumulators);
    const auto split = gradients.begin() + static_cast<std::ptrdiff_t>(shared.size());
    dshared.assign(gradients.begin(), split);
    dcarry.assign(split, gradients.end());
  }
  return joined(dshared, dcarry);
}

}  // namespace

UnrollResult unroll(const StepFunction& step, int64_t steps, const Tensors& shared,
                    const Tensors& carry, int64_t segment) {
  const Tensors inputs = joined(shared, carry);
  if (segment <= 0 || segment >= steps || !Tape::recording(inputs)) {
    return run_steps(step, 0, steps, shared, carry);
  }
  Segments segments{step, steps, segment, shared, {}, {}};
  UnrollResult result;
  result.carry = carry;
  {
    const NoRecord none;
    for (int64_t first = 0; first < steps; first += segment) {
      segments.starts.push_back(result.carry);
      UnrollResult part =
          run_steps(step, first, std::min(steps, first + segment), shared, std::move(result.carry));
      result.carry = std::move(part.carry);
      for (Tensor& output : part.outputs) result.outputs.push_back(std::move(output));
    }
  }
  const Tensors results = segments.named_results(joined(result.outputs, result.carry));
  result.outputs.assign(results.begin(), results.begin() + steps);
  result.carry.assign(results.begin() + steps, results.end());
  Tape::record(
      "unroll", inputs, results,
      [segments = std::move(segments)](const Tensors& douts, InputGradients& grads) {
        const Tensors gradients = segments.backward(douts);
        for (size_t k = 0; k < gradients.size(); ++k) {
          grads.set(static_cast<int>(k), gradients[k]);
        }
      },
      Differentiable::Once);
  return result;
}

int64_t segment_for_budget(int64_t steps, int64_t carry_bytes, int64_t tape_bytes_per_step,
                           int64_t budget) {
  if (steps * tape_bytes_per_step <= budget) return steps;
  int64_t best = 1;
  for (int64_t length = 1; length < steps; ++length) {
    const int64_t segments = (steps + length - 1) / length;
    if (segments * carry_bytes + length * tape_bytes_per_step <= budget) best = length;
  }
  return best;
}

}  // namespace engine
