#include "tests/op_cases.h"

#include <cmath>
#include <limits>

#include "engine/ops/movement.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

std::vector<int64_t> shuffled(int64_t count, Values& random) {
  std::vector<int64_t> order;
  for (int64_t k = 0; k < count; ++k) {
    order.push_back(k);
    std::swap(order.back(), order[static_cast<size_t>(random.below(k + 1))]);
  }
  return order;
}

double draw(const Operand& operand, bool integers, Values& random) {
  switch (operand.range) {
    case Range::Signed:
      if (!integers) return random.away_from_zero(0.1, 2);
      return static_cast<double>(random.below(7) - 3);
    case Range::Positive:
      return integers ? static_cast<double>(1 + random.below(5)) : random.uniform(0.4, 2.4);
    case Range::Integer:
      return static_cast<double>(random.below(7) - 3);
    case Range::Mask:
      return static_cast<double>(random.below(2));
    case Range::Place:
      return static_cast<double>(random.below(operand.limit));
    case Range::Distinct:
      break;
  }
  return 0;
}

Array values_of(const Operand& operand, size_t position, DType dtype, Values& random) {
  Array x = zeros(operand.shape);
  const bool integers = dtype == DType::i32;
  if (operand.range == Range::Distinct) {
    const std::vector<int64_t> order = shuffled(operand.shape.size(), random);
    for (size_t k = 0; k < order.size(); ++k) {
      const auto centred = static_cast<double>(order[k] - operand.shape.size() / 2);
      x.values[k] =
          integers ? centred : 0.1 * centred + 0.01 + 0.03 * static_cast<double>(position);
    }
  } else {
    for (double& value : x.values) value = draw(operand, integers, random);
  }
  if (operand.layout == Layout::Repeated) {
    each_index(x.shape, [&](const Index& i) {
      Index first = i;
      first[0] = 0;
      element(x, i) = at(x, first);
    });
  }
  for (double& value : x.values) {
    if (dtype == DType::f32) value = static_cast<float>(value);
  }
  return x;
}

template <class T>
Tensor tensor_of(const Array& x, Device device) {
  std::vector<T> values;
  for (const double value : x.values) values.push_back(static_cast<T>(value));
  return Tensor::from(values, x.shape, device);
}

Tensor tensor_of(const Array& x, DType dtype, Device device) {
  if (dtype == DType::f32) return tensor_of<float>(x, device);
  if (dtype == DType::f64) return tensor_of<double>(x, device);
  return tensor_of<int32_t>(x, device);
}

Tensor inner_part(const Array& x, DType dtype, Device device) {
  Shape larger;
  for (const int64_t extent : x.shape) larger.push_back(extent + 3);
  Array around = zeros(larger);
  for (double& value : around.values) {
    value = dtype == DType::i32 ? -1 : std::numeric_limits<double>::quiet_NaN();
  }
  each_index(x.shape, [&](const Index& i) {
    Index shifted = i;
    for (int64_t& place : shifted) place += 2;
    element(around, shifted) = at(x, i);
  });
  Tensor tensor = tensor_of(around, dtype, device);
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    tensor = slice(tensor, axis, 2, 2 + x.shape[axis]);
  }
  return tensor;
}

Tensor laid_out(const Array& x, Layout layout, DType dtype, Device device) {
  if (layout == Layout::Inner) return inner_part(x, dtype, device);
  if (layout == Layout::Reversed) {
    std::vector<int> order;
    for (int axis = x.shape.rank(); axis-- > 0;) order.push_back(axis);
    return permute(tensor_of(reference::permute(x, order), dtype, device), order);
  }
  if (layout == Layout::Repeated) {
    const Tensor row = tensor_of(reference::slice(x, 0, 0, 1), dtype, device);
    return broadcast_to(row, x.shape);
  }
  return tensor_of(x, dtype, device);
}

}  // namespace

OpCase& OpCases::add(const std::string& op, const std::string& variant, std::vector<Operand> inputs,
                     Run run, Reference reference) {
  OpCase row;
  row.op = op;
  row.variant = variant;
  row.inputs = std::move(inputs);
  row.run = std::move(run);
  row.reference = std::move(reference);
  return rows_.emplace_back(std::move(row));
}

void OpCases::misuse(const std::string& op, const std::string& variant,
                     std::vector<std::string> says, std::function<void()> call, Refusal refusal) {
  misuses_.push_back({op, variant, refusal, std::move(says), std::move(call)});
}

const OpCases& op_cases() {
  static const OpCases cases = [] {
    OpCases all;
    add_elementwise_cases(all);
    add_reduce_cases(all);
    add_linalg_cases(all);
    add_movement_cases(all);
    add_nn_cases(all);
    add_conv_cases(all);
    add_random_cases(all);
    return all;
  }();
  return cases;
}

std::vector<Array> values_of(const OpCase& row, DType dtype) {
  Values random(17);
  std::vector<Array> result;
  for (const Operand& operand : row.inputs) {
    const bool place = operand.range == Range::Place;
    result.push_back(values_of(operand, result.size(), place ? DType::i32 : dtype, random));
  }
  return result;
}

Operands operands_of(const OpCase& row, DType dtype, Device device) {
  const std::vector<Array> values = values_of(row, dtype);
  Operands operands{{}, dtype, device};
  for (size_t k = 0; k < values.size(); ++k) {
    const Operand& operand = row.inputs[k];
    const DType type = operand.range == Range::Place ? DType::i32 : dtype;
    operands.tensors.push_back(laid_out(values[k], operand.layout, type, device));
  }
  return operands;
}

std::vector<bool> variables_of(const OpCase& row) {
  std::vector<bool> result;
  for (const Operand& operand : row.inputs) {
    result.push_back(operand.range != Range::Mask && operand.range != Range::Place);
  }
  return result;
}

Tensor ones(const Shape& shape, DType dtype) {
  return Tensor::full(shape, 1, dtype);
}

}  // namespace engine::test
