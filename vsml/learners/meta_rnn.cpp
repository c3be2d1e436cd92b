#include "vsml/learners/meta_rnn.h"

#include "engine/ops/movement.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {

using engine::Tensor;

Fields fields_of(MetaRnnOptions& o) {
  Fields fields = {
      {"state_size", "N: size of the LSTM", IntegerField{&o.state_size, {1, 65536}}},
      {"micro_ticks", "updates of the LSTM on the same example",
       IntegerField{&o.micro_ticks, {1, 1000}}},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
  };
  append(fields, fields_of(o.conv), {});
  return fields;
}

MetaRnnLearner::MetaRnnLearner(const MetaRnnOptions& options, const LearnerSetting& setting)
    : ListedLearner("meta_rnn", setting, Batches::Any),
      options_(options),
      features_(options.conv, setting.dims.inputs) {
  const int64_t n = options.state_size;
  add_features(features_);
  add_linear("lstm", features_.size() + 2 * classes() + n, 4 * n);
  add_linear("readout", n, classes());
  add_state_per_example("h", n);
  add_state_per_example("c", n);
  add_state_per_example("error", classes());
  add_state_per_example("label", classes());
}

LearnerStep MetaRnnLearner::learn(const engine::ParamSet& params, LearnerState state,
                                  const Tensor& input, const Tensor& label) const {
  const Tensor heard =
      engine::concat({features_(params, input), state.tensors[2], state.tensors[3]}, -1);
  const CellState next =
      lstm(params, "lstm", {state.tensors[0], state.tensors[1]}, heard, options_.micro_ticks);
  const Tensor prediction = bounded(linear(params, "readout", next.h), options_.output_bound);
  return {{{next.h, next.c, prediction_error(prediction, label), label}}, prediction};
}

ListedLearner::StepNumbers MetaRnnLearner::step_numbers(double batch) const {
  const auto n = static_cast<double>(options_.state_size);
  const auto c = static_cast<double>(classes());
  const auto heard = static_cast<double>(features_.size()) + 2 * c;
  const double ticks = 7 * n * static_cast<double>(options_.micro_ticks);
  return {batch * (features_.kept() + heard + ticks + 4 * c),
          batch * (features_.kept() + 2 * heard + 12 * n + 4 * c)};
}

}  // namespace vsml
