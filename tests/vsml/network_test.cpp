// A network's values: against plain loops with all options, and what each option means.
#include "vsml/network.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/nn.h"
#include "engine/ops/reduce.h"
#include "tests/vsml/naive_network.h"
#include "tests/vsml/network_variants.h"
#include "tests/vsml/vsml_checks.h"

using engine::DType;
using engine::ParamSet;
using engine::Shape;
using engine::Tensor;
using vsml::CellState;
using vsml::Network;
using vsml::NetworkOptions;
using vsml::NetworkState;
using vsml::NetworkStep;
using namespace vsml::test;

namespace {

Tensor member(const Tensor& x, int64_t p) {
  return slice(x, 0, p, p + 1);
}

double error(const Tensor& x, int64_t p, const Numbers& want) {
  const Tensor own = cast(member(x, p), DType::f64);
  return error_of(own, Tensor::from(want, own.shape()));
}

// Four examples, network and loops side by side.
void check_against_loops(const Network& network, int64_t batch, bool per_member) {
  constexpr int64_t kMembers = 2;
  const ParamSet params(network.layout(),
                        lively_params(network.layout(), 5, per_member ? kMembers : 0));
  NetworkState state = lively_state(network, kMembers, batch, 60);
  std::vector<NaiveNetwork> naive;
  for (int64_t p = 0; p < kMembers; ++p) naive.emplace_back(network, params, state, p);
  for (uint64_t t = 0; t < 4; ++t) {
    const Tensor input = values({kMembers, batch, network.inputs()}, -1.5, 1.5, 70 + t);
    const Tensor label = labels(kMembers, batch, network.classes(), 80 + t);
    NetworkStep step = network.step(params, std::move(state), input, label);
    state = std::move(step.state);
    for (int64_t p = 0; p < kMembers; ++p) {
      NaiveNetwork& one = naive[static_cast<size_t>(p)];
      const Numbers want =
          one.step(member(input, p).to_vector<double>(), member(label, p).to_vector<double>());
      CHECK(error(step.prediction, p, want) < 1e-11);
      for (size_t k = 0; k < state.layers.size(); ++k) {
        CHECK(error(state.layers[k].h, p, one.h(k)) < 1e-11);
        CHECK(error(state.layers[k].c, p, one.c(k)) < 1e-11);
        CHECK(error(state.reverse[k], p, one.reverse(k)) < 1e-11);
      }
    }
  }
}

struct Run {
  std::vector<NetworkState> states;  // after each example
  std::vector<Tensor> predictions;
};

// Three examples of one learner from one state; `first_label` is the first's class.
Run run(const NetworkOptions& options, int32_t first_label) {
  const Network network(options, 3, 2);
  const ParamSet params(network.layout(), lively_params(network.layout(), 9));
  NetworkState state = lively_state(network, 1, 1, 20);
  Run result;
  for (int32_t t = 0; t < 3; ++t) {
    const Tensor label = one_hot(
        Tensor::from(std::vector<int32_t>{t == 0 ? first_label : 1}, {1, 1}), 2, DType::f64);
    const Tensor input = values({1, 1, 3}, -1, 1, 30 + static_cast<uint64_t>(t));
    NetworkStep step = network.step(params, state, input, label);
    state = step.state;
    result.states.push_back(step.state);
    result.predictions.push_back(step.prediction);
  }
  return result;
}

std::string error_text(const NetworkOptions& options, int64_t inputs = 3, int64_t classes = 2) {
  try {
    Network(options, inputs, classes);
  } catch (const engine::Error& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> names(const NetworkOptions& options) {
  std::vector<std::string> result;
  const Network network(options, 3, 2);
  for (const auto& entry : network.layout().entries()) result.push_back(entry.name);
  return result;
}

bool is_zero(const Tensor& x) {
  return max(abs(x)).item() == 0;
}

}  // namespace

TEST_CASE("network: equals plain loops with every option") {
  for (const NetworkVariant& variant : network_variants()) {
    CAPTURE(variant.name);
    const Network network(variant.options, 3, 2);
    check_against_loops(network, 1, false);
    check_against_loops(network, 3, true);
  }
  for (const NetworkVariant& variant : conv_variants()) {
    CAPTURE(variant.name);
    const Network network(variant.options, variant.task);
    check_against_loops(network, 1, false);
    check_against_loops(network, 3, true);
  }
}

TEST_CASE("network: equals plain loops with states kept in bf16") {
  // Both sides compute in double, so that they round to the same number unless it is within 1e-13
  // of the middle between two.
  for (const auto type : {vsml::StateType::Bfloat16, vsml::StateType::Bfloat16H}) {
    for (NetworkVariant variant : network_variants()) {
      CAPTURE(variant.name);
      variant.options.state_type = type;
      const Network network(variant.options, 3, 2);
      check_against_loops(network, 1, false);
      check_against_loops(network, 3, true);
    }
    for (NetworkVariant variant : conv_variants()) {
      CAPTURE(variant.name);
      variant.options.state_type = type;
      const Network network(variant.options, variant.task);
      check_against_loops(network, 1, false);
      check_against_loops(network, 3, true);
    }
  }
}

TEST_CASE("network: the same parameters work for other inputs and classes") {
  for (const NetworkVariant& variant : network_variants()) {
    CAPTURE(variant.name);
    const Network other(variant.options, 5, 4);
    CHECK(other.layout().size() == Network(variant.options, 3, 2).layout().size());
    check_against_loops(other, 2, false);
  }
}

TEST_CASE("network: the default learning algorithm has 2,384 parameters") {
  CHECK(Network(NetworkOptions{}, 784, 10).layout().size() == 2384);
  CHECK(Network(NetworkOptions{}, 1, 1).layout().size() == 2384);
}

TEST_CASE("network: a prediction is made before the label is used") {
  for (const NetworkVariant& variant : network_variants()) {
    CAPTURE(variant.name);
    const Run a = run(variant.options, 0), b = run(variant.options, 1);
    CHECK(same_bits(a.predictions[0], b.predictions[0]));
    CHECK_FALSE(same_bits(a.predictions[1], b.predictions[1]));
  }
}

TEST_CASE("network: a reverse message takes one example per layer without a backward pass") {
  const Run a = run(small_network(), 0), b = run(small_network(), 1);
  const auto same_layer = [&](size_t t, size_t k) {
    return same_bits(a.states[t].layers[k].c, b.states[t].layers[k].c);
  };
  const auto same_reverse = [&](size_t t, size_t k) {
    return same_bits(a.states[t].reverse[k], b.states[t].reverse[k]);
  };
  CHECK_FALSE(same_reverse(0, 1));  // the error waits at the top
  CHECK(same_layer(0, 1));
  CHECK(same_reverse(0, 0));
  CHECK_FALSE(same_layer(1, 1));  // heard by the upper layer, waits at the lower
  CHECK_FALSE(same_reverse(1, 0));
  CHECK(same_layer(1, 0));
  CHECK_FALSE(same_layer(2, 0));  // heard by the lower layer
}

TEST_CASE("network: a backward pass brings the error down at once") {
  NetworkOptions options = small_network();
  options.backward_pass = true;
  const Run a = run(options, 0), b = run(options, 1);
  CHECK_FALSE(same_bits(a.states[0].layers[1].c, b.states[0].layers[1].c));
  CHECK_FALSE(same_bits(a.states[0].layers[0].c, b.states[0].layers[0].c));
  // The top's message is used up, the one below stays unless it is cleared.
  CHECK(is_zero(a.states[0].reverse[1]));
  CHECK_FALSE(is_zero(a.states[0].reverse[0]));
  options.clear_reverse = true;
  const Run cleared = run(options, 0);
  CHECK(is_zero(cleared.states[0].reverse[1]));
  CHECK(is_zero(cleared.states[0].reverse[0]));
}

TEST_CASE("network: a constant input is one more input that never changes") {
  NetworkOptions options = small_network();
  const Network wider(options, 4, 2);
  options.layers[0].constant_input = 0.7;
  const Network constant(options, 3, 2);
  CHECK(constant.rows(0) == 4);
  CHECK(constant.num_cells() == wider.num_cells());
  const ParamSet params(wider.layout(), lively_params(wider.layout(), 3));
  NetworkState state = lively_state(wider, 2, 2, 4), same = state;
  for (uint64_t t = 0; t < 3; ++t) {
    const Tensor input = values({2, 2, 3}, -1, 1, 50 + t), label = labels(2, 2, 2, 60 + t);
    const Tensor more = engine::concat({input, Tensor::full({2, 2, 1}, 0.7, DType::f64)}, 2);
    NetworkStep want = wider.step(params, state, more, label);
    NetworkStep got = constant.step(params, same, input, label);
    CHECK(same_bits(got.prediction, want.prediction));
    CHECK(same_bits(got.state.layers[0].c, want.state.layers[0].c));
    state = want.state;
    same = got.state;
  }
}

TEST_CASE("network: the constant input of an upper layer gets no message back") {
  NetworkOptions options = small_network();
  options.layers[1].constant_input = 0.7;
  const Network network(options, 3, 2);
  const ParamSet params(network.layout(), lively_params(network.layout(), 3));
  const NetworkStep step = network.step(params, lively_state(network, 1, 1, 4),
                                        values({1, 1, 3}, -1, 1, 5), labels(1, 1, 2, 6));
  CHECK(step.state.layers[1].c.shape() == Shape{1, 1, 3, 2, 2});
  CHECK(step.state.reverse[0].shape() == Shape{1, 1, 2, 2});
}

TEST_CASE("network: what is fed back is softmax minus label over B, and the label if asked for") {
  for (const bool feed_label : {false, true}) {
    NetworkOptions options = small_network();
    options.cell.message = 3;
    options.feed_label = feed_label;
    const Network network(options, 4, 3);
    const ParamSet params(network.layout(), lively_params(network.layout(), 3));
    const Tensor label = labels(2, 5, 3, 6);
    const NetworkStep step =
        network.step(params, lively_state(network, 2, 5, 4), values({2, 5, 4}, -1, 1, 5), label);
    const auto channel = [&](int64_t k) {
      return reshape(slice(step.state.reverse[1], 3, k, k + 1), {2, 5, 3});
    };
    CHECK(error_of(channel(0), (softmax(step.prediction) - label) / 5) < 1e-14);
    CHECK(error_of(channel(1), feed_label ? label : Tensor::zeros({2, 5, 3}, DType::f64)) == 0);
    CHECK(is_zero(channel(2)));
  }
}

TEST_CASE("network: the prediction is bounded, or not") {
  NetworkOptions options = small_network();
  options.reduce = vsml::Reduce::Sum;
  const auto prediction = [&](double bound) {
    options.output_bound = bound;
    return run(options, 0).predictions[0];
  };
  const Tensor y = prediction(0);
  CHECK(error_of(prediction(0.1), tanh(y / 0.1) * 0.1) < 1e-14);
  CHECK(max(abs(prediction(0.1))).item() <= 0.1);
  CHECK(max(abs(y)).item() > 0.2);
}

TEST_CASE("network: names of the parameters") {
  NetworkOptions options = small_network();
  using Names = std::vector<std::string>;
  const Names one{".w", ".bias", ".m_forward", ".b_forward", ".m_reverse", ".b_reverse"};
  const auto all = [&](const Names& prefixes) {
    Names result;
    for (const std::string& prefix : prefixes) {
      for (const std::string& name : one) result.push_back(prefix + name);
    }
    return result;
  };
  CHECK(names(options) == all({"cell"}));
  options.backward_pass = options.separate_backward_cell = true;
  CHECK(names(options) == all({"cell", "backward_cell"}));
  options.cell_per_layer = true;
  CHECK(names(options) == all({"cell.0", "cell.1", "backward_cell.0", "backward_cell.1"}));
  options.separate_backward_cell = false;
  CHECK(names(options) == all({"cell.0", "cell.1"}));
  options.cell_per_layer = false;
  options.layer_norm = true;
  const Network normed(options, 3, 2);
  CHECK(normed.layout().at("cell.scale_forward").shape == Shape{2});
  CHECK(normed.layout().at("cell.offset_reverse").shape == Shape{2});
  CHECK(normed.layout().at("cell.w").shape == Shape{6, 8});
}

TEST_CASE("network: a batch shares the first half of its channels") {
  const CellState state{values({2, 3, 2, 2, 5}, -1, 1, 1), values({2, 3, 2, 2, 5}, -1, 1, 2)};
  const CellState merged = merged_over_batch(state);
  const Tensor* pairs[][2] = {{&merged.h, &state.h}, {&merged.c, &state.c}};
  for (const auto& [got, from] : pairs) {
    const Tensor average = mean(slice(*from, 4, 0, 2), {1}, engine::KeepAxes::Yes);
    const Tensor shared = slice(*got, 4, 0, 2);
    CHECK(error_of(shared, broadcast_to(average, shared.shape())) < 1e-15);
    CHECK(same_bits(slice(*got, 4, 2, 5), slice(*from, 4, 2, 5)));
  }
  const CellState single{slice(state.h, 1, 0, 1), slice(state.c, 1, 0, 1)};
  CHECK(same_bits(merged_over_batch(single).c, single.c));
}

TEST_CASE("network: options that contradict each other are told") {
  const auto changed = [](auto change) {
    NetworkOptions options = small_network();
    change(options);
    return error_text(options);
  };
  using Options = NetworkOptions&;
  CHECK(error_text(small_network()) == "");
  CHECK(error_text(small_network(), 0, 2) == "network: expected at least one input and one class");
  CHECK(error_text(small_network(), 3, 0) == "network: expected at least one input and one class");
  const auto tells = [&](auto change, const std::string& words) {
    const std::string text = changed(change);
    CAPTURE(text);
    CHECK(text.find(words) != std::string::npos);
  };
  tells([](Options o) { o.cell.state = 0; }, "state_size");
  tells([](Options o) { o.cell.message = 0; }, "message_size");
  tells([](Options o) { o.micro_ticks = 0; }, "micro_ticks");
  tells([](Options o) { o.layers.clear(); }, "at least one layer");
  tells([](Options o) { o.layers[1].outputs = 4; }, "the last with outputs 0");
  tells([](Options o) { o.layers[0].outputs = 0; }, "outputs in layer 0");
  tells([](Options o) { o.output_channel = 2; }, "output_channel");
  tells([](Options o) { o.output_channel = -1; }, "output_channel");
  tells([](Options o) { o.separate_backward_cell = true; }, "backward_pass");
  tells([](Options o) { o.clear_reverse = true; }, "backward_pass");
  tells([](Options o) { o.output_bound = -1; }, "output_bound");
  tells([](Options o) { o.output_bound = NAN; }, "output_bound");
  tells([](Options o) { o.random_state_fraction = 1.5; }, "random_state_fraction");
  tells([](Options o) { o.random_state_fraction = -0.1; }, "random_state_fraction");
  tells(
      [](Options o) {
        o.cell.message = 1;
        o.output_channel = 0;
        o.feed_label = true;
      },
      "feed_label");
}

TEST_CASE("network: examples that do not fit are told") {
  const Network network(small_network(), 3, 2);
  const ParamSet params(network.layout(), lively_params(network.layout(), 3));
  const NetworkState state = lively_state(network, 2, 1, 4);
  const auto text = [&](const Shape& input, const Shape& label) -> std::string {
    const Tensor x = Tensor::zeros(input, DType::f64), y = Tensor::zeros(label, DType::f64);
    try {
      network.step(params, state, x, y);
    } catch (const engine::ShapeError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(text({2, 1, 3}, {2, 1, 2}) == "");
  CHECK(text({2, 1, 4}, {2, 1, 2}) ==
        "network: expected input [P, B, 3] and label [P, B, 2], got [2, 1, 4] and [2, 1, 2]");
  CHECK(text({2, 1, 3}, {2, 1, 1}) != "");
  CHECK(text({2, 2, 3}, {2, 1, 2}) != "");
  CHECK(text({2, 3}, {2, 2}) != "");
  CHECK(text({2, 2, 3}, {2, 2, 2}) != "");  // the state's batch is 1
  CHECK(text({1, 1, 3}, {1, 1, 2}) != "");  // the state's population is 2
}
