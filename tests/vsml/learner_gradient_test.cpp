// Meta-gradients of every meta-trained learner, and that every meta-optimiser trains it.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/learner_variants.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/fitted_learner.h"
#include "vsml/learners/make_learner.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Learner;
using vsml::LearnerOptions;
using vsml::LearnerState;
using vsml::LearnerStep;
using namespace vsml::test;

namespace {

const vsml::TaskDims kDims{4, 3};
constexpr uint64_t kExamples = 4;

}  // namespace

TEST_CASE("learners: the meta-gradient, by parameters and state, equals central differences") {
  for (const LearnerOptions& options : learner_variants(kDims)) {
    CAPTURE(options.name);
    const auto learner = make_learner(options, kDims, DType::f64);
    const int64_t batch = learner->takes_batches() ? 2 : 1;
    const Tensor flat = moving_params(*learner, 5);
    const LearnerState born =
        learner->initial_state(ParamSet(learner->layout(), flat), member_keys(3, 2), batch);
    std::vector<Tensor> inputs{flat};
    for (const Tensor& part : born.tensors) inputs.push_back(part + 0.1);
    const Loss loss = [&](const std::vector<Tensor>& x) {
      LearnerState state{{x.begin() + 1, x.end()}};
      Tensor total = Tensor::scalar(0, DType::f64);
      for (uint64_t t = 0; t < kExamples; ++t) {
        const Tensor label = labels(2, batch, kDims.classes, 80 + t);
        LearnerStep step = learner->step(ParamSet(learner->layout(), x[0]), state,
                                         values({2, batch, kDims.inputs}, -1, 1, 70 + t), label);
        total = total + sum(cross_entropy(step.prediction, label));
        state = std::move(step.state);
      }
      // so that what the last example left behind counts, too
      for (const Tensor& part : state.tensors) total = total + sum(square(part));
      return total;
    };
    CHECK(gradient_error(loss, inputs) < kGradientBound);
  }
}

TEST_CASE("learners: es and bptt train every one; gradient checkpoints change no bit") {
  for (LearnerOptions options : learner_variants(kDims)) {
    if (options.name.find("convolutions") != std::string::npos) continue;  // need four inputs
    CAPTURE(options.name);
    options.fast_weights.conv = {};
    const vsml::TaskMixture tasks({random_task(4, 3), random_task(2, 2)}, {1, 1});
    const vsml::LearnerFamily family(options, DType::f32, {});
    const Tensor start = family.for_dims(kDims).initial_params({1, 1, 0, 0});
    for (const auto optimizer : {vsml::MetaOptimizer::Bptt, vsml::MetaOptimizer::Es}) {
      vsml::MetaOptions meta = small_meta_options();
      meta.optimizer = optimizer;
      const vsml::MetaTrainer trainer(meta, family, tasks, kMetaSeed);
      vsml::MetaState state = trainer.initial_state(start);
      for (int k = 0; k < 2; ++k) CHECK(trainer.step(state).gradient_norm > 0);
      CHECK_FALSE(same_bits(state.params, start));
    }
    const ParamSet params(family.layout(), start);
    std::vector<vsml::UnrollGradient> results;
    for (const int64_t segment : {0, 1, 3}) {
      std::vector<vsml::Lane> lanes =
          new_lanes(vsml::TaskMixture({random_task(4, 3)}, {1}), family, params, 3, 1);
      results.push_back(bptt_unroll(family.for_dims(kDims), params, pointers(lanes), 8, 1,
                                    vsml::MetaLoss::Mean, segment));
      CHECK(same_bits(results.back().gradient, results[0].gradient));
    }
  }
}

TEST_CASE("learners: a smaller task is the larger one with inputs and classes of 0") {
  for (const LearnerOptions& options : learner_variants(kDims)) {
    if (!has_task_sizes(options.type)) continue;
    CAPTURE(options.name);
    const auto large = make_learner(options, kDims, DType::f64);
    const auto small = make_learner(options, {3, 2}, DType::f64);
    CHECK(small->dims() == vsml::TaskDims{3, 2});
    const ParamSet params(large->layout(), moving_params(*large, 5));
    LearnerState a = large->initial_state(params, member_keys(1, 2), 1);
    LearnerState b = small->initial_state(params, member_keys(1, 2), 1);
    for (uint64_t t = 0; t < kExamples; ++t) {
      const Tensor input = values({2, 1, 3}, -1, 1, 70 + t), label = labels(2, 1, 2, 80 + t);
      LearnerStep of_a = large->step(params, a, pad(input, -1, 0, 1), pad(label, -1, 0, 1));
      LearnerStep of_b = small->step(params, b, input, label);
      CHECK(same_bits(of_b.prediction, slice(of_a.prediction, -1, 0, 2).contiguous()));
      a = std::move(of_a.state);
      b = std::move(of_b.state);
    }
    CHECK(same_bits(a, b));
    CHECK_THROWS_WITH_AS(make_learner(options, {5, 3}, DType::f64),
                         "learner: expected a task of at most 4 inputs and 3 classes, got 5 and 3",
                         engine::Error);
    CHECK_THROWS_AS(make_learner(options, {4, 4}, DType::f64), engine::Error);
  }
}

TEST_CASE("learners: parameters start as their documentation says") {
  LearnerOptions options;
  options.type = vsml::LearnerType::Hypernetwork;
  options.init.scale = 0.5;
  const auto learner = make_learner(options, {100, 10}, DType::f64);
  const ParamSet params(learner->layout(), learner->initial_params({4, 1, 0, 0}));
  CHECK(params["fast_rate"].item() == -4.5);
  for (const char* name : {"rows.w", "columns.w", "code.bias", "lstm.bias", "main.bias"}) {
    CHECK(max(abs(params[name])).item() == 0);
  }
  for (const auto& [name, fan_in] :
       {std::pair<const char*, double>{"main.w", 100}, {"code.w", 120}, {"lstm.w", 64}}) {
    const Tensor w = params[name];
    const double deviation = 0.5 / std::sqrt(fan_in);
    CHECK(max(abs(w)).item() <= 2 * deviation);
    // Variance of a normal cut at two deviations, to five deviations of its estimate.
    const double bound = 5 * std::sqrt(2 / static_cast<double>(w.size()));
    CHECK(std::fabs(mean(square(w)).item() / (0.7737413 * deviation * deviation) - 1) < bound);
  }
  LearnerOptions programmer;
  programmer.type = vsml::LearnerType::FastWeights;
  const auto fwp = make_learner(programmer, {4, 100}, DType::f64);
  const Tensor fast =
      fwp->initial_state(ParamSet(fwp->layout(), fwp->initial_params({})), member_keys(1, 1), 1)
          .tensors[0];
  CHECK(std::fabs(mean(square(fast)).item() * 64 - 1) <
        5 * std::sqrt(2 / static_cast<double>(fast.size())));
}

TEST_CASE("learners: convolutions need an image, some learners one example at a time") {
  LearnerOptions options;
  options.type = vsml::LearnerType::MetaRnn;
  options.meta_rnn.conv.channels = 2;
  CHECK_THROWS_AS(make_learner(options, {5, 2}), engine::Error);  // no square
  CHECK_NOTHROW(make_learner(options, {49, 2}));
  options.meta_rnn.conv.image = {{7, 3}};
  CHECK_NOTHROW(make_learner(options, {42, 2}));  // two channels
  CHECK_THROWS_AS(make_learner(options, {43, 2}), engine::Error);

  options = {};
  options.type = vsml::LearnerType::LearnedRule;
  const auto rule = make_learner(options, kDims);
  const ParamSet params(rule->layout(), rule->initial_params({}));
  CHECK_FALSE(rule->takes_batches());
  CHECK_THROWS_WITH_AS(
      rule->step(params, rule->initial_state(params, member_keys(1, 1), 2),
                 Tensor::zeros({1, 2, 4}, DType::f32), Tensor::zeros({1, 2, 3}, DType::f32)),
      "learned_rule: expected one example at a time: input [P, 1, D], got [1, 2, 4]",
      engine::ShapeError);
}
