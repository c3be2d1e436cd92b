// Every misuse of an op throws the right exception with a message that names op, rule and shapes.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <optional>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

struct Thrown {
  Refusal kind;
  std::string message;
};

std::optional<Thrown> thrown_by(const std::function<void()>& call) {
  try {
    call();
  } catch (const ShapeError& error) {
    return Thrown{Refusal::Shape, error.what()};
  } catch (const DTypeError& error) {
    return Thrown{Refusal::DType, error.what()};
  } catch (const DeviceError& error) {
    return Thrown{Refusal::Device, error.what()};
  } catch (const Error& error) {
    return Thrown{Refusal::Any, error.what()};
  }
  return std::nullopt;
}

// "" if the call throws `kind` and its one-line message starts with the op and says all of `says`.
std::string refusal_report(const std::string& op, Refusal kind,
                           const std::vector<std::string>& says,
                           const std::function<void()>& call) {
  const std::optional<Thrown> thrown = thrown_by(call);
  if (!thrown) return "nothing was thrown";
  if (thrown->kind != kind) return "wrong exception: " + thrown->message;
  if (!thrown->message.starts_with(op + ": ")) return "op is not named: " + thrown->message;
  if (thrown->message.find('\n') != std::string::npos) return "several lines: " + thrown->message;
  for (const std::string& text : says) {
    if (thrown->message.find(text) == std::string::npos) {
      return fmt::format("\"{}\" is missing in: {}", text, thrown->message);
    }
  }
  return "";
}

TEST_CASE("every misuse in the table is refused") {
  for (const MisuseCase& misuse : op_cases().misuses()) {
    CAPTURE(misuse.op);
    CAPTURE(misuse.variant);
    CHECK(refusal_report(misuse.op, misuse.refusal, misuse.says, misuse.call) == "");
  }
}

TEST_CASE("ops that take floats refuse i32") {
  for (const OpCase& row : op_cases().rows()) {
    bool floats = false;
    for (const Operand& operand : row.inputs) floats = floats || operand.range != Range::Place;
    if (row.integers || row.mixed || !floats) continue;
    CAPTURE(row.name());
    const Operands operands = operands_of(row, DType::i32, Device{});
    CHECK(refusal_report(row.op, Refusal::DType, {"i32", to_string(operands[0].shape())},
                         [&] { row.run(operands); }) == "");
  }
}

TEST_CASE("ops refuse operands of different dtypes") {
  for (const OpCase& row : op_cases().rows()) {
    for (size_t odd = 0; odd < row.inputs.size(); ++odd) {
      if (row.inputs.size() < 2 || row.inputs[odd].range == Range::Place) continue;
      size_t floats = 0;
      for (const Operand& operand : row.inputs) floats += operand.range != Range::Place;
      if (floats < 2 || row.mixed) continue;
      CAPTURE(row.name());
      CAPTURE(odd);
      Operands operands = operands_of(row, DType::f64, Device{});
      operands.tensors[odd] = cast(operands.tensors[odd], DType::f32);
      const std::string shape = to_string(operands[odd].shape());
      CHECK(refusal_report(row.op, Refusal::DType, {"f32", "f64", shape},
                           [&] { row.run(operands); }) == "");
    }
  }
}

TEST_CASE("an empty tensor is refused as an operand") {
  const Tensor none, x = ones({}, DType::f32);
  CHECK_THROWS_AS(add(none, x), Error);
  CHECK_THROWS_AS(add(x, none), Error);
  CHECK_THROWS_AS(exp(none), Error);
  CHECK_THROWS_AS(expand(none, 0).to_vector<float>(), Error);
  CHECK_THROWS_AS(concat({none, none}, 0), Error);
}

TEST_CASE("a refused call leaves its inputs and the counters as they were") {
  const Tensor x = ones({2, 3}), y = ones({4});
  CHECK_THROWS_AS(add(x, y), ShapeError);
  CHECK(x.to_vector<double>() == std::vector<double>(6, 1.0));
  CHECK(y.to_vector<double>() == std::vector<double>(4, 1.0));
}

TEST_CASE("more than eight axes are refused") {
  const Tensor x = ones({1, 1, 1, 1, 1, 1, 1, 1});
  CHECK_THROWS_WITH_AS(expand(x, 0), "shape: expected at most 8 axes, got one more", ShapeError);
}

}  // namespace
}  // namespace engine::test
