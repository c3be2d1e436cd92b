#include "engine/rng.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <numbers>
#include <set>

#include "engine/error.h"
#include "engine/kernels/philox.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/random.h"

namespace engine {
namespace {

using kernels::normal_from_bits;
using kernels::truncated_normal_from_bits;
using kernels::uniform_from_bits;

constexpr RngKey kKey{0x0123456789abcdef, 3, 5, 7};
constexpr uint32_t kCells = 1u << 23;  // distinct inputs of the normals: bits >> 9

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

// The x with normal_cdf(x) = u for u <= 1/2, by Newton's method from a number close to it.
double lower_quantile(double u, double x) {
  for (int k = 0; k < 3; ++k) {
    const double density = std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    x -= (normal_cdf(x) - u) / density;
  }
  return x;
}

double truncated_cdf(double x) {
  return (normal_cdf(x) - normal_cdf(-2)) / (normal_cdf(2) - normal_cdf(-2));
}

template <class Draw>
std::vector<double> draws(int count, Draw draw) {
  RandomStream stream(kKey);
  std::vector<double> values;
  for (int k = 0; k < count; ++k) values.push_back(draw(stream));
  return values;
}

double moment(const std::vector<double>& values, int order) {
  double sum = 0;
  for (double value : values) sum += std::pow(value, order);
  return sum / static_cast<double>(values.size());
}

// Kolmogorov-Smirnov: sqrt(n) times the largest distance between the two distribution functions;
// above 1.95 in one of a thousand samples.
template <class Cdf>
double distance_from(Cdf cdf, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double largest = 0;
  for (size_t k = 0; k < values.size(); ++k) {
    const double want = cdf(values[k]), below = static_cast<double>(k);
    largest = std::max({largest, want - below / n, (below + 1) / n - want});
  }
  return largest * std::sqrt(n);
}

}  // namespace

TEST_CASE("philox: known answers of Random123") {
  struct Known {
    uint64_t seed;
    uint32_t counter[4], want[4];
  };
  const Known known[] = {
      {0, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {0xffffffffffffffff,
       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x299f31d0a4093822,
       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& [seed, counter, want] : known) {
    uint32_t got[4];
    kernels::philox_block(seed, counter[0], counter[1], counter[2], counter[3], got);
    for (uint32_t word = 0; word < 4; ++word) {
      CHECK(got[word] == want[word]);
      CHECK(kernels::philox_u32(seed, counter[1], counter[2], counter[3],
                                uint64_t{counter[0]} * 4 + word) == want[word]);
    }
  }
}

TEST_CASE("stream: next() walks through the elements of its key") {
  RandomStream stream(kKey);
  for (uint64_t index = 0; index < 11; ++index) {
    CHECK(stream.next() ==
          kernels::philox_u32(kKey.seed, kKey.purpose, kKey.step, kKey.member, index));
  }
}

TEST_CASE("stream: keys that differ in one bit of any field share no numbers") {
  std::vector<RngKey> keys{kKey};
  for (int bit = 0; bit < 32; ++bit) {
    const uint32_t flip = 1u << bit;
    keys.push_back({kKey.seed ^ flip, kKey.purpose, kKey.step, kKey.member});
    keys.push_back({kKey.seed ^ uint64_t{flip} << 32, kKey.purpose, kKey.step, kKey.member});
    keys.push_back({kKey.seed, kKey.purpose ^ flip, kKey.step, kKey.member});
    keys.push_back({kKey.seed, kKey.purpose, kKey.step ^ flip, kKey.member});
    keys.push_back({kKey.seed, kKey.purpose, kKey.step, kKey.member ^ flip});
  }
  std::set<uint64_t> pairs;
  for (const RngKey& key : keys) {
    RandomStream stream(key);
    for (int k = 0; k < 8; ++k) {
      const uint64_t high = stream.next();
      pairs.insert(high << 32 | stream.next());
    }
  }
  CHECK(pairs.size() == keys.size() * 8);
}

TEST_CASE("uniform: 24 bits, from 0 to below 1") {
  CHECK(uniform_from_bits(0) == 0.0f);
  CHECK(uniform_from_bits(0xff) == 0.0f);
  CHECK(uniform_from_bits(0x100) == 0x1p-24f);
  CHECK(uniform_from_bits(0x80000000) == 0.5f);
  CHECK(uniform_from_bits(0xffffffff) == 1.0f - 0x1p-24f);
  RandomStream bits(kKey), stream(kKey);
  for (int k = 0; k < 9; ++k) CHECK(stream.uniform() == uniform_from_bits(bits.next()));
}

TEST_CASE("uniform: moments and distribution") {
  const auto values = draws(100000, [](RandomStream& stream) { return stream.uniform(); });
  CHECK(std::abs(moment(values, 1) - 0.5) < 0.004);  // four standard errors, here and below
  CHECK(std::abs(moment(values, 2) - 1.0 / 3) < 0.004);
  CHECK(distance_from([](double x) { return x; }, values) < 1.95);
  const auto scaled = draws(1000, [](RandomStream& stream) { return stream.uniform(-3, 5); });
  CHECK(*std::min_element(scaled.begin(), scaled.end()) >= -3);
  CHECK(*std::max_element(scaled.begin(), scaled.end()) < 5);
  CHECK(distance_from([](double x) { return (x + 3) / 8; }, scaled) < 1.95);
}

TEST_CASE("normal: moments and distribution") {
  const auto values = draws(100000, [](RandomStream& stream) { return stream.normal(); });
  CHECK(std::abs(moment(values, 1)) < 0.0127);
  CHECK(std::abs(moment(values, 2) - 1) < 0.018);
  CHECK(std::abs(moment(values, 3)) < 0.05);
  CHECK(std::abs(moment(values, 4) - 3) < 0.125);
  CHECK(distance_from(normal_cdf, values) < 1.95);
}

TEST_CASE("truncated normal: moments and distribution") {
  const auto values =
      draws(100000, [](RandomStream& stream) { return truncated_normal_from_bits(stream.next()); });
  const double density = std::exp(-2.0) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  const double variance = 1 - 4 * density / (normal_cdf(2) - normal_cdf(-2));
  CHECK(std::abs(moment(values, 1)) < 0.0112);
  CHECK(std::abs(moment(values, 2) - variance) < 0.0113);
  CHECK(distance_from(truncated_cdf, values) < 1.95);
}

TEST_CASE("normals: the quantile function in double, antisymmetric, never decreasing") {
  const double mass = normal_cdf(2) - normal_cdf(-2);
  double normal_error = 0, normal_relative = 0, truncated_error = 0, truncated_relative = 0;
  float normal_before = -INFINITY, truncated_before = -2.0f;
  int64_t decreasing = 0, asymmetric = 0;
  for (uint32_t cell = 0; cell < kCells / 2; cell += cell < 4096 ? 1 : 7) {
    const uint32_t bits = cell << 9;
    const float normal = normal_from_bits(bits), truncated = truncated_normal_from_bits(bits);
    decreasing += !(normal >= normal_before) + !(truncated >= truncated_before);
    asymmetric +=
        (normal_from_bits(~bits) != -normal) + (truncated_normal_from_bits(~bits) != -truncated);
    normal_before = normal;
    truncated_before = truncated;
    const double u = (cell + 0.5) / kCells;
    const double want = lower_quantile(u, normal);
    const double want_truncated = lower_quantile(normal_cdf(-2) + u * mass, truncated);
    normal_error = std::max(normal_error, std::abs(normal - want));
    normal_relative = std::max(normal_relative, std::abs(normal / want - 1));
    truncated_error = std::max(truncated_error, std::abs(truncated - want_truncated));
    truncated_relative = std::max(truncated_relative, std::abs(truncated / want_truncated - 1));
  }
  CHECK(normal_error < 1.2e-6);
  CHECK(normal_relative < 2.9e-7);
  CHECK(truncated_error < 7.2e-7);
  CHECK(truncated_relative < 3.9e-7);
  CHECK(decreasing == 0);
  CHECK(asymmetric == 0);
}

TEST_CASE("normals: low bits are not used, the ends are finite") {
  CHECK(normal_from_bits(0x12345678) == normal_from_bits(0x12345600));
  CHECK(normal_from_bits(0) == doctest::Approx(-5.29470).epsilon(1e-5));
  CHECK(normal_from_bits(0xffffffff) == -normal_from_bits(0));
  CHECK(truncated_normal_from_bits(0) >= -2.0f);
  CHECK(truncated_normal_from_bits(0) < -1.99999f);
  CHECK(truncated_normal_from_bits(0xffffffff) <= 2.0f);
}

// Chi-squared of the counts of n equally likely results; mean n - 1, deviation sqrt(2 (n - 1)).
TEST_CASE(
    "draw_truncated_normal: a strided part gets scaled numbers of the stream, the rest stays") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const int64_t first : {0, 5, 70001}) {
      CAPTURE(first);
      const Shape shape{3, 40, 700, 5};
      const Tensor all = Tensor::zeros(shape, dtype);
      const Tensor part = slice(slice(all, 0, 1, 2), -1, 1, 4);  // [1, 40, 700, 3]
      draw_truncated_normal(part, kKey, first, 0.25);
      RandomStream stream(kKey);
      for (int64_t k = 0; k < first; ++k) stream.next();
      const std::vector<double> got = cast(all, DType::f64).to_vector<double>();
      size_t differ = 0, i = 0;
      for (int64_t row = 0; row < shape[0] * shape[1] * shape[2]; ++row) {
        for (int64_t channel = 0; channel < shape[3]; ++channel, ++i) {
          const bool drawn = row / (shape[1] * shape[2]) == 1 && channel >= 1 && channel < 4;
          const double want =
              drawn ? 0.25 * static_cast<double>(truncated_normal_from_bits(stream.next())) : 0.0;
          if (got[i] != want) ++differ;  // a power of two scales without rounding
        }
      }
      CHECK(differ == 0);
    }
  }
  CHECK_THROWS_AS(draw_truncated_normal(Tensor::zeros({2}, DType::i32), kKey, 0, 1), DTypeError);
}

TEST_CASE("below: every result equally likely") {
  for (const int64_t n : {1, 2, 3, 10, 97}) {
    RandomStream stream(kKey);
    std::vector<double> counts(static_cast<size_t>(n));
    constexpr int kDraws = 100000;
    for (int k = 0; k < kDraws; ++k) ++counts.at(static_cast<size_t>(stream.below(n)));
    const double want = kDraws / static_cast<double>(n);
    double chi_squared = 0;
    for (double count : counts) chi_squared += (count - want) * (count - want) / want;
    CHECK(chi_squared < static_cast<double>(n - 1) + 4 * std::sqrt(2.0 * static_cast<double>(n)));
  }
}

// With n = 3 * 2^30, a remainder or a plain scaling of 32 bits gives some third of the results
// twice the share of the others.
TEST_CASE("below: large n without bias") {
  constexpr int64_t kBound = int64_t{3} << 30;
  constexpr int kDraws = 30000;
  RandomStream stream(kKey);
  int by_range[3] = {}, by_remainder[3] = {};
  for (int k = 0; k < kDraws; ++k) {
    const int64_t value = stream.below(kBound);
    ++by_range[value >> 30];
    ++by_remainder[value % 3];
  }
  for (int k = 0; k < 3; ++k) {
    CHECK(std::abs(by_range[k] - kDraws / 3) < 330);
    CHECK(std::abs(by_remainder[k] - kDraws / 3) < 330);
  }
  RandomStream words(kKey), whole(kKey);
  for (int k = 0; k < 8; ++k) CHECK(whole.below(int64_t{1} << 32) == int64_t{words.next()});
}

TEST_CASE("below: bounds outside 1 .. 2^32 are refused and use up nothing") {
  RandomStream stream(kKey), untouched(kKey);
  CHECK_THROWS_AS(stream.below(0), ShapeError);
  CHECK_THROWS_AS(stream.below(-1), ShapeError);
  CHECK_THROWS_AS(stream.below((int64_t{1} << 32) + 1), ShapeError);
  CHECK(stream.next() == untouched.next());
}

TEST_CASE("permutation: every place once, another one for every field of the key") {
  const auto order = random_permutation(1000, kKey);
  CHECK(order == random_permutation(1000, kKey));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (int32_t k = 0; k < 1000; ++k) CHECK(sorted[static_cast<size_t>(k)] == k);
  const RngKey others[] = {{kKey.seed + 1, kKey.purpose, kKey.step, kKey.member},
                           {kKey.seed + (uint64_t{1} << 32), kKey.purpose, kKey.step, kKey.member},
                           {kKey.seed, kKey.purpose + 1, kKey.step, kKey.member},
                           {kKey.seed, kKey.purpose, kKey.step + 1, kKey.member},
                           {kKey.seed, kKey.purpose, kKey.step, kKey.member + 1}};
  for (const RngKey& other : others) CHECK(random_permutation(1000, other) != order);
}

TEST_CASE("permutation: all orders equally likely") {
  int counts[3][3][3] = {};
  constexpr int kDraws = 12000;
  for (uint32_t member = 0; member < kDraws; ++member) {
    const auto order = random_permutation(3, {1, 2, 3, member});
    ++counts[order[0]][order[1]][order[2]];
  }
  const int orders[6] = {counts[0][1][2], counts[0][2][1], counts[1][0][2],
                         counts[1][2][0], counts[2][0][1], counts[2][1][0]};
  for (int count : orders) CHECK(std::abs(count - kDraws / 6) < 165);
}

TEST_CASE("permutation: sizes") {
  CHECK(random_permutation(0, kKey).empty());
  CHECK(random_permutation(1, kKey) == std::vector<int32_t>{0});
  CHECK_THROWS_AS(random_permutation(-1, kKey), ShapeError);
  CHECK_THROWS_AS(random_permutation(int64_t{1} << 31, kKey), ShapeError);
}

}  // namespace engine
