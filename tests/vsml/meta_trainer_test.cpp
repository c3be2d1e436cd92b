// Meta-training: what a step does.
#include "vsml/meta/meta_trainer.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <set>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/meta/es.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Lane;
using vsml::LearnerFamily;
using vsml::MetaLoss;
using vsml::MetaOptimizer;
using vsml::MetaOptions;
using vsml::MetaState;
using vsml::MetaStepReport;
using vsml::MetaTrainer;
using vsml::StepScale;
using vsml::TaskMixture;
using namespace vsml::test;

namespace {

// The gradient of the first step, from what Adam remembers of it.
Tensor first_gradient(const MetaState& state, const MetaOptions& options) {
  return state.adam.mean / (1 - options.beta1);
}

// Sum over unrolls of the gradients of one new lane, each weighed by its share of the episode.
Tensor gradient_by_hand(const MetaSetup& s, const MetaOptions& options, int64_t member) {
  const ParamSet params(s.family.layout(), s.params);
  Lane lane = s.trainer.new_lane(params, member, 0);
  const int64_t unroll = options.unroll > 0 ? options.unroll : options.episode_length;
  Tensor total = Tensor::zeros(s.params.shape(), s.params.dtype());
  for (int64_t done = 0; done < options.episode_length; done += unroll) {
    const int64_t steps = std::min(unroll, options.episode_length - done);
    const bool last = done + steps == options.episode_length;
    const Tensor part = bptt_unroll(s.family.for_dims(lane.dims), params, {&lane}, steps,
                                    options.batch_size, options.loss, 0)
                            .gradient;
    const double share =
        options.loss == MetaLoss::Last
            ? (last ? 1.0 : 0.0)
            : static_cast<double>(steps) / static_cast<double>(options.episode_length);
    total = total + part * share;
  }
  return total;
}

}  // namespace

TEST_CASE("meta-training: the gradient is the mean over lifetimes, whatever the chunks") {
  for (const int64_t unroll : {0, 4}) {
    for (const MetaLoss loss : {MetaLoss::Mean, MetaLoss::Last}) {
      for (const int64_t chunk_size : {1, 2, 5, 8}) {
        MetaOptions options = small_meta_options();
        options.unroll = unroll;
        options.loss = loss;
        options.chunk_size = chunk_size;
        const MetaSetup s(options, mixed_tasks(), DType::f64);
        Tensor want = Tensor::zeros(s.params.shape(), DType::f64);
        for (int64_t p = 0; p < 5; ++p) want = want + gradient_by_hand(s, options, p) / 5;
        MetaState state = s.trainer.initial_state(s.params);
        const MetaStepReport report = s.trainer.step(state);
        CHECK(error_of(first_gradient(state, options), want) < 1e-12);
        CHECK(report.gradient_norm == doctest::Approx(engine::global_norm(want)).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("meta-training: loss and accuracy are averaged over the population") {
  for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
    if (kind.options.optimizer != MetaOptimizer::Bptt) continue;
    CAPTURE(kind.name);
    const MetaSetup s(kind.options, mixed_tasks(), DType::f64);
    const ParamSet params(s.family.layout(), s.params);
    const int64_t steps = kind.options.carry ? kind.options.unroll : kind.options.episode_length;
    double loss = 0, correct = 0;
    for (int64_t p = 0; p < 5; ++p) {
      const Lane lane = s.trainer.new_lane(params, p, 0);
      const Walk walked =
          walk(s.family.for_dims(lane.dims), params, lane, steps, kind.options.batch_size);
      loss += mean_of(walked.loss) / 5;
      correct += mean_of(walked.correct) / 5;
    }
    MetaState state = s.trainer.initial_state(s.params);
    const MetaStepReport report = s.trainer.step(state);
    CHECK(report.loss == doctest::Approx(loss).epsilon(1e-12));
    CHECK(report.accuracy == doctest::Approx(correct).epsilon(1e-12));
  }
}

TEST_CASE("meta-training: es puts the gradient of all pairs together") {
  MetaOptions options = small_meta_options();
  options.optimizer = MetaOptimizer::Es;
  const MetaSetup s(options, mixed_tasks(), DType::f64);
  const ParamSet params(s.family.layout(), s.params);
  const auto losses = es_losses(s.family, s.tasks, params, {options, kMetaSeed, 0}, 0, 5);
  const Tensor want = es_gradient(losses, params, {options, kMetaSeed, 0});
  MetaState state = s.trainer.initial_state(s.params);
  const MetaStepReport report = s.trainer.step(state);
  CHECK(error_of(first_gradient(state, options), want) < 1e-11);
  double loss = 0;
  for (const vsml::PairLoss& pair : losses) loss += (pair.plus + pair.minus) / 10;
  CHECK(report.loss == doctest::Approx(loss).epsilon(1e-12));
}

TEST_CASE("meta-training: every step of uncarried training has new lifetimes") {
  const MetaSetup s(small_meta_options(), mixed_tasks(), DType::f64);
  const ParamSet params(s.family.layout(), s.params);
  const Lane first = s.trainer.new_lane(params, 1, 0), second = s.trainer.new_lane(params, 1, 1);
  CHECK_FALSE(same_bits(first.state, second.state));
  MetaState state = s.after(0);
  std::set<double> losses;
  for (int k = 0; k < 4; ++k) losses.insert(s.trainer.step(state).loss);
  CHECK(losses.size() == 4);
}

TEST_CASE("meta-training: carried lifetimes are staggered, end, and begin anew") {
  MetaOptions options = small_meta_options();
  options.carry = true;
  options.unroll = 4;
  options.lifetime = 30;
  options.population = 8;
  const MetaSetup s(options, mixed_tasks(), DType::f32);
  CHECK(s.trainer.longest_lifetime() == 32);
  MetaState state = s.trainer.initial_state(s.params);
  REQUIRE(state.lanes.size() == 8);
  std::vector<Lane> before = state.lanes;
  // The first lifetimes are cut, as if they had begun before: some below the shortest, 9.
  std::set<int64_t> first_lengths;
  for (const Lane& lane : before) first_lengths.insert(lane.length);
  CHECK(*first_lengths.begin() < 9);
  CHECK(first_lengths.size() >= 4);
  std::vector<std::set<int64_t>> endings(8);
  for (int64_t step = 0; step < 30; ++step) {
    s.trainer.step(state);
    for (size_t p = 0; p < 8; ++p) {
      const Lane &old = before[p], &now = state.lanes[p];
      CHECK(now.key.member == p);
      CHECK(now.length % 4 == 0);
      CHECK(now.length <= 32);
      CHECK(now.age <= now.length);
      if (old.age < old.length) {
        CHECK(now.key == old.key);
        CHECK(now.age == old.age + 4);
        CHECK(now.lifetime == old.lifetime);
      } else {
        CHECK(now.key.step == old.key.step + 1);
        CHECK(now.age == 4);
        CHECK(now.length >= 9);  // 0.3 of the longest
        endings[p].insert(step);
      }
    }
    before = state.lanes;
  }
  std::set<int64_t> all;
  for (const auto& own : endings) {
    CHECK(own.size() >= 3);
    all.insert(own.begin(), own.end());
  }
  CHECK(all.size() > 15);  // together they end in most of the 30 steps
}

TEST_CASE("meta-training: a carried state goes on where the step before left it") {
  MetaOptions options = small_meta_options();
  options.carry = true;
  options.unroll = 3;
  options.lifetime = 1000;
  options.learning_rate = 0;  // so that one learner can be walked along
  const MetaSetup s(options, plain_tasks(), DType::f64);
  const ParamSet params(s.family.layout(), s.params);
  const MetaState state = s.after(3);
  for (int64_t p = 0; p < 5; ++p) {
    const Lane born = s.trainer.new_lane(params, p, 0);
    REQUIRE(born.length > 9);
    const Walk want = walk(s.family.for_dims(born.dims), params, born, 9, 1);
    CHECK(error_of(state.lanes[static_cast<size_t>(p)].state, want.state) < 1e-12);
  }
}

TEST_CASE("meta-training: lifetimes from a shortest one on are uniform in the logarithm") {
  MetaOptions options = small_meta_options();
  options.carry = true;
  options.unroll = 1;
  options.shortest_lifetime = 100;
  options.lifetime = 10'000;
  const MetaSetup s(options, plain_tasks(), DType::f64);
  const engine::ParamSet params(s.family.layout(), s.params);
  int below = 0;
  constexpr int kCount = 400;
  for (int64_t lifetime = 1; lifetime <= kCount; ++lifetime) {
    const int64_t length = s.trainer.new_lane(params, 0, lifetime).length;
    REQUIRE(length >= 100);
    REQUIRE(length <= 10'000);
    if (length < 1000) ++below;  // the middle in the logarithm
  }
  CHECK(std::abs(below - kCount / 2) < 4 * std::sqrt(kCount / 4.0));
}

TEST_CASE("meta-training: a gradient that is too long is clipped, and reported as it was") {
  MetaOptions options = small_meta_options();
  const MetaSetup free(options, mixed_tasks(), DType::f64);
  MetaState unclipped = free.after(0);
  const double norm = free.trainer.step(unclipped).gradient_norm;
  const Tensor gradient = first_gradient(unclipped, options);
  for (const double factor : {0.25, 2.0}) {
    options.clip_norm = factor * norm;
    const MetaSetup clipped(options, mixed_tasks(), DType::f64);
    MetaState state = clipped.after(0);
    CHECK(clipped.trainer.step(state).gradient_norm == norm);
    CHECK(error_of(first_gradient(state, options), gradient * std::min(1.0, factor)) < 1e-14);
  }
}

TEST_CASE("meta-training: every lifetime's gradient is clipped by itself") {
  MetaOptions options = small_meta_options();
  options.population = 2;
  options.chunk_size = 1;
  options.step_scale = StepScale::Initial;
  const MetaSetup free(options, mixed_tasks(), DType::f64);
  const Tensor scale = free.after(0).scale;
  std::vector<Tensor> gradients;
  std::vector<double> norms;
  for (int64_t member = 0; member < 2; ++member) {
    gradients.push_back(gradient_by_hand(free, options, member));
    norms.push_back(engine::global_norm(gradients.back() * scale));
  }
  REQUIRE(norms[0] != norms[1]);
  options.clip_lifetime_norm = (norms[0] + norms[1]) / 2;  // one is longer, one is not
  Tensor expected = gradients[0] * 0.0;
  for (size_t k = 0; k < 2; ++k) {
    expected = expected + gradients[k] * (std::min(1.0, options.clip_lifetime_norm / norms[k]) / 2);
  }
  const MetaSetup clipped(options, mixed_tasks(), DType::f64);
  MetaState state = clipped.after(0);
  const double reported = clipped.trainer.step(state).gradient_norm;
  CHECK(reported == doctest::Approx(engine::global_norm(expected)).epsilon(1e-12));
  CHECK(error_of(first_gradient(state, options), expected * scale) < 1e-14);
}

TEST_CASE("meta-training: warm-up and schedule of the learning rate") {
  MetaOptions options = small_meta_options();
  options.steps = 8;
  options.warmup = 4;
  const auto rates = [&] {
    const MetaSetup s(options, plain_tasks(), DType::f32);
    MetaState state = s.after(0);
    std::vector<double> result;
    for (int k = 0; k < 8; ++k) result.push_back(s.trainer.step(state).learning_rate);
    return result;
  };
  const std::vector<double> constant = rates();
  options.schedule = vsml::Schedule::Cosine;
  options.final_learning_rate = 0.2;
  const std::vector<double> cosine = rates();
  for (size_t k = 0; k < 8; ++k) {
    const double want = 0.01 * std::min(1.0, static_cast<double>(k + 1) / 4);
    CHECK(constant[k] == doctest::Approx(want).epsilon(1e-12));
    const double decay = (1 + std::cos(std::acos(-1.0) * static_cast<double>(k) / 8)) / 2;
    CHECK(cosine[k] == doctest::Approx(want * (0.2 + 0.8 * decay)).epsilon(1e-12));
  }
}

TEST_CASE("meta-training: what diverges throws and leaves the state as it was") {
  for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
    CAPTURE(kind.name);
    MetaOptions options = kind.options;
    options.learning_rate = 1e39;  // beyond the largest f32
    const MetaSetup s(options, mixed_tasks(), DType::f32);
    const MetaState start = s.after(0);
    MetaState state = start;
    CHECK_THROWS_AS(s.trainer.step(state), vsml::DivergedError);
    CHECK(same_bits(state, start));
  }
  const MetaSetup s(small_meta_options(), mixed_tasks(), DType::f32);
  MetaState broken = s.trainer.initial_state(s.params * NAN);
  std::string text;
  try {
    s.trainer.step(broken);
  } catch (const vsml::DivergedError& error) {
    text = error.what();
  }
  CHECK(text == "meta-training step 0: the loss is not finite");
}

TEST_CASE("meta-training: a task that is too short for a lifetime is told") {
  vsml::TaskOptions task;
  task.dataset = "random";
  task.pairs = 12;
  const TaskMixture tasks({std::make_shared<const vsml::Task>(task, vsml::DataFolders{})}, {1});
  const LearnerFamily family(tiny_learner(), DType::f32, {});
  MetaOptions options = small_meta_options();
  options.batch_size = 2;
  CHECK_NOTHROW(MetaTrainer(options, family, tasks, kMetaSeed));
  options.episode_length = 7;
  std::string text;
  try {
    MetaTrainer(options, family, tasks, kMetaSeed);
  } catch (const engine::Error& error) {
    text = error.what();
  }
  CHECK(text == "task random: expected at least 14 examples for one lifetime, found 12");
  options.episode_length = 6;
  options.carry = true;
  options.unroll = 4;
  options.lifetime = 5;
  CHECK_THROWS_AS(MetaTrainer(options, family, tasks, kMetaSeed), engine::Error);
}

TEST_CASE("meta-training: raises a learning rate that is far too low") {
  const TaskMixture tasks({random_task(6, 2, 4)}, {1});
  for (const MetaOptimizer optimizer : {MetaOptimizer::Bptt, MetaOptimizer::Es}) {
    vsml::LearnerOptions sgd;
    sgd.type = vsml::LearnerType::Sgd;
    const LearnerFamily family(sgd, DType::f32, {});
    MetaOptions options = small_meta_options();
    options.optimizer = optimizer;
    options.population = 8;
    options.episode_length = 30;
    options.learning_rate = 0.2;
    const MetaTrainer trainer(options, family, tasks, kMetaSeed);
    const float start = std::log(1e-3f);
    MetaState state = trainer.initial_state(Tensor::from(std::vector<float>{start}, {1}));
    for (int k = 0; k < 20; ++k) trainer.step(state);
    CHECK(state.params.item() > start + 2);
  }
}
