#include <cmath>
#include <limits>

#include "engine/ops/reduce.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

using Axes = std::vector<int>;

struct Variant {
  const char* name;
  Operand x;
  Axes axes;
  KeepAxes keep = KeepAxes::No;
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Variant> variants(Range range) {
  return {
      {"all", {{2, 3}, range}, {}},
      {"all, kept", {{2, 3}, range}, {}, KeepAxes::Yes},
      {"first axis", {{2, 3, 4}, range}, {0}},
      {"middle axis", {{2, 3, 4}, range}, {1}},
      {"last axis", {{2, 3, 4}, range}, {-1}},
      {"last axis, kept", {{2, 3, 4}, range}, {2}, KeepAxes::Yes},
      {"outer axes", {{2, 3, 4}, range}, {0, 2}},
      {"inner axes", {{2, 3, 4}, range}, {2, 1}, KeepAxes::Yes},
      {"long last axis", {{2, 45}, range}, {1}},
      {"reversed strides", {{2, 3, 4}, range, Layout::Reversed}, {1}},
      {"reversed strides, all", {{3, 4}, range, Layout::Reversed}, {}},
      {"inner part", {{3, 4}, range, Layout::Inner}, {0}},
      {"inner part, last axis", {{3, 4}, range, Layout::Inner}, {1}},
      {"extent 1", {{2, 1, 3}, range}, {1}},
      {"scalar", {{}, range}, {}},
      {"empty result", {{0, 3}, range}, {1}},
  };
}

void add_sums(OpCases& cases) {
  std::vector<Variant> rows = variants(Range::Signed);
  rows.push_back({"stride 0", {{3, 4}, Range::Signed, Layout::Repeated}, {0}});
  rows.push_back({"stride 0, last axis", {{3, 4}, Range::Signed, Layout::Repeated}, {1}});
  const auto plus = [](double a, double b) { return a + b; };
  for (const Variant& row : rows) {
    const bool keep = row.keep == KeepAxes::Yes;
    cases
        .add(
            "sum", row.name, {row.x},
            [row](const Operands& in) { return sum(in[0], row.axes, row.keep); },
            [=](const std::vector<Array>& in) {
              return reference::reduce(in[0], row.axes, keep, 0, plus);
            })
        .numbers();
    cases.add(
        "mean", row.name, {row.x},
        [row](const Operands& in) { return mean(in[0], row.axes, row.keep); },
        [=](const std::vector<Array>& in) { return reference::mean(in[0], row.axes, keep); });
  }
  cases
      .add(
          "sum", "of nothing", {{{0, 3}}}, [](const Operands& in) { return sum(in[0], {0}); },
          [](const std::vector<Array>&) { return zeros({3}); })
      .numbers();
  cases
      .add(
          "sum", "of nothing at all", {{{0, 3}}}, [](const Operands& in) { return sum(in[0]); },
          [](const std::vector<Array>&) { return zeros({}); })
      .numbers();
}

void add_extremes(OpCases& cases) {
  std::vector<Variant> rows = variants(Range::Distinct);
  for (const Variant& row : rows) {
    const bool keep = row.keep == KeepAxes::Yes;
    cases
        .add(
            "max", row.name, {row.x},
            [row](const Operands& in) { return max(in[0], row.axes, row.keep); },
            [=](const std::vector<Array>& in) {
              return reference::reduce(in[0], row.axes, keep, -kInfinity,
                                       [](double a, double b) { return std::fmax(a, b); });
            })
        .numbers();
    cases
        .add(
            "min", row.name, {row.x},
            [row](const Operands& in) { return min(in[0], row.axes, row.keep); },
            [=](const std::vector<Array>& in) {
              return reference::reduce(in[0], row.axes, keep, kInfinity,
                                       [](double a, double b) { return std::fmin(a, b); });
            })
        .numbers();
  }
}

void add_argmax(OpCases& cases) {
  const auto row = [&](const char* variant, Operand x, int axis) {
    cases
        .add(
            "argmax", variant, {x}, [axis](const Operands& in) { return argmax(in[0], axis); },
            [axis](const std::vector<Array>& in) { return reference::argmax(in[0], axis); })
        .numbers()
        .constant();
  };
  row("last axis", {{3, 5}, Range::Distinct}, -1);
  row("first axis", {{3, 5}, Range::Distinct}, 0);
  row("middle axis", {{2, 3, 4}, Range::Distinct}, 1);
  row("first of equal ones", {{6, 9}, Range::Integer}, 1);
  row("reversed strides", {{4, 3, 2}, Range::Distinct, Layout::Reversed}, 1);
  row("inner part", {{4, 3}, Range::Distinct, Layout::Inner}, 0);
  row("stride 0", {{4, 3}, Range::Integer, Layout::Repeated}, 0);
  row("vector", {{7}, Range::Distinct}, 0);
  row("empty result", {{0, 3}, Range::Distinct}, 1);
}

}  // namespace

void add_reduce_cases(OpCases& cases) {
  add_sums(cases);
  add_extremes(cases);
  add_argmax(cases);
  using Reduce = Tensor (*)(const Tensor&, const Axes&, KeepAxes);
  const std::pair<const char*, Reduce> reductions[] = {
      {"sum", sum}, {"mean", mean}, {"max", max}, {"min", min}};
  for (const auto& [op, f] : reductions) {
    cases.misuse(op, "no such axis", {"[-2, 2)", "2"}, [f = f] {
      f(ones({2, 3}), {2}, KeepAxes::No);
    });
    cases.misuse(op, "axis below", {"[-2, 2)", "-3"}, [f = f] {
      f(ones({2, 3}), {-3}, KeepAxes::No);
    });
    cases.misuse(op, "axis twice", {"0 twice"}, [f = f] {
      f(ones({2, 3}), {0, -2}, KeepAxes::No);
    });
    if (f == Reduce(sum)) continue;
    cases.misuse(op, "nothing", {"[0, 3]"}, [f = f] { f(ones({0, 3}), {0}, KeepAxes::No); });
    cases.misuse(op, "nothing at all", {"[0, 3]"}, [f = f] { f(ones({0, 3}), {}, KeepAxes::No); });
  }
  cases.misuse("argmax", "no such axis", {"[-1, 1)", "1"}, [] { argmax(ones({2}), 1); });
  cases.misuse("argmax", "scalar", {"0"}, [] { argmax(ones({}), 0); });
  cases.misuse("argmax", "nothing", {"[2, 0]"}, [] { argmax(ones({2, 0}), 1); });
}

}  // namespace engine::test
