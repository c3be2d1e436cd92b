#include "vsml/learners/fast_weights.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {
namespace {

using engine::Tensor;

// Deviation of a standard normal cut at two deviations.
constexpr double kCutDeviation = 0.87962566103423978;

}  // namespace

Fields fields_of(FastWeightsOptions& o) {
  Fields fields = {
      {"form", "delta_rule: fast weight programmer; memory: external fast weight memory",
       choice(o.form, {"delta_rule", "memory"})},
      {"key_size", "form delta_rule: F, size of keys and queries",
       IntegerField{&o.key_size, {1, 65536}}},
      {"state_size", "form memory: N, size of the LSTM", IntegerField{&o.state_size, {1, 65536}}},
      {"memory_size", "form memory: m; the memory is an m x m^2 matrix",
       IntegerField{&o.memory_size, {1, 1024}}},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
  };
  append(fields, fields_of(o.conv), {});
  return fields;
}

FastWeightsLearner::FastWeightsLearner(const FastWeightsOptions& options,
                                       const LearnerSetting& setting)
    : ListedLearner("fast_weights", setting, Batches::Any), options_(options) {
  const int64_t keys = options.key_size;
  add_linear("program", inputs() + 3 * classes(), 2 * keys + classes() + 1);
  add_random_state("fast", {keys, classes()}, keys,
                   1 / (kCutDeviation * std::sqrt(static_cast<double>(keys))));
  add_state_per_example("error", classes());
  add_state_per_example("label", classes());
  add_state_per_example("out", classes());
}

LearnerStep FastWeightsLearner::learn(const engine::ParamSet& params, LearnerState state,
                                      const Tensor& input, const Tensor& label) const {
  const Tensor &fast = state.tensors[0], &error = state.tensors[1], &before = state.tensors[2],
               &out = state.tensors[3];
  const Tensor y = linear(params, "program", engine::concat({input, out, error, before}, -1));
  const int64_t keys = options_.key_size, values = classes();
  const Tensor key = slice(y, -1, 0, keys);
  const Tensor value = slice(y, -1, keys, keys + values);
  const Tensor query = slice(y, -1, keys + values, 2 * keys + values);
  const Tensor beta = slice(y, -1, 2 * keys + values, 2 * keys + values + 1);
  const Tensor change = sigmoid(beta) * (value - matmul(key, fast));
  const Tensor written = fast + outer(key, change);
  const Tensor prediction = bounded(matmul(query, written), options_.output_bound);
  return {{{written, prediction_error(prediction, label), label, prediction}}, prediction};
}

ListedLearner::StepNumbers FastWeightsLearner::step_numbers(double batch) const {
  const auto keys = static_cast<double>(options_.key_size), c = static_cast<double>(classes());
  const double heard = static_cast<double>(inputs()) + 3 * c, program = 2 * keys + c + 1;
  return {batch * (heard + program + 6 * c),
          3 * keys * c + batch * (2 * heard + 4 * program + 4 * c)};
}

}  // namespace vsml
