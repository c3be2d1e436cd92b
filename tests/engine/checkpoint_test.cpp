// Gradient checkpointing: values and gradients bit for bit those of the plain unroll.
#include <cstring>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/gradient_checkpoint.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

constexpr int64_t kSteps = 11;

using Tensors = std::vector<Tensor>;

template <class T>
Tensor values(const Shape& shape, uint64_t seed) {
  return Tensor::from(Values(seed).many<T>(shape.size(), -0.8, 0.8), shape);
}

template <class T>
bool same_bits(const Tensor& a, const Tensor& b) {
  const std::vector<T> x = a.to_vector<T>(), y = b.to_vector<T>();
  return a.shape() == b.shape() && std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0;
}

// A recurrence with what real ones have. shared: w [4, 4], b [4], and one that is never used.
// carry: h [3, 4], a memory c, and `fixed`, which is handed through.
UnrollStep recurrent_step(int64_t t, const Tensors& shared, const Tensors& carry) {
  const Tensor &w = shared[0], &b = shared[1];
  const Tensor &h = carry[0], &c = carry[1], &fixed = carry[2];
  const Tensor gate = sigmoid(affine(h, w, b) + fixed * (0.1 * static_cast<double>(t)));
  const Tensor candidate = tanh(matmul(h, w) + b * h + c * c);
  const Tensor memory = gate * c + candidate * (fixed - gate);
  const Tensor next = tanh(memory + matmul(memory, w)) + h * b;
  return {{next, memory, fixed}, sum(next * memory, {1})};
}

// The next carry is the output itself, and is used several times in the step.
UnrollStep feedback_step(int64_t, const Tensors& shared, const Tensors& carry) {
  const Tensor& h = carry[0];
  const Tensor next = tanh(affine(h, shared[0], shared[1])) + h * sigmoid(h) - h * shared[1];
  return {{next, tanh(next + carry[1] * h), carry[2]}, next};
}

// Carry entries change places, and one is made of a parameter alone.
UnrollStep exchanging_step(int64_t t, const Tensors& shared, const Tensors& carry) {
  const Tensor mixed = tanh(carry[0] + carry[1] * carry[2] + shared[1]);
  const Tensor fresh = t % 4 == 3 ? shared[1] * carry[2] : carry[0] * shared[1] + carry[0];
  return {{carry[1], mixed, fresh}, matmul(mixed, shared[0]) * fresh};
}

struct Result {
  Tensors outputs, carry, gradients;
  int64_t tape_size;
};

// The loss uses every output twice and the final carry.
Result run(const StepFunction& step, const Tensors& shared, const Tensors& carry, int64_t segment) {
  Tape tape;
  Tensors inputs = shared;
  inputs.insert(inputs.end(), carry.begin(), carry.end());
  for (const Tensor& input : inputs) tape.watch(input);
  const UnrollResult unrolled = unroll(step, kSteps, shared, carry, segment);
  const int64_t tape_size = tape.size();
  Tensor loss = sum(square(unrolled.carry[0]));
  for (size_t t = 0; t < unrolled.outputs.size(); ++t) {
    const Tensor& y = unrolled.outputs[t];
    loss = loss + sum(y * y * y) * (1 / static_cast<double>(t + 1)) + mean(sigmoid(y));
  }
  loss = loss + sum(unrolled.carry[1] * unrolled.carry[2]);
  return {unrolled.outputs, unrolled.carry, tape.gradient(loss, inputs), tape_size};
}

template <class T>
void check_step(const StepFunction& step) {
  const Tensors shared{values<T>({4, 4}, 1), values<T>({4}, 2), values<T>({2}, 3)};
  const Tensors carry{values<T>({3, 4}, 4), values<T>({3, 4}, 5), values<T>({3, 4}, 6)};
  const Result plain = run(step, shared, carry, 0);
  CHECK(plain.outputs.size() == kSteps);
  for (const int64_t segment :
       {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{7}, kSteps - 1, kSteps}) {
    CAPTURE(segment);
    const Result got = run(step, shared, carry, segment);
    REQUIRE(got.outputs.size() == plain.outputs.size());
    for (size_t t = 0; t < got.outputs.size(); ++t) {
      CHECK(same_bits<T>(got.outputs[t], plain.outputs[t]));
    }
    for (size_t k = 0; k < carry.size(); ++k) CHECK(same_bits<T>(got.carry[k], plain.carry[k]));
    for (size_t k = 0; k < plain.gradients.size(); ++k) {
      CAPTURE(k);
      CHECK(same_bits<T>(got.gradients[k], plain.gradients[k]));
    }
    CHECK(got.tape_size == (segment >= kSteps ? plain.tape_size : 7));  // 6 watched, one op
  }
}

TEST_CASE("checkpointed gradients are the plain ones, bit for bit") {
  SUBCASE("recurrent, f32") {
    check_step<float>(recurrent_step);
  }
  SUBCASE("recurrent, f64") {
    check_step<double>(recurrent_step);
  }
  SUBCASE("outputs are carried, f32") {
    check_step<float>(feedback_step);
  }
  SUBCASE("carry entries change places, f32") {
    check_step<float>(exchanging_step);
  }
}

TEST_CASE("the gradient of an unused parameter is zeros, of a handed-through carry it is not") {
  const Tensors shared{values<double>({4, 4}, 1), values<double>({4}, 2), values<double>({2}, 3)};
  const Tensors carry{values<double>({3, 4}, 4), values<double>({3, 4}, 5),
                      values<double>({3, 4}, 6)};
  const Result got = run(recurrent_step, shared, carry, 3);
  CHECK(got.gradients[2].to_vector<double>() == std::vector<double>{0, 0});
  CHECK(sum(abs(got.gradients[5])).item() > 0.01);
  CHECK(same_bits<double>(got.carry[2], carry[2]));
}

TEST_CASE("a part of the inputs may be watched, and a part of the results used") {
  const Tensors shared{values<float>({4, 4}, 1), values<float>({4}, 2), values<float>({2}, 3)};
  const Tensors carry{values<float>({3, 4}, 4), values<float>({3, 4}, 5), values<float>({3, 4}, 6)};
  const auto gradients = [&](int64_t segment) {
    Tape tape;
    tape.watch(shared[1]);
    tape.watch(carry[0]);
    const UnrollResult result = unroll(recurrent_step, kSteps, shared, carry, segment);
    return tape.gradient(sum(result.outputs[4]), {shared[1], carry[0]});
  };
  const Tensors plain = gradients(0), got = gradients(3);
  for (size_t k = 0; k < plain.size(); ++k) CHECK(same_bits<float>(got[k], plain[k]));
}

TEST_CASE("without a tape a checkpointed unroll just runs") {
  const Tensors shared{values<float>({4, 4}, 1), values<float>({4}, 2), values<float>({2}, 3)};
  const Tensors carry{values<float>({3, 4}, 4), values<float>({3, 4}, 5), values<float>({3, 4}, 6)};
  int64_t calls = 0;
  const StepFunction counted = [&](int64_t t, const Tensors& s, const Tensors& c) {
    ++calls;
    return recurrent_step(t, s, c);
  };
  CHECK(unroll(counted, kSteps, shared, carry, 3).outputs.size() == kSteps);
  CHECK(calls == kSteps);
  const UnrollResult none = unroll(counted, 0, shared, carry, 3);
  CHECK(none.outputs.empty());
  CHECK(same_bits<float>(none.carry[0], carry[0]));
}

TEST_CASE("a checkpointed unroll is differentiable once") {
  const Tensors shared{values<double>({4, 4}, 1), values<double>({4}, 2), values<double>({2}, 3)};
  const Tensors carry{values<double>({3, 4}, 4), values<double>({3, 4}, 5),
                      values<double>({3, 4}, 6)};
  Tape outer;
  outer.watch(shared[0]);
  Tape inner;
  inner.watch(shared[0]);
  const Tensor loss = sum(unroll(recurrent_step, kSteps, shared, carry, 3).outputs.back());
  CHECK_THROWS_WITH_AS(inner.gradient(loss, {shared[0]}), "unroll: not twice differentiable",
                       GradientError);
}

// Bytes that a segment length asks for, by the rule of the header.
int64_t bytes(int64_t steps, int64_t length, int64_t carry, int64_t tape) {
  return (steps + length - 1) / length * carry + length * tape;
}

TEST_CASE("segment_for_budget is the longest that fits") {
  CHECK(segment_for_budget(100, 10, 50, 5000) == 100);
  CHECK(segment_for_budget(100, 10, 50, 4999) < 100);
  CHECK(segment_for_budget(100, 10, 50, 0) == 1);
  CHECK(segment_for_budget(1, 10, 50, 0) == 1);
  for (const int64_t budget : {500, 700, 900, 2000, 4990}) {
    CAPTURE(budget);
    const int64_t length = segment_for_budget(100, 10, 50, budget);
    CHECK(bytes(100, length, 10, 50) <= budget);
    for (int64_t longer = length + 1; longer < 100; ++longer) {
      CHECK(bytes(100, longer, 10, 50) > budget);
    }
  }
}

}  // namespace
}  // namespace engine::test
