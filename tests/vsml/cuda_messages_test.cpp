// Normalised messages in the GPU's fused kernels, block by block on the host, against loops in
// double. What is not about messages is in cuda_blocks_test.cpp.
#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

#include "tests/vsml/kernel_blocks.h"
#include "tests/vsml/naive_messages.h"
#include "vsml/kernels/cuda/backward_block.h"
#include "vsml/kernels/cuda/forward_block.h"

using engine::kernels::HostBlock;
using namespace vsml::kernels::cuda;
using namespace vsml::test;

namespace {

// As for the other fused kernels (tick_cells_test.cpp). Of two channels, centred, nothing but the
// sign is left, so that their gradient is no number to compare; there are more in every case.
constexpr double kBound = 1e-5;

struct Case {
  int layers, sets, inputs, outputs, ticks, size, directions;
};

// The engine centres messengers; here they are drawn so. Loops in double centre them once more,
// which changes nothing, and their gradient is what a centred one gives.
std::vector<double> centred_draws(int64_t rows, int size, double range, unsigned salt) {
  std::vector<double> values = draws(rows * size, range, salt);
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int f = 0; f < size; ++f) sum += values[static_cast<size_t>(row * size + f)];
    for (int f = 0; f < size; ++f) values[static_cast<size_t>(row * size + f)] -= sum / size;
  }
  return values;
}

struct Wanted {
  NaiveTicks ticks;
  NaiveMessages messages;
};

Wanted wanted(const Case& c, int state) {
  const int64_t rows = c.layers * c.inputs, columns = c.layers * c.outputs, n = state;
  NaiveTicks t = drawn_ticks(c.layers, c.sets, c.inputs, c.outputs, state, c.ticks);
  t.dover_inputs.assign(static_cast<size_t>(columns * n), 0);
  t.dover_outputs.assign(static_cast<size_t>(rows * n), 0);
  t.run();
  NaiveMessages m{c.layers, c.sets, c.inputs, c.outputs, state, c.directions, c.size, t.next_h,
                  {},       {},     {},       {},        {},    {},           {}};
  m.messengers = centred_draws(c.sets * (n + 1) * c.directions, c.size, 1, 8);
  m.dover_inputs = draws(columns * c.size, 1, 9);
  m.dover_outputs = draws(rows * c.size, 1, 10);
  m.run();
  // What reaches h through its messages, on top of what reaches it itself.
  NaiveTicks with = t;
  for (size_t k = 0; k < m.dh.size(); ++k) with.dnext_h[k] += m.dh[k];
  with.run();
  with.dnext_h = t.dnext_h;
  return {with, m};
}

// Tiles of few rows and columns, so that there are several.
TilePlan plan_of(const Case& c, int state, int slots) {
  TilePlan plan = plan_tiles(c.layers, c.inputs, c.outputs, state, slots, 16);
  plan.rows = std::min<int64_t>(plan.rows, 2 * slots);
  plan.row_tiles = (plan.inputs + plan.rows - 1) / plan.rows;
  plan.tiles = c.layers * plan.row_tiles * plan.column_tiles;
  return plan;
}

// What the kernels write: next_h, the sums; then dh, dc, dw, the messengers' gradient.
template <int H, class Number>
Results run(const Wanted& want, const Case& c, bool backwards) {
  const NaiveTicks& t = want.ticks;
  const NaiveMessages& m = want.messages;
  const auto from_input = floats(t.from_input), from_output = floats(t.from_output);
  const auto w = floats(t.w), messengers = floats(m.messengers);
  std::vector<Number> h, memory;
  for (const double x : t.h) h.push_back(converted<Number>(static_cast<float>(x)));
  for (const double x : t.c) memory.push_back(converted<Number>(static_cast<float>(x)));
  std::vector<Number> next_h(h.size()), next_c(h.size());
  const auto inputs = [&](const TilePlan& plan) {
    return TileInputs<Number, Number>{plan,
                                      c.ticks,
                                      c.layers / c.sets,
                                      from_input.data(),
                                      from_output.data(),
                                      w.data(),
                                      h.data(),
                                      memory.data(),
                                      c.size,
                                      c.directions,
                                      c.layers / c.sets,
                                      messengers.data()};
  };
  const auto block = [&](const TilePlan& plan, int64_t k) {
    return HostBlock{backwards ? plan.tiles - 1 - k : k, backwards};
  };

  const TilePlan forth = plan_of(c, H, Geometry<H>::kForwardSlots);
  auto rows = poison(c.layers * forth.row_tiles * c.outputs * c.size);
  auto columns = poison(c.layers * forth.column_tiles * c.inputs * c.size);
  const ForwardWork<Number, Number> forward{inputs(forth), next_h.data(), next_c.data(),
                                            rows.data(),
                                            c.directions > 1 ? columns.data() : nullptr};
  for (int64_t k = 0; k < forth.tiles; ++k) {
    const Shared shared(forward_floats<H>(forward.in));
    forward_tile<H, true>(block(forth, k), forward, shared.data());
  }
  Results results{{}, summed(rows, c.layers, forth.row_tiles)};
  for (const Number x : next_h) results[0].push_back(converted<float>(x));
  if (c.directions > 1) results.push_back(summed(columns, c.layers, forth.column_tiles));

  const TilePlan back = plan_of(c, H, Geometry<H>::kBackwardSlots);
  const auto dnext_h = floats(t.dnext_h), dnext_c = floats(t.dnext_c);
  const auto dinputs = floats(m.dover_inputs), doutputs = floats(m.dover_outputs);
  auto dh = poison(static_cast<int64_t>(h.size())), dc = dh;
  auto drows = poison(c.layers * back.row_tiles * c.outputs * 4 * H);
  auto dcolumns = poison(c.layers * back.column_tiles * c.inputs * 4 * H);
  auto dw = poison(back.tiles * 4 * H * H);
  auto dm = poison(back.tiles * (H + 1) * c.directions * c.size);
  auto history = poison(std::max(1, (c.ticks - 1) * Geometry<H>::kHistoryFloats));
  BackwardWork<Number, Number> work;
  work.in = inputs(back);
  work.dnext_h = dnext_h.data();
  work.dnext_c = dnext_c.data();
  work.dover_inputs = dinputs.data();
  work.dover_outputs = c.directions > 1 ? doutputs.data() : nullptr;
  work.dh = dh.data();
  work.dc = dc.data();
  work.dfrom_output = drows.data();
  work.dfrom_input = dcolumns.data();
  work.dw_hidden = dw.data();
  work.dmessengers = dm.data();
  for (int64_t k = 0; k < back.tiles; ++k) {
    const Shared shared(backward_floats<H>(work.in));
    backward_tile<H, true>(block(back, k), work, shared.data(), history.data());
  }
  for (const auto& x :
       {dh, dc, summed(dw, c.sets, back.tiles / c.sets), summed(dm, c.sets, back.tiles / c.sets)}) {
    results.push_back(x);
  }
  return results;
}

// The gradient of messengers as seen through centring them.
std::vector<float> centred(std::vector<float> x, int size) {
  for (size_t row = 0; row < x.size(); row += static_cast<size_t>(size)) {
    double sum = 0;
    for (int f = 0; f < size; ++f) sum += static_cast<double>(x[row + static_cast<size_t>(f)]);
    for (int f = 0; f < size; ++f) {
      x[row + static_cast<size_t>(f)] -= static_cast<float>(sum / size);
    }
  }
  return x;
}

template <int H>
void check(const Case& c) {
  CAPTURE(H);
  CAPTURE(c.inputs);
  CAPTURE(c.outputs);
  CAPTURE(c.size);
  CAPTURE(c.directions);
  const Wanted want = wanted(c, H);
  const Results got = run<H, float>(want, c, false);
  size_t k = 0;
  CHECK(error_of(got[k++], want.ticks.next_h) < kBound);
  CHECK(error_of(got[k++], want.messages.over_inputs) < kBound);
  if (c.directions > 1) CHECK(error_of(got[k++], want.messages.over_outputs) < kBound);
  CHECK(error_of(got[k++], want.ticks.dh) < kBound);
  CHECK(error_of(got[k++], want.ticks.dc) < kBound);
  CHECK(error_of(got[k++], want.ticks.dw) < kBound);
  CHECK(error_of(centred(got[k++], c.size), want.messages.dmessengers) < kBound);
  // Threads and blocks the other way round: nobody reads what another one writes meanwhile.
  CHECK(same_bits(got, run<H, float>(want, c, true)));

  // States in bf16: the same from the same numbers, h rounded after its messages were made.
  Wanted narrow = want;
  for (std::vector<double>* x : {&narrow.ticks.h, &narrow.ticks.c}) {
    for (double& value : *x) value = converted<double>(converted<Bf16>(value));
  }
  Results wide = run<H, float>(narrow, c, false);
  for (float& value : wide[0]) value = converted<float>(converted<Bf16>(value));
  CHECK(same_bits(wide, run<H, Bf16>(narrow, c, true)));
}

}  // namespace

TEST_CASE("naive messages: their gradients are central differences") {
  for (const int directions : {1, 2}) {
    NaiveMessages m{2, 2, 3, 2, 5, directions, 4, draws(60, 0.9, 1), {}, {}, {}, {}, {}, {}, {}};
    m.messengers = draws(2 * 6 * 4 * directions, 1, 2);
    m.dover_inputs = draws(16, 1, 3);
    m.dover_outputs = draws(24, 1, 4);
    m.run();
    const NaiveMessages at = m;
    constexpr double kStep = 1e-5;
    using Member = std::vector<double> NaiveMessages::*;
    for (const auto& [input, gradient] :
         {std::pair<Member, Member>{&NaiveMessages::h, &NaiveMessages::dh},
          std::pair<Member, Member>{&NaiveMessages::messengers, &NaiveMessages::dmessengers}}) {
      for (size_t k = 0; k < (at.*input).size(); ++k) {
        double value[2] = {};
        for (const int side : {0, 1}) {
          m = at;
          (m.*input)[k] += side == 1 ? kStep : -kStep;
          m.run();
          value[side] = m.loss();
        }
        CHECK((at.*gradient)[k] ==
              doctest::Approx((value[1] - value[0]) / (2 * kStep)).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("the kernels' normalised messages on the host are those of loops in double") {
  // layers, sets, inputs, outputs, ticks, channels, directions: one cell; tails of rows, columns
  // and steps; several tiles; every remainder of 4; parameters of each member.
  check<8>({1, 1, 1, 1, 1, 8, 2});
  check<8>({2, 2, 37, 5, 3, 16, 2});
  check<8>({1, 1, 9, 20, 2, 3, 2});
  check<16>({4, 2, 21, 10, 2, 8, 2});
  check<16>({2, 1, 35, 3, 1, 4, 1});
  check<16>({1, 1, 40, 19, 2, 13, 2});
  check<16>({2, 2, 5, 17, 2, 16, 1});
  check<32>({2, 1, 11, 9, 2, 6, 2});
  check<32>({1, 1, 3, 33, 1, 16, 2});
  check<64>({2, 2, 10, 5, 2, 8, 2});
  check<64>({1, 1, 9, 17, 3, 5, 1});
}
