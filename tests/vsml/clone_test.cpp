// Cloning: single cells beside a teacher, against loops in double and finite differences.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/parallel.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/clone/clone_trainer.h"
#include "vsml/network.h"

using engine::DType;
using engine::Tensor;
using namespace vsml;
using namespace vsml::test;

namespace {

constexpr int64_t kSize = 6, kTicks = 2, kCells = 7;

CloneOptions small_options() {
  CloneOptions options;
  options.weight_units = 2;
  options.unroll = 2;
  options.burn_in = 0;
  options.phases = {{.steps = 20, .cells = 64, .warmup = 4}};
  return options;
}

struct Numbers {
  std::vector<double> h, c;
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// One tick of one cell: `in` are the messages it hears.
void naive_tick(const std::vector<double>& gates, const std::vector<double>& in, bool reverse,
                const CloneOptions& options, Numbers& cell) {
  const size_t n = kSize;
  const Numbers before = cell;
  std::vector<double> heard = in;
  heard.push_back(1);
  heard.insert(heard.end(), before.h.begin(), before.h.end());
  REQUIRE(heard.size() == (reverse ? 3 : 2) + n);
  for (size_t unit = 0; unit < n; ++unit) {
    double sums[3] = {};
    for (size_t row = 0; row < heard.size(); ++row) {
      for (size_t gate = 0; gate < 3; ++gate) {
        sums[gate] += heard[row] * gates[(row * 3 + gate) * n + unit];
      }
    }
    const bool keeps = unit < static_cast<size_t>(options.weight_units);
    if (keeps) sums[1] *= 2 * options.teacher_rate / options.weight_scale;
    cell.c[unit] =
        sigmoid(keeps ? 20 : -20) * before.c[unit] + sigmoid(sums[0]) * std::tanh(sums[1]);
    cell.h[unit] = sigmoid(sums[2]) * std::tanh(cell.c[unit]);
  }
}

// The loss from its definition, cell by cell.
double naive_loss(const CloneOptions& options, const engine::ParamSet& params,
                  const CloneBatch& batch) {
  const auto part = [&](const char* name) {
    return reshape(params[name], {params[name].size()}).to_vector<double>();
  };
  const auto forward = part("forward.gates"), reverse = part("reverse.gates");
  const auto say = part("forward.messenger"), answer = part("reverse.messenger");
  const auto u = part("encoder");
  const double S = options.weight_scale, rate = options.teacher_rate;
  double norm = 0;
  for (const double value : u) norm += value * value;
  double sums[kCloneTargets] = {}, counts[kCloneTargets] = {};
  const auto count = [&](int target, double error) {
    sums[target] += error * error;
    counts[target] += 1;
  };
  for (size_t m = 0; m < batch.weight.size(); ++m) {
    double w = batch.weight[m];
    Numbers cell{std::vector<double>(kSize, 0.0), std::vector<double>(kSize, 0.0)};
    for (size_t k = 0; k < u.size(); ++k) cell.c[k] = u[k] * w / S;
    for (size_t t = 0; t < batch.x.size(); ++t) {
      const double x = batch.x[t][m], e = batch.e[t][m], z = std::tanh(x);
      const double size_w = std::abs(w) + options.weight_floor;
      const double size_e = std::abs(e) + options.error_floor;
      const Numbers start = cell;
      double y = 0, back = 0, change = 0;
      for (int64_t k = 0; k < kTicks; ++k) naive_tick(forward, {x}, false, options, cell);
      for (size_t k = 0; k < kSize; ++k) y += S * say[k] * cell.h[k];
      for (int64_t k = 0; k < kTicks; ++k) naive_tick(reverse, {x, e}, true, options, cell);
      for (size_t k = 0; k < kSize; ++k) back += S * answer[k] * cell.h[k];
      for (size_t k = 0; k < u.size(); ++k) change += S * u[k] / norm * (cell.c[k] - start.c[k]);
      count(0, (y - z * w) / size_w);
      count(1, (back - w * e * (1 - z * z)) / (size_w * size_e));
      count(2, (change + rate * z * e) / (rate * size_e));
      for (size_t k = 0; k < u.size(); ++k) {
        count(3, (S * (cell.c[k] - start.c[k]) - u[k] * change) / (rate * size_e));
      }
      w -= rate * z * e;
    }
  }
  double loss = 0;
  for (int k = 0; k < kCloneTargets; ++k) loss += std::log(sums[k] / counts[k]);
  return loss;
}

CloneState after(const CloneTrainer& trainer, int64_t steps) {
  CloneState state = trainer.initial_state();
  for (int64_t k = 0; k < steps; ++k) trainer.step(state);
  return state;
}

bool same_state(const CloneState& a, const CloneState& b) {
  return a.step == b.step && same_bits(a.params, b.params) && a.adam.updates == b.adam.updates &&
         (a.adam.updates == 0 || same_bits(a.adam.mean_square, b.adam.mean_square));
}

CloneOptions two_phases() {
  CloneOptions options = small_options();
  options.burn_in = 1;
  options.phases = {{.steps = 4, .cells = 70, .warmup = 2}, {.steps = 3, .cells = 50}};
  return options;
}

}  // namespace

TEST_CASE("clone: the loss is that of loops over single cells") {
  const CloneOptions options = small_options();
  const CloneTrainer trainer(options, kSize, kTicks, 3, DType::f64);
  const Tensor params = trainer.initial_state().params;
  const double got = trainer.loss({.cells = kCells}, params, 5, 0);
  const double want = naive_loss(options, engine::ParamSet(trainer.layout(), params),
                                 draw_clone_batch(options, kCells, 3, 5, 0));
  CHECK(std::abs(got - want) < 1e-10 * std::abs(want));
}

TEST_CASE("clone: the gradient is that of finite differences") {
  for (const int64_t units : {1, 2}) {
    CloneOptions options = small_options();
    options.weight_units = units;
    const CloneTrainer trainer(options, kSize, kTicks, 4, DType::f64);
    const Tensor params = trainer.initial_state().params;
    const ClonePhase phase{.cells = kCells, .loss_floor = 100};
    std::vector<double> gradient;
    trainer.gradient(phase, params, 0, gradient);
    const Tensor want =
        central_differences([&](const Tensor& p) { return trainer.loss(phase, p, 0, 0); }, params);
    CHECK(error_of(Tensor::from(gradient, params.shape()), want) < kGradientBound);
  }
}

TEST_CASE("clone: fused kernels and engine ops train alike") {
  CloneOptions options = small_options();
  const CloneTrainer fused(options, 16, kTicks, 1, DType::f32);
  const CloneTrainer ops(options, 16, kTicks, 1, DType::f64);
  const CloneState state = fused.initial_state();
  std::vector<double> got, want;
  fused.gradient({.cells = kCells}, state.params, 0, got);
  ops.gradient({.cells = kCells}, cast(state.params, DType::f64), 0, want);
  const engine::Shape shape = state.params.shape();
  // Of float32, over four ticks and scales of 60.
  CHECK(error_of(Tensor::from(got, shape), Tensor::from(want, shape)) < 1e-4);
}

TEST_CASE("clone: training reduces the errors") {
  CloneOptions options;
  options.phases = {{.steps = 150, .cells = 128, .warmup = 20}};
  const CloneTrainer trainer(options, 16, kTicks, 1);
  CloneState state = trainer.initial_state();
  const double before = trainer.loss({.cells = 512}, state.params, 1000, 0);
  for (int64_t k = 0; k < trainer.steps(); ++k) trainer.step(state);
  // Each of three errors by a factor of 10 in the mean: its square's logarithm by 4.6.
  CHECK(trainer.loss({.cells = 512}, state.params, 1000, 0) < before - 3 * 4.6);
}

TEST_CASE("clone: threads, stopping and going on change no bit") {
  const CloneOptions options = two_phases();
  const CloneTrainer trainer(options, 16, kTicks, 2);
  CloneState one;
  {
    const Threads threads(1);
    one = after(trainer, trainer.steps());
  }
  for (const int count : {2, 5}) {
    const Threads threads(count);
    CHECK(same_state(after(trainer, trainer.steps()), one));
  }
  for (const int64_t stop : {2, 4, 6}) {
    CloneState state = after(trainer, stop);
    const CloneTrainer other(options, 16, kTicks, 2);
    for (int64_t k = stop; k < other.steps(); ++k) other.step(state);
    CHECK(same_state(state, one));
  }
}
