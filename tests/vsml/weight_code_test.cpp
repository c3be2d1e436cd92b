// How cells hold weights: the code itself, and networks that start from weights.
#include "vsml/weight_code.h"

#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
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
using vsml::WeightCode;
using namespace vsml::test;

namespace {

NetworkOptions encoded_network() {
  NetworkOptions options = small_network();
  options.cell = {6, 2};
  options.random_state_fraction = 0;
  options.encoded_weights = true;
  options.layers[0].constant_input = 1;
  return options;
}

}  // namespace

TEST_CASE("weight code: c is w write, and w is read . c, in loops") {
  constexpr int64_t P = 2, B = 3, I = 4, O = 2, H = 5;
  for (const bool own : {false, true}) {
    const Shape shape = own ? Shape{P, H} : Shape{H};
    const WeightCode code{values(shape, -1, 1, 1), values(shape, -1, 1, 2)};
    const Tensor w = values({P, I, O}, -2, 2, 3);
    const vsml::CellState state = encode_weights(code, w, B);
    CHECK(state.h.shape() == Shape{P, B, I, O, H});
    CHECK(max(abs(state.h)).item() == 0);
    const Tensor decoded = decode_weights(code, state);
    REQUIRE(decoded.shape() == Shape{P, B, I, O});
    const auto write = code.write.to_vector<double>(), read = code.read.to_vector<double>();
    const auto c = state.c.to_vector<double>(), ws = w.to_vector<double>(),
               got = decoded.to_vector<double>();
    size_t k = 0;
    for (size_t p = 0; p < P; ++p) {
      for (size_t cell = 0; cell < B * I * O; ++cell, ++k) {
        const double weight = ws[p * I * O + cell % (I * O)];
        double sum = 0;
        for (size_t h = 0; h < H; ++h) {
          const size_t at = own ? p * H + h : h;
          REQUIRE(c[k * H + h] == weight * write[at]);
          sum += read[at] * c[k * H + h];
        }
        CHECK(std::fabs(got[k] - sum) < 1e-14);
      }
    }
  }
}

TEST_CASE("weight code: random parameters begin with a code that reads what it writes") {
  for (const bool per_layer : {false, true}) {
    NetworkOptions options = encoded_network();
    options.cell_per_layer = per_layer;
    const Network network(options, 4, 3);
    const Tensor flat = vsml::initial_cell_params(network.layout(), 1, {1, 1, 0, 0}, DType::f64);
    const ParamSet params(network.layout(), flat);
    for (int64_t layer = 0; layer < 2; ++layer) {
      const WeightCode code = network.code_of(params, layer);
      CHECK(std::fabs(sum(code.write * code.read).item() - 1) < 1e-12);
      CHECK(min(abs(slice(code.write, 0, 0, 3))).item() > 0);  // the half that batches share
      CHECK(max(abs(slice(code.write, 0, 3, 6))).item() == 0);
    }
    CHECK(network.layout().contains("weight.0.write") == per_layer);
    CHECK(network.layout().contains("weight.write") != per_layer);
  }
}

TEST_CASE("encoded weights: cells start from the network's initial weights") {
  const Network network(encoded_network(), 4, 3);
  const ParamSet params(network.layout(), lively_params(network.layout(), 2));
  const auto keys = member_keys(1, 3);
  const NetworkState state = network.initial_state(params, keys, 2);
  const std::vector<Tensor> weights = network.initial_weights(keys, DType::f64);
  REQUIRE(weights.size() == 2);
  for (size_t k = 0; k < 2; ++k) {
    const auto layer = static_cast<int64_t>(k);
    const Shape shape{3, network.rows(layer), network.columns(layer)};
    REQUIRE(weights[k].shape() == shape);
    const vsml::CellState want = encode_weights(network.code_of(params, layer), weights[k], 2);
    CHECK(same_bits(state.layers[k].c, want.c));
    CHECK(same_bits(state.layers[k].h, want.h));
    // Two deviations at most; a member's weights do not depend on who is beside it.
    CHECK(max(abs(weights[k])).item() <= 2 / std::sqrt(static_cast<double>(shape[1])));
    const Tensor alone = network.initial_weights({keys[1]}, DType::f64)[k];
    CHECK(same_bits(alone, slice(weights[k], 0, 1, 2)));
  }
  CHECK(max(abs(slice(weights[0], 1, 4, 5))).item() == 0);  // from the constant input
  CHECK(min(abs(slice(weights[0], 1, 0, 4))).item() > 0);
}

TEST_CASE("encoded weights: moments of many") {
  NetworkOptions options = encoded_network();
  options.layers = {{vsml::LayerType::Dense, 100, {}}, {}};
  const Network network(options, 400, 10);
  const Tensor w = network.initial_weights(member_keys(5, 1), DType::f64)[0] * 20.0;
  // 40,000 numbers of a standard normal cut at two deviations, variance 0.7737; five deviations.
  CHECK(std::fabs(mean(w).item()) < 5 * 0.88 / 200);
  CHECK(std::fabs(mean(square(w)).item() - 0.7737413) < 5 * 0.8 / 200);
}

TEST_CASE("encoded weights: together with random channels both are there") {
  NetworkOptions options = encoded_network();
  options.random_state_fraction = 0.5;
  const Network network(options, 4, 3);
  const ParamSet params(network.layout(), lively_params(network.layout(), 2));
  const auto keys = member_keys(1, 2);
  options.encoded_weights = false;
  const Network plain(options, 4, 3);
  const ParamSet plain_params(plain.layout(), Tensor::zeros({plain.layout().size()}, DType::f64));
  const Tensor random = plain.initial_state(plain_params, keys, 1).layers[0].c;
  const Tensor coded =
      network.state_of_weights(params, network.initial_weights(keys, DType::f64), 1).layers[0].c;
  CHECK(same_bits(network.initial_state(params, keys, 1).layers[0].c, random + coded));
}

TEST_CASE("encoded weights: other shapes are an error") {
  const Network network(encoded_network(), 4, 3);
  const ParamSet params(network.layout(), lively_params(network.layout(), 2));
  CHECK_THROWS_WITH_AS(network.state_of_weights(
                           params, {values({1, 4, 2}, -1, 1, 1), values({1, 2, 3}, -1, 1, 1)}, 1),
                       doctest::Contains("weights [P, 5, 2]"), engine::ShapeError);
}
