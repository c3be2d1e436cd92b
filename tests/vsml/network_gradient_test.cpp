// The gradient of whole small episodes through a network, against central differences.
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"
#include "vsml/network.h"

using engine::DType;
using engine::ParamSet;
using engine::Tensor;
using vsml::Network;
using vsml::NetworkState;
using vsml::NetworkStep;
using namespace vsml::test;

namespace {

// Cross entropy of `steps` examples plus a weighed sum of everything that is left in the end.
Tensor episode_loss(const Network& network, const ParamSet& params, NetworkState state,
                    uint64_t steps) {
  const int64_t members = state.reverse[0].dim(0), batch = state.reverse[0].dim(1);
  Tensor loss = Tensor::scalar(0, DType::f64);
  for (uint64_t t = 0; t < steps; ++t) {
    const Tensor input = values({members, batch, network.inputs()}, -1.5, 1.5, 70 + t);
    const Tensor label = labels(members, batch, network.classes(), 80 + t);
    NetworkStep step = network.step(params, std::move(state), input, label);
    loss = loss + sum(cross_entropy(step.prediction, label));
    state = std::move(step.state);
  }
  for (size_t k = 0; k < state.layers.size(); ++k) {
    for (const Tensor& x : {state.layers[k].h, state.layers[k].c, state.reverse[k]}) {
      loss = loss + sum(x * values(x.shape(), -0.1, 0.1, 90 + k));
    }
  }
  return loss;
}

}  // namespace

TEST_CASE("network: the gradient of an episode is central differences, with every option") {
  for (const NetworkVariant& variant : network_variants()) {
    CAPTURE(variant.name);
    const Network network(variant.options, 2, 2);
    const NetworkState start = lively_state(network, 1, 2, 60);
    const Loss loss = [&](const std::vector<Tensor>& x) {
      NetworkState state = start;
      state.layers[0].c = x[1];
      state.layers.back().h = x[2];
      state.reverse[0] = x[3];
      return episode_loss(network, ParamSet(network.layout(), x[0]), state, 3);
    };
    const std::vector<Tensor> inputs{lively_params(network.layout(), 5), start.layers[0].c,
                                     start.layers.back().h, start.reverse[0]};
    CHECK(gradient_error(loss, inputs) < kGradientBound);
  }
}

TEST_CASE("network: the gradient through convolutions is central differences") {
  for (const NetworkVariant& variant : conv_variants()) {
    CAPTURE(variant.name);
    const Network network(variant.options, variant.task);
    const NetworkState start = lively_state(network, 1, 1, 60);
    const Loss loss = [&](const std::vector<Tensor>& x) {
      NetworkState state = start;
      state.layers[0].c = x[1];
      state.reverse[0] = x[2];
      return episode_loss(network, ParamSet(network.layout(), x[0]), state, 2);
    };
    const std::vector<Tensor> inputs{lively_params(network.layout(), 5), start.layers[0].c,
                                     start.reverse[0]};
    CHECK(gradient_error(loss, inputs) < kGradientBound);
  }
}

TEST_CASE("network: members with parameters of their own have gradients of their own") {
  vsml::NetworkOptions options = small_network();
  options.backward_pass = true;
  const Network network(options, 2, 2);
  const NetworkState start = lively_state(network, 2, 1, 60);
  const Loss loss = [&](const std::vector<Tensor>& x) {
    return episode_loss(network, ParamSet(network.layout(), x[0]), start, 2);
  };
  CHECK(gradient_error(loss, {lively_params(network.layout(), 5, 2)}) < kGradientBound);
}
