// vsml/learners/learner_parts.h: what learners are put together from. Parameters are found by their
// names in a ParamSet and may have a leading axis P: one set per member.
#pragma once

#include <string>

#include "engine/params.h"
#include "engine/tensor.h"
#include "vsml/cell.h"

namespace vsml {

// x <name>.w + <name>.bias:  x [P, B, in]  ->  [P, B, out].
engine::Tensor linear(const engine::ParamSet& params, const std::string& name,
                      const engine::Tensor& x);

// A number that is a parameter, [1] or [P, 1], shaped to broadcast against [P, ., .].
engine::Tensor scalar(const engine::ParamSet& params, const std::string& name);

// `ticks` updates of an LSTM on the same input: h, c [P, B, N], input [P, B, in]; <name>.w
// [in + N, 4N] for [input, h] and <name>.bias [4N], gates in the order input, candidate, forget,
// output:
//   c' = sigmoid(forget + 1) c + sigmoid(input) tanh(candidate);  h' = sigmoid(output) tanh(c')
// +1: what is remembered is at first rather kept (Jozefowicz et al. 2015).
CellState lstm(const engine::ParamSet& params, const std::string& name, CellState state,
               const engine::Tensor& input, int64_t ticks);

// (softmax(p) - label) / B: the error of a prediction [P, B, C] (output_error.h).
engine::Tensor prediction_error(const engine::Tensor& prediction, const engine::Tensor& label);

// U^T V summed over the batch: u [P, B, m], v [P, B, n]  ->  [P, m, n].
engine::Tensor outer(const engine::Tensor& u, const engine::Tensor& v);

}  // namespace vsml
