// engine/ops/op.h: what every op is made of. An op has four steps: check, allocate, run, record.
// For files that define ops, here or in a library on top of the engine.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/error.h"
#include "engine/tape.h"

namespace engine {

// Throw DTypeError or DeviceError naming `op` and what was got.
void require_same_dtype(const char* op, const Tensor& a, const Tensor& b);
void require_same_device(const char* op, const Tensor& a, const Tensor& b);
// Anything but bf16, which no op computes with.
void require_number(const char* op, const Tensor& tensor);
void require_float(const char* op, const Tensor& tensor);
void require_i32(const char* op, const char* what, const Tensor& tensor);

// Throws ShapeError "<op>: expected <rule>, got <shapes>".
[[noreturn]] void throw_shape_error(const char* op, const std::string& rule,
                                    const std::vector<Shape>& got);

// A view of `tensor` with the broadcast shape, stride 0 along repeated axes. `shape` must be one
// that it broadcasts to. Not recorded.
View broadcast_view(const Tensor& tensor, const Shape& shape);

// Records an op with one output: rule(dout, grads).
template <class Rule>
void record(const char* op, const std::vector<Tensor>& inputs, const Tensor& output, Rule&& rule,
            Differentiable times = Differentiable::Repeatedly) {
  if (!Tape::recording(inputs)) return;
  Tape::record(
      op, inputs, {output},
      [rule = std::forward<Rule>(rule)](const std::vector<Tensor>& douts, InputGradients& grads) {
        rule(douts[0], grads);
      },
      times);
}

}  // namespace engine
