#include "engine/kernels/philox.h"
#include "engine/ops/random.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

constexpr RngKey kKey{0x0123456789abcdef, 3, 5, 7};

// Number i of the tensor from the i-th next() of the host's stream.
Reference stream(const Shape& shape, double (*next)(RandomStream&)) {
  return [=](const std::vector<Array>&) {
    Array out = zeros(shape);
    RandomStream random(kKey);
    for (double& value : out.values) value = next(random);
    return out;
  };
}

}  // namespace

// What the numbers are is tested in rng_test.cpp; here, that tensors hold them in order.
void add_random_cases(OpCases& cases) {
  for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}, Shape{13}}) {
    const std::string variant = to_string(shape);
    cases
        .add(
            "uniform", variant, {},
            [shape](const Operands& in) { return uniform(shape, kKey, in.dtype, in.device); },
            stream(shape, [](RandomStream& random) { return random.uniform(); }))
        .constant();
    cases
        .add(
            "normal", variant, {},
            [shape](const Operands& in) { return normal(shape, kKey, in.dtype, in.device); },
            stream(shape, [](RandomStream& random) { return random.normal(); }))
        .constant();
    cases
        .add(
            "truncated_normal", variant, {},
            [shape](const Operands& in) {
              return truncated_normal(shape, kKey, in.dtype, in.device);
            },
            stream(shape,
                   [](RandomStream& random) {
                     const float value = kernels::truncated_normal_from_bits(random.next());
                     return static_cast<double>(value);
                   }))
        .constant();
  }
  for (const int64_t n : {0, 1, 7}) {
    cases
        .add(
            "permutation", std::to_string(n) + " places", {},
            [n](const Operands& in) { return permutation(n, kKey, in.device); },
            [n](const std::vector<Array>&) {
              const std::vector<int32_t> order = random_permutation(n, kKey);
              return Array{{n}, {order.begin(), order.end()}};
            })
        .constant();
  }
  cases.misuse(
      "uniform", "i32", {"i32", "[2]"}, [] { uniform({2}, kKey, DType::i32); }, Refusal::DType);
  cases.misuse(
      "normal", "i32", {"i32", "[2]"}, [] { normal({2}, kKey, DType::i32); }, Refusal::DType);
  cases.misuse(
      "truncated_normal", "i32", {"i32", "[2]"}, [] { truncated_normal({2}, kKey, DType::i32); },
      Refusal::DType);
}

}  // namespace engine::test
