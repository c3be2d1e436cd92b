#include "vsml/learners/fast_weight_memory.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "vsml/learners/learner_parts.h"
#include "vsml/readout.h"

namespace vsml {

using engine::KeepAxes;
using engine::Tensor;

FastWeightMemoryLearner::FastWeightMemoryLearner(const FastWeightsOptions& options,
                                                 const LearnerSetting& setting)
    : ListedLearner("fast_weights", setting, Batches::One),
      options_(options),
      features_(options.conv, setting.dims.inputs) {
  const int64_t n = options.state_size, m = options.memory_size;
  add_features(features_);
  add_linear("lstm", features_.size() + 2 * classes() + n, 4 * n);
  add_linear("write", n, 3 * m + 1);
  add_linear("read", n, 2 * m);
  add_linear("join", m, n);
  add_linear("readout", n, classes());
  add_state_per_example("h", n);
  add_state_per_example("c", n);
  add_state("memory", {m, m * m});
  add_state_per_example("error", classes());
  add_state_per_example("label", classes());
}

// a, b [P, 1, m]  ->  [P, 1, m^2], b's index the faster one.
static Tensor flat_outer(const Tensor& a, const Tensor& b) {
  return reshape(outer(a, b), {a.dim(0), 1, a.dim(2) * b.dim(2)});
}

LearnerStep FastWeightMemoryLearner::learn(const engine::ParamSet& params, LearnerState state,
                                           const Tensor& input, const Tensor& label) const {
  const int64_t m = options_.memory_size;
  const Tensor heard =
      engine::concat({features_(params, input), state.tensors[3], state.tensors[4]}, -1);
  const CellState next = lstm(params, "lstm", {state.tensors[0], state.tensors[1]}, heard, 1);

  const Tensor write = linear(params, "write", next.h);
  const std::vector<Tensor> keys = split(tanh(slice(write, -1, 0, 3 * m)), -1, 3);
  const Tensor beta = sigmoid(slice(write, -1, 3 * m, 3 * m + 1));
  const Tensor key = flat_outer(keys[0], keys[1]);
  const Tensor& old = state.tensors[2];
  const Tensor change = beta * (keys[2] - matmul(key, transpose(old)));  // [P, 1, m]
  const Tensor written = old + outer(change, key);
  const Tensor norm = sqrt(sum(square(written), {1, 2}, KeepAxes::Yes));
  const Tensor memory = written / maximum(norm, Tensor::scalar(1, norm.dtype(), norm.device()));

  const std::vector<Tensor> query = split(tanh(linear(params, "read", next.h)), -1, 2);
  const Tensor found = matmul(flat_outer(query[0], query[1]), transpose(memory));
  const Tensor plain = layer_norm(found, Tensor::full({m}, 1, found.dtype(), found.device()),
                                  Tensor::zeros({m}, found.dtype(), found.device()));
  const Tensor joined = next.h + linear(params, "join", plain);
  const Tensor prediction = bounded(linear(params, "readout", joined), options_.output_bound);
  return {{{next.h, next.c, memory, prediction_error(prediction, label), label}}, prediction};
}

ListedLearner::StepNumbers FastWeightMemoryLearner::step_numbers(double batch) const {
  const auto n = static_cast<double>(options_.state_size);
  const auto m = static_cast<double>(options_.memory_size), c = static_cast<double>(classes());
  const double heard = static_cast<double>(features_.size()) + 2 * c;
  const double memory = m * m * m;
  return {memory + batch * (features_.kept() + heard + 8 * n + 2 * m * m + 14 * m + 4 * c),
          4 * memory + batch * (features_.kept() + 2 * heard + 12 * n + 2 * m * m)};
}

}  // namespace vsml
