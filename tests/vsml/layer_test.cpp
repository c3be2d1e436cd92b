// A layer's tick: against plain loops, against its literal form, and what sharing parameters means.
#include "vsml/layer.h"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/vsml/naive_network.h"
#include "tests/vsml/vsml_checks.h"

using engine::DType;
using engine::ParamLayout;
using engine::ParamSet;
using engine::Tensor;
using vsml::CellDims;
using vsml::CellParams;
using vsml::CellState;
using vsml::LayerTick;
using vsml::Messages;
using vsml::Reduce;
using vsml::TickOptions;
using namespace vsml::test;

namespace {

struct Sizes {
  int64_t members, batch, inputs, outputs;
  CellDims cell;
};

struct Setup {
  Sizes sizes;
  ParamSet params;
  CellState state;
  Messages in;

  CellParams cell() const { return vsml::cell_params(params, "cell", sizes.cell); }
};

Setup setup(const Sizes& sizes, bool layer_norm, bool per_member, uint64_t salt) {
  const auto [members, batch, inputs, outputs, cell] = sizes;
  ParamLayout layout;
  vsml::add_cell_params("cell", cell, layer_norm, layout);
  const engine::Shape grid{members, batch, inputs, outputs, cell.state};
  const Tensor flat = lively_params(layout, salt, per_member ? members : 0);
  return {sizes,
          ParamSet(layout, flat),
          {values(grid, -0.9, 0.9, salt + 1), values(grid, -1.5, 1.5, salt + 2)},
          {values({members, batch, inputs, cell.message}, -1.5, 1.5, salt + 3),
           values({members, batch, outputs, cell.message}, -1.5, 1.5, salt + 4)}};
}

NaiveLayer naive_layer(const Setup& s, int64_t member, int64_t entry) {
  const auto one = [&](const Tensor& x) {
    return slice(slice(x, 0, member, member + 1), 1, entry, entry + 1).to_vector<double>();
  };
  return {s.sizes.inputs, s.sizes.outputs,   one(s.state.h),
          one(s.state.c), one(s.in.forward), one(s.in.reverse)};
}

void check_against_loops(const Setup& s, const TickOptions& options) {
  const LayerTick got = tick(s.cell(), s.state, s.in, options);
  const auto [members, batch, inputs, outputs, cell] = s.sizes;
  for (int64_t p = 0; p < members; ++p) {
    for (int64_t b = 0; b < batch; ++b) {
      NaiveLayer layer = naive_layer(s, p, b);
      const NaiveMessages want = naive_tick(naive_cell(s.params, "cell", cell, p), layer,
                                            options.micro_ticks, options.reduce);
      const auto error = [&](const Tensor& x, const Numbers& numbers) {
        const Tensor one = slice(slice(x, 0, p, p + 1), 1, b, b + 1);
        return error_of(one, Tensor::from(numbers, one.shape()));
      };
      CHECK(error(got.state.h, layer.h) < 1e-13);
      CHECK(error(got.state.c, layer.c) < 1e-13);
      CHECK(error(got.out.forward, want.forward) < 1e-12);
      if (options.want_reverse) CHECK(error(got.out.reverse, want.reverse) < 1e-12);
    }
  }
}

// All that a tick gives as one number, every element with a weight of its own.
Tensor weighed(const LayerTick& tick) {
  Tensor total = Tensor::scalar(0, DType::f64);
  uint64_t salt = 900;
  for (const Tensor& x : {tick.state.h, tick.state.c, tick.out.forward, tick.out.reverse}) {
    if (x.defined()) total = total + sum(x * values(x.shape(), 0.5, 1.5, ++salt));
  }
  return total;
}

std::vector<Tensor> gradients(const Setup& s, const TickOptions& options, bool literal) {
  const std::vector<Tensor> inputs{s.params.flat(), s.state.h, s.state.c, s.in.forward,
                                   s.in.reverse};
  engine::Tape tape;
  for (const Tensor& input : inputs) tape.watch(input);
  const auto function = literal ? vsml::tick_literal : vsml::tick;
  return tape.gradient(weighed(function(s.cell(), s.state, s.in, options)), inputs);
}

const Sizes kSizes[] = {{1, 1, 2, 3, {1, 1}}, {1, 1, 1, 4, {2, 1}}, {2, 1, 3, 1, {5, 3}},
                        {1, 2, 1, 1, {3, 2}}, {2, 3, 4, 3, {7, 4}}, {3, 2, 5, 2, {16, 8}}};

// Calls visit(setup, options) for every combination; layer norm needs more than one channel to say
// anything.
template <class Visit>
void for_all_options(Visit visit) {
  uint64_t salt = 100;
  for (const Sizes& sizes : kSizes) {
    for (const int64_t micro_ticks : {1, 2, 3}) {
      for (const Reduce reduce : {Reduce::Mean, Reduce::Sum}) {
        for (const int flags : {0, 1, 2, 3}) {
          const bool layer_norm = flags % 2 == 1, per_member = flags / 2 == 1;
          for (const bool want_reverse : {true, false}) {
            CAPTURE(fmt::format("sizes {} {} {} {} H {}, ticks {}, sum {}, flags {}", sizes.members,
                                sizes.batch, sizes.inputs, sizes.outputs, sizes.cell.state,
                                micro_ticks, reduce == Reduce::Sum, flags));
            visit(setup(sizes, layer_norm, per_member, salt += 10),
                  TickOptions{micro_ticks, reduce, want_reverse});
          }
        }
      }
    }
  }
}

// x with the neurons along `axis` in the order `order`.
Tensor reordered(const Tensor& x, const std::vector<int32_t>& order, int axis) {
  return gather(x, Tensor::from(order, {static_cast<int64_t>(order.size())}), axis);
}

}  // namespace

TEST_CASE("layer: one tick of 2 x 3 cells with H = 1 is the formula") {
  ParamLayout layout;
  vsml::add_cell_params("cell", {1, 1}, false, layout);
  // w rows: forward, reverse, h; columns: input, candidate, forget, output. Then bias, m_forward,
  // b_forward, m_reverse, b_reverse.
  const Numbers w{0.5, -0.4, 0.3, 0.2, -0.6, 0.7, 0.1, -0.2, 0.9, 0.8, -0.5, 0.4};
  const Numbers bias{4.2, 0.1, -3.7, -0.3};
  const Numbers messengers{0.6, -0.1, -0.7, 0.2};
  Numbers flat = w;
  flat.insert(flat.end(), bias.begin(), bias.end());
  flat.insert(flat.end(), messengers.begin(), messengers.end());
  const double h0[2][3] = {{0.1, -0.2, 0.3}, {-0.4, 0.5, -0.6}};
  const double c0[2][3] = {{1.1, -0.8, 0.4}, {0.2, -1.3, 0.9}};
  const double forward[2] = {0.7, -1.2}, reverse[3] = {0.3, -0.5, 1.4};

  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  Numbers h, c, out_forward(3, 0), out_reverse(2, 0);
  for (size_t i = 0; i < 2; ++i) {
    for (size_t o = 0; o < 3; ++o) {
      const auto gate = [&](size_t g) {
        return forward[i] * w[g] + reverse[o] * w[4 + g] + h0[i][o] * w[8 + g] + bias[g];
      };
      c.push_back(sigmoid(gate(2) + 5) * c0[i][o] + sigmoid(gate(0) - 5) * std::tanh(gate(1)));
      h.push_back(sigmoid(gate(3)) * std::tanh(c.back()));
      out_forward[o] += (h.back() * 0.6 - 0.1) / 2;
      out_reverse[i] += (h.back() * -0.7 + 0.2) / 3;
    }
  }
  const CellParams cell =
      vsml::cell_params(ParamSet(layout, Tensor::from(flat, {layout.size()})), "cell", {1, 1});
  const CellState state{Tensor::from(Numbers(&h0[0][0], &h0[0][0] + 6), {1, 1, 2, 3, 1}),
                        Tensor::from(Numbers(&c0[0][0], &c0[0][0] + 6), {1, 1, 2, 3, 1})};
  const Messages in{Tensor::from(Numbers(forward, forward + 2), {1, 1, 2, 1}),
                    Tensor::from(Numbers(reverse, reverse + 3), {1, 1, 3, 1})};
  const LayerTick got = tick(cell, state, in, {});
  CHECK(error_of(got.state.h, Tensor::from(h, {1, 1, 2, 3, 1})) < 1e-14);
  CHECK(error_of(got.state.c, Tensor::from(c, {1, 1, 2, 3, 1})) < 1e-14);
  CHECK(error_of(got.out.forward, Tensor::from(out_forward, {1, 1, 3, 1})) < 1e-14);
  CHECK(error_of(got.out.reverse, Tensor::from(out_reverse, {1, 1, 2, 1})) < 1e-14);
}

TEST_CASE("layer: a tick equals plain loops with all options") {
  for_all_options(check_against_loops);
}

TEST_CASE("layer: a tick and its gradients equal the literal form with all options") {
  for_all_options([](const Setup& s, const TickOptions& options) {
    const LayerTick got = tick(s.cell(), s.state, s.in, options);
    const LayerTick want = tick_literal(s.cell(), s.state, s.in, options);
    CHECK(error_of(got.state.h, want.state.h) < 1e-12);
    CHECK(error_of(got.state.c, want.state.c) < 1e-12);
    CHECK(error_of(got.out.forward, want.out.forward) < 1e-12);
    REQUIRE(got.out.reverse.defined() == options.want_reverse);
    REQUIRE(want.out.reverse.defined() == options.want_reverse);
    if (options.want_reverse) CHECK(error_of(got.out.reverse, want.out.reverse) < 1e-12);
    const std::vector<Tensor> dgot = gradients(s, options, false);
    const std::vector<Tensor> dwant = gradients(s, options, true);
    for (size_t k = 0; k < dgot.size(); ++k) CHECK(error_of(dgot[k], dwant[k]) < 1e-12);
  });
}

TEST_CASE("layer: the gradients of a tick are central differences") {
  for (const bool layer_norm : {false, true}) {
    for (const bool per_member : {false, true}) {
      const Setup s = setup({2, 2, 3, 2, {3, 4}}, layer_norm, per_member, 7);
      const TickOptions options{2, Reduce::Sum, true};
      const Loss loss = [&](const std::vector<Tensor>& x) {
        const ParamSet params(s.params.layout(), x[0]);
        return weighed(tick(vsml::cell_params(params, "cell", s.sizes.cell), {x[1], x[2]},
                            {x[3], x[4]}, options));
      };
      CHECK(gradient_error(loss, {s.params.flat(), s.state.h, s.state.c, s.in.forward,
                                  s.in.reverse}) < kGradientBound);
    }
  }
}

TEST_CASE("layer: permuting neurons permutes their messages and nothing else") {
  const Setup s = setup({2, 2, 4, 3, {5, 2}}, false, false, 31);
  const TickOptions options{2, Reduce::Mean, true};
  const LayerTick plain = tick(s.cell(), s.state, s.in, options);

  const std::vector<int32_t> rows{2, 0, 3, 1};
  const LayerTick by_input =
      tick(s.cell(), {reordered(s.state.h, rows, 2), reordered(s.state.c, rows, 2)},
           {reordered(s.in.forward, rows, 2), s.in.reverse}, options);
  CHECK(error_of(by_input.out.reverse, reordered(plain.out.reverse, rows, 2)) < 1e-14);
  CHECK(error_of(by_input.out.forward, plain.out.forward) < 1e-14);
  CHECK(error_of(by_input.state.c, reordered(plain.state.c, rows, 2)) < 1e-14);

  const std::vector<int32_t> columns{1, 2, 0};
  const LayerTick by_output =
      tick(s.cell(), {reordered(s.state.h, columns, 3), reordered(s.state.c, columns, 3)},
           {s.in.forward, reordered(s.in.reverse, columns, 2)}, options);
  CHECK(error_of(by_output.out.forward, reordered(plain.out.forward, columns, 2)) < 1e-14);
  CHECK(error_of(by_output.out.reverse, plain.out.reverse) < 1e-14);
  // and the messages do differ from neuron to neuron
  CHECK(error_of(by_output.out.forward, plain.out.forward) > 1e-3);
}

TEST_CASE("layer: members and batch entries do not mix") {
  const Setup s = setup({3, 2, 4, 3, {5, 2}}, false, true, 41);
  const LayerTick all = tick(s.cell(), s.state, s.in, {2, Reduce::Mean, true});
  for (int64_t p = 0; p < 3; ++p) {
    const auto own = [&](const Tensor& x) { return slice(x, 0, p, p + 1); };
    const ParamSet params(s.params.layout(), own(s.params.flat()));
    const LayerTick alone =
        tick(vsml::cell_params(params, "cell", s.sizes.cell), {own(s.state.h), own(s.state.c)},
             {own(s.in.forward), own(s.in.reverse)}, {2, Reduce::Mean, true});
    CHECK(error_of(own(all.state.h), alone.state.h) < 1e-14);
    CHECK(error_of(own(all.out.forward), alone.out.forward) < 1e-13);
    CHECK(error_of(own(all.out.reverse), alone.out.reverse) < 1e-13);
  }
}

TEST_CASE("layer: an open forget gate with no candidate keeps c bit for bit") {
  constexpr int64_t kHidden = 5, kTicks = 10'000;
  ParamLayout layout;
  vsml::add_cell_params("cell", {kHidden, 2}, false, layout);
  std::vector<float> flat(static_cast<size_t>(layout.size()), 0);
  const int64_t bias = layout.at("cell.bias").offset;
  for (int64_t k = 0; k < kHidden; ++k) {
    flat[static_cast<size_t>(bias + 2 * kHidden + k)] = 15;  // and the constant 5: 20
    flat[static_cast<size_t>(bias + k)] = 8;                 // the input gate is open
  }
  const CellParams cell = vsml::cell_params(ParamSet(layout, Tensor::from(flat, {layout.size()})),
                                            "cell", {kHidden, 2});
  const auto single = [](const Tensor& x) { return cast(x, DType::f32); };
  CellState state{single(values({1, 1, 3, 2, kHidden}, -0.5, 0.5, 1)),
                  single(values({1, 1, 3, 2, kHidden}, -1.5, 1.5, 2))};
  const Tensor start = state.c.detached();
  const Messages in{single(values({1, 1, 3, 2}, -1, 1, 3)), single(values({1, 1, 2, 2}, -1, 1, 4))};
  state = tick(cell, state, in, {kTicks, Reduce::Mean, false}).state;
  CHECK(same_bits(state.c, start));
}

TEST_CASE("layer: shapes that do not fit are told") {
  const Setup s = setup({2, 1, 4, 3, {5, 2}}, false, false, 51);
  const auto message = [&](const CellState& state, const Messages& in) -> std::string {
    try {
      tick(s.cell(), state, in, {});
    } catch (const engine::ShapeError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({s.state.h, s.state.c}, {s.in.reverse, s.in.forward}) ==
        "tick: expected h, c [P, B, I, O, H], forward [P, B, I, F], reverse [P, B, O, R], got "
        "[2, 1, 4, 3, 5] and [2, 1, 4, 3, 5] and [2, 1, 3, 2] and [2, 1, 4, 2]");
  const auto half = [](const Tensor& x) { return slice(x, 0, 0, 1); };
  CHECK(message({half(s.state.h), s.state.c}, s.in) != "");
  CHECK(message(s.state, {half(s.in.forward), s.in.reverse}) != "");
  CHECK(message(s.state, {s.in.forward, half(s.in.reverse)}) != "");
  CHECK(message(s.state, {reshape(s.in.forward, {2, 4, 2}), s.in.reverse}) != "");
  // a message of the wrong size
  CHECK(message(s.state, {slice(s.in.forward, 3, 0, 1), s.in.reverse}) != "");
  CHECK(message(s.state, {s.in.forward, slice(s.in.reverse, 3, 0, 1)}) != "");
}
