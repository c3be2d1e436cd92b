// Persistent evolution strategies on a problem whose meta-gradient is known.
//
// A parameter theta pushes a state that fades slowly, s' = 0.9 s + theta, and the answer is
// y = 0.3 s - theta: at first theta does harm, and only later more good than that. The loss of an
// example is log(1 + exp(-y)). Over lifetimes of 40 examples the gradient says "more", while every
// unroll of two examples, taken by itself, says "less".
#include <cmath>
#include <doctest/doctest.h>

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
using vsml::LearnerState;
using vsml::LearnerStep;
using vsml::MetaOptimizer;
using vsml::MetaOptions;
using namespace vsml::test;

namespace {

constexpr double kFade = 0.9, kGain = 0.3, kTheta = 0.2;
constexpr int64_t kLifetime = 40, kUnroll = 2, kPairs = 1500;

class SlowLearner final : public vsml::Learner {
 public:
  explicit SlowLearner(const vsml::TaskDims& dims) : dims_(dims) { layout_.add("theta", {1}); }

  const vsml::TaskDims& dims() const override { return dims_; }
  const engine::ParamLayout& layout() const override { return layout_; }
  Tensor initial_params(const engine::RngKey&) const override {
    return Tensor::full({1}, kTheta, DType::f32);
  }
  std::vector<std::string> state_names() const override { return {"s"}; }
  LearnerState initial_state(const ParamSet&, const std::vector<engine::RngKey>& members,
                             int64_t batch) const override {
    return {{Tensor::zeros({static_cast<int64_t>(members.size()), batch, 1}, DType::f32)}};
  }
  vsml::LearnerMemory memory(int64_t members, int64_t batch) const override {
    const auto numbers = static_cast<double>(members * batch);
    return {4 * numbers, 40 * numbers, 40 * numbers};
  }
  // The label of sum_sign is the sign of the inputs' sum: y > 0 is the right answer to every one.
  LearnerStep step(const ParamSet& params, LearnerState state, const Tensor& input,
                   const Tensor&) const override {
    const Tensor theta = reshape(params["theta"], {params["theta"].size(), 1, 1});
    const Tensor& s = state.tensors[0];
    const Tensor zero = Tensor::scalar(0, DType::f32);
    const Tensor sign =
        greater_equal(sum(input, {2}, engine::KeepAxes::Yes), zero) * 2 - 1;  // [P, B, 1]
    const Tensor y = (s * kGain - theta) * sign * 0.5;
    return {{{s * kFade + theta}}, engine::concat({-y, y}, -1)};
  }

 private:
  vsml::TaskDims dims_;
  engine::ParamLayout layout_;
};

class SlowSource final : public vsml::LearnerSource {
 public:
  const vsml::Learner& for_dims(const vsml::TaskDims& dims) const override {
    return dims.inputs == one_.dims().inputs ? one_ : task_;
  }

 private:
  SlowLearner one_{{1, 1}}, task_{{3, 2}};
};

// d/dtheta of the mean loss over a lifetime, by loops.
double true_gradient() {
  double s = 0, ds = 0, total = 0;
  for (int64_t t = 0; t < kLifetime; ++t) {
    const double y = kGain * s - kTheta, dy = kGain * ds - 1;
    total -= dy / (1 + std::exp(y));
    s = kFade * s + kTheta;
    ds = kFade * ds + 1;
  }
  return total / static_cast<double>(kLifetime);
}

MetaOptions toy_options(MetaOptimizer optimizer) {
  MetaOptions options;
  options.optimizer = optimizer;
  options.population = kPairs;
  options.noise_std = 0.01;
  options.standardize_fitness = false;
  options.carry = true;
  options.unroll = kUnroll;
  options.lifetime = kLifetime;
  return options;
}

std::vector<Lane> lanes_of(const SlowSource& source, const vsml::TaskMixture& tasks,
                           const ParamSet& params, int64_t pairs, int64_t twins) {
  std::vector<Lane> lanes;
  for (int64_t k = 0; k < pairs * twins; ++k) {
    const engine::RngKey key{5, 0, 0, static_cast<uint32_t>(k / twins)};
    lanes.push_back(begin_lane(tasks, source, params, key, kLifetime, 1));
  }
  return lanes;
}

// What the unrolls of one lifetime give on average, and the standard error of it.
struct Estimate {
  double gradient = 0, error = 0;
};

Estimate estimate(MetaOptimizer optimizer, int64_t unroll) {
  const SlowSource source;
  const vsml::TaskMixture tasks({sum_sign_task(3)}, {1});
  const ParamSet params(source.layout(), source.for_dims({3, 2}).initial_params({}));
  const MetaOptions options = toy_options(optimizer);
  std::vector<Lane> lanes = lanes_of(source, tasks, params, kPairs, 2);
  Tensor noise = Tensor::zeros({kPairs, 1}, DType::f32);
  std::vector<double> each(kPairs, 0);  // of one pair
  const int64_t unrolls = kLifetime / unroll;
  Estimate result;
  for (int64_t step = 0; step < unrolls; ++step) {
    const auto losses = es_unroll(source, params, {options, kMetaSeed, step}, 0, lanes, unroll);
    const bool persistent = optimizer == MetaOptimizer::Pes;
    const Tensor gradient = persistent
                                ? pes_gradient(losses, params, {options, kMetaSeed, step}, noise)
                                : es_gradient(losses, params, {options, kMetaSeed, step});
    result.gradient += gradient.item() / static_cast<double>(unrolls);
    const auto sums = noise.to_vector<float>();
    for (size_t k = 0; k < each.size(); ++k) {
      const auto pair = static_cast<int64_t>(k);
      const double xi = persistent
                            ? static_cast<double>(sums[k])
                            : vsml::pair_noise(kMetaSeed, step, pair, 1, DType::f32, {}).item();
      each[k] += xi * (losses[k].plus - losses[k].minus) /
                 (2 * options.noise_std * static_cast<double>(unrolls));
    }
  }
  double squares = 0;
  for (const double one : each) squares += (one - result.gradient) * (one - result.gradient);
  result.error = std::sqrt(squares) / static_cast<double>(kPairs);
  return result;
}

double bptt_estimate(int64_t unroll) {
  const SlowSource source;
  const vsml::TaskMixture tasks({sum_sign_task(3)}, {1});
  const ParamSet params(source.layout(), source.for_dims({3, 2}).initial_params({}));
  std::vector<Lane> lanes = lanes_of(source, tasks, params, 1, 1);
  double gradient = 0;
  for (int64_t done = 0; done < kLifetime; done += unroll) {
    gradient += bptt_unroll(source.for_dims({3, 2}), params, pointers(lanes), unroll, 1,
                            vsml::MetaLoss::Mean, 0)
                    .gradient.item();
  }
  return gradient * static_cast<double>(unroll) / static_cast<double>(kLifetime);
}

}  // namespace

TEST_CASE("pes: unrolls of two examples give the gradient of the lifetime; es and bptt do not") {
  const double truth = true_gradient();
  CHECK(truth < -0.1);  // a larger theta is better
  CHECK(std::fabs(bptt_estimate(kLifetime) - truth) < 1e-6);
  CHECK(bptt_estimate(kUnroll) > 0.1);

  const Estimate full = estimate(MetaOptimizer::Es, kLifetime);
  CHECK(std::fabs(full.gradient - truth) < 4 * full.error);
  const Estimate truncated = estimate(MetaOptimizer::Es, kUnroll);
  CHECK(std::fabs(truncated.gradient - bptt_estimate(kUnroll)) < 4 * truncated.error);
  CHECK(truncated.gradient - truth > 20 * truncated.error);

  const Estimate persistent = estimate(MetaOptimizer::Pes, kUnroll);
  CHECK(persistent.error < 0.2 * std::fabs(truth));
  CHECK(std::fabs(persistent.gradient - truth) < 4 * persistent.error);
  MESSAGE("truth ", truth, "; pes ", persistent.gradient, " +- ", persistent.error, "; es ",
          truncated.gradient, " +- ", truncated.error, "; bptt ", bptt_estimate(kUnroll));
}

TEST_CASE("pes: meta-training goes the right way where es and bptt go the wrong one") {
  const SlowSource source;
  const vsml::TaskMixture tasks({sum_sign_task(3)}, {1});
  for (const auto optimizer : {MetaOptimizer::Bptt, MetaOptimizer::Es, MetaOptimizer::Pes}) {
    MetaOptions options = toy_options(optimizer);
    options.population = 60;
    options.chunk_size = 60;
    options.learning_rate = 0.01;
    const vsml::MetaTrainer trainer(options, source, tasks, kMetaSeed);
    vsml::MetaState state = trainer.initial_state(source.for_dims({3, 2}).initial_params({}));
    for (int t = 0; t < 60; ++t) trainer.step(state);
    const double moved = state.params.item() - kTheta;
    if (optimizer == MetaOptimizer::Pes) {
      CHECK(moved > 0.1);
    } else {
      CHECK(moved < -0.1);
    }
  }
}

TEST_CASE("pes: the noise behind a pair is that of its lifetime's steps") {
  MetaOptions options = small_meta_options();
  options.optimizer = MetaOptimizer::Pes;
  options.carry = true;
  options.unroll = 3;
  options.lifetime = 12;
  const MetaSetup setup(options, mixed_tasks(), DType::f32);
  vsml::MetaState state = setup.trainer.initial_state(setup.params);
  REQUIRE(state.lanes.size() == 10);
  bool renewed = false;
  for (int64_t step = 0; step < 9; ++step) {
    setup.trainer.step(state);
    for (int64_t pair = 0; pair < 5; ++pair) {
      const Lane &plus = state.lanes[static_cast<size_t>(2 * pair)],
                 &minus = state.lanes[static_cast<size_t>(2 * pair + 1)];
      CHECK(plus.key == minus.key);
      CHECK(plus.age == minus.age);
      CHECK_FALSE(same_bits(plus.state, minus.state));
      renewed = renewed || plus.key.step > 0;
      Tensor want = Tensor::zeros({setup.params.dim(0)}, DType::f32);
      for (int64_t back = plus.age / options.unroll; back-- > 0;) {
        want = want +
               vsml::pair_noise(kMetaSeed, step - back, pair, setup.params.dim(0), DType::f32, {});
      }
      const Tensor row = slice(state.noise, 0, pair, pair + 1).contiguous();
      CHECK(same_bits(reshape(row, want.shape()), want));
    }
  }
  CHECK(renewed);
}
