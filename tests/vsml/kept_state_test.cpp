// States kept in bf16 beyond the ticks: how they begin, are averaged, saved, trained through, and
// what they need.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/io/safetensors.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "tests/temporary_folder.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/experiment/meta_checkpoint.h"
#include "vsml/learners/learner_file.h"
#include "vsml/learners/make_learner.h"
#include "vsml/meta/bptt.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::initial_cell_params;
using vsml::LearnerOptions;
using vsml::LearnerState;
using vsml::Network;
using vsml::NetworkOptions;
using vsml::NetworkState;
using vsml::StateType;
using namespace vsml::test;

namespace {

LearnerOptions in_bf16(LearnerOptions options) {
  options.network.state_type = StateType::Bfloat16;
  return options;
}
LearnerOptions h_in_bf16(LearnerOptions options) {
  options.network.state_type = StateType::Bfloat16H;
  return options;
}

// Cells with fused kernels, two layers.
LearnerOptions fused_learner() {
  LearnerOptions options;
  options.network.layers = {{vsml::LayerType::Dense, 5, {}}, {}};
  return options;
}

}  // namespace

TEST_CASE("kept state: a network begins with the numbers of one in f32, rounded once") {
  NetworkOptions plain = small_network(), coded = plain, both = plain;
  coded.encoded_weights = both.encoded_weights = true;
  coded.random_state_fraction = 0;
  for (NetworkOptions options : {plain, coded, both}) {
    const Network wide(options, 4, 3);
    options.state_type = StateType::Bfloat16;
    const Network narrow(options, 4, 3);
    const ParamSet params(wide.layout(),
                          initial_cell_params(wide.layout(), 1, {1, 1, 0, 0}, DType::f32));
    const NetworkState want = wide.initial_state(params, member_keys(3, 2), 2);
    const NetworkState got = narrow.initial_state(params, member_keys(3, 2), 2);
    for (size_t k = 0; k < want.layers.size(); ++k) {
      CHECK(got.layers[k].c.dtype() == DType::bf16);
      // Drawn numbers are rounded as they are drawn, and once more where a code is added to them.
      const bool twice = options.encoded_weights && options.random_state_fraction > 0;
      const Tensor c = cast(got.layers[k].c, DType::f64),
                   exact = cast(want.layers[k].c, DType::f64);
      if (twice) {
        CHECK(error_of(c, exact) < 0x1p-7);
      } else {
        CHECK(same_bits(got.layers[k].c, cast(want.layers[k].c, DType::bf16)));
      }
      CHECK(same_bits(got.layers[k].h, cast(want.layers[k].h, DType::bf16)));
      CHECK(same_bits(got.reverse[k], want.reverse[k]));
    }
  }
}

TEST_CASE("kept state: averages over a batch leave the channels of their own as they are") {
  const vsml::CellState state{cast(values({2, 3, 2, 2, 5}, -1, 1, 1), DType::bf16),
                              cast(values({2, 3, 2, 2, 5}, -1, 1, 2), DType::bf16)};
  const vsml::CellState merged = merged_over_batch(state);
  for (const auto& [got, from] : {std::pair{merged.h, state.h}, std::pair{merged.c, state.c}}) {
    CHECK(same_bits(slice(got, -1, 2, 5), slice(from, -1, 2, 5)));
    const Tensor shared = slice(got, -1, 0, 2);
    CHECK(same_bits(slice(shared, 1, 0, 1), slice(shared, 1, 1, 2)));
    CHECK(same_bits(slice(shared, 1, 0, 1), slice(shared, 1, 2, 3)));
  }
}

TEST_CASE("kept state: half the bytes of one in f32, but for the messages") {
  for (const int64_t size : {16, 5}) {
    LearnerOptions options = fused_learner();
    options.network.cell.state = size;
    const vsml::TaskDims dims{7, 3};
    const auto wide = make_learner(options, dims), narrow = make_learner(in_bf16(options), dims);
    const int64_t cells = 7 * 5 + 5 * 3, messages = (5 + 3) * 8;
    const auto bytes = [](int64_t count, int64_t of_one) {
      return static_cast<double>(count * of_one);
    };
    CHECK(wide->memory(2, 1).state == bytes(2 * (2 * cells * size + messages), 4));
    CHECK(narrow->memory(2, 1).state == bytes(2 * 2 * cells * size, 2) + bytes(2 * messages, 4));
  }
}

TEST_CASE("kept state: a saved state comes back with all its bits, as BF16") {
  const engine::test::TemporaryFolder folder;
  const auto learner = make_learner(in_bf16(fused_learner()), {4, 3});
  const ParamSet params(learner->layout(), learner->initial_params({1, 1, 0, 0}));
  LearnerState state = learner->initial_state(params, member_keys(1, 2), 1);
  state = learner
              ->step(params, std::move(state), cast(values({2, 1, 4}, -1, 1, 3), DType::f32),
                     cast(labels(2, 1, 3, 4), DType::f32))
              .state;
  write_learner_state(folder / "state", *learner, state);
  CHECK(same_bits(read_learner_state(folder / "state", *learner, state), state));
  CHECK(engine::read_safetensors(folder / "state").at("layer.1.c").dtype() == DType::bf16);
  // A learner in f32 does not take it.
  const auto other = make_learner(fused_learner(), {4, 3});
  const LearnerState expected = other->initial_state(params, member_keys(1, 2), 1);
  CHECK_THROWS_WITH_AS(read_learner_state(folder / "state", *other, expected),
                       doctest::Contains("layer.0.h: expected f32 [2, 1, 4, 5, 16], found bf16"),
                       engine::IoError);
}

TEST_CASE("kept state: every meta-optimiser trains; checkpoints keep every bit") {
  const engine::test::TemporaryFolder folder;
  for (const LearnerOptions& learner :
       {in_bf16(tiny_learner()), in_bf16(fused_learner()), h_in_bf16(fused_learner())}) {
    for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
      CAPTURE(kind.name);
      const vsml::TaskMixture tasks({random_task(4, 3)}, {1});
      const vsml::LearnerFamily family(learner, DType::f32, {});
      const vsml::MetaTrainer trainer(kind.options, family, tasks, kMetaSeed);
      const Tensor start = cast(lively_params(family.layout(), 5), DType::f32);
      vsml::MetaState state = trainer.initial_state(start);
      for (int k = 0; k < 2; ++k) CHECK(trainer.step(state).gradient_norm > 0);
      CHECK_FALSE(same_bits(state.params, start));
      vsml::write_meta_checkpoint(folder / "checkpoint", {state, "", 0});
      vsml::MetaState again =
          vsml::read_meta_checkpoint(folder / "checkpoint", trainer, kind.options, family.layout())
              .state;
      CHECK(same_bits(again, state));
      trainer.step(state);
      trainer.step(again);
      CHECK(same_bits(again, state));
    }
  }
}

TEST_CASE("kept state: gradient checkpoints change no bit") {
  for (const LearnerOptions& options :
       {in_bf16(tiny_learner()), in_bf16(fused_learner()), h_in_bf16(fused_learner())}) {
    const vsml::LearnerFamily family(options, DType::f32, {});
    const Tensor start = cast(lively_params(family.layout(), 5), DType::f32);
    const ParamSet params(family.layout(), start);
    std::vector<vsml::UnrollGradient> results;
    for (const int64_t segment : {0, 1, 3}) {
      std::vector<vsml::Lane> lanes =
          new_lanes(vsml::TaskMixture({random_task(4, 3)}, {1}), family, params, 3, 1);
      results.push_back(bptt_unroll(family.for_dims({4, 3}), params, pointers(lanes), 8, 1,
                                    vsml::MetaLoss::Mean, segment));
      CHECK(same_bits(results.back().gradient, results[0].gradient));
    }
  }
}

TEST_CASE("kept state: meta-gradients are those of the same walk where nothing is rounded away") {
  // Bits of precision that a bf16 has suffice for the direction, not for the size of each number.
  const vsml::TaskMixture tasks({random_task(4, 3)}, {1});
  std::vector<std::vector<float>> gradients;
  for (const LearnerOptions& options : {fused_learner(), in_bf16(fused_learner())}) {
    const vsml::LearnerFamily family(options, DType::f32, {});
    const ParamSet params(family.layout(), cast(lively_params(family.layout(), 5), DType::f32));
    std::vector<vsml::Lane> lanes = new_lanes(tasks, family, params, 3, 1);
    gradients.push_back(
        bptt_unroll(family.for_dims({4, 3}), params, pointers(lanes), 8, 1, vsml::MetaLoss::Mean, 0)
            .gradient.to_vector<float>());
  }
  double dot = 0, first = 0, second = 0;
  for (size_t k = 0; k < gradients[0].size(); ++k) {
    const double a = gradients[0][k], b = gradients[1][k];
    dot += a * b;
    first += a * a;
    second += b * b;
  }
  CHECK(dot / std::sqrt(first * second) > 0.99);
}
