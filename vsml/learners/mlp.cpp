#include "vsml/learners/mlp.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/op.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"

namespace vsml {

using engine::KeepAxes;
using engine::Shape;
using engine::Tensor;

// State: weights and biases W_1 [P, I, O], b_1 [P, 1, O], W_2, ...; for adam then the running means
// and mean squares in the same order, and the number of updates [P, 1, 1].

MlpLearner::MlpLearner(MlpRule rule, const MlpOptions& options, double learning_rate,
                       const TaskDims& dims, engine::DType dtype, engine::Device device)
    : rule_(rule),
      options_(options),
      learning_rate_(learning_rate),
      dims_(dims),
      dtype_(dtype),
      device_(device) {
  layout_.add("log_learning_rate", {1});
}

std::vector<int64_t> MlpLearner::widths() const {
  std::vector<int64_t> widths{dims_.inputs};
  widths.insert(widths.end(), options_.hidden.begin(), options_.hidden.end());
  widths.push_back(dims_.classes);
  return widths;
}

Tensor MlpLearner::initial_params(const engine::RngKey&) const {
  return Tensor::full({1}, std::log(learning_rate_), dtype_, device_);
}

std::vector<std::string> MlpLearner::state_names() const {
  std::vector<std::string> names;
  const auto add_all = [&](const std::string& prefix) {
    for (size_t k = 0; k + 1 < widths().size(); ++k) {
      names.push_back(fmt::format("{}weight.{}", prefix, k));
      names.push_back(fmt::format("{}bias.{}", prefix, k));
    }
  };
  add_all("");
  if (rule_ == MlpRule::Adam) {
    add_all("mean.");
    add_all("mean_square.");
    names.push_back("updates");
  }
  return names;
}

LearnerMemory MlpLearner::memory(int64_t members, int64_t batch) const {
  const std::vector<int64_t> width = widths();
  double weights = 0, neurons = 0;
  for (size_t k = 0; k + 1 < width.size(); ++k) {
    const auto below = static_cast<double>(width[k]), above = static_cast<double>(width[k + 1]);
    weights += (below + 1) * above;
    neurons += below + above;
  }
  const auto unit = static_cast<double>(engine::size_of(dtype_) * members);
  // Gradients, and what an update makes of them.
  const double step = 3 * weights + 4 * static_cast<double>(batch) * neurons;
  const double state = rule_ == MlpRule::Adam ? 3 * weights + 1 : weights;
  return {state * unit, (state + step) * unit, step * unit};
}

LearnerState MlpLearner::initial_state(const engine::ParamSet&,
                                       const std::vector<engine::RngKey>& members, int64_t) const {
  const std::vector<int64_t> width = widths();
  int64_t count = 0;
  for (size_t k = 0; k + 1 < width.size(); ++k) count += width[k] * width[k + 1];
  std::vector<Tensor> draws;
  for (const engine::RngKey& key : members) {
    draws.push_back(engine::normal({count}, key, dtype_, device_));
  }
  const Tensor drawn = stack(draws, 0);
  const auto population = static_cast<int64_t>(members.size());
  std::vector<Tensor> weights;
  int64_t first = 0;
  for (size_t k = 0; k + 1 < width.size(); ++k) {
    const int64_t size = width[k] * width[k + 1];
    const double deviation = 1 / std::sqrt(static_cast<double>(width[k]));
    const Tensor w =
        reshape(slice(drawn, 1, first, first + size), {population, width[k], width[k + 1]});
    weights.push_back(pad(w * deviation, 1, 0, 1));
    first += size;
  }
  return state_of_weights(weights);
}

LearnerState MlpLearner::state_of_weights(const std::vector<Tensor>& weights) const {
  const std::vector<int64_t> width = widths();
  LearnerState state;
  for (size_t k = 0; k + 1 < width.size(); ++k) {
    const Tensor& w = weights.at(k);
    if (w.rank() != 3 || w.dim(1) != width[k] + 1 || w.dim(2) != width[k + 1]) {
      engine::throw_shape_error(
          "mlp", fmt::format("weights [P, {}, {}]", width[k] + 1, width[k + 1]), {w.shape()});
    }
    state.tensors.push_back(slice(w, 1, 0, width[k]).contiguous());
    state.tensors.push_back(slice(w, 1, width[k], width[k] + 1).contiguous());
  }
  if (rule_ == MlpRule::Adam) {
    for (size_t k = 0; k < 2 * num_weights(); ++k) {
      const Shape shape = state.tensors[k % num_weights()].shape();
      state.tensors.push_back(Tensor::zeros(shape, dtype_, device_));
    }
    const int64_t population = state.tensors[0].dim(0);
    state.tensors.push_back(Tensor::zeros({population, 1, 1}, dtype_, device_));
  }
  return state;
}

std::vector<Tensor> MlpLearner::weights_of(const LearnerState& state) const {
  std::vector<Tensor> weights;
  for (size_t k = 0; k < num_weights(); k += 2) {
    weights.push_back(engine::concat({state.tensors[k], state.tensors[k + 1]}, 1));
  }
  return weights;
}

std::vector<Tensor> MlpLearner::gradients(const LearnerState& state,
                                          const std::vector<Tensor>& activations,
                                          const Tensor& error) const {
  std::vector<Tensor> gradients(num_weights());
  Tensor dy = error;  // [P, B, O]
  for (size_t k = activations.size(); k-- > 0;) {
    gradients[2 * k] = matmul(transpose(activations[k]), dy);
    gradients[2 * k + 1] = sum(dy, {1}, KeepAxes::Yes);
    if (k > 0) dy = tanh_slope(matmul(dy, transpose(state.tensors[2 * k])), activations[k]);
  }
  return gradients;
}

void MlpLearner::update_sgd(const Tensor& rate, const std::vector<Tensor>& gradients,
                            LearnerState& state) const {
  for (size_t k = 0; k < gradients.size(); ++k) {
    state.tensors[k] = state.tensors[k] - rate * gradients[k];
  }
}

void MlpLearner::update_adam(const Tensor& rate, const std::vector<Tensor>& gradients,
                             LearnerState& state) const {
  const size_t n = num_weights();
  Tensor& updates = state.tensors.back();
  updates = updates + 1;
  // beta^updates, written with exp because the count is a tensor
  // Far below epsilon squared: keeps the gradient of the root finite where nothing ever came in.
  constexpr double kTiny = 1e-30;
  const Tensor correction1 = -exp(updates * std::log(options_.beta1)) + 1;
  const Tensor correction2 = -exp(updates * std::log(options_.beta2)) + 1;
  for (size_t k = 0; k < n; ++k) {
    Tensor &mean = state.tensors[n + k], &mean_square = state.tensors[2 * n + k];
    mean = mean * options_.beta1 + gradients[k] * (1 - options_.beta1);
    mean_square = mean_square * options_.beta2 + square(gradients[k]) * (1 - options_.beta2);
    const Tensor scale = sqrt(mean_square / correction2 + kTiny) + options_.epsilon;
    state.tensors[k] = state.tensors[k] - rate * (mean / correction1) / scale;
  }
}

LearnerStep MlpLearner::step(const engine::ParamSet& params, LearnerState state,
                             const Tensor& input, const Tensor& label) const {
  require_examples(rule_ == MlpRule::Sgd ? "sgd" : "adam", dims_, state, input, label);
  const Tensor log_rate = params["log_learning_rate"];
  const Tensor rate = reshape(exp(log_rate), {log_rate.size(), 1, 1});
  std::vector<Tensor> activations{options_.input_activation == InputActivation::Tanh ? tanh(input)
                                                                                     : input};
  Tensor y;
  for (size_t k = 0; k < num_weights(); k += 2) {
    if (k > 0) activations.push_back(tanh(y));
    y = matmul(activations.back(), state.tensors[k]) + state.tensors[k + 1];
  }
  const Tensor error = output_error(options_.loss, y, label);
  const std::vector<Tensor> gradient = gradients(state, activations, error);
  if (rule_ == MlpRule::Sgd) {
    update_sgd(rate, gradient, state);
  } else {
    update_adam(rate, gradient, state);
  }
  return {std::move(state), y};
}

}  // namespace vsml
