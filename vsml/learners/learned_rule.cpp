#include "vsml/learners/learned_rule.h"

#include <cmath>
#include <fmt/format.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {
namespace {

using engine::ParamSet;
using engine::Tensor;

// What one layer knows at its places: columns [P, in + 1, 1] and rows [P, 1, out].
struct LayerSignals {
  Tensor pre, post, error;
};

struct Synapses {
  Tensor weight, trace;  // [P, in + 1, out]
};

// Numbers [P, m, n] times a row of rule.w, [P, m, n, Q]; the parameters' last axes are kept.
Tensor heard(const ParamSet& params, const std::vector<Tensor>& signals,
             const std::vector<int64_t>& rows) {
  const Tensor rule = params["rule.w"];
  std::vector<Tensor> parts;
  for (const int64_t row : rows) parts.push_back(slice(rule, -2, row, row + 1));
  return project(engine::stack(signals, -1), parts.size() == 1 ? parts[0] : concat(parts, -2));
}

Synapses changed(const ParamSet& params, const Synapses& s, const LayerSignals& signals) {
  // Whatever is the same along a row or a column is multiplied once for it.
  const Tensor columns =
      heard(params, {signals.post, signals.error}, {2, 3}) + spread(params["rule.bias"], 4);
  const Tensor q = tanh(heard(params, {s.weight, s.trace}, {0, 4}) +
                        heard(params, {signals.pre}, {1}) + columns);
  const Tensor w = params["change.w"], bias = params["change.bias"];
  const auto out = [&](int64_t k) {
    const Tensor y = project(q, slice(w, -1, k, k + 1)) + spread(slice(bias, -1, k, k + 1), 4);
    return reshape(y, s.weight.shape());
  };
  return {s.weight + sigmoid(scalar(params, "weight_rate")) * out(0),
          s.trace + sigmoid(scalar(params, "trace_rate")) * (tanh(out(1)) - s.trace)};
}

}  // namespace

Fields fields_of(LearnedRuleOptions& o) {
  return {
      {"hidden", "widths of the hidden layers", IntegerListField{&o.hidden, {1, kMostNeurons}}},
      {"rule_size", "Q: hidden units of the rule", IntegerField{&o.rule_size, {1, 65536}}},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
  };
}

LearnedRuleLearner::LearnedRuleLearner(const LearnedRuleOptions& options,
                                       const LearnerSetting& setting)
    : ListedLearner("learned_rule", setting, Batches::One), options_(options) {
  add_linear("rule", 5, options.rule_size);
  add_linear("change", options.rule_size, 2);
  add_param("weight_rate", {1}, -4.5);
  add_param("trace_rate", {1}, -4.5);
  int64_t below = inputs();
  for (size_t k = 0; k < layers(); ++k) {
    const int64_t above = k < options.hidden.size() ? options.hidden[k] : classes();
    add_random_state(fmt::format("weight.{}", k), {below + 1, above}, below,
                     1 / std::sqrt(static_cast<double>(below)));
    add_state(fmt::format("trace.{}", k), {below + 1, above});
    below = above;
  }
}

LearnerStep LearnedRuleLearner::learn(const ParamSet& params, LearnerState state,
                                      const Tensor& input, const Tensor& label) const {
  const auto weight = [&](size_t k) -> const Tensor& { return state.tensors[2 * k]; };
  const Tensor one = Tensor::full({input.dim(0), 1, 1}, 1, input.dtype(), input.device());
  std::vector<LayerSignals> signals(layers());
  Tensor v = input;
  for (size_t k = 0; k < layers(); ++k) {
    const Tensor pre = engine::concat({v, one}, -1);
    const Tensor y = matmul(pre, weight(k));
    v = k + 1 < layers() ? tanh(y) : bounded(y, options_.output_bound);
    signals[k] = {transpose(pre), v, {}};
  }
  const Tensor prediction = v;
  signals.back().post = softmax(prediction);
  signals.back().error = prediction_error(prediction, label);
  for (size_t k = layers() - 1; k-- > 0;) {
    const Tensor above = slice(weight(k + 1), 1, 0, weight(k + 1).dim(1) - 1);
    signals[k].error = tanh_slope(matmul(signals[k + 1].error, transpose(above)), signals[k].post);
  }
  LearnerState next;
  for (size_t k = 0; k < layers(); ++k) {
    const Synapses s = changed(params, {weight(k), state.tensors[2 * k + 1]}, signals[k]);
    next.tensors.push_back(s.weight);
    next.tensors.push_back(s.trace);
  }
  return {std::move(next), prediction};
}

ListedLearner::StepNumbers LearnedRuleLearner::step_numbers(double) const {
  double weights = 0, neurons = 0, largest = 0;
  auto below = static_cast<double>(inputs());
  for (size_t k = 0; k < layers(); ++k) {
    const auto above =
        static_cast<double>(k < options_.hidden.size() ? options_.hidden[k] : classes());
    weights += (below + 1) * above;
    neurons += below + above;
    largest = std::max(largest, (below + 1) * above);
    below = above;
  }
  const auto q = static_cast<double>(options_.rule_size);
  return {(q + 10) * weights + (q + 4) * neurons, (4 * q + 6) * largest};
}

}  // namespace vsml
