#include "engine/kernels/scalar_math.h"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

namespace engine::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Function = float (*)(float);
using Truth = double (*)(double);

double sigmoid_truth(double x) {
  return 1 / (1 + std::exp(-x));
}
double softplus_truth(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

struct Case {
  const char* name;
  Function function;
  Truth truth;
  double bound;  // ulp
  bool monotone;
};

const Case kCases[] = {
    {"exp", [](float x) { return exp_of(x); }, [](double x) { return std::exp(x); }, 1.1, true},
    {"log", [](float x) { return log_of(x); }, [](double x) { return std::log(x); }, 0.9, false},
    {"tanh", [](float x) { return tanh_of(x); }, [](double x) { return std::tanh(x); }, 1.4, true},
    {"sigmoid", [](float x) { return sigmoid_of(x); }, sigmoid_truth, 2.6, true},
    {"softplus", [](float x) { return softplus_of(x); }, softplus_truth, 3.0, false},
};

// The spacing of floats at a value, denormal spacing below the smallest normal one.
double ulp_at(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent, -125) - 24);
}

// Error in ulp; infinite where only one of the two is finite as a float, or a NaN.
double error_of(float got, double want) {
  const bool overflow = std::abs(want) >= 0x1.ffffffp127;
  if (std::isnan(want)) return std::isnan(got) ? 0 : kInfinity;
  if (overflow && std::isinf(got)) return std::signbit(got) == std::signbit(want) ? 0 : kInfinity;
  if (!std::isfinite(got)) return kInfinity;
  return std::abs(got - want) / ulp_at(want);
}

// About 2^22 floats of one sign in order of magnitude, 0 first and infinity last. The odd step
// favours no low bit.
template <class Visit>
void for_magnitudes(uint32_t sign, Visit visit) {
  constexpr uint32_t kInfinityBits = 0x7f800000, kStep = 509;
  for (uint32_t bits = 0; bits < kInfinityBits; bits += kStep) {
    visit(__builtin_bit_cast(float, bits | sign));
  }
  visit(__builtin_bit_cast(float, kInfinityBits | sign));
}

}  // namespace

TEST_CASE("scalar maths: error in ulp over all floats") {
  for (const Case& tested : kCases) {
    CAPTURE(tested.name);
    double worst = 0;
    float worst_at = 0;
    for (const uint32_t sign : {0u, 0x80000000u}) {
      for_magnitudes(sign, [&](float x) {
        const double want = tested.truth(x);
        const float got = tested.function(x);
        // Sigmoid's denormal results may be zero.
        if (tested.truth == sigmoid_truth && want < 0x1p-126 && got == 0) return;
        const double error = error_of(got, want);
        if (!(error <= worst)) {
          worst = error;
          worst_at = x;
        }
      });
    }
    CAPTURE(worst_at);
    CHECK(worst <= tested.bound);
  }
}

TEST_CASE("scalar maths: exp, tanh and sigmoid never decrease") {
  for (const Case& tested : kCases) {
    if (!tested.monotone) continue;
    CAPTURE(tested.name);
    int64_t wrong = 0;
    for (const uint32_t sign : {0u, 0x80000000u}) {
      float before = tested.function(0);
      for_magnitudes(sign, [&](float x) {
        const float y = tested.function(x);
        wrong += sign == 0 ? !(y >= before) : !(y <= before);
        before = y;
      });
    }
    CHECK(wrong == 0);
  }
}

// Neighbours where the functions change their formula: tanh at 0.625, exp between powers of two.
TEST_CASE("scalar maths: neighbouring floats stay in order at the seams") {
  std::vector<float> seams = {0.625f, 0x1p-24f, 0x1p-12f, 9.01f, 17.33f, 87.34f, 88.72f, 103.97f};
  for (int k = 0; k < 128; ++k) seams.push_back((static_cast<float>(k) + 0.5f) * 0.693147181f);
  for (const Case& tested : kCases) {
    if (!tested.monotone) continue;
    CAPTURE(tested.name);
    int64_t wrong = 0;
    for (float seam : seams) {
      for (float x : {seam, -seam, seam / 2, -seam / 2}) {
        for (int k = 0; k < 2000; ++k) x = std::nextafter(x, -kInfinity);
        for (int k = 0; k < 4000; ++k) {
          const float next = std::nextafter(x, kInfinity);
          wrong += !(tested.function(next) >= tested.function(x));
          x = next;
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("scalar maths: limits and special values") {
  for (const Case& tested : kCases) {
    CAPTURE(tested.name);
    CHECK(std::isnan(tested.function(kNaN)));
    CHECK(std::isnan(tested.function(-kNaN)));
  }
  CHECK(exp_of(kInfinity) == kInfinity);
  CHECK(exp_of(-kInfinity) == 0.0f);
  CHECK(exp_of(0.0f) == 1.0f);
  CHECK(exp_of(-0.0f) == 1.0f);
  CHECK(exp_of(88.73f) == kInfinity);
  CHECK(exp_of(-103.0f) > 0.0f);
  CHECK(log_of(0.0f) == -kInfinity);
  CHECK(log_of(-0.0f) == -kInfinity);
  CHECK(log_of(1.0f) == 0.0f);
  CHECK(log_of(kInfinity) == kInfinity);
  CHECK(std::isnan(log_of(-1.0f)));
  CHECK(std::isnan(log_of(-kInfinity)));
  CHECK(tanh_of(kInfinity) == 1.0f);
  CHECK(tanh_of(-kInfinity) == -1.0f);
  CHECK(tanh_of(0.0f) == 0.0f);
  CHECK(std::signbit(tanh_of(-0.0f)));
  CHECK(tanh_of(1e-42f) == 1e-42f);
  CHECK(sigmoid_of(kInfinity) == 1.0f);
  CHECK(sigmoid_of(-kInfinity) == 0.0f);
  CHECK(sigmoid_of(0.0f) == 0.5f);
  CHECK(sigmoid_of(-200.0f) == 0.0f);
  CHECK(softplus_of(kInfinity) == kInfinity);
  CHECK(softplus_of(-kInfinity) == 0.0f);
  CHECK(sqrt_of(2.0f) == 1.41421356f);
  CHECK(std::isnan(sqrt_of(-1.0f)));
}

TEST_CASE("scalar maths: tanh is odd and bounded, a sigmoid gate can be exactly open") {
  int64_t wrong = 0;
  for_magnitudes(0, [&](float x) {
    const float y = tanh_of(x);
    wrong += !(y <= 1.0f) + !(tanh_of(-x) == -y);
    if (x >= 17.4f) wrong += sigmoid_of(x) != 1.0f;
  });
  CHECK(wrong == 0);
}

TEST_CASE("scalar maths: double") {
  for (const double x : {-750.0, -40.0, -1.0, -1e-9, 0.0, 1e-9, 0.3, 2.0, 40.0, 700.0}) {
    CHECK(exp_of(x) == std::exp(x));
    CHECK(tanh_of(x) == std::tanh(x));
    CHECK(sigmoid_of(x) == doctest::Approx(sigmoid_truth(x)).epsilon(1e-15));
    CHECK(softplus_of(x) == doctest::Approx(softplus_truth(x)).epsilon(1e-15));
    if (x >= 0) CHECK(log_of(x) == std::log(x));
    if (x >= 0) CHECK(sqrt_of(x) == std::sqrt(x));
  }
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(sigmoid_of(-infinity) == 0);
  CHECK(sigmoid_of(infinity) == 1);
  CHECK(softplus_of(infinity) == infinity);
  CHECK(softplus_of(-infinity) == 0);
  CHECK(std::isnan(softplus_of(std::numeric_limits<double>::quiet_NaN())));
  CHECK(std::isnan(sigmoid_of(std::numeric_limits<double>::quiet_NaN())));
}

}  // namespace engine::kernels
