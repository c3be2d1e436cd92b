#include "vsml/meta/bptt.h"

#include <algorithm>

#include "engine/gradient_checkpoint.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"

namespace vsml {
namespace {

using engine::Tensor;

// One step of the recurrence that engine::unroll runs: shared = the parts of the parameters.
engine::StepFunction step_function(const Learner& learner, const engine::ParamSet& params,
                                   const ExampleBlock& block) {
  return [&learner, &params, &block](int64_t t, const std::vector<Tensor>& shared,
                                     const std::vector<Tensor>& carry) {
    const auto k = static_cast<size_t>(t);
    LearnerStep next = learner.step(engine::ParamSet(params.layout(), params.flat(), shared),
                                    LearnerState{carry}, block.inputs[k], block.labels[k]);
    return engine::UnrollStep{std::move(next.state.tensors), std::move(next.prediction)};
  };
}

// What each step of each lane counts, [T, P, 1]; undefined: all the same.
struct Weights {
  Tensor loss, correct;
};

Weights weights_of(const std::vector<Lane*>& lanes, int64_t steps, int64_t batch, MetaLoss loss,
                   const Tensor& like) {
  const auto has_support = [](const Lane* lane) { return lane->support > 0; };
  if (std::none_of(lanes.begin(), lanes.end(), has_support)) return {};
  std::vector<double> of_loss, of_correct;
  for (int64_t t = 0; t < steps; ++t) {
    for (const Lane* lane : lanes) {
      const double weight = score_weight(*lane, lane->age + t, batch);
      of_correct.push_back(weight);
      const bool last = t + 1 == steps && weight > 0;
      of_loss.push_back(loss == MetaLoss::Mean ? weight : last ? static_cast<double>(steps) : 0);
    }
  }
  const engine::Shape shape{steps, std::ssize(lanes), 1};
  return {cast(Tensor::from(of_loss, shape, like.device()), like.dtype()),
          Tensor::from(of_correct, shape, like.device())};
}

// Sum over the members of the mean cross entropy over steps and batch.
Tensor summed_loss(const std::vector<Tensor>& predictions, const std::vector<Tensor>& labels,
                   MetaLoss loss, const Tensor& weight) {
  if (loss == MetaLoss::Last && !weight.defined()) {
    return sum(mean(cross_entropy(predictions.back(), labels.back()), {1}));
  }
  const Tensor each = cross_entropy(engine::stack(predictions, 0), engine::stack(labels, 0));
  return sum(mean(weight.defined() ? each * weight : each, {0, 2}));  // each [T, P, B]
}

}  // namespace

UnrollGradient bptt_unroll(const Learner& learner, const engine::ParamSet& params,
                           const std::vector<Lane*>& lanes, int64_t steps, int64_t batch,
                           MetaLoss loss, int64_t segment) {
  const engine::ParamSet own(params.layout(), params.flat().detached());
  const std::vector<Tensor> parts = own.parts();
  const ExampleBlock block =
      next_examples(lanes, steps, batch, own.flat().dtype(), own.flat().device());
  const Weights weights = weights_of(lanes, steps, batch, loss, own.flat());
  LearnerState start = gather_states(lanes);
  UnrollGradient result;
  engine::UnrollResult run;
  {
    engine::Tape tape;
    for (const Tensor& part : parts) tape.watch(part);
    run = engine::unroll(step_function(learner, own, block), steps, parts, start.tensors, segment);
    start.tensors.clear();
    const Tensor total = summed_loss(run.outputs, block.labels, loss, weights.loss);
    std::vector<Tensor> gradients;
    for (const Tensor& gradient : tape.gradient(total, parts)) {
      gradients.push_back(reshape(gradient, {gradient.size()}));
    }
    result.gradient = engine::concat(gradients, 0);
    result.loss = total.item();
  }
  Tensor hits =
      equal(argmax(engine::stack(run.outputs, 0), -1), argmax(engine::stack(block.labels, 0), -1));
  if (weights.correct.defined()) hits = cast(hits, engine::DType::f64) * weights.correct;
  result.correct = static_cast<double>(sum(hits).item()) / static_cast<double>(steps * batch);
  scatter_states({run.carry}, lanes);
  for (Lane* lane : lanes) lane->age += steps;
  return result;
}

}  // namespace vsml
