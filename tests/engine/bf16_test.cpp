// bf16: what it is rounded to, against a search for the nearest in double; which ops take it.
#include "engine/kernels/bf16.h"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/linalg.h"
#include "engine/ops/movement.h"
#include "engine/ops/random.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "tests/op_cases.h"

namespace engine::test {
namespace {

float float_of(uint32_t bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// What the bits of a finite bf16 say, or of infinity as if the exponents went on: 2^128.
double value_of(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 7 & 0xff);
  const int fraction = static_cast<int>(bits & 0x7f);
  const double size =
      exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 127 - 7);
  return bits >> 15 == 1 ? -size : size;
}

// The nearest of all, by halving: bf16 of one sign are ordered as their bits are.
uint16_t nearest(double x) {
  const uint32_t sign = std::signbit(x) ? 0x8000 : 0;
  const double size = std::fabs(x);
  if (size > value_of(0x7f80)) return static_cast<uint16_t>(sign | 0x7f80);
  uint32_t low = 0, high = 0x7f80;  // value_of(low) <= size <= value_of(high)
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (value_of(middle) <= size ? low : high) = middle;
  }
  const double below = size - value_of(low), above = value_of(high) - size;
  const bool up = above < below || (above == below && low % 2 == 1);
  return static_cast<uint16_t>(sign | (up ? high : low));
}

std::vector<uint16_t> bits_of(const Tensor& x) {
  std::vector<uint16_t> bits;
  for (const Bf16 value : x.to_vector<Bf16>()) bits.push_back(value.bits);
  return bits;
}

std::vector<Device> devices() {
  std::vector<Device> all{{}};
  const Device gpu{Device::Kind::Cuda, 0};
  if (available(gpu)) all.push_back(gpu);
  return all;
}

TEST_CASE("bf16: floats are rounded to the nearest, ties to even") {
  // Every upper half of a float with lower halves around a tie; both signs of zero, subnormal
  // numbers and what rounds up to infinity are among them.
  std::vector<float> x;
  std::vector<uint16_t> want;
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    if ((upper & 0x7f80) == 0x7f80) continue;
    for (const uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      x.push_back(float_of(upper << 16 | lower));
      want.push_back(nearest(x.back()));
    }
  }
  const auto count = static_cast<int64_t>(x.size());
  for (const Device& device : devices()) {
    CHECK(bits_of(cast(Tensor::from(x, {count}, device), DType::bf16)) == want);
  }
  for (size_t k = 0; k < x.size(); k += 97) CHECK(kernels::narrowed(x[k]).bits == want[k]);
}

TEST_CASE("bf16: doubles are rounded once") {
  std::vector<double> x{0.0, -0.0, 5e-324, -1e-41, 1e300, -1e300, std::ldexp(1, 128)};
  for (const double base : {1.0, 1.0078125, -3.0, 0x1.fep127, 1e-39}) {
    for (const double step : {0x1p-8, 0x1p-9}) {
      for (const double more : {0.0, 1e-10, -1e-10, 1e-16, -1e-16}) {
        x.push_back(base * (1 + step) * (1 + more));
      }
    }
  }
  std::vector<uint16_t> want;
  for (const double value : x) want.push_back(nearest(value));
  const auto count = static_cast<int64_t>(x.size());
  for (const Device& device : devices()) {
    CHECK(bits_of(cast(Tensor::from(x, {count}, device), DType::bf16)) == want);
  }
  // The float in between would have been a tie.
  CHECK(nearest(1 + 0x1p-8 + 1e-10) == 0x3f81);
  CHECK(nearest(static_cast<float>(1 + 0x1p-8 + 1e-10)) == 0x3f80);
}

TEST_CASE("bf16: infinities stay, NaN stays NaN with its sign") {
  for (const uint32_t sign : {0u, 0x80000000u}) {
    for (const uint32_t nan : {0x7f800001u, 0x7f80ffffu, 0x7fc00000u, 0x7fffffffu}) {
      const uint32_t got = kernels::narrowed(float_of(sign | nan)).bits;
      CHECK((got & 0x7f80) == 0x7f80);
      CHECK((got & 0x7f) != 0);
      CHECK((got >> 15) == (sign >> 31));
    }
  }
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::from<double>({infinity, -infinity, std::nan("")}, {3});
  for (const Device& device : devices()) {
    const auto back = cast(cast(x.to(device), DType::bf16), DType::f64).to_vector<double>();
    CHECK(back[0] == infinity);
    CHECK(back[1] == -infinity);
    CHECK(std::isnan(back[2]));
  }
}

TEST_CASE("bf16: every number of it goes through the other types and back") {
  std::vector<Bf16> all;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7f80) != 0x7f80) all.push_back({static_cast<uint16_t>(bits)});
  }
  const auto count = static_cast<int64_t>(all.size());
  for (const Device& device : devices()) {
    const Tensor x = Tensor::from(all, {count}, device);
    CHECK(x.dtype() == DType::bf16);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor wide = cast(x, dtype);
      CHECK(bits_of(cast(wide, DType::bf16)) == bits_of(x));
      const auto values = cast(wide, DType::f64).to_vector<double>();
      for (size_t k = 0; k < all.size(); k += 31) CHECK(values[k] == value_of(all[k].bits));
    }
  }
  CHECK(Tensor::full({2}, 3.0, DType::bf16).to_vector<Bf16>()[1].bits == 0x4040);
  CHECK(Tensor::scalar(-0.5, DType::bf16).item() == -0.5);
  CHECK(cast(Tensor::scalar(257, DType::i32), DType::bf16).item() == 256);
}

TEST_CASE("bf16: an op refuses it or only moves it") {
  int moved = 0;
  for (const OpCase& row : op_cases().rows()) {
    bool floats = false;
    for (const Operand& operand : row.inputs) floats = floats || operand.range != Range::Place;
    if (!floats) continue;
    CAPTURE(row.name());
    Operands narrow = operands_of(row, DType::f32, Device{});
    for (Tensor& x : narrow.tensors) {
      if (x.dtype() == DType::f32) x = cast(x, DType::bf16);
    }
    Operands wide = narrow;
    for (Tensor& x : wide.tensors) {
      if (x.dtype() == DType::bf16) x = cast(x, DType::f32);
    }
    Tensor got;
    try {
      got = row.run(narrow);
    } catch (const DTypeError& error) {
      CHECK(std::string(error.what()).find("bf16") != std::string::npos);
      continue;
    }
    const Tensor want = row.run(wide);
    CHECK(got.shape() == want.shape());
    CHECK(cast(got, DType::f64).to_vector<double>() == cast(want, DType::f64).to_vector<double>());
    ++moved;
  }
  CHECK(moved > 10);
}

TEST_CASE("bf16: gradients pass straight through the rounding, in f32") {
  const Tensor x = Tensor::from<float>({0.1f, -2.7f, 33.3f, 5e-5f}, {2, 2});
  const Tensor factor = Tensor::from<float>({0.3f, 1.7f, -0.9f, 2.2f}, {2, 2});
  const Tensor kept = cast(x, DType::bf16);
  Tape tape;
  tape.watch(x);
  tape.watch(kept);
  const auto parts = split(transpose(cast(x, DType::bf16)), 0, 2);
  const Tensor again = cast(concat({parts[1], parts[0]}, 0), DType::f32);  // [1, 0] of x^T
  const Tensor loss = sum(again * factor) + sum(cast(kept, DType::f32) * factor);
  const auto gradients = tape.gradient(loss, {x, kept});
  CHECK(gradients[0].to_vector<float>() == std::vector<float>{-0.9f, 0.3f, 2.2f, 1.7f});
  CHECK(gradients[1].dtype() == DType::f32);
  CHECK(gradients[1].to_vector<float>() == factor.to_vector<float>());
}

TEST_CASE("bf16: random numbers are those of f32, rounded") {
  const RngKey key{3, 1, 4, 1};
  for (const Device& device : devices()) {
    const Tensor wide = Tensor::zeros({3, 5}, DType::f32, device);
    const Tensor narrow = Tensor::zeros({3, 7}, DType::bf16, device);
    draw_truncated_normal(wide, key, 6, 0.37);
    draw_truncated_normal(slice(narrow, 1, 1, 6), key, 6, 0.37);
    CHECK(bits_of(slice(narrow, 1, 1, 6)) == bits_of(cast(wide, DType::bf16)));
    CHECK(bits_of(slice(narrow, 1, 0, 1)) == std::vector<uint16_t>(3, 0));
  }
}

}  // namespace
}  // namespace engine::test
