#include "vsml/learners/listed_learner.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/random.h"

namespace vsml {

using engine::Shape;
using engine::Tensor;

void ListedLearner::add_param(const std::string& name, const Shape& shape,
                              std::optional<double> start) {
  layout_.add(name, shape);
  starts_.push_back(start);
}

void ListedLearner::add_linear(const std::string& name, int64_t in, int64_t out,
                               std::optional<double> start) {
  add_param(name + ".w", {in, out}, start);
  add_param(name + ".bias", {out});
}

void ListedLearner::add_features(const ConvFeatures& features) {
  for (int layer = 0; layer < ConvFeatures::kLayers && features.present(); ++layer) {
    const Shape kernel = features.kernel_shape(layer);
    add_param(features.kernel_name(layer), kernel);
    add_param(features.bias_name(layer), {kernel[3]});
  }
}

void ListedLearner::add_state(const std::string& name, const Shape& shape) {
  state_.push_back({name, shape});
}

void ListedLearner::add_random_state(const std::string& name, const Shape& shape, int64_t rows,
                                     double deviation) {
  state_.push_back({name, shape, false, rows, deviation});
}

void ListedLearner::add_state_per_example(const std::string& name, int64_t n) {
  state_.push_back({name, {n}, true});
}

Tensor ListedLearner::initial_params(const engine::RngKey& key) const {
  const Tensor draws =
      engine::truncated_normal({layout_.size()}, key, setting_.dtype, setting_.device);
  std::vector<Tensor> parts;
  for (size_t k = 0; k < starts_.size(); ++k) {
    const auto& entry = layout_.entries()[k];
    const int64_t size = entry.shape.size();
    if (starts_[k] || entry.shape.rank() < 2) {
      parts.push_back(
          Tensor::full({size}, starts_[k].value_or(0), setting_.dtype, setting_.device));
      continue;
    }
    const auto fan_in = static_cast<double>(size / entry.shape[entry.shape.rank() - 1]);
    parts.push_back(slice(draws, 0, entry.offset, entry.offset + size) *
                    (setting_.init_scale / std::sqrt(fan_in)));
  }
  return concat(parts, 0);
}

std::vector<std::string> ListedLearner::state_names() const {
  std::vector<std::string> names;
  for (const StateEntry& entry : state_) names.push_back(entry.name);
  return names;
}

LearnerState ListedLearner::initial_state(const engine::ParamSet&,
                                          const std::vector<engine::RngKey>& members,
                                          int64_t batch) const {
  const auto population = static_cast<int64_t>(members.size());
  int64_t random = 0;
  for (const StateEntry& entry : state_) {
    random += entry.random_rows * (entry.shape.size() / entry.shape[0]);
  }
  std::vector<Tensor> draws;
  for (const engine::RngKey& key : members) {
    draws.push_back(engine::truncated_normal({random}, key, setting_.dtype, setting_.device));
  }
  const Tensor drawn = stack(draws, 0);
  LearnerState state;
  int64_t first = 0;
  for (const StateEntry& entry : state_) {
    const Shape shape =
        (entry.per_example ? Shape{population, batch} : Shape{population}) + entry.shape;
    if (entry.random_rows == 0) {
      state.tensors.push_back(Tensor::zeros(shape, setting_.dtype, setting_.device));
      continue;
    }
    const Shape rows = shape.with(1, entry.random_rows);
    const int64_t size = rows.size() / population;
    const Tensor values = reshape(slice(drawn, 1, first, first + size), rows) * entry.deviation;
    first += size;
    state.tensors.push_back(pad(values, 1, 0, shape[1] - entry.random_rows));
  }
  return state;
}

LearnerMemory ListedLearner::memory(int64_t members, int64_t batch) const {
  double state = 0;
  for (const StateEntry& entry : state_) {
    state += static_cast<double>(entry.shape.size() * (entry.per_example ? batch : 1));
  }
  const StepNumbers numbers = step_numbers(static_cast<double>(batch));
  // The gradient of all parameters, and of the largest one as it is added up.
  int64_t largest = 0;
  for (const auto& entry : layout_.entries()) largest = std::max(largest, entry.shape.size());
  const auto gradients = static_cast<double>(layout_.size() + 3 * largest);
  const auto unit = static_cast<double>(engine::size_of(setting_.dtype));
  const double all = unit * static_cast<double>(members);
  return {state * all, (state + numbers.kept) * all, numbers.work * all + gradients * unit};
}

LearnerStep ListedLearner::step(const engine::ParamSet& params, LearnerState state,
                                const Tensor& input, const Tensor& label) const {
  require_examples(name_.c_str(), setting_.dims, state, input, label);
  if (!takes_batches() && input.dim(1) != 1) {
    engine::throw_shape_error(name_.c_str(), "one example at a time: input [P, 1, D]",
                              {input.shape()});
  }
  return learn(params, std::move(state), input, label);
}

}  // namespace vsml
