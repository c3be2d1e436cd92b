// Evolution strategies: noise, losses of pairs and the gradient put together from them.
#include "vsml/meta/es.h"

#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/learner_family.h"
#include "vsml/meta/bptt.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Lane;
using vsml::LearnerFamily;
using vsml::MetaLoss;
using vsml::MetaOptions;
using vsml::PairLoss;
using vsml::TaskMixture;
using namespace vsml::test;

namespace {

constexpr uint64_t kSeed = 21;

MetaOptions es_options() {
  MetaOptions options;
  options.optimizer = vsml::MetaOptimizer::Es;
  options.episode_length = 5;
  options.noise_std = 0.05;
  return options;
}

Tensor noise_of(int64_t step, int64_t pair, const ParamSet& params) {
  return vsml::pair_noise(kSeed, step, pair, params.layout().size(), params.flat().dtype(), {});
}

std::vector<PairLoss> some_losses() {
  return {{1.5, 1.2, 0}, {0.3, 0.9, 0}, {2.2, 2.1, 0}, {-0.4, 0.8, 0}, {1, 1, 0}};
}

double dot(const Tensor& a, const Tensor& b) {
  return sum(a * b).item();
}

}  // namespace

TEST_CASE("es: the noise of a pair is standard normal and belongs to seed, step and pair") {
  const auto noise = [](uint64_t seed, int64_t step, int64_t pair) {
    return vsml::pair_noise(seed, step, pair, 10'000, DType::f64, {});
  };
  const Tensor x = noise(1, 2, 3);
  CHECK(std::fabs(mean(x).item()) < 0.05);
  CHECK(std::fabs(mean(square(x)).item() - 1) < 0.07);
  CHECK(same_bits(x, noise(1, 2, 3)));
  for (const Tensor& other : {noise(2, 2, 3), noise(1, 3, 3), noise(1, 2, 4)}) {
    CHECK(std::fabs(mean(x * other).item()) < 0.05);
  }
}

TEST_CASE("es: step scales stretch the perturbations, and the gradient knows") {
  const MetaOptions options = es_options();
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  const Tensor scale = exp(noise_of(7, 7, params));
  const vsml::EsStep plain{options, kSeed, 4}, scaled{options, kSeed, 4, scale};
  const auto [above, below] = perturbed_pair(params, scaled, 2);
  const Tensor noise = noise_of(4, 2, params);
  CHECK(error_of(above.flat(), params.flat() + scale * noise * 0.05) < 1e-15);
  CHECK(error_of(below.flat(), params.flat() - scale * noise * 0.05) < 1e-15);
  // By p = start + scale m, d loss / d m is what the losses and the noise say.
  const Tensor of_moved = es_gradient(some_losses(), params, plain);
  CHECK(error_of(es_gradient(some_losses(), params, scaled) * scale, of_moved) < 1e-12);
  Tensor sums = Tensor::zeros({5, params.flat().dim(0)}, DType::f64);
  CHECK(error_of(pes_gradient(some_losses(), params, scaled, sums) * scale, of_moved) < 1e-12);
}

TEST_CASE("es: the losses of a pair are those of two learners in the same lifetime") {
  for (const MetaLoss kind : {MetaLoss::Mean, MetaLoss::Last}) {
    for (const int64_t batch : {1, 2}) {
      MetaOptions options = es_options();
      options.loss = kind;
      options.batch_size = batch;
      const TaskMixture tasks = mixed_tasks();
      const LearnerFamily family(tiny_learner(), DType::f64, {});
      const ParamSet params(family.layout(), lively_params(family.layout(), 5));
      const auto got = es_losses(family, tasks, params, {options, kSeed, 3}, 2, 9);
      REQUIRE(got.size() == 7);
      for (int64_t pair = 2; pair < 9; ++pair) {
        const Lane lane =
            begin_lane(tasks, family, params, {kSeed, 0, 3, static_cast<uint32_t>(pair)}, 5, batch);
        const auto run = [&](double sign) {
          const Tensor own = params.flat() + noise_of(3, pair, params) * (sign * 0.05);
          return walk(family.for_dims(lane.dims), ParamSet(family.layout(), own), lane, 5, batch);
        };
        const Walk plus = run(1), minus = run(-1);
        const auto loss = [&](const Walk& w) {
          return kind == MetaLoss::Mean ? mean_of(w.loss) : w.loss.back();
        };
        const PairLoss& one = got[static_cast<size_t>(pair - 2)];
        CHECK(one.plus == doctest::Approx(loss(plus)).epsilon(1e-12));
        CHECK(one.minus == doctest::Approx(loss(minus)).epsilon(1e-12));
        CHECK(one.correct ==
              doctest::Approx((mean_of(plus.correct) + mean_of(minus.correct)) / 2).epsilon(1e-12));
        CHECK(one.plus != one.minus);
      }
    }
  }
}

TEST_CASE("es: pairs share nothing but the order they are asked for in") {
  const TaskMixture tasks = mixed_tasks();
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  const auto losses = [&](int64_t first, int64_t last) {
    return es_losses(family, tasks, params, {es_options(), kSeed, 0}, first, last);
  };
  const auto all = losses(0, 5), front = losses(0, 2), back = losses(2, 5);
  for (size_t k = 0; k < 5; ++k) {
    const PairLoss& part = k < 2 ? front[k] : back[k - 2];
    CHECK(all[k].plus == doctest::Approx(part.plus).epsilon(1e-12));
    CHECK(all[k].minus == doctest::Approx(part.minus).epsilon(1e-12));
  }
}

TEST_CASE("es: the gradient is the weighed sum of the noise") {
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  const std::vector<PairLoss> losses = some_losses();
  const auto size = static_cast<size_t>(params.layout().size());
  for (const bool standardize : {false, true}) {
    MetaOptions options = es_options();
    options.noise_std = 0.2;
    options.standardize_fitness = standardize;
    // Mean 1.06; deviation over the ten losses with divisor 10.
    double squares = 0;
    for (const PairLoss& pair : losses) {
      squares += std::pow(pair.plus - 1.06, 2) + std::pow(pair.minus - 1.06, 2);
    }
    const double deviation = standardize ? std::sqrt(squares / 10) : 1;
    std::vector<double> want(size, 0);
    for (size_t k = 0; k < losses.size(); ++k) {
      const auto noise = noise_of(4, static_cast<int64_t>(k), params).to_vector<double>();
      for (size_t j = 0; j < size; ++j) {
        want[j] += (losses[k].plus - losses[k].minus) / deviation * noise[j] / (2 * 0.2 * 5);
      }
    }
    const Tensor got = es_gradient(losses, params, {options, kSeed, 4});
    CHECK(error_of(got, Tensor::from(want, got.shape())) < 1e-12);
  }
}

TEST_CASE("es: losses that are all equal give no gradient") {
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  const Tensor got = vsml::es_gradient({{1, 1, 0}, {1, 1, 0}}, params, {es_options(), kSeed, 4});
  CHECK(max(abs(got)).item() == 0);
}

TEST_CASE("es: with little noise a pair measures the slope of its lifetime along its noise") {
  MetaOptions options = es_options();
  options.noise_std = 1e-4;
  const TaskMixture tasks = mixed_tasks();
  const LearnerFamily family(tiny_learner(), DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  const auto losses = es_losses(family, tasks, params, {options, kSeed, 2}, 0, 6);
  for (int64_t pair = 0; pair < 6; ++pair) {
    Lane lane = begin_lane(tasks, family, params, {kSeed, 0, 2, static_cast<uint32_t>(pair)}, 5, 1);
    const Tensor gradient =
        bptt_unroll(family.for_dims(lane.dims), params, {&lane}, 5, 1, MetaLoss::Mean, 0).gradient;
    const PairLoss& one = losses[static_cast<size_t>(pair)];
    CHECK((one.plus - one.minus) / 2e-4 ==
          doctest::Approx(dot(gradient, noise_of(2, pair, params))).epsilon(1e-5));
  }
}

TEST_CASE("es: with many pairs the gradient is that of backpropagation through time") {
  constexpr int64_t kPairs = 2000, kChunk = 500;
  MetaOptions options = es_options();
  options.noise_std = 0.02;
  options.standardize_fitness = false;
  // Lifetimes that differ in the order of two images only: the noise of the estimate is then that
  // of the perturbations.
  vsml::LearnerOptions learner = tiny_learner();
  learner.network.random_state_fraction = 0;
  const TaskMixture tasks({lit_pixel_task({0, 1})}, {1});
  const LearnerFamily family(learner, DType::f64, {});
  const ParamSet params(family.layout(), lively_params(family.layout(), 5));
  std::vector<PairLoss> losses;
  Tensor exact = Tensor::zeros({params.layout().size()}, DType::f64);
  for (int64_t first = 0; first < kPairs; first += kChunk) {
    const auto part = es_losses(family, tasks, params, {options, kSeed, 0}, first, first + kChunk);
    losses.insert(losses.end(), part.begin(), part.end());
    std::vector<Lane> lanes;
    for (int64_t pair = first; pair < first + kChunk; ++pair) {
      lanes.push_back(
          begin_lane(tasks, family, params, {kSeed, 0, 0, static_cast<uint32_t>(pair)}, 5, 1));
    }
    exact = exact +
            bptt_unroll(family.for_dims({2, 2}), params, pointers(lanes), 5, 1, MetaLoss::Mean, 0)
                .gradient;
  }
  exact = exact / static_cast<double>(kPairs);
  const Tensor estimate = es_gradient(losses, params, {options, kSeed, 0});
  const double scale = dot(estimate, exact) / dot(exact, exact);
  CHECK(dot(estimate, exact) / std::sqrt(dot(estimate, estimate) * dot(exact, exact)) > 0.95);
  CHECK(scale == doctest::Approx(1).epsilon(0.1));
}
