#include "vsml/learners/hebbian.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {

using engine::Tensor;

Fields fields_of(HebbianOptions& o) {
  Fields fields = {
      {"rule", "of the fast weights", choice(o.rule, {"hebb", "oja"})},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
  };
  append(fields, fields_of(o.conv), {});
  return fields;
}

HebbianLearner::HebbianLearner(const HebbianOptions& options, const LearnerSetting& setting)
    : ListedLearner("hebbian", setting, Batches::Any),
      options_(options),
      features_(options.conv, setting.dims.inputs) {
  const int64_t n = features_.size() + 2 * classes();
  add_features(features_);
  add_linear("layer", n, classes());
  add_param("coefficient", {n, classes()}, 0.01);
  add_param("fast_rate", {1}, -4.5);
  add_state("fast", {n, classes()});
}

LearnerStep HebbianLearner::learn(const engine::ParamSet& params, LearnerState state,
                                  const Tensor& input, const Tensor& label) const {
  const Tensor& fast = state.tensors[0];
  const Tensor x = features_(params, input);
  const Tensor w = params["layer.w"] + params["coefficient"] * fast;
  const Tensor bias = spread(params["layer.bias"], 3);
  // Error and label are 0 while it predicts.
  const Tensor y = project(x, slice(w, -2, 0, x.dim(-1))) + bias;
  const Tensor prediction = bounded(y, options_.output_bound);

  const Tensor v = engine::concat({x, prediction_error(prediction, label), label}, -1);
  const Tensor z = softmax(project(v, w) + bias);
  const Tensor rate = sigmoid(scalar(params, "fast_rate"));
  const Tensor together = outer(v, z) * (1 / static_cast<double>(input.dim(1)));
  if (options_.rule == HebbianRule::Hebb) return {{{fast + rate * (together - fast)}}, prediction};
  const Tensor decay = mean(square(z), {1}, engine::KeepAxes::Yes);  // [P, 1, C]
  return {{{fast + rate * (together - decay * fast)}}, prediction};
}

ListedLearner::StepNumbers HebbianLearner::step_numbers(double batch) const {
  const auto c = static_cast<double>(classes());
  const double n = static_cast<double>(features_.size()) + 2 * c;
  return {3.5 * n * c + batch * (features_.kept() + n + 8 * c),
          4.5 * n * c + batch * (features_.kept() + 2 * n + 4 * c)};
}

}  // namespace vsml
