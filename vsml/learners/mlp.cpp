#include "vsml/learners/mlp.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "vsml/readout.h"

namespace vsml {

using engine::KeepAxes;
using engine::Shape;
using engine::Tensor;

// State: weights and biases W_1 [P, I, O], b_1 [P, 1, O], W_2, ...; for adam then the running means
// and mean squares in the same order, and the number of updates [P, 1, 1]. Convolutions are the
// first layers: a kernel is a matrix [P, 9 channels, O] that multiplies patches.

MlpLearner::MlpLearner(MlpRule rule, const MlpOptions& options, double learning_rate,
                       const TaskDims& dims, engine::DType dtype, engine::Device device)
    : rule_(rule),
      options_(options),
      learning_rate_(learning_rate),
      dims_(dims),
      features_(options.conv, dims.inputs),
      dtype_(dtype),
      device_(device) {
  layout_.add("log_learning_rate", {1});
}

std::vector<MlpLearner::LayerShape> MlpLearner::layers() const {
  std::vector<LayerShape> layers;
  for (size_t k = 0; k < num_convolutions(); ++k) {
    const Shape kernel = features_.kernel_shape(static_cast<int>(k));
    layers.push_back({kernel.size() / kernel[3], kernel[3]});
  }
  int64_t below = features_.size();
  for (const int64_t above : options_.hidden) {
    layers.push_back({below, above});
    below = above;
  }
  layers.push_back({below, dims_.classes});
  return layers;
}

Tensor MlpLearner::initial_params(const engine::RngKey&) const {
  return Tensor::full({1}, std::log(learning_rate_), dtype_, device_);
}

std::vector<std::string> MlpLearner::state_names() const {
  std::vector<std::string> names;
  const auto add_all = [&](const std::string& prefix) {
    for (size_t k = 0; k < num_weights() / 2; ++k) {
      const bool kernel = k < num_convolutions();
      const std::string start = prefix + (kernel ? "conv." : "");
      const size_t number = kernel ? k : k - num_convolutions();
      names.push_back(fmt::format("{}weight.{}", start, number));
      names.push_back(fmt::format("{}bias.{}", start, number));
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
  double weights = 0, neurons = 2 * features_.kept();
  const std::vector<LayerShape> all = layers();
  for (size_t k = 0; k < all.size(); ++k) {
    const auto below = static_cast<double>(all[k].in), above = static_cast<double>(all[k].out);
    weights += (below + 1) * above;
    if (k >= num_convolutions()) neurons += below + above;
  }
  const auto unit = static_cast<double>(engine::size_of(dtype_) * members);
  // Gradients, and what an update makes of them.
  const double step = 3 * weights + 4 * static_cast<double>(batch) * neurons;
  const double state = rule_ == MlpRule::Adam ? 3 * weights + 1 : weights;
  return {state * unit, (state + step) * unit, step * unit};
}

LearnerState MlpLearner::initial_state(const engine::ParamSet& params,
                                       const std::vector<engine::RngKey>& members,
                                       int64_t batch) const {
  int64_t count = 0;
  for (const LayerShape& layer : layers()) count += layer.in * layer.out;
  std::vector<Tensor> draws;
  for (const engine::RngKey& key : members) {
    draws.push_back(engine::normal({count}, key, dtype_, device_));
  }
  const Tensor drawn = stack(draws, 0);
  const auto population = static_cast<int64_t>(members.size());
  std::vector<Tensor> weights;
  int64_t first = 0;
  for (const LayerShape& layer : layers()) {
    const int64_t size = layer.in * layer.out;
    const double deviation = 1 / std::sqrt(static_cast<double>(layer.in));
    const Tensor w =
        reshape(slice(drawn, 1, first, first + size), {population, layer.in, layer.out});
    weights.push_back(pad(w * deviation, 1, 0, 1));
    first += size;
  }
  return state_of_weights(params, weights, batch);
}

LearnerState MlpLearner::state_of_weights(const engine::ParamSet&,
                                          const std::vector<Tensor>& weights, int64_t) const {
  LearnerState state;
  for (const LayerShape& layer : layers()) {
    const Tensor& w = weights.at(state.tensors.size() / 2);
    if (w.rank() != 3 || w.dim(1) != layer.in + 1 || w.dim(2) != layer.out) {
      engine::throw_shape_error("mlp", fmt::format("weights [P, {}, {}]", layer.in + 1, layer.out),
                                {w.shape()});
    }
    state.tensors.push_back(slice(w, 1, 0, layer.in).contiguous());
    state.tensors.push_back(slice(w, 1, layer.in, layer.in + 1).contiguous());
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

std::vector<Tensor> MlpLearner::weights(const engine::ParamSet&, const LearnerState& state) const {
  std::vector<Tensor> weights;
  for (size_t k = 0; k < num_weights(); k += 2) {
    weights.push_back(engine::concat({state.tensors[k], state.tensors[k + 1]}, 1));
  }
  return weights;
}

MlpLearner::Activity MlpLearner::forward(const LearnerState& state, const Tensor& input) const {
  Activity activity;
  const int64_t members = input.dim(0), batch = input.dim(1);
  Tensor below = options_.input_activation == InputActivation::Tanh ? tanh(input) : input;
  for (size_t k = 0; k < num_weights() / 2; ++k) {
    const bool convolution = k < num_convolutions();
    activity.rows.push_back(convolution ? features_.patches(static_cast<int>(k), below) : below);
    activity.y = matmul(activity.rows[k], state.tensors[2 * k]) + state.tensors[2 * k + 1];
    if (k + 1 == num_weights() / 2) break;
    activity.above.push_back(tanh(activity.y));
    below =
        convolution ? reshape_inferred(activity.above[k], {members, batch, -1}) : activity.above[k];
  }
  return activity;
}

std::vector<Tensor> MlpLearner::gradients(const LearnerState& state, const Activity& activity,
                                          const Tensor& error) const {
  std::vector<Tensor> gradients(num_weights());
  Tensor dy = error;  // of layer k, [P, rows, O]
  for (size_t k = activity.rows.size(); k-- > 0;) {
    gradients[2 * k] = matmul(transpose(activity.rows[k]), dy);
    gradients[2 * k + 1] = sum(dy, {1}, KeepAxes::Yes);
    if (k == 0) break;
    Tensor below = matmul(dy, transpose(state.tensors[2 * k]));
    if (k < num_convolutions()) {
      below = features_.from_patches(static_cast<int>(k), below, error.dim(1));
    }
    const Tensor& above = activity.above[k - 1];
    dy = tanh_slope(k <= num_convolutions() ? reshape(below, above.shape()) : below, above);
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
  const Activity activity = forward(state, input);
  const double bound = options_.output_bound;
  const Tensor prediction = bounded(activity.y, bound);
  Tensor error = output_error(options_.loss, prediction, label);
  if (bound > 0) error = tanh_slope(error, prediction * (1 / bound));
  const std::vector<Tensor> gradient = gradients(state, activity, error);
  if (rule_ == MlpRule::Sgd) {
    update_sgd(rate, gradient, state);
  } else {
    update_adam(rate, gradient, state);
  }
  return {std::move(state), prediction};
}

}  // namespace vsml
