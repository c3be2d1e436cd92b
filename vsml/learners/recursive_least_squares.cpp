#include "vsml/learners/recursive_least_squares.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"

namespace vsml {

using engine::Tensor;

RecursiveLeastSquaresLearner::RecursiveLeastSquaresLearner(double ridge, const TaskDims& dims,
                                                           engine::DType dtype,
                                                           engine::Device device)
    : ridge_(ridge), dims_(dims), dtype_(dtype), device_(device) {
  if (!(ridge > 0)) {
    throw engine::Error(
        fmt::format("recursive_least_squares: expected a ridge above 0, found {}", ridge));
  }
  layout_.add("log_ridge", {1});
}

Tensor RecursiveLeastSquaresLearner::initial_params(const engine::RngKey&) const {
  return Tensor::full({1}, std::log(ridge_), dtype_, device_);
}

LearnerMemory RecursiveLeastSquaresLearner::memory(int64_t members, int64_t batch) const {
  const auto inputs = static_cast<double>(dims_.inputs + 1);
  const double weights = inputs * static_cast<double>(dims_.classes), inverse = inputs * inputs;
  const auto unit = static_cast<double>(engine::size_of(dtype_) * members);
  const double state = weights + inverse;
  return {state * unit, 3 * static_cast<double>(batch) * state * unit, 2 * state * unit};
}

LearnerState RecursiveLeastSquaresLearner::initial_state(const engine::ParamSet&,
                                                         const std::vector<engine::RngKey>& members,
                                                         int64_t) const {
  const auto population = static_cast<int64_t>(members.size());
  const int64_t inputs = dims_.inputs + 1;
  std::vector<int32_t> diagonal;
  for (int64_t i = 0; i < inputs; ++i) diagonal.push_back(static_cast<int32_t>(i));
  const Tensor identity =
      one_hot(Tensor::from(diagonal, {inputs}, device_), inputs, dtype_);  // [D + 1, D + 1]
  return {{Tensor::zeros({population, inputs, dims_.classes}, dtype_, device_),
           broadcast_to(identity, {population, inputs, inputs}).contiguous()}};
}

LearnerStep RecursiveLeastSquaresLearner::step(const engine::ParamSet& params, LearnerState state,
                                               const Tensor& input, const Tensor& label) const {
  require_examples("recursive_least_squares", dims_, state, input, label);
  Tensor &weights = state.tensors[0], &inverse = state.tensors[1];
  const Tensor log_ridge = params["log_ridge"];
  const Tensor ridge = exp(reshape(log_ridge, {log_ridge.size(), 1, 1}));
  const Tensor one = Tensor::full({input.dim(0), input.dim(1), 1}, 1, dtype_, device_);
  const Tensor extended = engine::concat({input, one}, 2);  // z [P, B, D + 1]
  Tensor prediction = matmul(extended, weights);
  for (int64_t entry = 0; entry < input.dim(1); ++entry) {
    const Tensor z = slice(extended, 1, entry, entry + 1);  // [P, 1, D + 1]
    const Tensor gain = matmul(inverse, transpose(z));      // g [P, D + 1, 1]
    const Tensor scale = matmul(z, gain) + ridge;           // s [P, 1, 1]
    const Tensor error = slice(label, 1, entry, entry + 1) - matmul(z, weights);
    weights = weights + gain * (error / scale);
    inverse = inverse - gain * transpose(gain) / scale;
  }
  return {std::move(state), std::move(prediction)};
}

}  // namespace vsml
