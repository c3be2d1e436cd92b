#include "vsml/learners/learner_parts.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "vsml/output_error.h"

namespace vsml {

using engine::ParamSet;
using engine::Tensor;

Tensor linear(const ParamSet& params, const std::string& name, const Tensor& x) {
  return project(x, params[name + ".w"]) + spread(params[name + ".bias"], x.rank());
}

Tensor scalar(const ParamSet& params, const std::string& name) {
  return spread(params[name], 3);
}

CellState lstm(const ParamSet& params, const std::string& name, CellState state,
               const Tensor& input, int64_t ticks) {
  const Tensor w = params[name + ".w"];
  const int64_t in = input.dim(-1), n = state.h.dim(-1);
  const Tensor zeros = Tensor::zeros({2 * n}, w.dtype(), w.device());
  const Tensor one = Tensor::full({n}, 1, w.dtype(), w.device());
  const Tensor kept = engine::concat({zeros, one, Tensor::zeros({n}, w.dtype(), w.device())}, 0);
  const Tensor bias = spread(params[name + ".bias"], input.rank()) + kept;
  const Tensor from_input = project(input, slice(w, -2, 0, in)) + bias;
  const Tensor w_hidden = slice(w, -2, in, in + n);
  for (int64_t k = 0; k < ticks; ++k) {
    state = update_cell(from_input + project(state.h, w_hidden), state.c);
  }
  return state;
}

Tensor prediction_error(const Tensor& prediction, const Tensor& label) {
  return output_error(OutputLoss::CrossEntropy, prediction, label);
}

Tensor outer(const Tensor& u, const Tensor& v) {
  return matmul(transpose(u), v);
}

}  // namespace vsml
