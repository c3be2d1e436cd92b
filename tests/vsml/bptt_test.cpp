// Backpropagation through time: gradients, checkpoints, carried and cut unrolls.
#include "vsml/meta/bptt.h"

#include <doctest/doctest.h>
#include <tuple>

#include "engine/ops/elementwise.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/learners/learner_family.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Lane;
using vsml::Learner;
using vsml::LearnerFamily;
using vsml::MetaLoss;
using vsml::TaskMixture;
using vsml::UnrollGradient;
using namespace vsml::test;

namespace {

// Lanes of one size and all that goes with them.
struct Setup {
  explicit Setup(DType dtype, int64_t batch_size, int64_t count = 2,
                 const vsml::LearnerOptions& options = tiny_learner())
      : tasks(plain_tasks()),
        family(options, dtype, {}),
        learner(family.for_dims({3, 2})),
        params(family.layout(), cast(lively_params(family.layout(), 5), dtype)),
        batch(batch_size),
        lanes(new_lanes(tasks, family, params, count, batch)) {}

  UnrollGradient unroll(int64_t steps, MetaLoss loss = MetaLoss::Mean, int64_t segment = 0) {
    return bptt_unroll(learner, params, pointers(lanes), steps, batch, loss, segment);
  }

  TaskMixture tasks;
  LearnerFamily family;
  const Learner& learner;
  ParamSet params;
  int64_t batch;
  std::vector<Lane> lanes;
};

}  // namespace

TEST_CASE("bptt: the gradient of an unroll is central differences") {
  for (const MetaLoss kind : {MetaLoss::Mean, MetaLoss::Last}) {
    for (const int64_t batch : {1, 2}) {
      Setup s(DType::f64, batch);
      s.unroll(2);  // states that have seen something
      const std::vector<Lane> start = s.lanes;
      const auto loss = [&](const Tensor& flat) {
        std::vector<Lane> lanes = start;
        return bptt_unroll(s.learner, ParamSet(s.family.layout(), flat), pointers(lanes), 4, batch,
                           kind, 0)
            .loss;
      };
      const Tensor got = s.unroll(4, kind).gradient;
      CHECK(error_of(got, central_differences(loss, s.params.flat())) < kGradientBound);
    }
  }
}

TEST_CASE("bptt: losses, hits and states are those of the learners alone") {
  for (const int64_t batch : {1, 3}) {
    Setup s(DType::f64, batch, 3);
    s.unroll(2);
    std::vector<Walk> walks;
    for (const Lane& lane : s.lanes) walks.push_back(walk(s.learner, s.params, lane, 5, batch));
    const std::vector<Lane> start = s.lanes;
    const UnrollGradient all = s.unroll(5);
    double loss = 0, correct = 0, last = 0;
    for (size_t p = 0; p < 3; ++p) {
      loss += mean_of(walks[p].loss);
      correct += mean_of(walks[p].correct);
      last += walks[p].loss.back();
      CHECK(error_of(s.lanes[p].state, walks[p].state) < 1e-12);
      CHECK(s.lanes[p].age == 7);
    }
    CHECK(all.loss == doctest::Approx(loss).epsilon(1e-12));
    CHECK(all.correct == doctest::Approx(correct).epsilon(1e-12));
    s.lanes = start;
    CHECK(s.unroll(5, MetaLoss::Last).loss == doctest::Approx(last).epsilon(1e-12));
  }
}

TEST_CASE("bptt: gradient checkpoints change no bit") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const MetaLoss kind : {MetaLoss::Mean, MetaLoss::Last}) {
      Setup plain(dtype, 2, 3);
      const UnrollGradient want = plain.unroll(7, kind);
      for (const int64_t segment : {1, 2, 3, 6, 7, 100}) {
        CAPTURE(segment);
        Setup cut(dtype, 2, 3);
        const UnrollGradient got = cut.unroll(7, kind, segment);
        CHECK(same_bits(got.gradient, want.gradient));
        CHECK(got.loss == want.loss);
        CHECK(got.correct == want.correct);
        CHECK(same_bits(cut.lanes, plain.lanes));
      }
    }
  }
}

// tiny_learner() has fewer channels than the fused kernels serve.
vsml::LearnerOptions fused_learner() {
  vsml::LearnerOptions options = tiny_learner();
  options.network.cell = {16, 4};
  return options;
}

TEST_CASE("bptt: gradient checkpoints change no bit of the fused kernels' results") {
  Setup plain(DType::f32, 2, 3, fused_learner());
  const UnrollGradient want = plain.unroll(7);
  for (const int64_t segment : {1, 3, 6}) {
    Setup cut(DType::f32, 2, 3, fused_learner());
    const UnrollGradient got = cut.unroll(7, MetaLoss::Mean, segment);
    CHECK(same_bits(got.gradient, want.gradient));
    CHECK(got.loss == want.loss);
    CHECK(same_bits(cut.lanes, plain.lanes));
  }
}

TEST_CASE("bptt: 500 examples in f32 by the fused kernels are those in f64") {
  vsml::LearnerOptions options = fused_learner();
  options.network.layers = {vsml::LayerOptions{}};
  // Initial parameters, under which an episode is no chaos that amplifies every rounding.
  const auto unrolled = [&](DType dtype) {
    Setup s(dtype, 1, 2, options);
    s.params = ParamSet(s.family.layout(), cast(s.learner.initial_params({9, 0, 0, 0}), dtype));
    s.lanes = new_lanes(s.tasks, s.family, s.params, 2, 1);
    const UnrollGradient result = s.unroll(500);
    vsml::LearnerState state = s.lanes[0].state;
    for (Tensor& tensor : state.tensors) tensor = cast(tensor, DType::f64);
    return std::tuple(result.loss, cast(result.gradient, DType::f64), state);
  };
  const auto [loss, gradient, state] = unrolled(DType::f32);
  const auto [exact_loss, exact_gradient, exact_state] = unrolled(DType::f64);
  CHECK(loss == doctest::Approx(exact_loss).epsilon(1e-5));
  CHECK(error_of(gradient, exact_gradient) < 1e-5);
  CHECK(error_of(state, exact_state) < 1e-5);
}

TEST_CASE("bptt: two carried unrolls of 5 take lanes where one of 10 does") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Setup once(dtype, 1, 3), twice(dtype, 1, 3), last(dtype, 1, 3);
    const UnrollGradient whole = once.unroll(10);
    const UnrollGradient first = twice.unroll(5), second = twice.unroll(5);
    CHECK(same_bits(once.lanes, twice.lanes));
    CHECK(whole.loss == doctest::Approx((first.loss + second.loss) / 2).epsilon(1e-6));
    CHECK(whole.correct == doctest::Approx((first.correct + second.correct) / 2));
    // The tenth prediction, through the loss on it alone.
    Setup split(dtype, 1, 3);
    split.unroll(5);
    CHECK(split.unroll(5, MetaLoss::Last).loss == last.unroll(10, MetaLoss::Last).loss);
    // but the gradient sees less
    CHECK(error_of((first.gradient + second.gradient) * 0.5, whole.gradient) > 1e-3);
  }
}

TEST_CASE("bptt: lanes do not influence each other") {
  Setup together(DType::f64, 2, 3);
  std::vector<Lane> alone = together.lanes;
  const Tensor all = together.unroll(4).gradient;
  Tensor sum = Tensor::zeros(all.shape(), DType::f64);
  for (size_t p = 0; p < 3; ++p) {
    sum = sum + bptt_unroll(together.learner, together.params, {&alone[p]}, 4, 2, MetaLoss::Mean, 0)
                    .gradient;
    CHECK(error_of(together.lanes[p].state, alone[p].state) < 1e-12);
  }
  CHECK(error_of(all, sum) < 1e-12);
}
