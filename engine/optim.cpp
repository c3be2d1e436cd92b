#include "engine/optim.h"

#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"

namespace engine {
namespace {

void require_same_shape(const char* op, const Tensor& params, const Tensor& gradient) {
  if (params.shape() != gradient.shape()) {
    throw_shape_error(op, "parameters and gradient of one shape",
                      {params.shape(), gradient.shape()});
  }
}

}  // namespace

Tensor sgd_update(const Tensor& params, const Tensor& gradient, double learning_rate) {
  require_same_shape("sgd_update", params, gradient);
  const NoRecord none;
  return params - gradient * learning_rate;
}

AdamResult adam_update(const Tensor& params, const Tensor& gradient, const AdamState& state,
                       double learning_rate, const AdamOptions& options) {
  require_same_shape("adam_update", params, gradient);
  const NoRecord none;
  const Tensor zero = Tensor::zeros(params.shape(), params.dtype(), params.device());
  const Tensor& mean = state.mean.defined() ? state.mean : zero;
  const Tensor& mean_square = state.mean_square.defined() ? state.mean_square : zero;
  AdamResult next;
  next.state.updates = state.updates + 1;
  next.state.mean = mean * options.beta1 + gradient * (1 - options.beta1);
  next.state.mean_square = mean_square * options.beta2 + square(gradient) * (1 - options.beta2);
  const auto count = static_cast<double>(next.state.updates);
  const Tensor m = next.state.mean / (1 - std::pow(options.beta1, count));
  const Tensor v = next.state.mean_square / (1 - std::pow(options.beta2, count));
  next.params = params - m / (sqrt(v) + options.epsilon) * learning_rate;
  return next;
}

double global_norm(const Tensor& gradient) {
  const NoRecord none;
  return std::sqrt(sum(square(cast(gradient, DType::f64))).item());
}

Tensor clip_by_global_norm(const Tensor& gradient, double max_norm) {
  const NoRecord none;
  const double norm = global_norm(gradient);
  return max_norm > 0 && norm > max_norm ? gradient * (max_norm / norm) : gradient;
}

double linear_warmup(int64_t step, int64_t warmup) {
  return step < warmup ? static_cast<double>(step + 1) / static_cast<double>(warmup) : 1;
}

double cosine_decay(int64_t step, int64_t steps, double final_factor) {
  if (steps <= 0) return 1;
  const double progress = std::min(1.0, static_cast<double>(step) / static_cast<double>(steps));
  return final_factor + (1 - final_factor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace engine
