// The fused kernels of this machine (or those that VSML_KERNELS names) against the reference in
// float64. In float32 a product of 16 to 64 terms and five transcendental functions round some ten
// times; 1e-5 of the largest element leaves room for sums over hundreds of cells.
#include "vsml/kernels/tick_cells.h"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"

using engine::DType;
using engine::ParamLayout;
using engine::ParamSet;
using engine::Tensor;
using vsml::CellDims;
using vsml::CellParams;
using vsml::CellState;
using vsml::Messages;
using vsml::kernels::CellTicks;
using namespace vsml::test;

namespace {

constexpr double kBound = 1e-5;

struct Sizes {
  int64_t members, batch, inputs, outputs;
  CellDims cell;
  int64_t micro_ticks;
  bool own_params;
  int64_t alike = 1;  // entries of the batch that begin with one state
};

struct Setup {
  Sizes sizes;
  ParamLayout layout;
  std::vector<Tensor> inputs;  // flat parameters, h, c, forward, reverse
};

Setup setup(const Sizes& s, DType dtype) {
  Setup result{s, {}, {}};
  vsml::add_cell_params("cell", s.cell, false, result.layout);
  const engine::Shape grid{s.members, s.batch / s.alike, s.inputs, s.outputs, s.cell.state};
  const double scale = 2 / std::sqrt(static_cast<double>(s.cell.state));
  for (const Tensor& x : {lively_params(result.layout, 3, s.own_params ? s.members : 0) * scale,
                          values(grid, -0.9, 0.9, 4), values(grid, -1.5, 1.5, 5),
                          values({s.members, s.batch, s.inputs, s.cell.message}, -1.5, 1.5, 6),
                          values({s.members, s.batch, s.outputs, s.cell.message}, -1.5, 1.5, 7)}) {
    result.inputs.push_back(cast(x, dtype));
  }
  return result;
}

CellTicks ticked(const Setup& s, bool reference) {
  const CellParams cell = vsml::cell_params(ParamSet(s.layout, s.inputs[0]), "cell", s.sizes.cell);
  const CellState state{s.inputs[1], s.inputs[2]};
  const Messages in{s.inputs[3], s.inputs[4]};
  const auto function =
      reference ? [](const CellParams& a, CellState b, const Messages& c,
                     int64_t k) { return vsml::kernels::reference_tick_cells(a, b, c, k, true); }
                : [](const CellParams& a, CellState b, const Messages& c, int64_t k) {
                    return vsml::kernels::tick_cells(a, std::move(b), c, k, true);
                  };
  return function(cell, state, in, s.sizes.micro_ticks);
}

// The same with h and c in other types.
Setup with_state_in(const vsml::StateTypes& types, Setup s) {
  s.inputs[1] = cast(s.inputs[1], types.h);
  s.inputs[2] = cast(s.inputs[2], types.c);
  return s;
}

std::vector<Tensor> results(const CellTicks& ticks) {
  return {ticks.state.h, ticks.state.c, ticks.over_inputs, ticks.over_outputs};
}

// Results, then the gradients of all inputs for fixed gradients of all results.
std::vector<Tensor> everything(const Setup& s, bool reference) {
  engine::Tape tape;
  for (const Tensor& input : s.inputs) tape.watch(input);
  std::vector<Tensor> all = results(ticked(s, reference));
  std::vector<Tensor> dresults;
  for (const Tensor& x : all) {
    dresults.push_back(
        cast(values(x.shape(), -1, 1, 20 + dresults.size()), engine::gradient_type(x.dtype()))
            .to(x.device()));
  }
  for (const Tensor& gradient : tape.gradient(all, dresults, s.inputs)) all.push_back(gradient);
  return all;
}

// A cell of 16 channels with a forget gate of 1 and a candidate of 0.
CellParams keeping_cell(const engine::Device& device) {
  ParamLayout layout;
  const CellDims dims{16, 8};
  vsml::add_cell_params("cell", dims, false, layout);
  std::vector<float> flat(static_cast<size_t>(layout.size()), 0.0f);
  // Total bias of the forget gates 20 (+5 is the cell's own); the input gates are wide open.
  for (int64_t k = 0; k < 16; ++k) {
    flat[static_cast<size_t>(layout.at("cell.bias").offset + k)] = 25;
    flat[static_cast<size_t>(layout.at("cell.bias").offset + 32 + k)] = 15;
  }
  const Tensor params = Tensor::from(flat, {layout.size()}, device);
  return vsml::cell_params(ParamSet(layout, params), "cell", dims);
}

bool is_fused(int64_t state_size) {
  return !vsml::kernels::fused_kernels(state_size, DType::f32, {}).empty();
}

const Sizes kSizes[] = {
    {1, 1, 1, 1, {16, 8}, 1, false},    {2, 1, 3, 2, {16, 8}, 2, false},
    {1, 3, 5, 7, {8, 4}, 4, false},     {3, 2, 19, 10, {16, 8}, 2, true},
    {1, 1, 301, 10, {16, 8}, 2, false}, {2, 1, 5, 300, {16, 4}, 1, false},
    {1, 1, 131, 17, {8, 5}, 3, false},  {2, 1, 13, 11, {32, 16}, 2, true},
    {1, 1, 4, 531, {32, 6}, 1, false},  {1, 2, 7, 9, {64, 16}, 3, false},
    {2, 6, 9, 4, {16, 8}, 1, true, 3},  {1, 5, 131, 17, {8, 5}, 2, false, 5},
};

}  // namespace

TEST_CASE("fused ticks and their gradients are the reference's in float64") {
  if (!is_fused(16)) {
    MESSAGE("no fused kernels are in use");
    return;
  }
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.inputs);
    CAPTURE(sizes.outputs);
    CAPTURE(sizes.cell.state);
    const auto want = everything(setup(sizes, DType::f64), true);
    const auto got = everything(setup(sizes, DType::f32), false);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      CHECK(error_of(cast(got[k], DType::f64), want[k]) < kBound);
    }
  }
}

TEST_CASE("ticks on a GPU and their gradients are the reference's in float64") {
  const engine::Device gpu{engine::Device::Kind::Cuda, 0};
  if (!engine::available(gpu)) {
    MESSAGE("cuda:0 is not present: its ticks are skipped");
    return;
  }
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.inputs);
    CAPTURE(sizes.outputs);
    CAPTURE(sizes.cell.state);
    const auto want = everything(setup(sizes, DType::f64), true);
    Setup there = setup(sizes, DType::f32);
    for (Tensor& input : there.inputs) input = input.to(gpu);
    const auto got = everything(there, false), again = everything(there, false);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      CHECK(error_of(cast(got[k].to({}), DType::f64), want[k]) < kBound);
      CHECK(same_bits(got[k].to({}), again[k].to({})));
    }
  }
}

TEST_CASE("without a tape the same bits come out, with and without the sums over outputs") {
  for (const Sizes& sizes : kSizes) {
    const Setup s = setup(sizes, DType::f32);
    const std::vector<Tensor> recorded = everything(s, false), plain = results(ticked(s, false));
    for (size_t k = 0; k < plain.size(); ++k) CHECK(same_bits(plain[k], recorded[k]));
    const CellParams cell = vsml::cell_params(ParamSet(s.layout, s.inputs[0]), "cell", sizes.cell);
    const CellTicks fewer = vsml::kernels::tick_cells(
        cell, {s.inputs[1], s.inputs[2]}, {s.inputs[3], s.inputs[4]}, sizes.micro_ticks, false);
    CHECK(same_bits(fewer.state.h, plain[0]));
    CHECK(same_bits(fewer.over_inputs, plain[2]));
    CHECK_FALSE(fewer.over_outputs.defined());
  }
}

TEST_CASE("the number of threads does not change a bit") {
  for (const Sizes& sizes : kSizes) {
    std::vector<Tensor> first;
    for (const int count : {1, 2, 3, 7}) {
      const Threads threads(count);
      const std::vector<Tensor> all = everything(setup(sizes, DType::f32), false);
      if (first.empty()) first = all;
      for (size_t k = 0; k < all.size(); ++k) CHECK(same_bits(all[k], first[k]));
    }
  }
}

TEST_CASE("a state that was handed over is updated in place, another stays as it is") {
  if (!is_fused(16)) return;
  const Setup s = setup({2, 1, 9, 4, {16, 8}, 2, false}, DType::f32);
  const CellParams cell = vsml::cell_params(ParamSet(s.layout, s.inputs[0]), "cell", {16, 8});
  const Messages in{s.inputs[3], s.inputs[4]};
  const Tensor before = s.inputs[1].detached();
  const auto kept = before.to_vector<float>();
  const CellTicks other = vsml::kernels::tick_cells(cell, {s.inputs[1], s.inputs[2]}, in, 2, true);
  CHECK(before.to_vector<float>() == kept);

  CellState own{s.inputs[1] + 0.0, s.inputs[2] + 0.0};
  const float *h = own.h.data<float>(), *c = own.c.data<float>();
  const CellTicks ticks = vsml::kernels::tick_cells(cell, std::move(own), in, 2, true);
  CHECK(ticks.state.h.data<float>() == h);
  CHECK(ticks.state.c.data<float>() == c);
  CHECK(same_bits(ticks.state.h, other.state.h));
  CHECK(same_bits(ticks.state.c, other.state.c));
}

const vsml::StateTypes kKept[] = {{DType::bf16, DType::bf16}, {DType::bf16, DType::f32}};

// On one device: ticks of a state in bf16 are those of the same numbers in f32, and differ only in
// what becomes of h and c at the end.
void check_kept_in(const vsml::StateTypes& types, const engine::Device& device) {
  const bool fused = !vsml::kernels::fused_kernels(16, DType::f32, device).empty();
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.inputs);
    CAPTURE(sizes.outputs);
    CAPTURE(sizes.cell.state);
    Setup narrow = with_state_in(types, setup(sizes, DType::f32));
    for (Tensor& input : narrow.inputs) input = input.to(device);
    const Setup wide = with_state_in({DType::f32, DType::f32}, narrow);
    const auto got = everything(narrow, false), want = everything(wide, false);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      CHECK(got[k].dtype() == (k == 0 ? types.h : k == 1 ? types.c : DType::f32));
      CHECK(same_bits(got[k].to({}), cast(want[k], got[k].dtype()).to({})));
    }
    const auto plain = results(ticked(narrow, false));
    for (size_t k = 0; k < plain.size(); ++k) CHECK(same_bits(plain[k].to({}), got[k].to({})));

    // In place.
    if (!fused || sizes.alike > 1) continue;
    const auto copy = [](const Tensor& x) { return engine::pad(x, 0, 0, 0); };
    CellState own{copy(narrow.inputs[1]), copy(narrow.inputs[2])};
    const void *h = own.h.view().data, *c = own.c.view().data;
    const CellParams cell =
        vsml::cell_params(ParamSet(narrow.layout, narrow.inputs[0]), "cell", sizes.cell);
    const CellTicks there = vsml::kernels::tick_cells(
        cell, std::move(own), {narrow.inputs[3], narrow.inputs[4]}, sizes.micro_ticks, true);
    CHECK(there.state.h.view().data == h);
    CHECK(there.state.c.view().data == c);
    CHECK(same_bits(there.state.h.to({}), got[0].to({})));
    CHECK(same_bits(there.state.c.to({}), got[1].to({})));
  }
}

TEST_CASE(
    "a state kept in bf16 is rounded once, after the ticks, and gradients pass straight through") {
  for (const vsml::StateTypes& types : kKept) check_kept_in(types, {});
  const engine::Device gpu{engine::Device::Kind::Cuda, 0};
  if (engine::available(gpu)) {
    for (const vsml::StateTypes& types : kKept) check_kept_in(types, gpu);
  } else {
    MESSAGE("cuda:0 is not present: its ticks are skipped");
  }
}

TEST_CASE("fused ticks of a state in bf16 and their gradients are the reference's in float64") {
  for (const Sizes& sizes : kSizes) {
    CAPTURE(sizes.inputs);
    CAPTURE(sizes.outputs);
    CAPTURE(sizes.cell.state);
    const Setup narrow = with_state_in({DType::bf16, DType::bf16}, setup(sizes, DType::f32));
    Setup exact = narrow;
    for (const size_t k : {0, 3, 4}) exact.inputs[k] = cast(exact.inputs[k], DType::f64);
    const auto got = everything(narrow, false), want = everything(exact, true);
    for (size_t k = 0; k < want.size(); ++k) {
      CAPTURE(k);
      // Where rounding goes another way, h and c differ by one in their last place, 2^-7 of them.
      CHECK(error_of(cast(got[k], DType::f64), cast(want[k], DType::f64)) <
            (k < 2 ? 0.0079 : kBound));
    }
  }
}

TEST_CASE("in bf16 a forget gate of 1 and a candidate of 0 keep c, tick by tick") {
  const CellParams cell = keeping_cell({});
  const Tensor c = cast(values({1, 1, 7, 1, 16}, -3, 3, 1), DType::bf16);
  const Messages in{Tensor::zeros({1, 1, 7, 8}, DType::f32),
                    Tensor::zeros({1, 1, 1, 8}, DType::f32)};
  CellState state{Tensor::zeros({1, 1, 7, 1, 16}, DType::bf16), c};
  for (int k = 0; k < 1000; ++k) state = vsml::kernels::tick_cells(cell, state, in, 1, false).state;
  CHECK(same_bits(state.c, c));
}

TEST_CASE("a forget gate of 1 and a candidate of 0 keep c bit for bit over 10^6 ticks") {
  std::vector<engine::Device> devices{{}};
  const engine::Device gpu{engine::Device::Kind::Cuda, 0};
  if (engine::available(gpu)) devices.push_back(gpu);
  for (const engine::Device& device : devices) {
    const CellParams cell = keeping_cell(device);
    const Tensor c = cast(values({1, 1, 7, 1, 16}, -3, 3, 1), DType::f32).to(device);
    const Messages in{Tensor::zeros({1, 1, 7, 8}, DType::f32, device),
                      Tensor::zeros({1, 1, 1, 8}, DType::f32, device)};
    const CellTicks ticks =
        vsml::kernels::tick_cells(cell, {Tensor::zeros({1, 1, 7, 1, 16}, DType::f32, device), c},
                                  in, is_fused(16) ? 1000000 : 100, false);
    CHECK(same_bits(ticks.state.c.to({}), c.to({})));
  }
}

TEST_CASE("what is not finite stays so") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Setup s = setup({1, 1, 3, 5, {16, 8}, 1, false}, DType::f32);
    auto c = s.inputs[2].to_vector<float>();
    c[16 * 7 + 3] = bad;
    s.inputs[2] = Tensor::from(c, s.inputs[2].shape());
    const CellTicks ticks = ticked(s, false);
    CHECK_FALSE(std::isfinite(ticks.state.c.to_vector<float>()[16 * 7 + 3]));
    const CellTicks kept = ticked(with_state_in({DType::bf16, DType::bf16}, s), false);
    const auto kept_c = cast(kept.state.c, DType::f32).to_vector<float>();
    CHECK_FALSE(std::isfinite(kept_c[16 * 7 + 3]));
    CHECK(std::isnan(kept_c[16 * 7 + 3]) == std::isnan(bad));
    if (std::isnan(bad)) {
      CHECK(std::isnan(ticks.state.h.to_vector<float>()[16 * 7 + 3]));
      CHECK(std::isnan(ticks.over_inputs.to_vector<float>()[2 * 16 + 3]));
      CHECK(std::isfinite(ticks.state.h.to_vector<float>()[16 * 8 + 3]));
    }
  }
}

TEST_CASE("large gates give their limits") {
  Setup s = setup({1, 1, 2, 2, {16, 8}, 1, false}, DType::f32);
  for (const double size : {50.0, 1e4, 1e30}) {
    s.inputs[3] = cast(values({1, 1, 2, 8}, -size, size, 6), DType::f32);
    Setup exact = s;
    for (Tensor& x : exact.inputs) x = cast(x, DType::f64);
    const auto got = results(ticked(s, false)), want = results(ticked(exact, true));
    for (size_t k = 0; k < want.size(); ++k) {
      CHECK(error_of(cast(got[k], DType::f64), want[k]) < kBound);
    }
  }
}

TEST_CASE("a fused op is differentiable once") {
  if (!is_fused(16)) return;
  const Setup s = setup({1, 1, 2, 2, {16, 8}, 1, false}, DType::f32);
  engine::Tape outer;
  outer.watch(s.inputs[1]);
  engine::Tape inner;
  inner.watch(s.inputs[1]);
  const Tensor loss = sum(square(ticked(s, false).state.h));
  CHECK_THROWS_AS(
      [&] {
        const Tensor gradient = inner.gradient(loss, {s.inputs[1]})[0];
        outer.gradient(sum(gradient), {s.inputs[1]});
      }(),
      engine::GradientError);
}

TEST_CASE("state sizes and types without fused kernels are served by engine ops") {
  CHECK(vsml::kernels::fused_kernels(12, DType::f32, {}).empty());
  CHECK(vsml::kernels::fused_kernels(16, DType::f64, {}).empty());
  const Sizes sizes{1, 1, 3, 4, {12, 3}, 2, false};
  const auto got = everything(setup(sizes, DType::f32), false);
  const auto want = everything(setup(sizes, DType::f64), true);
  for (size_t k = 0; k < want.size(); ++k) {
    CHECK(error_of(cast(got[k], DType::f64), want[k]) < kBound);
  }
}
