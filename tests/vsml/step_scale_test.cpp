// Step scales: how far parameters move from where they started, and what moves together.
#include "vsml/meta/step_scale.h"

#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/meta/meta_trainer.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::MetaOptions;
using vsml::MetaState;
using vsml::StepScale;
using namespace vsml::test;

TEST_CASE("step scale: step_scale initial trains a scaled difference") {
  MetaOptions options = small_meta_options();
  const MetaSetup plain(options, mixed_tasks(), DType::f64);
  options.step_scale = StepScale::Initial;
  options.step_scale_floor = 0.3;
  const MetaSetup scaled(options, mixed_tasks(), DType::f64);
  const MetaState one = scaled.after(1), other = plain.after(1);
  const auto start = scaled.params.to_vector<double>(), scale = one.scale.to_vector<double>();
  for (size_t k = 0; k < start.size(); ++k) {
    CHECK(scale[k] == std::max(std::fabs(start[k]), 0.3));
  }
  CHECK(same_bits(one.start, scaled.params));
  CHECK(error_of(one.adam.mean, other.adam.mean * one.scale) < 1e-14);
  // Adam's first step is the learning rate, up to epsilon, in the scaled numbers.
  CHECK(max(abs(one.moved)).item() == doctest::Approx(0.01).epsilon(1e-3));
  const MetaState five = scaled.after(5);
  CHECK(error_of(five.params, five.start + five.scale * five.moved) < 1e-15);
  CHECK(same_bits(five.start, scaled.params));
  CHECK_FALSE(other.start.defined());
}

TEST_CASE("step scale: named views have floors of their own") {
  MetaOptions options = small_meta_options();
  options.step_scale = StepScale::Initial;
  options.step_scale_floor = 0.3;
  options.step_scale_floors = {{"cell.m_forward", 2}, {"cell.bias", 0}};
  const MetaSetup s(options, mixed_tasks(), DType::f64);
  const MetaState state = s.after(0);
  const ParamSet scale(s.family.layout(), state.scale);
  const ParamSet start(s.family.layout(), s.params);
  for (const auto& entry : s.family.layout().entries()) {
    const double floor = entry.name == "cell.m_forward" ? 2 : entry.name == "cell.bias" ? 0 : 0.3;
    const Tensor want = maximum(abs(start[entry.name]), Tensor::scalar(floor, DType::f64));
    CHECK(same_bits(scale[entry.name], want));
  }
  options.step_scale_floors = {{"cell.nothing", 2}};
  CHECK_THROWS_AS(MetaSetup(options, mixed_tasks(), DType::f64).after(0), engine::Error);
}

TEST_CASE("step scale: tied steps keep equal magnitudes equal, within a view and a gate") {
  MetaOptions options = small_meta_options();
  options.step_scale = StepScale::Initial;
  options.start_noise = 0.1;
  options.tie_steps = true;
  const MetaSetup s(options, mixed_tasks(), DType::f64);
  const engine::ParamLayout& layout = s.family.layout();
  const auto& w = layout.at("cell.w");
  const auto& messenger = layout.at("cell.m_forward");
  const int64_t gate = w.shape[1] / 4;
  // The places that start as +-0.5. Those of another gate, of another view, and zeros
  // go their own way.
  const std::vector<int64_t> positive = {w.offset, w.offset + 1}, negative = {w.offset + 4 * gate};
  const int64_t other_gate = w.offset + gate, other_view = messenger.offset;
  std::vector<double> start = s.params.to_vector<double>();
  for (const int64_t k : positive) start[static_cast<size_t>(k)] = 0.5;
  for (const int64_t k : negative) start[static_cast<size_t>(k)] = -0.5;
  for (const int64_t k : {other_gate, other_view}) start[static_cast<size_t>(k)] = 0.5;
  const int64_t zero = w.offset + 4 * gate + 1, another_zero = zero + 1;
  for (const int64_t k : {zero, another_zero}) start[static_cast<size_t>(k)] = 0;
  MetaState state = s.trainer.initial_state(Tensor::from(start, s.params.shape()));
  for (int64_t steps = 0; steps < 4; ++steps) {
    const std::vector<double> now = state.params.to_vector<double>();
    const auto value = [&](int64_t k) { return now[static_cast<size_t>(k)]; };
    CHECK(value(positive[0]) != 0.5);
    CHECK(value(positive[1]) == value(positive[0]));
    CHECK(value(negative[0]) == -value(positive[0]));
    CHECK(value(other_gate) != value(positive[0]));
    CHECK(value(other_view) != value(positive[0]));
    CHECK(value(zero) != value(another_zero));
    s.trainer.step(state);
  }
}

TEST_CASE("step scale: the step of what is tied is that of its mean gradient") {
  engine::ParamLayout layout;
  layout.add("cell.w", {2, 4});  // columns: one of each gate
  layout.add("free", {3});
  const Tensor start =
      Tensor::from(std::vector<double>{1, 2, 0, -3, -1, 2, 0, 5, /* free */ 7, -7, 1}, {11});
  const Tensor x = Tensor::from(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {11});
  const Tensor want =
      Tensor::from(std::vector<double>{-2, 4, 3, 4, 2, 4, 7, 8, -0.5, 0.5, 11}, {11});
  CHECK(same_bits(vsml::tied(layout, start, x), want));
}

TEST_CASE("step scale: one gate of a cell has a floor of its own; of two floors the last holds") {
  MetaOptions options = small_meta_options();
  options.step_scale = StepScale::Initial;
  options.step_scale_floors = {{"cell.w", 3}, {"cell.w", 7, vsml::GateChoice::Candidate}};
  const MetaSetup s(options, mixed_tasks(), DType::f64);
  const auto scale = ParamSet(s.family.layout(), s.after(0).scale)["cell.w"];
  const int64_t state = scale.dim(1) / 4;
  for (int64_t gate = 0; gate < 4; ++gate) {
    const Tensor columns = slice(scale, 1, gate * state, (gate + 1) * state);
    const double want = gate == 1 ? 7 : 3;  // input, candidate, forget, output; entries are below 3
    CHECK(min(columns).item() == want);
    CHECK(max(columns).item() == want);
  }
}

TEST_CASE("step scale: start noise is a first random step, in units of the scale") {
  MetaOptions options = small_meta_options();
  options.step_scale = StepScale::Initial;
  options.start_noise = 0.2;
  const MetaSetup s(options, mixed_tasks(), DType::f64);
  const MetaState state = s.after(0);
  CHECK(same_bits(state.start, s.params));
  CHECK(error_of(state.params, state.start + state.scale * state.moved) < 1e-15);
  // 68 draws: within four deviations of the estimated deviation.
  const double deviation = std::sqrt(mean(square(state.moved)).item());
  CHECK(std::fabs(deviation / 0.2 - 1) < 4 / std::sqrt(2.0 * 68));
  CHECK(same_bits(state.moved, s.after(0).moved));
}
