#include "engine/tape.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <thread>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"

namespace engine::test {
namespace {

Tensor number(double value) {
  return Tensor::scalar(value, DType::f64);
}

Tensor cube(const Tensor& x) {
  return x * x * x;
}

TEST_CASE("a tape records what depends on watched tensors, and nothing else") {
  const Tensor x = number(3), y = number(4);
  Tape tape;
  CHECK(tape.size() == 0);
  (void)(x * y);
  CHECK(tape.size() == 0);
  CHECK_FALSE(Tape::recording({x}));
  tape.watch(x);
  tape.watch(x);
  CHECK(tape.size() == 1);
  CHECK(Tape::recording({y, x}));
  const Tensor z = x * y;
  CHECK(tape.size() == 2);
  CHECK(tape.gradient(z, {x})[0].item() == 4);
}

TEST_CASE("a gradient may be taken again, and of recorded tensors") {
  const Tensor x = number(3);
  Tape tape;
  tape.watch(x);
  const Tensor y = x * x;
  const Tensor z = cube(y);
  for (int time = 0; time < 2; ++time) {
    const std::vector<Tensor> gradients = tape.gradient(z, {x, y, x});
    CHECK(gradients[0].item() == 6 * 243);  // 6 x^5
    CHECK(gradients[1].item() == 3 * 81);
    CHECK(gradients[2].item() == 6 * 243);
  }
  CHECK(tape.gradient(z, {z})[0].item() == 1);
  CHECK(tape.gradient(y, {x})[0].item() == 6);
}

TEST_CASE("the gradient of what the loss does not depend on is zeros") {
  const Tensor x = number(3), unused = Tensor::full({2, 3}, 1, DType::f32);
  Tape tape;
  tape.watch(x);
  tape.watch(unused);
  const Tensor gradient = tape.gradient(square(x), {unused})[0];
  CHECK(gradient.shape() == Shape{2, 3});
  CHECK(gradient.to_vector<float>() == std::vector<float>(6, 0.0f));
  CHECK(tape.gradient(number(5), {x})[0].item() == 0);  // a loss that was not recorded
  CHECK_FALSE(tape.gradient({number(5)}, {number(1)}, {x})[0].defined());
}

TEST_CASE("tapes nest: third derivatives") {
  const Tensor x = number(2);
  Tape outer;
  outer.watch(x);
  Tape middle;
  middle.watch(x);
  Tensor first;
  {
    Tape inner;
    inner.watch(x);
    first = inner.gradient(square(cube(x)), {x})[0];  // of x^6
  }
  CHECK(first.item() == 6 * 32);
  const Tensor second = middle.gradient(first, {x})[0];
  CHECK(second.item() == 30 * 16);
  CHECK(outer.gradient(second, {x})[0].item() == 120 * 8);
}

TEST_CASE("a tape does not record its own backward pass, an outer one does") {
  const Tensor x = number(2);
  Tape outer;
  Tape inner;
  inner.watch(x);
  const Tensor y = cube(x);
  const int64_t size = inner.size();
  (void)inner.gradient(y, {x});
  CHECK(inner.size() == size);
  CHECK(outer.size() == 0);
  outer.watch(x);
  (void)inner.gradient(cube(x), {x});
  CHECK(outer.size() > 3);
}

TEST_CASE("vector-Jacobian products with several outputs and accumulators") {
  const Tensor x = Tensor::from<double>({1, 2}, {2}), y = Tensor::from<double>({5, 7}, {2});
  Tape tape;
  tape.watch(x);
  tape.watch(y);
  const Tensor product = x * y, total = x + y;
  const Tensor weights = Tensor::from<double>({10, 100}, {2});
  const Tensor accumulator = Tensor::from<double>({0.5, 0.25}, {2});
  const std::vector<Tensor> gradients =
      tape.gradient({product, total}, {weights, Tensor()}, {x, y}, {accumulator, Tensor()});
  CHECK(gradients[0].to_vector<double>() == std::vector<double>{50.5, 700.25});
  CHECK(gradients[1].to_vector<double>() == std::vector<double>{10, 200});
  CHECK(accumulator.to_vector<double>() == std::vector<double>{0.5, 0.25});
  CHECK_THROWS_WITH_AS(tape.gradient({product}, {weights, weights}, {x}),
                       doctest::Contains("1 outputs, 2 doutputs, 1 inputs"), GradientError);
}

TEST_CASE("what cannot be differentiated is refused") {
  const Tensor x = number(3), vector = Tensor::full({2}, 1, DType::f64);
  Tape tape;
  CHECK_THROWS_WITH_AS(tape.watch(Tensor::zeros({2}, DType::i32)), "watch: expected a float tensor",
                       GradientError);
  CHECK_THROWS_AS(tape.watch(Tensor()), GradientError);
  tape.watch(x);
  CHECK_THROWS_WITH_AS(tape.gradient(vector, {x}),
                       "gradient: expected a loss of one float element, got [2]", GradientError);
  CHECK_THROWS_AS(tape.gradient(Tensor(), {x}), GradientError);
  CHECK_THROWS_AS(tape.gradient(Tensor::scalar(1, DType::i32), {x}), GradientError);
  CHECK_THROWS_WITH_AS(tape.gradient(square(x), {vector}),
                       "gradient: expected inputs that this tape watches or recorded",
                       GradientError);
  CHECK(tape.gradient(square(x), {x})[0].item() == 6);  // still usable
}

// An op of a library on top of the engine: 3 x.
Tensor triple(const Tensor& x, Differentiable times) {
  Tensor out = [&] {
    const NoRecord none;
    return x * 3;
  }();
  record(
      "triple", {x}, out,
      [](const Tensor& dout, InputGradients& grads) {
        if (grads.wanted(0)) grads.set(0, dout * 3);
      },
      times);
  return out;
}

TEST_CASE("an op that is differentiable once says so by name") {
  const Tensor x = number(2);
  for (const Differentiable times : {Differentiable::Repeatedly, Differentiable::Once}) {
    Tape outer;
    outer.watch(x);
    Tensor y, first;
    {
      Tape inner;
      inner.watch(x);
      y = square(triple(x, times));
      if (times == Differentiable::Repeatedly) {
        first = inner.gradient(y, {x})[0];
        CHECK(first.item() == 36);
      } else {
        CHECK_THROWS_WITH_AS(inner.gradient(y, {x}), "triple: not twice differentiable",
                             GradientError);
      }
    }
    CHECK(outer.gradient(y, {x})[0].item() == 36);
    if (first.defined()) CHECK(outer.gradient(first, {x})[0].item() == 18);
  }
}

TEST_CASE("a backward rule that gives the wrong shape or dtype is found") {
  const Tensor x = Tensor::full({3}, 1, DType::f64);
  for (const DType dtype : {DType::f64, DType::f32}) {
    Tape tape;
    tape.watch(x);
    const Tensor out = Tensor::full({3}, 2, DType::f64);
    record("skewed", {x}, out, [dtype](const Tensor&, InputGradients& grads) {
      grads.set(0, Tensor::zeros({dtype == DType::f64 ? 1 : 3}, dtype));
    });
    CHECK_THROWS_WITH_AS(tape.gradient(sum(out), {x}), doctest::Contains("skewed: backward rule"),
                         GradientError);
  }
}

TEST_CASE("a rule is asked for wanted inputs only") {
  const Tensor x = number(2), y = number(3);
  Tape tape;
  tape.watch(x);
  tape.watch(y);
  const Tensor out = number(0);
  std::vector<bool> asked;
  Tape::record("spy", {x, y, number(1)}, {out},
               [&asked](const std::vector<Tensor>&, InputGradients& grads) {
                 asked = {grads.wanted(0), grads.wanted(1), grads.wanted(2)};
               });
  (void)tape.gradient(out, {y});
  CHECK(asked == std::vector<bool>{false, true, false});
  (void)tape.gradient(out, {x, y});
  CHECK(asked == std::vector<bool>{true, true, false});
}

TEST_CASE("NoRecord hides every tape, and a detached tensor is a constant") {
  const Tensor x = number(3);
  Tape outer;
  outer.watch(x);
  Tape inner;
  inner.watch(x);
  Tensor hidden;
  {
    const NoRecord none;
    CHECK_FALSE(Tape::recording({x}));
    hidden = square(x);
  }
  CHECK(Tape::recording({x}));
  CHECK(inner.size() == 1);
  CHECK(inner.gradient(hidden * x, {x})[0].item() == 9);
  CHECK(inner.gradient(x.detached() * x, {x})[0].item() == 3);
  {
    const NoRecord none;
    Tape fresh;  // a tape inside records again
    fresh.watch(x);
    CHECK(fresh.gradient(square(x), {x})[0].item() == 6);
  }
}

TEST_CASE("a tape belongs to its thread") {
  const Tensor x = number(3);
  Tape tape;
  tape.watch(x);
  double gradient = 0;
  std::thread([&] {
    CHECK_FALSE(Tape::recording({x}));
    (void)(x * x);
    Tape own;
    own.watch(x);
    gradient = own.gradient(cube(x), {x})[0].item();
  }).join();
  CHECK(gradient == 27);
  CHECK(tape.size() == 1);
}

TEST_CASE("ops inside parallel_for are not recorded, tapes inside work") {
  const Tensor x = number(3);
  Tape tape;
  tape.watch(x);
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    std::vector<double> gradients(64);
    parallel_for(64, [&](int64_t k) {
      (void)(x * x);
      Tape own;
      own.watch(x);
      gradients[static_cast<size_t>(k)] =
          own.gradient(square(x) * static_cast<double>(k), {x})[0].item();
    });
    CHECK(tape.size() == 1);
    for (size_t k = 0; k < gradients.size(); ++k) CHECK(gradients[k] == 6 * static_cast<double>(k));
    CHECK(Tape::recording({x}));
  }
}

TEST_CASE("tapes take each other's tensors for constants") {
  const Tensor x = number(2), y = number(5);
  Tape outer;
  outer.watch(x);
  const Tensor a = square(x);
  Tape inner;
  inner.watch(y);
  const Tensor b = a * y;
  CHECK(inner.gradient(b, {y})[0].item() == 4);
  CHECK(outer.gradient(b, {x})[0].item() == 20);
  CHECK_THROWS_AS(inner.gradient(b, {x}), GradientError);
}

constexpr int kDeep = 200'000;

// x -> -x, again and again: neither value nor derivative leaves the range of numbers.
void differentiate_deep_chain(bool& done) {
  const Tensor x = number(1), gain = number(1);
  Tape tape;
  tape.watch(x);
  tape.watch(gain);
  Tensor value = x;
  for (int k = 0; k < kDeep; ++k) value = value * -1.0;
  const Tensor loss = square(value * gain);
  const std::vector<Tensor> gradients = tape.gradient(loss, {x, gain});
  done = tape.size() == kDeep + 4 && value.item() == 1 && gradients[0].item() == 2 &&
         gradients[1].item() == 2;
}

TEST_CASE("200,000 ops are recorded, differentiated and freed on a small stack") {
  bool done = false;
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread;
  const auto body = [](void* flag) -> void* {
    differentiate_deep_chain(*static_cast<bool*>(flag));
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, body, &done) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  CHECK(done);
}

}  // namespace
}  // namespace engine::test
