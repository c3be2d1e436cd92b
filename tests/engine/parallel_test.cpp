// The same bits for any number of threads, and what parallel_for promises.
#include "engine/parallel.h"

#include <atomic>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "engine/error.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/test_values.h"

namespace engine::test {
namespace {

template <class T>
Tensor values(const Shape& shape, uint64_t seed) {
  return Tensor::from(Values(seed).many<T>(shape.size(), -2, 2), shape);
}

std::vector<unsigned char> bits_of(const Tensor& x) {
  const auto bytes = [](const auto& elements) {
    std::vector<unsigned char> result(elements.size() * sizeof(elements[0]));
    if (!result.empty()) std::memcpy(result.data(), elements.data(), result.size());
    return result;
  };
  if (x.dtype() == DType::f32) return bytes(x.to_vector<float>());
  if (x.dtype() == DType::f64) return bytes(x.to_vector<double>());
  return bytes(x.to_vector<int32_t>());
}

using Work = std::function<Tensor()>;

// Restores the number of threads.
class Threads {
 public:
  Threads() : saved_(num_threads()) {}
  ~Threads() { set_num_threads(saved_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int saved_;
};

void check_same_bits(const std::vector<std::pair<const char*, Work>>& works) {
  const Threads restore;
  for (const auto& [name, work] : works) {
    CAPTURE(std::string(name));
    set_num_threads(1);
    const std::vector<unsigned char> want = bits_of(work());
    CHECK_FALSE(want.empty());
    for (const int threads : {1, 2, 3, 7}) {
      CAPTURE(threads);
      set_num_threads(threads);
      CHECK((bits_of(work()) == want));
    }
  }
}

template <class T>
void check_reductions() {
  // Large enough for several tasks, with each axis longer than a block of the reduced space.
  const Tensor x = values<T>({9000, 37}, 1), wide = values<T>({3, 70'001}, 2);
  const Tensor cube = values<T>({70, 65, 50}, 3), vector = values<T>({200'003}, 4);
  const auto reduced = [](const Tensor& from, std::vector<int> axes) {
    return [=] {
      const auto flat = [](const Tensor& t) { return reshape(t, {t.size()}); };
      return concat({flat(sum(from, axes)), flat(mean(from, axes)), flat(max(from, axes)),
                     flat(min(from, axes))},
                    0);
    };
  };
  check_same_bits({
      {"all of a vector", reduced(vector, {})},
      {"all of a matrix", reduced(x, {})},
      {"columns", reduced(x, {0})},
      {"rows", reduced(x, {1})},
      {"long rows", reduced(wide, {1})},
      {"short columns", reduced(wide, {0})},
      {"columns of a transposed view", reduced(transpose(x), {0})},
      {"rows of a transposed view", reduced(transpose(x), {1})},
      {"all of a transposed view", reduced(transpose(wide), {})},
      {"first axis", reduced(cube, {0})},
      {"middle axis", reduced(cube, {1})},
      {"last axis", reduced(cube, {2})},
      {"first two axes", reduced(cube, {0, 1})},
      {"last two axes", reduced(cube, {1, 2})},
      {"outer axes", reduced(cube, {0, 2})},
      {"part of a larger tensor", reduced(slice(slice(cube, 1, 3, 60), 2, 1, 49), {0, 1})},
      {"argmax", [=] { return argmax(x, 0); }},
      {"sum_to",
       [=] {
         return sum_to(cube, {65, 1});
       }},
      {"softmax", [=] { return softmax(x, 0); }},
      {"layer_norm", [=] { return layer_norm(x, x, x); }},
  });
}

TEST_CASE("reductions: same bits for any number of threads") {
  SUBCASE("f32") {
    check_reductions<float>();
  }
  SUBCASE("f64") {
    check_reductions<double>();
  }
}

template <class T>
void check_products() {
  const Tensor a = values<T>({1537, 130}, 5), b = values<T>({130, 71}, 6);
  const Tensor batch = values<T>({40, 67, 33}, 7), other = values<T>({40, 33, 21}, 8);
  const Tensor tall = values<T>({4099, 9}, 9), bias = values<T>({71}, 10);
  const Tensor image = values<T>({7, 19, 17, 3}, 11), kernel = values<T>({3, 3, 3, 8}, 12);
  check_same_bits({
      {"large", [=] { return matmul(a, b); }},
      {"a transposed", [=] { return matmul(transpose(transpose(a).contiguous()), b); }},
      {"b transposed", [=] { return matmul(a, transpose(transpose(b).contiguous())); }},
      {"long inner axis", [=] { return matmul(transpose(tall), tall); }},
      {"batch", [=] { return matmul(batch, other); }},
      {"batch folded", [=] { return matmul(batch, slice(b, 0, 0, 33)); }},
      {"affine", [=] { return affine(a, b, bias); }},
      {"conv2d", [=] { return conv2d(image, kernel); }},
      {"unfold", [=] { return unfold(image, 3, 3, 2, Padding::Same); }},
      {"fold",
       [=] { return fold(unfold(image, 3, 3, 1, Padding::Same), 19, 17, 1, Padding::Same); }},
      {"gradients",
       [=] {
         Tape tape;
         for (const Tensor& x : {a, b, bias}) tape.watch(x);
         const Tensor loss = mean(square(tanh(affine(a, b, bias))));
         const std::vector<Tensor> d = tape.gradient(loss, {a, b, bias});
         return concat({reshape(d[0], {a.size()}), reshape(d[1], {b.size()}), d[2]}, 0);
       }},
  });
}

TEST_CASE("products: same bits for any number of threads") {
  SUBCASE("f32") {
    check_products<float>();
  }
  SUBCASE("f64") {
    check_products<double>();
  }
}

template <class T>
void check_elementwise() {
  const Tensor x = values<T>({257, 311}, 13), y = values<T>({257, 311}, 14);
  const Tensor row = values<T>({311}, 15), column = values<T>({257, 1}, 16);
  const Tensor slices = values<T>({3, 50'000}, 17);
  std::vector<int32_t> places(600);
  Values random(18);
  for (int32_t& place : places) place = static_cast<int32_t>(random.below(257));
  const Tensor index = Tensor::from(places, {600});
  check_same_bits({
      {"unary", [=] { return exp(tanh(sigmoid(x))) + softplus(x) - relu(x); }},
      {"square roots", [=] { return log(sqrt(square(x) + 1.0)) + reciprocal(abs(x) + 1.0); }},
      {"binary", [=] { return maximum(x, y) * minimum(y, x) - x / (abs(y) + 1.0); }},
      {"broadcast", [=] { return x * row + column * y; }},
      {"strided", [=] { return transpose(x) + transpose(y) * transpose(column); }},
      {"where", [=] { return where(less(x, y), row, column); }},
      {"slopes", [=] { return tanh_slope(x, y) + sigmoid_slope(y, row); }},
      {"long rows", [=] { return slice(slices, 1, 1, 49'999) * 3 + 1.0; }},
      {"cast", [=] { return cast(transpose(x), DType::i32); }},
      {"concat",
       [=] {
         return concat({transpose(x), transpose(y)}, 0);
       }},
      {"gather", [=] { return gather(x, index, 0); }},
      {"scatter_add", [=] { return scatter_add(gather(y, index, 0), index, 0, 257); }},
  });
}

TEST_CASE("elementwise and movement: same bits for any number of threads") {
  SUBCASE("f32") {
    check_elementwise<float>();
  }
  SUBCASE("f64") {
    check_elementwise<double>();
  }
}

TEST_CASE("random numbers: same bits for any number of threads and any length") {
  const RngKey key{11, 2, 3, 4};
  for (const DType dtype : {DType::f32, DType::f64}) {
    check_same_bits({
        {"uniform", [=] { return uniform({300'001}, key, dtype); }},
        {"normal", [=] { return normal({300'001}, key, dtype); }},
        {"truncated_normal", [=] { return truncated_normal({300'001}, key, dtype); }},
    });
  }
  check_same_bits({{"permutation", [=] { return permutation(1000, key); }}});
  const std::vector<float> many = normal({300'001}, key).to_vector<float>();
  const std::vector<float> few = normal({70'002}, key).to_vector<float>();
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
}

TEST_CASE("ops inside parallel_for give the same bits as outside") {
  const Threads restore;
  const Tensor x = values<float>({300, 200}, 19), w = values<float>({200, 50}, 20);
  set_num_threads(1);
  const Work work = [&] { return sum(tanh(matmul(x, w)), {0}); };
  const std::vector<unsigned char> want = bits_of(work());
  set_num_threads(3);
  std::atomic<int> equal_results{0};
  parallel_for(16, [&](int64_t) { equal_results += bits_of(work()) == want ? 1 : 0; });
  CHECK(equal_results == 16);
}

TEST_CASE("parallel_for runs each index once, also when nested") {
  const Threads restore;
  for (const int threads : {1, 2, 7}) {
    set_num_threads(threads);
    CHECK(num_threads() == threads);
    std::vector<std::atomic<int>> runs(40 * 30);
    parallel_for(40, [&](int64_t i) {
      parallel_for(30, [&](int64_t j) { ++runs[static_cast<size_t>(i * 30 + j)]; });
    });
    for (const std::atomic<int>& count : runs) CHECK(count == 1);
    parallel_for(0, [](int64_t) { FAIL("nothing to run"); });
    parallel_for(-1, [](int64_t) { FAIL("nothing to run"); });
  }
}

TEST_CASE("exceptions pass through parallel_for, which stays usable") {
  const Threads restore;
  for (const int threads : {1, 4}) {
    set_num_threads(threads);
    const auto body = [](int64_t k) {
      if (k == 37) throw std::out_of_range("thirty-seven");
    };
    CHECK_THROWS_WITH_AS(parallel_for(100, body), "thirty-seven", std::out_of_range);
    CHECK_THROWS_AS(parallel_for(4, [&](int64_t) { parallel_for(100, body); }), std::out_of_range);
    CHECK_THROWS_AS(
        parallel_for(8,
                     [](int64_t) {
                       matmul(Tensor::zeros({2, 3}, DType::f32), Tensor::zeros({2, 3}, DType::f32));
                     }),
        ShapeError);
    std::atomic<int64_t> total{0};
    parallel_for(100, [&](int64_t k) { total += k; });
    CHECK(total == 4950);
  }
}

TEST_CASE("the number of threads is checked") {
  const Threads restore;
  CHECK_THROWS_WITH_AS(set_num_threads(0), "threads: expected 1 to 1024, got 0", Error);
  CHECK_THROWS_AS(set_num_threads(-1), Error);
  CHECK_THROWS_AS(set_num_threads(1025), Error);
}

}  // namespace
}  // namespace engine::test
