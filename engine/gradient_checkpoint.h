// engine/gradient_checkpoint.h: long unrolls whose tape would not fit in memory.
//
// A recurrence carry, output = step(t, shared, carry), t = 0 .. T-1, is recorded as one op.
// Forward, only the carry at the start of each segment is kept; backward, one segment after
// another, last first, is computed again under a tape of its own and differentiated. A segment's
// backward pass goes on with the accumulators that the later segments left, contribution by
// contribution, so the gradients equal those of the plain unroll to the last bit, whatever the
// segment length. (They stay right, but may differ in the last bit, where the loss uses a tensor of
// `shared` directly too, or where one tensor stands twice in the carry or is also shared.)
#pragma once

#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace engine {

struct UnrollStep {
  std::vector<Tensor> carry;  // as many tensors, of the same shapes, as came in
  Tensor output;
};

// Must be a pure function of its arguments: it is called again in the backward pass. Other tensors
// that it uses are constants to the gradient.
using StepFunction = std::function<UnrollStep(int64_t t, const std::vector<Tensor>& shared,
                                              const std::vector<Tensor>& carry)>;

struct UnrollResult {
  std::vector<Tensor> outputs;  // T of them
  std::vector<Tensor> carry;    // after the last step
};

// Runs `steps` steps. `shared` (parameters) and `carry` (state) are what gradients may be asked
// for. segment <= 0 or segment >= steps: a plain unroll, recorded op by op. Otherwise the result is
// one op that keeps ceil(steps / segment) carries and is differentiable once.
UnrollResult unroll(const StepFunction& step, int64_t steps, const std::vector<Tensor>& shared,
                    const std::vector<Tensor>& carry, int64_t segment);

// The longest segment for which the stored carries and one segment's tape fit in `budget` bytes, at
// least 1; `steps` if the whole tape fits. All sizes in bytes.
int64_t segment_for_budget(int64_t steps, int64_t carry_bytes, int64_t tape_bytes_per_step,
                           int64_t budget);

}  // namespace engine
