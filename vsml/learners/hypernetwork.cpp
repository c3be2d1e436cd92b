#include "vsml/learners/hypernetwork.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {

using engine::Tensor;

Fields fields_of(HypernetworkOptions& o) {
  return {
      {"code_size", "numbers that the LSTM is told about an example",
       IntegerField{&o.code_size, {1, 65536}}},
      {"state_size", "N: size of the LSTM", IntegerField{&o.state_size, {1, 65536}}},
      {"micro_ticks", "updates of the LSTM on the same example",
       IntegerField{&o.micro_ticks, {1, 1000}}},
      {"rank", "of the change of the weights per example", IntegerField{&o.rank, {1, 1024}}},
      {"output_bound", "prediction = bound tanh(y / bound); 0: the prediction is y",
       RealField{&o.output_bound, kNotNegative}},
  };
}

HypernetworkLearner::HypernetworkLearner(const HypernetworkOptions& options,
                                         const LearnerSetting& setting)
    : ListedLearner("hypernetwork", setting, Batches::One), options_(options) {
  const int64_t n = options.state_size;
  add_linear("code", inputs() + 2 * classes(), options.code_size);
  add_linear("lstm", options.code_size + n, 4 * n);
  add_linear("main", inputs(), classes());
  add_linear("rows", n, inputs(), 0);
  add_linear("columns", n, classes(), 0);
  add_linear("left", n, options.rank * inputs());
  add_linear("right", 2 * classes() + n, options.rank * classes(), 0);
  add_param("fast_rate", {1}, -4.5);
  add_state_per_example("h", n);
  add_state_per_example("c", n);
  add_state("fast", {inputs(), classes()});
}

LearnerStep HypernetworkLearner::learn(const engine::ParamSet& params, LearnerState state,
                                       const Tensor& input, const Tensor& label) const {
  const Tensor &h = state.tensors[0], &fast = state.tensors[2];
  const Tensor rows = linear(params, "rows", h) + 1, columns = linear(params, "columns", h) + 1;
  const Tensor y = matmul(input * rows, params["main.w"] + fast) * columns;
  const Tensor prediction = bounded(y + spread(params["main.bias"], 3), options_.output_bound);

  const Tensor told = engine::concat({prediction_error(prediction, label), label}, -1);
  const Tensor code = linear(params, "code", engine::concat({input, told}, -1));
  const CellState next = lstm(params, "lstm", {h, state.tensors[1]}, code, options_.micro_ticks);
  const int64_t members = input.dim(0), rank = options_.rank;
  const Tensor scales = reshape(linear(params, "left", next.h), {members, rank, inputs()});
  const Tensor change = linear(params, "right", engine::concat({told, next.h}, -1));
  const Tensor right = reshape(change, {members, rank, classes()});
  const Tensor written = outer(input * (scales + 1), right);
  const Tensor changed = fast + sigmoid(scalar(params, "fast_rate")) * written;
  return {{{next.h, next.c, changed}}, prediction};
}

ListedLearner::StepNumbers HypernetworkLearner::step_numbers(double batch) const {
  const auto n = static_cast<double>(options_.state_size), c = static_cast<double>(classes());
  const auto d = static_cast<double>(inputs()), rank = static_cast<double>(options_.rank);
  const double ticks = 7 * n * static_cast<double>(options_.micro_ticks);
  const double code = static_cast<double>(options_.code_size);
  return {2 * d * c + batch * ((3 + 2 * rank) * d + code + ticks + n + (10 + rank) * c),
          3 * d * c + batch * (4 * rank * d + code + 13 * n + 6 * c)};
}

}  // namespace vsml
