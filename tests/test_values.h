// tests/test_values.h: fixed numbers for tests, from a generator that is not the engine's.
#pragma once

#include <cstdint>
#include <vector>

namespace engine::test {

// SplitMix64 (Steele, Lea & Flood 2014).
class Values {
 public:
  explicit Values(uint64_t seed) : state_(seed) {}

  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53;
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  // Magnitude in [low, high), either sign.
  double away_from_zero(double low, double high) {
    const double magnitude = uniform(low, high);
    return bits() % 2 == 0 ? magnitude : -magnitude;
  }

  template <class T>
  std::vector<T> many(int64_t count, double low, double high) {
    std::vector<T> result;
    for (int64_t k = 0; k < count; ++k) result.push_back(static_cast<T>(uniform(low, high)));
    return result;
  }

 private:
  uint64_t state_;
};

}  // namespace engine::test
