// What a network is born with: initial parameters and states.
#include <cmath>
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/network.h"

using engine::DType;
using engine::ParamSet;
using engine::Shape;
using engine::Tensor;
using vsml::Network;
using vsml::NetworkOptions;
using vsml::NetworkState;
using namespace vsml::test;

namespace {

// Variance of a standard normal cut at two deviations: 1 - 4 phi(2) / (2 Phi(2) - 1).
constexpr double kCutVariance = 0.7737413;

bool is_zero(const Tensor& x) {
  return max(abs(x)).item() == 0;
}

// Mean and variance of numbers that should be cut normals of deviation `sigma` before cutting; five
// deviations of the estimates for `count` numbers are allowed.
void check_cut_normal(const Tensor& x, double sigma) {
  const auto count = static_cast<double>(x.size());
  CHECK(std::fabs(mean(x).item()) < 5 * sigma / std::sqrt(count));
  const double variance = mean(square(x)).item() / (sigma * sigma);
  CHECK(std::fabs(variance - kCutVariance) < 5 / std::sqrt(count));
  CHECK(max(abs(x)).item() <= 2 * sigma * (1 + 1e-6));
  CHECK(max(abs(x)).item() > 1.9 * sigma);
}

NetworkOptions two_layers(int64_t hidden, double fraction) {
  NetworkOptions options;
  options.cell = {5, 2};
  options.layers = {{vsml::LayerType::Dense, hidden, 1.0}, vsml::LayerOptions{}};
  options.random_state_fraction = fraction;
  return options;
}

// Parameters, of which only the element type matters.
ParamSet blank_params(const Network& network, DType dtype) {
  return ParamSet(network.layout(), Tensor::zeros({network.layout().size()}, dtype));
}

}  // namespace

TEST_CASE("initial state: moments and bounds of the random channels, 0 elsewhere") {
  constexpr int64_t kMembers = 3, kBatch = 2;
  const Network network(two_layers(30, 0.5), 63, 40);
  const NetworkState state =
      network.initial_state(blank_params(network, DType::f64), member_keys(1, kMembers), kBatch);
  REQUIRE(state.layers.size() == 2);
  for (size_t k = 0; k < 2; ++k) {
    const auto layer = static_cast<int64_t>(k);
    const Tensor& c = state.layers[k].c;
    CHECK(c.shape() == Shape{kMembers, kBatch, network.rows(layer), network.columns(layer), 5});
    const Tensor random = slice(slice(c, 1, 0, 1), -1, 0, 2);  // floor(0.5 * 5) channels
    check_cut_normal(random, 1 / std::sqrt(static_cast<double>(network.rows(layer))));
    CHECK(is_zero(slice(c, -1, 2, 5)));
    CHECK(is_zero(state.layers[k].h));
    CHECK(is_zero(state.reverse[k]));
    CHECK(state.reverse[k].shape() == Shape{kMembers, kBatch, network.columns(layer), 2});
    CHECK(same_bits(slice(c, 1, 0, 1), slice(c, 1, 1, 2)));
  }
}

TEST_CASE("initial state: the fraction of random channels") {
  for (const auto& [fraction, channels] : {std::pair{0.0, 0}, {0.39, 1}, {0.4, 2}, {1.0, 5}}) {
    const Network network(two_layers(4, fraction), 3, 2);
    const Tensor c =
        network.initial_state(blank_params(network, DType::f32), member_keys(1, 2), 1).layers[1].c;
    for (int64_t k = 0; k < 5; ++k) CHECK(is_zero(slice(c, -1, k, k + 1)) == (k >= channels));
  }
}

TEST_CASE("initial state: a member's numbers come from its key alone") {
  const Network network(two_layers(4, 0.5), 3, 2);
  const std::vector<engine::RngKey> keys = member_keys(1, 3);
  const NetworkState all = network.initial_state(blank_params(network, DType::f32), keys, 1);
  for (size_t p = 0; p < 3; ++p) {
    const NetworkState alone =
        network.initial_state(blank_params(network, DType::f32), {keys[p]}, 1);
    for (size_t k = 0; k < 2; ++k) {
      const Tensor own =
          slice(all.layers[k].c, 0, static_cast<int64_t>(p), static_cast<int64_t>(p) + 1);
      CHECK(same_bits(own, alone.layers[k].c));
    }
  }
  const Tensor& c = all.layers[0].c;
  CHECK_FALSE(same_bits(slice(c, 0, 0, 1), slice(c, 0, 1, 2)));
  // No two cells of a member are equal either: each has numbers of its own.
  const auto numbers = slice(slice(c, 0, 0, 1), -1, 0, 2).to_vector<float>();
  const auto above = slice(slice(all.layers[1].c, 0, 0, 1), -1, 0, 2).to_vector<float>();
  CHECK(numbers[0] != numbers[2]);
  CHECK(numbers[0] / numbers[2] != above[0] / above[2]);
}

TEST_CASE("initial parameters: cut normals by fan-in, biases 0, norm scales 1") {
  NetworkOptions options;
  options.layer_norm = true;
  options.cell = {32, 8};
  const Network network(options, 3, 2);
  const engine::RngKey key{4, 1, 0, 0};
  const Tensor flat = vsml::initial_cell_params(network.layout(), 1.5, key, DType::f64);
  const ParamSet params(network.layout(), flat);
  check_cut_normal(params["cell.w"], 1.5 / std::sqrt(8 + 8 + 32));
  check_cut_normal(params["cell.m_forward"], 1.5 / std::sqrt(32));
  check_cut_normal(params["cell.m_reverse"], 1.5 / std::sqrt(32));
  for (const char* name : {"cell.bias", "cell.b_forward", "cell.b_reverse", "cell.offset_forward",
                           "cell.offset_reverse"}) {
    CHECK(is_zero(params[name]));
  }
  for (const char* name : {"cell.scale_forward", "cell.scale_reverse"}) {
    CHECK(is_zero(params[name] - 1));
  }
  CHECK(same_bits(flat, vsml::initial_cell_params(network.layout(), 1.5, key, DType::f64)));
  CHECK_FALSE(
      same_bits(flat, vsml::initial_cell_params(network.layout(), 1.5, {5, 1, 0, 0}, DType::f64)));
}
