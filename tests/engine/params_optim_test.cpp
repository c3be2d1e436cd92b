#include <cmath>
#include <doctest/doctest.h>
#include <numbers>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim.h"
#include "engine/params.h"
#include "engine/tape.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

ParamLayout layout() {
  ParamLayout result;
  result.add("w", {2, 3});
  result.add("b", {3});
  result.add("gain", {});
  result.add("none", {0, 4});
  return result;
}

std::vector<double> counted(int64_t n) {
  std::vector<double> values;
  for (int64_t k = 0; k < n; ++k) values.push_back(static_cast<double>(k));
  return values;
}

TEST_CASE("a layout places parameters one after another") {
  const ParamLayout params = layout();
  CHECK(params.size() == 10);
  CHECK(params.entries().size() == 4);
  CHECK(params.at("w").offset == 0);
  CHECK(params.at("b").offset == 6);
  CHECK(params.at("gain").offset == 9);
  CHECK(params.at("gain").shape == Shape{});
  CHECK(params.contains("b"));
  CHECK_FALSE(params.contains("c"));
  CHECK_THROWS_WITH_AS(params.at("c"), doctest::Contains("\"c\""), Error);
  CHECK_THROWS_WITH_AS(ParamLayout(params).add("b", {1}), doctest::Contains("\"b\""), Error);
}

TEST_CASE("parts are read from the flat tensor") {
  const ParamSet params(layout(), Tensor::from(counted(10), {10}));
  CHECK_FALSE(params.per_member());
  CHECK(params["w"].shape() == Shape{2, 3});
  CHECK(params["w"].to_vector<double>() == counted(6));
  CHECK(params["b"].to_vector<double>() == std::vector<double>{6, 7, 8});
  CHECK(params["gain"].item() == 9);
  CHECK(params["none"].shape() == Shape{0, 4});
  CHECK_THROWS_AS(params["c"], Error);
  CHECK_THROWS_WITH_AS(ParamSet(layout(), Tensor::zeros({9}, DType::f32)),
                       "parameters: expected a flat tensor [10] or [P, 10], got [9]", ShapeError);
  CHECK_THROWS_AS(ParamSet(layout(), Tensor::zeros({1, 1, 10}, DType::f32)), ShapeError);
}

TEST_CASE("with a set per member, parts have the member's axis first") {
  const ParamSet params(layout(), Tensor::from(counted(20), {2, 10}));
  CHECK(params.per_member());
  CHECK(params["w"].shape() == Shape{2, 2, 3});
  CHECK(params["w"].to_vector<double>() ==
        std::vector<double>{0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15});
  CHECK(params["gain"].shape() == Shape{2});
  CHECK(params["gain"].to_vector<double>() == std::vector<double>{9, 19});
}

TEST_CASE("gradients flow from the parts into the flat tensor") {
  for (const int64_t members : {0, 2}) {
    const Shape shape = members == 0 ? Shape{10} : Shape{members, 10};
    const Tensor flat = Tensor::from(counted(shape.size()), shape);
    Tape tape;
    tape.watch(flat);
    const ParamSet params(layout(), flat);
    const Tensor loss = sum(square(params["w"])) + sum(params["b"] * 3);
    const std::vector<double> got = tape.gradient(loss, {flat})[0].to_vector<double>();
    for (size_t k = 0; k < got.size(); ++k) {
      const size_t place = k % 10;
      CHECK(got[k] == (place < 6 ? 2 * static_cast<double>(k) : place < 9 ? 3 : 0));
    }
  }
}

TEST_CASE("Adam follows a loop over single numbers") {
  const AdamOptions options{0.8, 0.95, 1e-6};
  constexpr double kRate = 0.05;
  std::vector<double> x{1, -2, 0.5, 3}, m(4), v(4);
  Tensor params = Tensor::from(x, {4});
  AdamState state;
  for (int update = 1; update <= 10; ++update) {
    std::vector<double> gradient;
    for (const double value : x) gradient.push_back(std::sin(3 * value) + 0.1 * value);
    for (size_t k = 0; k < x.size(); ++k) {
      m[k] = options.beta1 * m[k] + (1 - options.beta1) * gradient[k];
      v[k] = options.beta2 * v[k] + (1 - options.beta2) * gradient[k] * gradient[k];
      const double corrected_mean = m[k] / (1 - std::pow(options.beta1, update));
      const double corrected_square = v[k] / (1 - std::pow(options.beta2, update));
      x[k] -= kRate * corrected_mean / (std::sqrt(corrected_square) + options.epsilon);
    }
    const AdamResult next = adam_update(params, Tensor::from(gradient, {4}), state, kRate, options);
    params = next.params;
    state = next.state;
    CHECK(state.updates == update);
    const std::vector<double> got = params.to_vector<double>();
    const std::vector<double> mean = state.mean.to_vector<double>();
    const std::vector<double> mean_square = state.mean_square.to_vector<double>();
    for (size_t k = 0; k < x.size(); ++k) {
      CHECK(std::fabs(got[k] - x[k]) < 1e-13);
      CHECK(std::fabs(mean[k] - m[k]) < 1e-14);
      CHECK(std::fabs(mean_square[k] - v[k]) < 1e-14);
    }
  }
}

TEST_CASE("the first Adam update is the learning rate against the gradient's sign") {
  const Tensor params = Tensor::from<float>({1, 1, 1}, {3});
  const Tensor gradient = Tensor::from<float>({5, -1e-3f, 0}, {3});
  const std::vector<float> got = adam_update(params, gradient, {}, 0.1).params.to_vector<float>();
  CHECK(got[0] == doctest::Approx(0.9));
  CHECK(got[1] == doctest::Approx(1.1).epsilon(1e-4));
  CHECK(got[2] == 1);
}

TEST_CASE("updates leave their inputs alone, record nothing and refuse other shapes") {
  const Tensor params = Tensor::from<double>({1, 2}, {2}),
               gradient = Tensor::from<double>({4, 8}, {2});
  Tape tape;
  tape.watch(params);
  CHECK(sgd_update(params, gradient, 0.25).to_vector<double>() == std::vector<double>{0, 0});
  (void)adam_update(params, gradient, {}, 0.25);
  (void)clip_by_global_norm(params, 1);
  CHECK(tape.size() == 1);
  CHECK(params.to_vector<double>() == std::vector<double>{1, 2});
  const Tensor other = Tensor::zeros({3}, DType::f64);
  CHECK_THROWS_WITH_AS(sgd_update(params, other, 1),
                       "sgd_update: expected parameters and gradient of one shape, got [2] and [3]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(adam_update(params, other, {}, 1), doctest::Contains("adam_update"),
                       ShapeError);
}

TEST_CASE("clipping keeps the direction and bounds the length") {
  const Tensor gradient = Tensor::from<float>({3, 0, -4}, {3});
  CHECK(global_norm(gradient) == 5);
  CHECK(clip_by_global_norm(gradient, 5).to_vector<float>() == gradient.to_vector<float>());
  CHECK(clip_by_global_norm(gradient, 10).to_vector<float>() == gradient.to_vector<float>());
  CHECK(clip_by_global_norm(gradient, 0).to_vector<float>() == gradient.to_vector<float>());
  const std::vector<float> clipped = clip_by_global_norm(gradient, 1).to_vector<float>();
  CHECK(clipped[0] == doctest::Approx(0.6));
  CHECK(clipped[1] == 0);
  CHECK(clipped[2] == doctest::Approx(-0.8));
  // In double: squares of large f32 elements would overflow.
  CHECK(global_norm(Tensor::full({4}, 1e30, DType::f32)) == doctest::Approx(2e30));
  CHECK(global_norm(Tensor::zeros({0}, DType::f32)) == 0);
}

TEST_CASE("schedules") {
  CHECK(linear_warmup(0, 4) == 0.25);
  CHECK(linear_warmup(3, 4) == 1);
  CHECK(linear_warmup(100, 4) == 1);
  CHECK(linear_warmup(0, 0) == 1);
  CHECK(cosine_decay(0, 10, 0.1) == 1);
  CHECK(cosine_decay(5, 10, 0.1) == doctest::Approx(0.55));
  CHECK(cosine_decay(10, 10, 0.1) == doctest::Approx(0.1));
  CHECK(cosine_decay(20, 10, 0.1) == doctest::Approx(0.1));
  CHECK(cosine_decay(1, 3, 0) == doctest::Approx(0.5 * (1 + std::cos(std::numbers::pi / 3))));
  CHECK(cosine_decay(3, 0, 0) == 1);
  for (int64_t step = 0; step < 9; ++step) {
    CHECK(cosine_decay(step + 1, 9, 0.2) < cosine_decay(step, 9, 0.2));
  }
}

}  // namespace
}  // namespace engine::test
