#include <cmath>

#include "engine/ops/elementwise.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

struct UnaryRow {
  const char* op;
  Tensor (*run)(const Tensor&);
  reference::Unary reference;
  Range range;
  bool integers;
};

struct BinaryRow {
  const char* op;
  Tensor (*run)(const Tensor&, const Tensor&);
  reference::Binary reference;
  Range a, b;
  bool integers;
};

double sigmoid_of(double x) {
  return 1 / (1 + std::exp(-x));
}

const UnaryRow kUnary[] = {
    {"negate", negate, [](double x) { return -x; }, Range::Signed, true},
    {"square", square, [](double x) { return x * x; }, Range::Signed, true},
    {"abs", abs, [](double x) { return std::fabs(x); }, Range::Signed, true},
    {"sign", sign, [](double x) { return x > 0   ? 1.0
                                         : x < 0 ? -1.0
                                                 : 0.0; }, Range::Signed, true},
    {"relu", relu, [](double x) { return x > 0 ? x : 0; }, Range::Signed, true},
    {"exp", exp, [](double x) { return std::exp(x); }, Range::Signed, false},
    {"log", log, [](double x) { return std::log(x); }, Range::Positive, false},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, Range::Positive, false},
    {"tanh", tanh, [](double x) { return std::tanh(x); }, Range::Signed, false},
    {"sigmoid", sigmoid, sigmoid_of, Range::Signed, false},
    {"softplus", softplus, [](double x) { return std::log1p(std::exp(x)); }, Range::Signed, false},
    {"reciprocal", reciprocal, [](double x) { return 1 / x; }, Range::Positive, false},
};

const BinaryRow kBinary[] = {
    {"add", add, [](double a, double b) { return a + b; }, Range::Signed, Range::Signed, true},
    {"subtract", subtract, [](double a, double b) { return a - b; }, Range::Signed, Range::Signed,
     true},
    {"multiply", multiply, [](double a, double b) { return a * b; }, Range::Signed, Range::Signed,
     true},
    {"divide", divide, [](double a, double b) { return a / b; }, Range::Signed, Range::Positive,
     false},
    {"maximum", maximum, [](double a, double b) { return std::fmax(a, b); }, Range::Distinct,
     Range::Distinct, true},
    {"minimum", minimum, [](double a, double b) { return std::fmin(a, b); }, Range::Distinct,
     Range::Distinct, true},
    {"equal", equal, [](double a, double b) { return a == b ? 1.0 : 0.0; }, Range::Distinct,
     Range::Distinct, true},
    {"less", less, [](double a, double b) { return a < b ? 1.0 : 0.0; }, Range::Distinct,
     Range::Distinct, true},
    {"less_equal", less_equal, [](double a, double b) { return a <= b ? 1.0 : 0.0; },
     Range::Distinct, Range::Distinct, true},
    {"greater", greater, [](double a, double b) { return a > b ? 1.0 : 0.0; }, Range::Distinct,
     Range::Distinct, true},
    {"greater_equal", greater_equal, [](double a, double b) { return a >= b ? 1.0 : 0.0; },
     Range::Distinct, Range::Distinct, true},
    {"tanh_slope", tanh_slope, [](double a, double y) { return a * (1 - y * y); }, Range::Signed,
     Range::Signed, false},
    {"sigmoid_slope", sigmoid_slope, [](double a, double y) { return a * y * (1 - y); },
     Range::Signed, Range::Signed, false},
};

struct UnaryVariant {
  const char* name;
  Shape shape;
  Layout layout = Layout::Contiguous;
};

const UnaryVariant kUnaryVariants[] = {
    {"matrix", {2, 3}},
    {"reversed strides", {2, 3, 2}, Layout::Reversed},
    {"inner part", {3, 4}, Layout::Inner},
    {"stride 0", {3, 2}, Layout::Repeated},
    {"scalar", {}},
    {"empty", {0, 3}},
    {"one element", {1, 1}},
    {"long row", {37}},
};

struct BinaryVariant {
  const char* name;
  Shape a, b;
  Layout layout_a = Layout::Contiguous, layout_b = Layout::Contiguous;
};

const BinaryVariant kBinaryVariants[] = {
    {"one shape", {2, 3}, {2, 3}},
    {"row on the right", {2, 3}, {3}},
    {"row on the left", {3}, {2, 3}},
    {"column on the left", {2, 1}, {2, 3}},
    {"column on the right", {2, 3}, {2, 1}},
    {"both broadcast", {2, 1, 3}, {4, 1}},
    {"scalar on the left", {}, {2, 3}},
    {"scalar on the right", {2, 3}, {}},
    {"scalars", {}, {}},
    {"reversed strides", {2, 3, 2}, {2, 3, 2}, Layout::Reversed},
    {"reversed strides, row", {2, 3}, {3}, Layout::Contiguous, Layout::Reversed},
    {"inner parts", {3, 4}, {4}, Layout::Inner, Layout::Inner},
    {"stride 0", {3, 2}, {3, 2}, Layout::Repeated, Layout::Reversed},
    {"empty", {0, 3}, {3}},
    {"empty against 1", {2, 1}, {2, 0}},
    {"one element", {1}, {1, 1}},
    {"long rows", {2, 37}, {2, 37}},
};

void add_ternary(OpCases& cases) {
  const Run run = [](const Operands& in) { return where(in[0], in[1], in[2]); };
  const Reference naive = [](const std::vector<Array>& in) {
    return reference::where(in[0], in[1], in[2]);
  };
  const auto row = [&](const char* variant, Operand mask, Operand a, Operand b) {
    mask.range = Range::Mask;
    cases.add("where", variant, {mask, a, b}, run, naive).numbers();
  };
  row("one shape", {{2, 3}}, {{2, 3}}, {{2, 3}});
  row("mask broadcast", {{3}}, {{2, 3}}, {{2, 3}});
  row("a broadcast", {{2, 3}}, {{2, 1}}, {{2, 3}});
  row("b scalar", {{2, 3}}, {{2, 3}}, {{}});
  row("all broadcast", {{2, 1, 1}}, {{3, 1}}, {{4}});
  row("reversed strides", {{2, 3}}, {{2, 3}, Range::Signed, Layout::Reversed},
      {{2, 3}, Range::Signed, Layout::Inner});
  row("stride 0", {{3, 2}}, {{3, 2}, Range::Signed, Layout::Repeated}, {{3, 2}});
  row("empty", {{0, 3}}, {{3}}, {{1, 3}});
  row("scalars", {{}}, {{}}, {{}});
}

void add_with_numbers(OpCases& cases) {
  const auto row = [&](const char* op, const char* variant, Run run, reference::Unary naive) {
    cases
        .add(op, variant, {{{2, 3}}}, run,
             [naive](const std::vector<Array>& in) { return reference::unary(in[0], naive); })
        .calls_others();
  };
  row(
      "add", "number", [](const Operands& in) { return add(in[0], 1.5); },
      [](double x) { return x + 1.5; });
  row(
      "multiply", "number", [](const Operands& in) { return multiply(in[0], -2.5); },
      [](double x) { return x * -2.5; });
  row(
      "add", "operator +", [](const Operands& in) { return in[0] + 0.5 + in[0]; },
      [](double x) { return 2 * x + 0.5; });
  row(
      "subtract", "operator -", [](const Operands& in) { return in[0] - 0.25 - in[0] * in[0]; },
      [](double x) { return x - 0.25 - x * x; });
  row(
      "multiply", "operator *", [](const Operands& in) { return 3 * (in[0] * 0.5); },
      [](double x) { return 1.5 * x; });
  row(
      "divide", "operator /", [](const Operands& in) { return -in[0] / 8 / (in[0] * in[0]); },
      [](double x) { return -1 / (8 * x); });
}

void add_cast_and_sum_to(OpCases& cases) {
  const Reference same = [](const std::vector<Array>& in) { return in[0]; };
  const auto back = [](DType through) {
    return [through](const Operands& in) { return cast(cast(in[0], through), in.dtype); };
  };
  cases.add("cast", "to f64 and back", {{{2, 3}}}, back(DType::f64), same).numbers();
  cases
      .add("cast", "reversed strides", {{{2, 3}, Range::Signed, Layout::Reversed}},
           back(DType::f64), same)
      .numbers();
  cases.add("cast", "empty", {{{3, 0}}}, back(DType::f64), same).numbers();
  cases.add("cast", "integers to f32 and back", {{{2, 3}, Range::Integer}}, back(DType::f32), same)
      .numbers()
      .constant();
  cases
      .add(
          "cast", "to i32 truncates", {{{5, 4}}},
          [](const Operands& in) { return cast(in[0], DType::i32); },
          [](const std::vector<Array>& in) {
            return reference::unary(in[0], [](double x) { return std::trunc(x); });
          })
      .numbers()
      .constant();
  const auto row = [&](const char* variant, Operand x, Shape shape) {
    cases
        .add(
            "sum_to", variant, {x}, [shape](const Operands& in) { return sum_to(in[0], shape); },
            [shape](const std::vector<Array>& in) { return reference::sum_to(in[0], shape); })
        .numbers();
  };
  row("same shape", {{2, 3}}, {2, 3});
  row("leading axis", {{2, 3}}, {3});
  row("middle axis", {{2, 3, 2}}, {2, 1, 2});
  row("leading and inner", {{4, 2, 3}}, {2, 1});
  row("scalar", {{2, 3}}, {});
  row("ones", {{2, 3}}, {1, 1});
  row("reversed strides", {{2, 3, 2}, Range::Signed, Layout::Reversed}, {3, 1});
  row("stride 0", {{3, 2}, Range::Signed, Layout::Repeated}, {1, 2});
  row("empty to zeros", {{0, 3}}, {3});
  row("empty to empty", {{2, 0}}, {1, 0});
}

}  // namespace

void add_elementwise_cases(OpCases& cases) {
  for (const UnaryRow& row : kUnary) {
    const Run run = [f = row.run](const Operands& in) { return f(in[0]); };
    const Reference naive = [f = row.reference](const std::vector<Array>& in) {
      return reference::unary(in[0], f);
    };
    for (const UnaryVariant& variant : kUnaryVariants) {
      const Operand x{variant.shape, row.range, variant.layout};
      cases.add(row.op, variant.name, {x}, run, naive).integers = row.integers;
    }
  }
  for (const BinaryRow& row : kBinary) {
    const Run run = [f = row.run](const Operands& in) { return f(in[0], in[1]); };
    const Reference naive = [f = row.reference](const std::vector<Array>& in) {
      return reference::binary(in[0], in[1], f);
    };
    for (const BinaryVariant& variant : kBinaryVariants) {
      cases
          .add(row.op, variant.name,
               {{variant.a, row.a, variant.layout_a}, {variant.b, row.b, variant.layout_b}}, run,
               naive)
          .integers = row.integers;
    }
    if (row.a == Range::Distinct) {  // with equal elements, where the gradient has a kink
      cases.add(row.op, "ties", {{{6, 7}, Range::Integer}, {{7}, Range::Integer}}, run, naive)
          .numbers()
          .constant();
    }
    cases.misuse(row.op, "shapes", {"[2, 3]", "[4]"}, [f = row.run] {
      f(ones({2, 3}), ones({4}));
    });
  }
  add_ternary(cases);
  add_with_numbers(cases);
  add_cast_and_sum_to(cases);
  cases.misuse("where", "mask", {"[2]", "[3]"}, [] { where(ones({2}), ones({3}), ones({3})); });
  cases.misuse("where", "choices", {"[2]", "[3]"}, [] { where(ones({2}), ones({2}), ones({3})); });
  cases.misuse("sum_to", "shape", {"[2]", "[4, 3]"}, [] { sum_to(ones({4, 3}), {2}); });
  cases.misuse("sum_to", "more axes", {"[1, 3]", "[3]"}, [] { sum_to(ones({3}), {1, 3}); });
}

}  // namespace engine::test
