// The GPU's fused kernels, block by block on the host: the same functions that nvcc compiles,
// against loops in double. What only a GPU can show (its own exp and reciprocal, its barriers, its
// limits) is not tested here.
#include <algorithm>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "tests/vsml/kernel_blocks.h"
#include "vsml/kernels/cuda/backward_block.h"
#include "vsml/kernels/cuda/forward_block.h"

using engine::kernels::HostBlock;
using namespace vsml::kernels::cuda;
using namespace vsml::test;

namespace {

// As for the other fused kernels (tick_cells_test.cpp).
constexpr double kBound = 1e-5;

struct Case {
  int layers, sets, inputs, outputs, ticks;
  int rows, columns;  // of a tile; 0: as the kernels are launched
};

NaiveTicks naive(const Case& c, int state) {
  NaiveTicks ticks = drawn_ticks(c.layers, c.sets, c.inputs, c.outputs, state, c.ticks);
  ticks.dover_inputs = draws(int64_t{c.layers} * c.outputs * state, 1, 8);
  ticks.dover_outputs = draws(int64_t{c.layers} * c.inputs * state, 1, 9);
  ticks.run();
  return ticks;
}

TilePlan plan_of(const Case& c, int state, int slots, int64_t most_columns) {
  TilePlan plan = plan_tiles(c.layers, c.inputs, c.outputs, state, slots, most_columns);
  if (c.rows == 0) return plan;
  plan.rows = (c.rows + slots - 1) / slots * slots;
  plan.columns = c.columns;
  plan.row_tiles = (c.inputs + plan.rows - 1) / plan.rows;
  plan.column_tiles = (c.outputs + c.columns - 1) / c.columns;
  plan.tiles = c.layers * plan.row_tiles * plan.column_tiles;
  return plan;
}

template <class State>
std::vector<State> kept_in(const std::vector<double>& x) {
  std::vector<State> values;
  for (const double value : x) values.push_back(converted<State>(static_cast<float>(value)));
  return values;
}

// What is read of it is a NaN.
template <class State>
std::vector<State> poisoned(size_t count) {
  return std::vector<State>(count, converted<State>(std::numeric_limits<float>::quiet_NaN()));
}

template <class State>
std::vector<float> widened(const std::vector<State>& x) {
  std::vector<float> values;
  for (const State value : x) values.push_back(converted<float>(value));
  return values;
}

template <class Hidden, class Memory>
struct Arrays {
  explicit Arrays(const NaiveTicks& t)
      : from_input(floats(t.from_input)),
        from_output(floats(t.from_output)),
        w(floats(t.w)),
        h(kept_in<Hidden>(t.h)),
        c(kept_in<Memory>(t.c)) {}
  TileInputs<Hidden, Memory> inputs(const TilePlan& plan, const Case& one) const {
    return {
        plan,     one.ticks, one.layers / one.sets, from_input.data(), from_output.data(), w.data(),
        h.data(), c.data()};
  }
  std::vector<float> from_input, from_output, w;
  std::vector<Hidden> h;
  std::vector<Memory> c;
};

// h and c after the ticks, widened, and their sums.
template <int H, class Hidden = float, class Memory = float>
std::vector<std::vector<float>> run_forward(const NaiveTicks& t, const Case& one, bool backwards,
                                            bool in_place) {
  using G = Geometry<H>;
  const TilePlan plan = plan_of(one, H, G::kForwardSlots, G::kForwardColumns);
  Arrays<Hidden, Memory> in(t);
  auto next_h = in_place ? in.h : poisoned<Hidden>(in.h.size());
  auto next_c = in_place ? in.c : poisoned<Memory>(in.c.size());
  auto rows = poison(plan.layers * plan.row_tiles * plan.outputs * H);
  auto columns = poison(plan.layers * plan.column_tiles * plan.inputs * H);
  ForwardWork<Hidden, Memory> work{in.inputs(plan, one), next_h.data(), next_c.data(), rows.data(),
                                   columns.data()};
  if (in_place) {
    work.in.h = next_h.data();
    work.in.c = next_c.data();
  }
  const Shared shared(G::kForwardFloats);
  for (int64_t k = 0; k < plan.tiles; ++k) {
    forward_tile<H, false>(HostBlock{backwards ? plan.tiles - 1 - k : k, backwards}, work,
                           shared.data());
  }
  return {widened(next_h), widened(next_c), summed(rows, plan.layers, plan.row_tiles),
          summed(columns, plan.layers, plan.column_tiles)};
}

template <int H, class Hidden = float, class Memory = float>
std::vector<std::vector<float>> run_backward(const NaiveTicks& t, const Case& one, bool backwards) {
  using G = Geometry<H>;
  const TilePlan plan = plan_of(one, H, G::kBackwardSlots, G::kBackwardColumns);
  const Arrays<Hidden, Memory> in(t);
  const auto dnext_h = floats(t.dnext_h), dnext_c = floats(t.dnext_c);
  const auto dover_inputs = floats(t.dover_inputs), dover_outputs = floats(t.dover_outputs);
  auto dh = poison(static_cast<int64_t>(in.h.size())), dc = dh;
  auto rows = poison(plan.layers * plan.row_tiles * plan.outputs * 4 * H);
  auto columns = poison(plan.layers * plan.column_tiles * plan.inputs * 4 * H);
  auto dw = poison(plan.tiles * 4 * H * H);
  auto history = poison(std::max(1, (one.ticks - 1) * G::kHistoryFloats));
  BackwardWork<Hidden, Memory> work;
  work.in = in.inputs(plan, one);
  work.dnext_h = dnext_h.data();
  work.dnext_c = dnext_c.data();
  work.dover_inputs = dover_inputs.data();
  work.dover_outputs = dover_outputs.data();
  work.dh = dh.data();
  work.dc = dc.data();
  work.dfrom_output = rows.data();
  work.dfrom_input = columns.data();
  work.dw_hidden = dw.data();
  const Shared shared(G::kBackwardFloats);
  for (int64_t k = 0; k < plan.tiles; ++k) {
    backward_tile<H, false>(HostBlock{backwards ? plan.tiles - 1 - k : k, backwards}, work,
                            shared.data(), history.data());
  }
  return {dh, dc, summed(rows, plan.layers, plan.row_tiles),
          summed(columns, plan.layers, plan.column_tiles),
          summed(dw, one.sets, plan.tiles / one.sets)};
}

// States in bf16: the same ticks from the same numbers, rounded when they are stored.
template <int H, class Memory>
void check_kept_in_bf16(const Case& one) {
  CAPTURE(H);
  CAPTURE(one.inputs);
  CAPTURE(one.outputs);
  NaiveTicks ticks = naive(one, H);
  for (double& value : ticks.h) value = converted<double>(converted<Bf16>(value));
  for (double& value : ticks.c) value = converted<double>(converted<Memory>(value));
  auto want = run_forward<H>(ticks, one, false, false);
  for (float& value : want[0]) value = converted<float>(converted<Bf16>(value));
  for (float& value : want[1]) value = converted<float>(converted<Memory>(value));
  CHECK(same_bits(want, run_forward<H, Bf16, Memory>(ticks, one, false, false)));
  CHECK(same_bits(want, run_forward<H, Bf16, Memory>(ticks, one, true, true)));
  const auto gradients = run_backward<H>(ticks, one, false);
  CHECK(same_bits(gradients, run_backward<H, Bf16, Memory>(ticks, one, false)));
  CHECK(same_bits(gradients, run_backward<H, Bf16, Memory>(ticks, one, true)));
}

template <int H>
void check(const Case& one) {
  CAPTURE(H);
  CAPTURE(one.inputs);
  CAPTURE(one.outputs);
  CAPTURE(one.ticks);
  const NaiveTicks want = naive(one, H);
  const auto forward = run_forward<H>(want, one, false, false);
  CHECK(error_of(forward[0], want.next_h) < kBound);
  CHECK(error_of(forward[1], want.next_c) < kBound);
  CHECK(error_of(forward[2], want.over_inputs) < kBound);
  CHECK(error_of(forward[3], want.over_outputs) < kBound);
  // Threads and blocks the other way round: nobody reads what another one writes meanwhile.
  CHECK(same_bits(forward, run_forward<H>(want, one, true, false)));
  CHECK(same_bits(forward, run_forward<H>(want, one, true, true)));
  const auto backward = run_backward<H>(want, one, false);
  CHECK(error_of(backward[0], want.dh) < kBound);
  CHECK(error_of(backward[1], want.dc) < kBound);
  CHECK(error_of(backward[2], want.dfrom_output) < kBound);
  CHECK(error_of(backward[3], want.dfrom_input) < kBound);
  CHECK(error_of(backward[4], want.dw) < kBound);
  CHECK(same_bits(backward, run_backward<H>(want, one, true)));
}

}  // namespace

TEST_CASE("the naive gradients are those of the naive ticks") {
  const Case one{2, 1, 3, 2, 3, 0, 0};
  NaiveTicks ticks = naive(one, 8);
  const NaiveTicks at = ticks;
  constexpr double kStep = 1e-5;
  using Member = std::vector<double> NaiveTicks::*;
  const std::pair<Member, Member> pairs[] = {{&NaiveTicks::from_input, &NaiveTicks::dfrom_input},
                                             {&NaiveTicks::from_output, &NaiveTicks::dfrom_output},
                                             {&NaiveTicks::w, &NaiveTicks::dw},
                                             {&NaiveTicks::h, &NaiveTicks::dh},
                                             {&NaiveTicks::c, &NaiveTicks::dc}};
  for (const auto& [input, gradient] : pairs) {
    for (size_t k = 0; k < (at.*input).size(); k += 7) {
      double value[2] = {};
      for (const int side : {0, 1}) {
        ticks = at;
        (ticks.*input)[k] += side == 1 ? kStep : -kStep;
        ticks.run();
        value[side] = ticks.loss();
      }
      CHECK((at.*gradient)[k] ==
            doctest::Approx((value[1] - value[0]) / (2 * kStep)).epsilon(1e-6));
    }
  }
}

TEST_CASE("the kernels' tiles on the host give the ticks and gradients of loops in double") {
  // One cell; tails of rows, columns, units and steps; one tile and many; K = 1, 2, 3, 5;
  // parameters of each member. Columns are fewer and more than a block's groups.
  check<8>({1, 1, 1, 1, 1, 0, 0});
  check<8>({2, 1, 37, 5, 3, 8, 2});
  check<8>({1, 1, 9, 70, 2, 8, 64});
  check<16>({4, 2, 21, 10, 2, 0, 0});
  check<16>({2, 2, 5, 3, 5, 4, 3});
  check<16>({1, 1, 70, 19, 1, 16, 17});
  check<32>({2, 1, 11, 9, 2, 8, 4});
  check<32>({1, 1, 3, 33, 1, 0, 0});
  check<64>({2, 2, 10, 5, 2, 4, 3});
  check<64>({1, 1, 9, 17, 3, 0, 0});
}

TEST_CASE("the kernels' tiles on the host, with states or h alone kept in bf16") {
  check_kept_in_bf16<8, Bf16>({2, 1, 37, 5, 3, 8, 2});
  check_kept_in_bf16<16, Bf16>({2, 2, 5, 3, 5, 4, 3});
  check_kept_in_bf16<16, Bf16>({1, 1, 70, 19, 1, 16, 17});
  check_kept_in_bf16<32, Bf16>({2, 1, 11, 9, 2, 8, 4});
  check_kept_in_bf16<64, Bf16>({2, 2, 10, 5, 2, 4, 3});
  check_kept_in_bf16<8, float>({2, 1, 37, 5, 3, 8, 2});
  check_kept_in_bf16<16, float>({2, 2, 5, 3, 5, 4, 3});
}

TEST_CASE("tiles cover a layer, within what they have room for") {
  for (const int64_t inputs : {1, 7, 64, 784, 4096}) {
    for (const int64_t outputs : {1, 10, 63, 65, 4096}) {
      for (const int64_t most : {16, 64}) {
        const TilePlan plan = plan_tiles(3, inputs, outputs, 16, 8, most);
        CHECK(plan.columns <= most);
        CHECK(plan.rows % 8 == 0);
        CHECK((plan.row_tiles - 1) * plan.rows < inputs);
        CHECK(plan.row_tiles * plan.rows >= inputs);
        CHECK((plan.column_tiles - 1) * plan.columns < outputs);
        CHECK(plan.column_tiles * plan.columns >= outputs);
        const TilePlace last = place_of(plan, plan.tiles - 1);
        CHECK(last.layer == 2);
        CHECK(last.first_row + last.rows == inputs);
        CHECK(last.first_column + last.columns == outputs);
      }
    }
  }
}
