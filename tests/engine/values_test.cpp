// Every row of the op table: its value in every dtype on every device present, against naive loops.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/op_cases.h"
#include "tests/source_scan.h"

namespace engine::test {
namespace {

constexpr double kToleranceF64 = 1e-12;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> doubles(const Tensor& x) {
  const auto widened = [](const auto& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  if (x.dtype() == DType::f32) return widened(x.to_vector<float>());
  if (x.dtype() == DType::f64) return widened(x.to_vector<double>());
  return widened(x.to_vector<int32_t>());
}

// "" or what differs.
std::string compare(const Tensor& got, const Array& want, double tolerance) {
  if (got.shape() != want.shape) {
    return fmt::format("got shape {}, want {}", to_string(got.shape()), to_string(want.shape));
  }
  const std::vector<double> values = doubles(got);
  for (size_t k = 0; k < values.size(); ++k) {
    const double bound = tolerance * std::max(1.0, std::fabs(want.values[k]));
    if (!(std::fabs(values[k] - want.values[k]) <= bound)) {
      return fmt::format("element {}: got {}, want {}", k, values[k], want.values[k]);
    }
  }
  return "";
}

std::vector<Device> devices() {
  std::vector<Device> result{Device{}};
  const Device cuda{Device::Kind::Cuda, 0};
  if (available(cuda)) {
    result.push_back(cuda);
  } else {
    MESSAGE("cuda:0 is not present: its values are skipped");
  }
  return result;
}

std::string value_report(const OpCase& row, DType dtype, Device device) {
  const double tolerance = dtype == DType::f64   ? kToleranceF64
                           : dtype == DType::f32 ? row.tolerance_f32
                                                 : 0;
  const Operands operands = operands_of(row, dtype, device);
  const Tensor got = row.run(operands);
  if (got.device() != device) return "result is on another device";
  const std::string difference = compare(got, row.reference(values_of(row, dtype)), tolerance);
  if (!difference.empty()) return difference;
  // Ops never write to their inputs.
  const std::vector<Array> before = values_of(row, dtype);
  for (size_t k = 0; k < before.size(); ++k) {
    if (!compare(operands[k], before[k], 0).empty()) return fmt::format("input {} was changed", k);
  }
  return "";
}

TEST_CASE("every row gives the value of naive loops") {
  for (const Device& device : devices()) {
    for (const OpCase& row : op_cases().rows()) {
      for (const DType dtype : {DType::f64, DType::f32, DType::i32}) {
        if (dtype == DType::i32 && !row.integers) continue;
        CAPTURE(to_string(device));
        CAPTURE(row.name());
        CAPTURE(std::string(name_of(dtype)));
        CHECK(value_report(row, dtype, device) == "");
      }
    }
  }
}

TEST_CASE("every public op has a row, and every row is a public op") {
  std::set<std::string> rows;
  for (const OpCase& row : op_cases().rows()) rows.insert(row.op);
  const std::set<std::string> declared = declared_ops();
  CHECK(declared.size() > 50);
  for (const std::string& op : declared) {
    CAPTURE(op);
    CHECK(rows.count(op) == 1);
  }
  for (const std::string& op : rows) {
    CAPTURE(op);
    CHECK(declared.count(op) == 1);
  }
}

TEST_CASE("every row that widens the f32 bound says why") {
  for (const OpCase& row : op_cases().rows()) {
    CAPTURE(row.name());
    CHECK((row.tolerance_f32 <= 1e-6 || *row.why != '\0'));
  }
}

TEST_CASE("no op loses a NaN") {
  const Tensor x = Tensor::from<float>({1, static_cast<float>(kNaN), 3}, {3});
  const Tensor y = Tensor::from<float>({2, 2, 2}, {3});
  using Unary = Tensor (*)(const Tensor&);
  for (const Unary op :
       {Unary(negate), Unary(square), Unary(abs), Unary(sign), Unary(relu), Unary(exp), Unary(log),
        Unary(sqrt), Unary(tanh), Unary(sigmoid), Unary(softplus), Unary(reciprocal)}) {
    CHECK(std::isnan(op(x).to_vector<float>()[1]));
  }
  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  for (const Binary op :
       {Binary(add), Binary(subtract), Binary(multiply), Binary(divide), Binary(maximum),
        Binary(minimum), Binary(tanh_slope), Binary(sigmoid_slope)}) {
    CHECK(std::isnan(op(x, y).to_vector<float>()[1]));
    CHECK(std::isnan(op(y, x).to_vector<float>()[1]));
  }
  CHECK(std::isnan(sum(x).item()));
  CHECK(std::isnan(mean(x).item()));
  CHECK(std::isnan(matmul(reshape(x, {1, 3}), reshape(y, {3, 1})).item()));
  // The NaN in every place of a long row: kernels have a main loop and a rest.
  for (size_t place = 0; place < 37; ++place) {
    std::vector<double> values(37, 1.0);
    values[place] = kNaN;
    const Tensor row = Tensor::from(values, {37});
    CHECK(std::isnan(max(row).item()));
    CHECK(std::isnan(min(row).item()));
    CHECK(std::isnan(max(broadcast_to(expand(row, 1), {37, 3}), {0}).to_vector<double>()[2]));
  }
}

TEST_CASE("comparisons with NaN are false and where() takes it for true") {
  const Tensor nan = Tensor::scalar(kNaN, DType::f64), one = Tensor::scalar(1, DType::f64);
  CHECK(equal(nan, nan).item() == 0);
  CHECK(less(nan, one).item() == 0);
  CHECK(less_equal(one, nan).item() == 0);
  CHECK(greater(nan, one).item() == 0);
  CHECK(greater_equal(one, nan).item() == 0);
  CHECK(where(nan, one, nan).item() == 1);
}

TEST_CASE("values far out stay finite where the function is") {
  const Tensor far = Tensor::from<float>({-200, 200, -1e30f, 1e30f}, {4});
  const std::vector<float> soft = softplus(far).to_vector<float>();
  CHECK(soft[0] >= 0);
  CHECK(soft[0] < 1e-30f);
  CHECK(soft[1] == doctest::Approx(200));
  CHECK(soft[3] == doctest::Approx(1e30));
  const std::vector<float> gate = sigmoid(far).to_vector<float>();
  CHECK(gate[0] >= 0);
  CHECK(gate[0] < 1e-30f);
  CHECK(gate[1] == 1);
  CHECK(gate[2] == 0);
  CHECK(tanh(far).to_vector<float>() == std::vector<float>{-1, 1, -1, 1});
  const std::vector<float> shares = softmax(far).to_vector<float>();
  CHECK(shares == std::vector<float>{0, 0, 0, 1});
  CHECK(log_softmax(far).to_vector<float>()[3] == 0);
  CHECK(exp(Tensor::scalar(-kInfinity, DType::f32)).item() == 0);
  CHECK(max(Tensor::full({5}, -kInfinity, DType::f32)).item() == -kInfinity);
}

TEST_CASE("i32 keeps every bit") {
  const int32_t big = 2'000'000'011;  // not a float
  const Tensor x = Tensor::from<int32_t>({big, -big, 7}, {3});
  CHECK(max(x).item() == big);
  CHECK(min(x).item() == -big);
  CHECK(sum(x).item() == 7);
  CHECK(negate(x).to_vector<int32_t>() == std::vector<int32_t>{-big, big, -7});
  CHECK(gather(x, Tensor::from<int32_t>({1}, {1}), 0).to_vector<int32_t>()[0] == -big);
}

}  // namespace
}  // namespace engine::test
