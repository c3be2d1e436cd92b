// Normalised messages in the fused ticks: the kernels of this machine (or those that VSML_KERNELS
// names) against the reference in float64. layer_test.cpp holds that against loops in double.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/experiment/environment.h"
#include "vsml/kernels/tick_cells.h"
#include "vsml/layer.h"

using engine::DType;
using engine::ParamLayout;
using engine::ParamSet;
using engine::Tensor;
using vsml::CellDims;
using vsml::LayerTick;
using vsml::Reduce;
using namespace vsml::test;

namespace {

// That of the ticks (tick_cells_test.cpp): messages here deviate enough from their mean that to
// divide by it adds little.
constexpr double kBound = 1e-5;

struct Sizes {
  int64_t members, batch, inputs, outputs;
  CellDims cell;
  int64_t micro_ticks;
  bool own_params, want_reverse;
  Reduce reduce = Reduce::Mean;
};

// One cell; tails of blocks; several tiles of rows and of columns; channels of a message from 2 to
// 16, and more than the kernels have.
const Sizes kSizes[] = {
    {1, 1, 1, 1, {16, 8}, 1, false, true},     {2, 1, 3, 2, {16, 8}, 2, false, false},
    {1, 3, 5, 7, {8, 4}, 4, false, true},      {3, 2, 19, 10, {16, 8}, 2, true, true, Reduce::Sum},
    {1, 1, 301, 10, {16, 8}, 2, false, true},  {2, 1, 5, 300, {16, 4}, 1, true, true},
    {1, 1, 131, 17, {8, 16}, 3, false, false}, {2, 1, 29, 13, {8, 5}, 2, true, true},
    {2, 1, 13, 11, {32, 16}, 2, true, true},   {1, 1, 4, 531, {32, 6}, 1, false, true, Reduce::Sum},
    {1, 2, 7, 9, {64, 16}, 3, false, true},    {1, 2, 21, 5, {64, 2}, 1, true, false},
    {1, 1, 37, 6, {16, 13}, 2, false, true},   {1, 2, 9, 4, {16, 20}, 2, false, true},
};

struct Setup {
  Sizes sizes;
  ParamLayout layout;
  std::vector<Tensor> inputs;  // flat parameters, h, c, forward, reverse
};

Setup setup(const Sizes& s, DType dtype) {
  Setup result{s, {}, {}};
  vsml::add_cell_params("cell", s.cell, true, result.layout);
  const engine::Shape grid{s.members, s.batch, s.inputs, s.outputs, s.cell.state};
  const double scale = 2 / std::sqrt(static_cast<double>(s.cell.state));
  for (const Tensor& x : {lively_params(result.layout, 3, s.own_params ? s.members : 0) * scale,
                          values(grid, -0.9, 0.9, 4), values(grid, -1.5, 1.5, 5),
                          values({s.members, s.batch, s.inputs, s.cell.message}, -1.5, 1.5, 6),
                          values({s.members, s.batch, s.outputs, s.cell.message}, -1.5, 1.5, 7)}) {
    // Numbers that are the same in every type.
    result.inputs.push_back(cast(cast(x, DType::f32), dtype));
  }
  return result;
}

// The layer's tick, then the gradients of all inputs for fixed gradients of all results.
std::vector<Tensor> everything(const Setup& s) {
  engine::Tape tape;
  for (const Tensor& input : s.inputs) tape.watch(input);
  const LayerTick ticked =
      tick(vsml::cell_params(ParamSet(s.layout, s.inputs[0]), "cell", s.sizes.cell),
           {s.inputs[1], s.inputs[2]}, {s.inputs[3], s.inputs[4]},
           {s.sizes.micro_ticks, s.sizes.reduce, s.sizes.want_reverse});
  std::vector<Tensor> all{ticked.state.h, ticked.state.c, ticked.out.forward}, dresults;
  if (s.sizes.want_reverse) all.push_back(ticked.out.reverse);
  for (const Tensor& x : all) {
    dresults.push_back(
        cast(values(x.shape(), -1, 1, 20 + dresults.size()), engine::gradient_type(x.dtype()))
            .to(x.device()));
  }
  for (const Tensor& gradient : tape.gradient(all, dresults, s.inputs)) all.push_back(gradient);
  return all;
}

void check_against_reference(const engine::Device& device) {
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.inputs);
    CAPTURE(sizes.outputs);
    CAPTURE(sizes.cell.state);
    CAPTURE(sizes.cell.message);
    const auto want = everything(setup(sizes, DType::f64));
    Setup there = setup(sizes, DType::f32);
    for (Tensor& input : there.inputs) input = input.to(device);
    const auto got = everything(there), again = everything(there);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      CHECK(error_of(cast(got[k].to({}), DType::f64), want[k]) < kBound);
      CHECK(same_bits(got[k].to({}), again[k].to({})));
    }
  }
}

}  // namespace

TEST_CASE("fused normalised messages and their gradients are the reference's in float64") {
  check_against_reference({});
}

TEST_CASE("normalised messages on a GPU and their gradients are the reference's in float64") {
  const engine::Device gpu{engine::Device::Kind::Cuda, 0};
  if (!engine::available(gpu)) {
    MESSAGE("cuda:0 is not present: its messages are skipped");
    return;
  }
  check_against_reference(gpu);
}

TEST_CASE("normalised messages: the number of threads does not change a bit") {
  for (const Sizes& sizes : kSizes) {
    std::vector<Tensor> first;
    for (const int count : {1, 2, 3, 7}) {
      const Threads threads(count);
      const std::vector<Tensor> all = everything(setup(sizes, DType::f32));
      if (first.empty()) first = all;
      for (size_t k = 0; k < all.size(); ++k) CHECK(same_bits(all[k], first[k]));
    }
  }
}

TEST_CASE("normalised messages: states in bf16 change h and c at the end, and nothing else") {
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.cell.state);
    CAPTURE(sizes.cell.message);
    Setup narrow = setup(sizes, DType::f32);
    for (const size_t k : {1, 2}) narrow.inputs[k] = cast(narrow.inputs[k], DType::bf16);
    Setup wide = narrow;
    for (const size_t k : {1, 2}) wide.inputs[k] = cast(narrow.inputs[k], DType::f32);
    const auto got = everything(narrow), want = everything(wide);
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      CHECK(same_bits(got[k], cast(want[k], got[k].dtype())));
    }
  }
}

TEST_CASE("normalised messages: without a tape the same bits come out, in place too") {
  for (const Sizes& sizes : kSizes) {
    const Setup s = setup(sizes, DType::f32);
    const auto recorded = everything(s);
    const vsml::CellParams cell =
        vsml::cell_params(ParamSet(s.layout, s.inputs[0]), "cell", sizes.cell);
    vsml::CellState own{s.inputs[1] + 0.0, s.inputs[2] + 0.0};
    const LayerTick plain = tick(cell, std::move(own), {s.inputs[3], s.inputs[4]},
                                 {sizes.micro_ticks, sizes.reduce, sizes.want_reverse});
    CHECK(same_bits(plain.state.h, recorded[0]));
    CHECK(same_bits(plain.state.c, recorded[1]));
    CHECK(same_bits(plain.out.forward, recorded[2]));
    if (sizes.want_reverse) CHECK(same_bits(plain.out.reverse, recorded[3]));
  }
}

TEST_CASE("what `vsml check` says of normalised messages") {
  vsml::LearnerOptions learner;
  const std::string plain = vsml::tick_path(learner, {});
  learner.network.layer_norm = true;
  learner.network.cell.message = 16;
  CHECK(vsml::tick_path(learner, {}) == plain);
  learner.network.cell.message = 17;
  const bool fused = !vsml::kernels::fused_kernels(16, DType::f32, {}).empty();
  CHECK(vsml::tick_path(learner, {}) ==
        (fused ? plain + ", messages by engine ops (layer_norm)" : plain));
}

TEST_CASE("normalised messages of one channel are their offset") {
  const Sizes sizes{1, 1, 5, 3, {16, 1}, 2, false, true};
  const Setup s = setup(sizes, DType::f32);
  const ParamSet params(s.layout, s.inputs[0]);
  const LayerTick got =
      tick(vsml::cell_params(params, "cell", sizes.cell), {s.inputs[1], s.inputs[2]},
           {s.inputs[3], s.inputs[4]}, {2, Reduce::Mean, true});
  for (const auto& [message, name] : {std::pair{got.out.forward, "cell.offset_forward"},
                                      std::pair{got.out.reverse, "cell.offset_reverse"}}) {
    CHECK(same_bits(message, broadcast_to(params[name], message.shape()) + 0.0));
  }
}
