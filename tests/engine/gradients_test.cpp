// Every differentiable row of the op table: first and second order gradients against central
// differences in f64.
#include <algorithm>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/gradcheck.h"
#include "tests/op_cases.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

bool has_variables(const OpCase& row) {
  const std::vector<bool> variables = variables_of(row);
  return row.differentiable &&
         std::find(variables.begin(), variables.end(), true) != variables.end();
}

Function function_of(const OpCase& row) {
  return [&row](const std::vector<Tensor>& inputs) {
    return row.run({inputs, DType::f64, Device{}});
  };
}

TEST_CASE("first order gradients of every row") {
  int checked = 0;
  for (const OpCase& row : op_cases().rows()) {
    if (!has_variables(row)) continue;
    const Operands operands = operands_of(row, DType::f64, Device{});
    CHECK(check_gradients(row.name(), function_of(row), operands.tensors, variables_of(row)) == "");
    ++checked;
  }
  CHECK(checked > 400);
}

TEST_CASE("second order gradients of every row") {
  for (const OpCase& row : op_cases().rows()) {
    if (!has_variables(row)) continue;
    const Operands operands = operands_of(row, DType::f64, Device{});
    CHECK(check_second_gradients(row.name(), function_of(row), operands.tensors,
                                 variables_of(row)) == "");
  }
}

TEST_CASE("each operand's gradient is the same when only it is asked for") {
  for (const OpCase& row : op_cases().rows()) {
    if (!has_variables(row)) continue;
    const std::vector<bool> variables = variables_of(row);
    if (std::count(variables.begin(), variables.end(), true) < 2) continue;
    const Operands operands = operands_of(row, DType::f64, Device{});
    for (size_t k = 0; k < variables.size(); ++k) {
      if (!variables[k]) continue;
      const auto gradient = [&](bool alone) {
        Tape tape;
        for (size_t j = 0; j < variables.size(); ++j) {
          if (j == k || (variables[j] && !alone)) tape.watch(operands[j]);
        }
        return tape.gradient(project(row.run(operands), 1), {operands[k]})[0].to_vector<double>();
      };
      CAPTURE(row.name());
      CAPTURE(k);
      CHECK(gradient(true) == gradient(false));
    }
  }
}

TEST_CASE("an operand used twice gets both contributions") {
  for (const OpCase& row : op_cases().rows()) {
    if (!has_variables(row) || row.inputs.size() != 2) continue;
    const Operand &a = row.inputs[0], &b = row.inputs[1];
    if (a.shape != b.shape || a.range != Range::Signed || b.range == Range::Place) continue;
    const Tensor x = operands_of(row, DType::f64, Device{})[0];
    const Tensor positive = square(x).detached();
    CHECK(check_gradients(row.name(),
                          [&](const std::vector<Tensor>& in) {
                            return row.run({{in[0], in[0]}, DType::f64, Device{}});
                          },
                          {positive}, {true}) == "");
  }
}

TEST_CASE("more than 10,000 elements are checked along directions") {
  const Tensor x = Tensor::from(Values(5).many<double>(12'000, -1, 1), {120, 100});
  const Function f = [](const std::vector<Tensor>& in) { return sum(tanh(in[0]), {1}); };
  CHECK(check_gradients("tanh", f, {x}, {true}) == "");
}

// A check that cannot fail is worth nothing.
TEST_CASE("the checks find a wrong gradient, a wrong shape and NaN") {
  const Tensor x = Tensor::from<double>({0.5, -1.5, 2}, {3});
  const Function wrong = [](const std::vector<Tensor>& in) {
    return in[0] * in[0].detached();  // half of the true gradient
  };
  CHECK(check_gradients("wrong", wrong, {x}, {true})
            .find("wrong: gradient of input 0 at element 0") == 0);
  const Function wrong_twice = [](const std::vector<Tensor>& in) {
    return in[0] * square(in[0].detached()) + in[0];
  };
  CHECK(check_second_gradients("wrong", wrong_twice, {x}, {true}) != "");
  const Function nan = [](const std::vector<Tensor>& in) { return log(in[0]); };
  CHECK(check_gradients("nan", nan, {x}, {true}) != "");
}

std::vector<double> gradient_of_sum(const Function& f, const std::vector<Tensor>& inputs,
                                    size_t which) {
  Tape tape;
  for (const Tensor& input : inputs) tape.watch(input);
  return tape.gradient(sum(f(inputs)), {inputs[which]})[0].to_vector<double>();
}

TEST_CASE("gradients at kinks are as documented") {
  const Tensor x = Tensor::from<double>({-1, 0, 1}, {3});
  const Tensor y = Tensor::from<double>({-1, 0, 0}, {3});
  using List = std::vector<double>;
  const auto of = [](auto f) { return [f](const std::vector<Tensor>& in) { return f(in); }; };
  CHECK(gradient_of_sum(of([](auto& in) { return abs(in[0]); }), {x}, 0) == List{-1, 0, 1});
  CHECK(gradient_of_sum(of([](auto& in) { return relu(in[0]); }), {x}, 0) == List{0, 0, 1});
  CHECK(gradient_of_sum(of([](auto& in) { return sign(in[0]); }), {x}, 0) == List{0, 0, 0});
  const Function larger = [](const std::vector<Tensor>& in) { return maximum(in[0], in[1]); };
  CHECK(gradient_of_sum(larger, {x, y}, 0) == List{1, 1, 1});
  CHECK(gradient_of_sum(larger, {x, y}, 1) == List{0, 0, 0});
  const Function smaller = [](const std::vector<Tensor>& in) { return minimum(in[0], in[1]); };
  CHECK(gradient_of_sum(smaller, {x, y}, 0) == List{1, 1, 0});
  CHECK(gradient_of_sum(smaller, {x, y}, 1) == List{0, 0, 1});
  const Tensor tied = Tensor::from<double>({2, 1, 2, 0, 3, 3}, {2, 3});
  CHECK(gradient_of_sum(of([](auto& in) { return max(in[0], {1}); }), {tied}, 0) ==
        List{0.5, 0, 0.5, 0, 0.5, 0.5});
  CHECK(gradient_of_sum(of([](auto& in) { return min(in[0], {0}); }), {tied}, 0) ==
        List{0, 1, 1, 1, 0, 0});
}

TEST_CASE("the gradient through cast has the input's dtype") {
  const Tensor x = Tensor::from<float>({1.5f, -2}, {2});
  Tape tape;
  tape.watch(x);
  const Tensor weights = Tensor::from<double>({0.1, 3}, {2});
  const Tensor gradient = tape.gradient(sum(cast(x, DType::f64) * weights), {x})[0];
  CHECK(gradient.to_vector<float>() == std::vector<float>{0.1f, 3});
}

}  // namespace
}  // namespace engine::test
